"""Kinds of users that are there by themselves, by what they look at and buy: latent classes that a user can change.

A kind is a distribution over categories; their number is the largest that two halves of the users, learned apart, agree
on as well as on any (Lange et al. 2004), or none. The events of a visit go together, so that a visit counts as one
draw, spread over its events. A user's kind is filtered along his events, from the oldest to the newest, as the state of
a hidden Markov model that seldom changes (Rabiner 1989): who becomes another is known after a few visits, and who does
not keeps the evidence of all of them. Legend: U users, E events, C categories, K kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from ml.sequences import VISIT_SECONDS

ROUNDS, STARTS = 60, 10
PSEUDO_VISITS = 3.0  # of the base rates, added to a user's: few, so that who did little is not taken for a kind
LEAST_VISITS, LEAST_USERS = 3, 50  # of a user whom kinds are learned from; of half the users, for each kind
LEAST_SHARE = 0.01  # of the users, in each kind
DAY_SECONDS = 86_400


class KindConfig(BaseModel):
    """`kinds` of conf/predictions.yaml; the comments are there."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    min: int = Field(4, ge=2)
    max: int = Field(12, ge=2)
    agreement: float = Field(0.9, gt=0)
    tie: float = Field(0.03, ge=0)
    change: float = Field(0.01, ge=0, lt=1)


@dataclass(frozen=True)
class Kinds:
    """share_K of the users, and log of each kind's rates of the categories (K, C). change: chance a day that a user
    becomes of another kind, any of them by its share.
    """

    categories: list[str]
    share_K: np.ndarray
    log_rates_KC: np.ndarray
    change: float

    def __len__(self) -> int:
        return len(self.share_K)

    def of_visits(self, visits_UC: csr_matrix) -> np.ndarray:
        """Probability (U, K) of each kind, by visits in any order."""
        return _chances(visits_UC @ self.log_rates_KC.T + np.log(self.share_K))

    def filtered(self, batches: Iterable[pa.RecordBatch], user_ids: pa.Array, end: int) -> np.ndarray:
        """Probability (U, K) of each kind at `end` (seconds since 1970), by the events in their order; the shares of
        all for who has none. batches: user_id, categories, event_times (lists, oldest event first).
        """
        found = np.tile(self.share_K, (len(user_ids), 1))
        log_rates_CK = np.vstack([self.log_rates_KC.T, np.zeros(len(self))])  # the last: of an unknown category
        for place, category, times, lengths in _events(batches, user_ids, self.categories):
            likelihood_EK = np.exp(log_rates_CK[category] / visit_sizes(times, lengths)[:, None])
            found[place] = self._filter(likelihood_EK, times, lengths, end)
        return found

    def _filter(self, likelihood_EK: np.ndarray, times: np.ndarray, lengths: np.ndarray, end: int) -> np.ndarray:
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
        found = np.empty_like(now)
        found[order] = now
        return found

    def _later(self, now_UK: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        kept = (1 - self.change) ** (np.maximum(seconds, 0) / DAY_SECONDS)
        return kept[:, None] * now_UK + (1 - kept)[:, None] * self.share_K


Part = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _events(batches: Iterable[pa.RecordBatch], user_ids: pa.Array, categories: list[str]) -> Iterator[Part]:
    """Of the users of a batch that are among user_ids: their places there, of their events category (as an index; their
    number for one that is not among them) and time, and how many each of them has.
    """
    names = pa.array(categories, pa.string())
    for batch in batches:
        place = pc.index_in(batch["user_id"], value_set=user_ids)
        batch, place = batch.filter(place.is_valid()), place.drop_null().to_numpy()
        lengths = batch["categories"].value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        category = pc.fill_null(pc.index_in(batch["categories"].flatten(), value_set=names), len(names)).to_numpy()
        yield place, category, batch["event_times"].flatten().to_numpy(zero_copy_only=False), lengths


def visit_sizes(times: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """How many events (E) the visit of each event has."""
    if not len(times):
        return np.zeros(0)
    starts = np.diff(times, prepend=times[:1]) >= VISIT_SECONDS
    starts[(np.cumsum(lengths) - lengths)[lengths > 0]] = True
    visit = np.cumsum(starts) - 1
    return np.bincount(visit)[visit]


def visits(batches: Iterable[pa.RecordBatch], user_ids: pa.Array, categories: list[str]) -> csr_matrix:
    """Visits (U, C) by category: a visit counts for its categories by their shares of its events. batches: as of
    Kinds.filtered.
    """
    shape = (len(user_ids), len(categories))
    found = csr_matrix(shape)
    for place, category, times, lengths in _events(batches, user_ids, categories):
        known, user = category < len(categories), np.repeat(place, lengths)
        cells = 1 / visit_sizes(times, lengths)[known], (user[known], category[known])
        found = found + csr_matrix(cells, shape)
    return found


def learn(visits_UC: csr_matrix, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(shares, log rates) of k latent classes of visits by category: expectation-maximisation (Dempster et al. 1977)
    from the best of STARTS k-means of the users' lifts.
    """
    base = np.asarray(visits_UC.sum(axis=0)).ravel() + 1.0
    base /= base.sum()
    lifts = taste.lift(visits_UC, base, PSEUDO_VISITS) * np.sqrt(base)
    chance = np.eye(k)[KMeans(k, n_init=STARTS, random_state=seed).fit_predict(lifts)]
    for _ in range(ROUNDS):
        share = (chance.sum(axis=0) + 1) / (len(chance) + k)
        mass = (visits_UC.T @ chance).T + 0.5 * len(base) * base
        log_rates = np.log(mass / mass.sum(axis=1, keepdims=True))
        chance = _chances(visits_UC @ log_rates.T + np.log(share))
    return share, log_rates


def _chances(score_UK: np.ndarray) -> np.ndarray:
    """Of logarithms up to a constant, the probabilities."""
    chance = np.exp(score_UK - score_UK.max(axis=1, keepdims=True))
    return chance / chance.sum(axis=1, keepdims=True)


def fit(visits_UC: csr_matrix, categories: list[str], config: KindConfig, seed: int) -> tuple[Kinds | None, str]:
    """Kinds of the users, the most common first, or None where no number of them is agreed on; and why, in words.

    Users come in any order that has nothing to do with what they do.
    """
    known = visits_UC[np.asarray(visits_UC.sum(axis=1)).ravel() >= LEAST_VISITS].tocsr()
    numbers = [k for k in range(config.min, config.max + 1) if known.shape[0] >= 2 * k * LEAST_USERS]
    halves, agreed = (known[::2], known[1::2]), {}
    for k in numbers:
        labels = [Kinds(categories, *learn(half, k, seed), 0).of_visits(known).argmax(axis=1) for half in halves]
        smallest = min(np.bincount(label, minlength=k).min() for label in labels) / known.shape[0]
        # Two halves agree on any number of kinds of which some are nobody's.
        agreed[k] = float(adjusted_rand_score(*labels)) if smallest >= LEAST_SHARE else 0.0
    said = f"{known.shape[0]:,} users; two halves of them agree on " + (
        ", ".join(f"{k} kinds by {agreement:.2f}" for k, agreement in agreed.items()) or "nothing: too few"
    )
    least = max(config.agreement, max(agreed.values(), default=0) - config.tie)
    stable = [k for k, agreement in agreed.items() if agreement >= least]
    if not stable:
        return None, f"no kinds: {said}"
    share, log_rates = learn(known, max(stable), seed)
    order = np.argsort(-share, kind="stable")
    return Kinds(categories, share[order], log_rates[order], config.change), f"{max(stable)} kinds: {said}"


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
