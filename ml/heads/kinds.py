"""Kinds of users that are there by themselves, by what they look at and buy: latent classes that a user can change.

A kind is a distribution over categories, and one over price levels within a category; their number is the largest that
two halves of the users, learned apart, agree on as well as on any (Lange et al. 2004), or none. Events of a visit are
alike, so that many of them say less than as many on days apart: by how much is measured, and weighs them (the design
effect of a cluster sample, Kish 1965). A user's kind is filtered along his events, from the oldest to the newest, as
the state of a hidden Markov model that seldom changes (Rabiner 1989): who becomes another is known after a few visits,
and who does not keeps the evidence of all of them.
Legend: U users, N sequences, E events, C categories, L price levels, J = C + L, K kinds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix
from scipy.special import softmax

from ml.data.sequences import DAY_SECONDS
from ml.heads.settings import KindConfig
from ml.heads.taste import lift
from ml.heads.visits import Events, Reading, read

ROUNDS, STARTS = 60, 10
PSEUDO_VISITS = 3.0  # of the base rates, added to a user's: few, so that who did little is not taken for a kind
LEAST_VISITS, LEAST_USERS = 3, 50  # of a user whom kinds are learned from; of half the users, for each kind
LEAST_SHARE = 0.01  # of the users, in each kind


@dataclass(frozen=True)
class Kinds:
    """share_K of the users, and log of each kind's rates of the categories and of the price levels (K, J). change:
    chance a day that a user becomes of another kind, any of them by its share.
    """

    reading: Reading
    share_K: np.ndarray
    log_rates_KJ: np.ndarray
    change: float

    def __len__(self) -> int:
        return len(self.share_K)

    def of_sums(self, sums_UJ: csr_matrix) -> np.ndarray:
        """Probability (U, K) of each kind, by events in any order, see Reading.sums."""
        return softmax(sums_UJ @ self.log_rates_KJ.T + np.log(self.share_K), axis=1)

    def filtered(self, batches: Iterable[pa.RecordBatch], user_ids: pa.Array, end: int) -> np.ndarray:
        """Probability (U, K) of each kind at `end` (seconds since 1970), by the events in their order; the shares of
        all for who has none. batches: COLUMNS, oldest event first.
        """
        chance_UK = np.tile(self.share_K, (len(user_ids), 1))
        for events in read(batches, user_ids, self.reading.categories):
            chance_UK[events.user_N] = self._filter(events, end)
        return chance_UK

    def _evidence(self, events: Events) -> np.ndarray:
        """Logarithm (E, K) of how likely an event is of each kind."""
        total = np.zeros((len(events.category_E), len(self)))
        labels, weights = self.reading.labels(events), self.reading.weights(events)
        for label, weight, block in zip(labels, weights, self.reading.blocks(), strict=True):
            rates_JK = np.vstack([self.log_rates_KJ[:, block].T, np.zeros(len(self))])  # the last: unknown
            total += rates_JK[label] * weight[:, None]
        return total

    def _filter(self, events: Events, end: int) -> np.ndarray:
        likelihood_EK, lengths, times = np.exp(self._evidence(events)), events.length_N, events.time_E
        order = np.argsort(-lengths, kind="stable")  # users with an event at a place stand before the others
        start, left = (np.cumsum(lengths) - lengths)[order], lengths[order]
        now, last = np.tile(self.share_K, (len(lengths), 1)), np.zeros(len(lengths), np.int64)
        for step in range(int(left.max(initial=0))):
            here = int((left > step).sum())
            event = start[:here] + step
            if step:
                now[:here] = self._later(now[:here], times[event] - last[:here])
            now[:here] *= likelihood_EK[event]
            now[:here] /= now[:here].sum(axis=1, keepdims=True)
            last[:here] = times[event]
        seen = left > 0
        now[seen] = self._later(now[seen], end - last[seen])
        chance_NK = np.empty_like(now)
        chance_NK[order] = now
        return chance_NK

    def _later(self, now_UK: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        kept = (1 - self.change) ** (np.maximum(seconds, 0) / DAY_SECONDS)
        return kept[:, None] * now_UK + (1 - kept)[:, None] * self.share_K


def base_rates(sums_UJ: csr_matrix, reading: Reading) -> np.ndarray:
    """Rates (J) of the categories, and of the price levels, over all users."""
    base = np.asarray(sums_UJ.sum(axis=0)).ravel() + 1.0
    for block in reading.blocks():
        base[block] /= base[block].sum()
    return base


def rates(sums_UJ: csr_matrix, chance_UK: np.ndarray, reading: Reading) -> tuple[np.ndarray, np.ndarray]:
    """(shares, log rates) of classes that users are of with these chances; a little of the base rates is in each."""
    base, share = base_rates(sums_UJ, reading), (chance_UK.sum(axis=0) + 1) / (chance_UK.sum() + chance_UK.shape[1])
    mass = (sums_UJ.T @ chance_UK).T
    for block in reading.blocks():
        mass[:, block] += 0.5 * len(base[block]) * base[block]
        mass[:, block] /= mass[:, block].sum(axis=1, keepdims=True)
    return share, np.log(mass)


def learn(sums_UJ: csr_matrix, reading: Reading, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`rates` of k latent classes by Reading.sums: expectation-maximisation (Dempster et al. 1977) from the best of
    STARTS k-means of the users' lifts.
    """
    from sklearn.cluster import KMeans  # slow to import, and predicting does without

    base = base_rates(sums_UJ, reading)
    lifts = [lift(sums_UJ[:, block], base[block], PSEUDO_VISITS) * np.sqrt(base[block])
             for block in reading.blocks()]  # fmt: skip
    chance = np.eye(k)[KMeans(k, n_init=STARTS, random_state=seed).fit_predict(np.hstack(lifts))]
    for _ in range(ROUNDS):
        share, log_rates = rates(sums_UJ, chance, reading)
        chance = softmax(sums_UJ @ log_rates.T + np.log(share), axis=1)
    return share, log_rates


def fit(events: Events, categories: list[str], config: KindConfig, seed: int) -> tuple[Kinds | None, str]:
    """Kinds of the users 0, 1, .. of the events, the most common first, or None where no number of them is agreed on;
    and why, in words.

    Users come in any order that has nothing to do with what they do.
    """
    from sklearn.metrics import adjusted_rand_score

    reading, users = Reading.of(events, categories), int(events.user_N.max(initial=-1)) + 1
    seen = events.category_E < len(categories)
    visits = np.bincount(events.users_of_events[seen], 1 / events.sizes_of_visits[seen], minlength=users)
    known = reading.sums(events, users)[visits >= LEAST_VISITS]
    numbers = [k for k in range(config.min, config.max + 1) if known.shape[0] >= 2 * k * LEAST_USERS]
    halves, agreement = (known[::2], known[1::2]), {}
    for k in numbers:
        labels = [Kinds(reading, *learn(half, reading, k, seed), 0).of_sums(known).argmax(axis=1) for half in halves]
        smallest = min(np.bincount(label, minlength=k).min() for label in labels) / known.shape[0]
        # Two halves agree on any number of kinds of which some are nobody's.
        agreement[k] = float(adjusted_rand_score(*labels)) if smallest >= LEAST_SHARE else 0.0
    words = f"{known.shape[0]:,} users; two halves of them agree on " + (
        ", ".join(f"{k} kinds by {index:.2f}" for k, index in agreement.items()) or "nothing: too few"
    )
    least = max(config.agreement, max(agreement.values(), default=0) - config.tie)
    stable = [k for k, index in agreement.items() if index >= least]
    if not stable:
        return None, f"no kinds: {words}"
    share, log_rates = learn(known, reading, max(stable), seed)
    order = np.argsort(-share, kind="stable")
    return Kinds(reading, share[order], log_rates[order], config.change), f"{max(stable)} kinds: {words}"


def in_order_of(kinds: Kinds, like: Kinds) -> Kinds:
    """The same kinds, each at the place of the one of `like` that it is most alike, as far as there is one."""
    from scipy.optimize import linear_sum_assignment

    place = pa.array(like.reading.categories)
    shared = pc.index_in(pa.array(kinds.reading.categories), value_set=place)
    here = np.flatnonzero(shared.is_valid().to_numpy(zero_copy_only=False))
    mine = np.exp(kinds.log_rates_KJ[:, here] / 2)
    theirs = np.exp(like.log_rates_KJ[:, shared.drop_null().to_numpy()] / 2)
    pairs = zip(*linear_sum_assignment(-(mine @ theirs.T)), strict=True)
    wanted = {int(new): int(old) for new, old in pairs}
    order = sorted(range(len(kinds)), key=lambda k: (wanted.get(k, len(like)), k))
    return replace(kinds, share_K=kinds.share_K[order], log_rates_KJ=kinds.log_rates_KJ[order])
