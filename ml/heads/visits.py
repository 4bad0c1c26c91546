"""Events of users by visit, and how much their categories and price levels say of a user.

Legend: U users, N sequences, E events, C categories, L price levels, J = C + L.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix, hstack

from ml.common.arrays import of_users
from ml.data.sequences import VISIT_SECONDS

COLUMNS = ["user_id", "categories", "price_buckets", "event_times"]  # of gold.user_sequences
LEVELS = 4  # of price, about as many events in each


@dataclass(frozen=True)
class Events:
    """Events of users, one user after the other, oldest first: category (index; their number for an unknown one), price
    bucket (0: unknown), time (seconds since 1970). user_N, length_N: whose the sequences are, and how long each is.
    """

    user_N: np.ndarray
    length_N: np.ndarray
    category_E: np.ndarray
    bucket_E: np.ndarray
    time_E: np.ndarray

    @property
    def users_of_events(self) -> np.ndarray:
        return np.repeat(self.user_N, self.length_N)

    @property
    def visits_of_events(self) -> np.ndarray:
        """The number of each event's visit, counted over all users."""
        starts = np.diff(self.time_E, prepend=self.time_E[:1]) >= VISIT_SECONDS
        starts[(np.cumsum(self.length_N) - self.length_N)[self.length_N > 0]] = True
        return np.cumsum(starts) - 1

    @property
    def sizes_of_visits(self) -> np.ndarray:
        """How many events the visit of each event has."""
        visit = self.visits_of_events
        return np.bincount(visit)[visit]


def read(batches: Iterable[pa.RecordBatch], user_ids: pa.Array, categories: list[str]) -> Iterator[Events]:
    """The events of a batch's users who are among user_ids. batches: COLUMNS."""
    names = pa.array(categories, pa.string())
    for batch in batches:
        batch, place = of_users(batch, user_ids)
        lengths = batch["categories"].value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        category = pc.fill_null(pc.index_in(batch["categories"].flatten(), value_set=names), len(names)).to_numpy()
        bucket, time = (batch[name].flatten().to_numpy(zero_copy_only=False) for name in COLUMNS[2:])
        yield Events(place, lengths, category, bucket, time)


def joined(parts: Iterable[Events]) -> Events:
    """One after the other."""
    parts = list(parts)
    return Events(*(np.concatenate([getattr(part, name) for part in parts]) for name in Events.__dataclass_fields__))


@dataclass(frozen=True)
class Reading:
    """How events speak. edges_CE: the price buckets above which the next level of a category begins (C + 1 rows: the
    last of the unknown one). alike: how alike the categories, and the price levels, of one visit are beyond the user's
    own habits, from 0 (n events say n times as much as one) to 1 (no more than one).
    """

    categories: list[str]
    edges_CE: np.ndarray
    alike: tuple[float, float]

    @classmethod
    def of(cls, events: Events, categories: list[str]) -> Reading:
        edges = np.zeros((len(categories) + 1, LEVELS - 1))
        order = np.argsort(events.category_E, kind="stable")
        starts = np.searchsorted(events.category_E[order], np.arange(len(categories) + 1))
        for category in range(len(categories)):
            bucket = events.bucket_E[order[starts[category] : starts[category + 1]]]
            if (bucket > 0).any():
                edges[category] = np.quantile(bucket[bucket > 0], np.arange(1, LEVELS) / LEVELS)
        blank = cls(categories, edges, (1.0, 1.0))
        return replace(blank, alike=tuple(likeness(events, labels) for labels in blank.labels(events)))

    def labels(self, events: Events) -> tuple[np.ndarray, np.ndarray]:
        """Category and price level (E) of the events; -1 where unknown."""
        known = events.category_E < len(self.categories)
        level = (events.bucket_E[:, None] > self.edges_CE[events.category_E]).sum(axis=1)
        return np.where(known, events.category_E, -1), np.where(known & (events.bucket_E > 0), level, -1)

    def weights(self, events: Events) -> list[np.ndarray]:
        """What a category, a price level counts for (E): as much as 1 / (1 + (n - 1) alike) of one on a visit alone."""
        others = events.sizes_of_visits - 1
        return [1 / (1 + others * alike) for alike in self.alike]

    def sums(self, events: Events, users: int) -> csr_matrix:
        """Weights of the events by user, category and price level (U, J)."""
        blocks = []
        for label, weight, width in zip(self.labels(events), self.weights(events), self.widths, strict=True):
            known = label >= 0
            blocks.append(csr_matrix((weight[known], (events.users_of_events[known], label[known])), (users, width)))
        return hstack(blocks, format="csr")

    @property
    def widths(self) -> tuple[int, int]:
        return len(self.categories), LEVELS

    def blocks(self) -> tuple[slice, slice]:
        """Where among J the categories stand, and where the price levels."""
        return slice(0, len(self.categories)), slice(len(self.categories), len(self.categories) + LEVELS)


def likeness(events: Events, label_E: np.ndarray) -> float:
    """The intraclass correlation of labels (-1: unknown) within visits: how much likelier two events of a visit have
    one label than two of different visits of a user, as a share of what is possible. 1 where nothing tells.
    """
    known = label_E >= 0
    label, of_visit, of_user = label_E[known], events.visits_of_events[known], events.users_of_events[known]

    def pairs(group: np.ndarray) -> tuple[float, float]:
        same = np.unique(group.astype(np.int64) * (label_E.max(initial=0) + 1) + label, return_counts=True)[1]
        all_ = np.unique(group, return_counts=True)[1]
        return float((same * (same - 1.0)).sum()), float((all_ * (all_ - 1.0)).sum())

    (same_visit, visit), (same_user, user) = pairs(of_visit), pairs(of_user)
    if not visit or user <= visit:
        return 1.0
    within, across = same_visit / visit, (same_user - same_visit) / (user - visit)
    return float(np.clip((within - across) / (1 - across), 0, 1)) if across < 1 else 1.0
