"""Kinds of users that are there by themselves, by what they look at and buy: latent classes that a user can change.

A kind is a distribution over categories; their number is the largest that two halves of the users, learned apart, agree
on (Lange et al. 2004), or none. A user's kind is filtered along his events, from the oldest to the newest, as the state
of a hidden Markov model that seldom changes (Rabiner 1989): who becomes another is known after a few visits, and who
does not keeps the evidence of all his events. Legend: U users, C categories, K kinds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from ml import taste

# The events of a visit go together: so many of them say as much as one that was drawn by itself.
EVENTS_A_DRAW = 5.0
CHANGE_A_DAY = 0.002  # chance that a user becomes of another kind, any of them by its share
ROUNDS, STARTS = 60, 10
PSEUDO_EVENTS = 3.0  # of the base rates, added to a user's: few, so that who did little is not taken for a kind
LEAST_EVENTS, LEAST_USERS = 20, 50  # of a user whom kinds are learned from; of half the users, for each kind
LEAST_SHARE = 0.01  # of the users, in each kind
DAY_SECONDS = 86_400


class KindConfig(BaseModel):
    """`kinds` of conf/predictions.yaml; the comments are there."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    min: int = Field(4, ge=2)
    max: int = Field(12, ge=2)
    agreement: float = Field(0.85, gt=0)


@dataclass(frozen=True)
class Kinds:
    """share_K of the users, and log of each kind's rates of the categories (K, C). agreement: of two halves."""

    categories: list[str]
    share_K: np.ndarray
    log_rates_KC: np.ndarray
    agreement: float

    def __len__(self) -> int:
        return len(self.share_K)

    def of_counts(self, history_UC: csr_matrix) -> np.ndarray:
        """Probability (U, K) of each kind, by events in any order."""
        return _chances((history_UC @ self.log_rates_KC.T) / EVENTS_A_DRAW + np.log(self.share_K))

    def filtered(self, batches: Iterable[pa.RecordBatch], user_ids: pa.Array, end: int) -> np.ndarray:
        """Probability (U, K) of each kind at `end` (seconds since 1970), by the events in their order; the shares of
        all for who has none. batches: user_id, categories, event_times (lists, oldest event first).
        """
        found = np.tile(self.share_K, (len(user_ids), 1))
        names = pa.array(self.categories, pa.string())
        likelihood_CK = np.exp(self.log_rates_KC.T / EVENTS_A_DRAW)
        likelihood_CK = np.vstack([likelihood_CK, np.ones(len(self))])  # of a category that no kind knows
        for batch in batches:
            place = pc.index_in(batch["user_id"], value_set=user_ids)
            batch, place = batch.filter(place.is_valid()), place.drop_null().to_numpy()
            lengths = batch["categories"].value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
            category = pc.fill_null(pc.index_in(batch["categories"].flatten(), value_set=names), len(names)).to_numpy()
            times = batch["event_times"].flatten().to_numpy(zero_copy_only=False)
            found[place] = self._filter(likelihood_CK, category, times, lengths, end)
        return found

    def _filter(
        self, likelihood_CK: np.ndarray, category: np.ndarray, times: np.ndarray, lengths: np.ndarray, end: int
    ) -> np.ndarray:
        order = np.argsort(-lengths, kind="stable")  # users with an event at a place stand before the others
        start = (np.cumsum(lengths) - lengths)[order]
        left = lengths[order]
        now = np.tile(self.share_K, (len(lengths), 1))
        last = np.zeros(len(lengths), np.int64)
        for step in range(int(left[0]) if len(left) else 0):
            here = int((left > step).sum())
            event = start[:here] + step
            if step:
                now[:here] = self._later(now[:here], times[event] - last[:here])
            now[:here] *= likelihood_CK[category[event]]
            now[:here] /= now[:here].sum(axis=1, keepdims=True)
            last[:here] = times[event]
        seen = left > 0
        now[seen] = self._later(now[seen], end - last[seen])
        found = np.empty_like(now)
        found[order] = now
        return found

    def _later(self, now_UK: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        kept = (1 - CHANGE_A_DAY) ** (np.maximum(seconds, 0) / DAY_SECONDS)
        return kept[:, None] * now_UK + (1 - kept)[:, None] * self.share_K


def learn(history_UC: csr_matrix, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(shares, log rates) of k latent classes of events by category: expectation-maximisation (Dempster et al. 1977)
    from the best of STARTS k-means of the users' lifts.
    """
    base = np.asarray(history_UC.sum(axis=0)).ravel() + 1.0
    base /= base.sum()
    lifts = taste.lift(history_UC, base, PSEUDO_EVENTS) * np.sqrt(base)
    label = KMeans(k, n_init=STARTS, random_state=seed).fit_predict(lifts)
    chance = np.eye(k)[label]
    for _ in range(ROUNDS):
        share = (chance.sum(axis=0) + 1) / (len(chance) + k)
        mass = (history_UC.T @ chance).T + 0.5 * len(base) * base
        log_rates = np.log(mass / mass.sum(axis=1, keepdims=True))
        chance = _chances((history_UC @ log_rates.T) / EVENTS_A_DRAW + np.log(share))
    return share, log_rates


def _chances(score_UK: np.ndarray) -> np.ndarray:
    """Of logarithms up to a constant, the probabilities."""
    chance = np.exp(score_UK - score_UK.max(axis=1, keepdims=True))
    return chance / chance.sum(axis=1, keepdims=True)


def fit(history_UC: csr_matrix, categories: list[str], config: KindConfig, seed: int) -> tuple[Kinds | None, str]:
    """Kinds of the users, the most common first, or None where no number of them is agreed on; and why, in words.

    Users come in any order that has nothing to do with what they do.
    """
    known = history_UC[np.asarray(history_UC.sum(axis=1)).ravel() >= LEAST_EVENTS].tocsr()
    numbers = [k for k in range(config.min, config.max + 1) if known.shape[0] >= 2 * k * LEAST_USERS]
    halves, agreed = (known[::2], known[1::2]), {}
    for k in numbers:
        labels = [Kinds(categories, *learn(half, k, seed), 0.0).of_counts(known).argmax(axis=1) for half in halves]
        smallest = min(np.bincount(label, minlength=k).min() for label in labels) / known.shape[0]
        # Two halves agree on any number of kinds of which some are nobody's.
        agreed[k] = float(adjusted_rand_score(*labels)) if smallest >= LEAST_SHARE else 0.0
    said = f"{known.shape[0]:,} users; two halves of them agree on " + (
        ", ".join(f"{k} kinds by {agreement:.2f}" for k, agreement in agreed.items()) or "nothing: too few"
    )
    stable = [k for k, agreement in agreed.items() if agreement >= config.agreement]
    if not stable:
        return None, f"no kinds: {said}"
    share, log_rates = learn(known, max(stable), seed)
    order = np.argsort(-share, kind="stable")
    return Kinds(categories, share[order], log_rates[order], agreed[max(stable)]), f"{max(stable)} kinds: {said}"


def in_order_of(kinds: Kinds, like: Kinds) -> Kinds:
    """The same kinds, each at the place of the one of `like` that it is most alike, as far as there is one."""
    place = pa.array(like.categories)
    shared = pc.index_in(pa.array(kinds.categories), value_set=place)
    here = shared.is_valid().to_numpy(zero_copy_only=False)
    mine, theirs = (
        np.exp(kinds.log_rates_KC[:, here] / 2),
        np.exp(like.log_rates_KC[:, shared.drop_null().to_numpy()] / 2),
    )
    pairs = zip(*linear_sum_assignment(-(mine @ theirs.T)), strict=True)
    wanted = {int(new): int(old) for new, old in pairs}
    order = sorted(range(len(kinds)), key=lambda k: (wanted.get(k, len(like)), k))
    return replace(kinds, share_K=kinds.share_K[order], log_rates_KC=kinds.log_rates_KC[order])
