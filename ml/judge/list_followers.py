"""What the lists of others say comes next: the sparse logit of ml.benchmark's model.

An entry is an asked place and an item that stands near one of the newest items before it in the lists of others. Its
columns are what the neighbours (ml/judge/list_neighbours.py) count for it, as logarithms at several scales; the model
learns the weight of each (ml/judge/list_model.py). A list that is learned from never speaks for itself: its own pairs
are taken off first, or the counts would hold the answer and no unseen list would be like it.

Legend: I items, E events of the lists of a batch, P asked places, A ages, X entries, G columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ml.judge import list_neighbours
from ml.judge.leave_one_out import ItemLists
from ml.judge.list_neighbours import Setting
from ml.suggest import neighbours
from ml.transformer.losses import Cells

NEWEST = 8  # items read before a place
MOST = 64  # followers of an item, the strongest
# Factors of a score inside log(1 + ..): of all newest items, of the newest one, and of the entry's share of its place.
OF_SUM, OF_NEWEST, OF_SHARE = (1, 10, 100), (1, 10), (30, 300)
COLUMNS = len(OF_SUM + OF_NEWEST + OF_SHARE)
_NOTHING = 1e-5  # what rounding may leave of a pair that is taken off


@dataclass(frozen=True)
class Followers:
    """near_II: see list_neighbours.near, the strongest of each item; least_I: what a pair needs to be among them."""

    near_II: sparse.csr_array
    least_I: np.ndarray
    count_I: np.ndarray
    setting: Setting

    @classmethod
    def of(cls, lists: ItemLists, setting: Setting) -> Followers:
        """Counts the training part."""
        count_I = np.maximum(lists.counts(), 1).astype(np.float32)
        near_II = neighbours.strongest(list_neighbours.near(list_neighbours.ahead(lists), count_I, setting), MOST)
        kept_I = np.diff(near_II.indptr)
        least_I = np.full(len(count_I), _NOTHING, np.float32)
        for item in np.flatnonzero(kept_I == MOST):
            least_I[item] = max(_NOTHING, 0.999 * near_II.data[near_II.indptr[item] : near_II.indptr[item + 1]].min())
        return cls(near_II, least_I, count_I, setting)

    def entries(
        self, items_E: np.ndarray, lengths_B: np.ndarray, asked_P: np.ndarray, learned: bool
    ) -> tuple[Cells, Tensor]:
        """Entries by place, as (place, item), and their columns (X, G).

        items_E: one list of lengths_B after the other. asked_P: events, each asked for by those of its list before it;
        ascending. learned: the lists are of the training part.
        """
        near_EI = self._near(items_E, lengths_B, learned)
        age_A = np.arange(NEWEST)
        read_PA = asked_P[:, None] - 1 - age_A
        place, age = np.nonzero(read_PA >= _starts(lengths_B)[asked_P][:, None])
        # Real: all newest items, each worth `recency` of the one after it; imaginary: the newest one.
        weight_A = (self.setting.recency**age_A + 1j * (age_A == 0)).astype(np.complex64)
        query_PE = sparse.csr_array((weight_A[age], (place, read_PA[place, age])), (len(asked_P), len(items_E)))
        score_PI = query_PE @ near_EI
        place_X = np.repeat(np.arange(len(asked_P)), np.diff(score_PI.indptr))
        score_X, cells = torch.from_numpy(score_PI.data), torch.from_numpy(place_X)
        total_P = torch.zeros(len(asked_P)).index_add_(0, cells, score_X.real)
        share_X = score_X.real / total_P[cells]
        parts = ((score_X.real, OF_SUM), (score_X.imag, OF_NEWEST), (share_X, OF_SHARE))
        columns_XG = torch.cat([part[:, None] * torch.tensor(scales) for part, scales in parts], dim=1).log1p_()
        return Cells(cells, torch.from_numpy(score_PI.indices.astype(np.int64))), columns_XG

    def _near(self, items_E: np.ndarray, lengths_B: np.ndarray, learned: bool) -> sparse.csr_array:
        """(E, I): what each event speaks for the items, without the pairs of its own list where that was counted."""
        near_EI = self.near_II[items_E]
        if learned:
            near_EI = (near_EI - self._own(items_E, lengths_B)).tocsr()
        event_X = np.repeat(np.arange(len(items_E)), np.diff(near_EI.indptr))
        kept = near_EI.data >= self.least_I[items_E[event_X]]
        value, starts = near_EI.data[kept], np.concatenate([[0], kept.cumsum()])[near_EI.indptr]
        if learned:  # the event itself is no longer counted either
            count_E = self.count_I[items_E]
            value *= ((count_E / np.maximum(count_E - 1, 1)) ** self.setting.damp_from)[event_X[kept]]
        return sparse.csr_array((value, near_EI.indices[kept], starts), near_EI.shape)

    def _own(self, items_E: np.ndarray, lengths_B: np.ndarray) -> sparse.csr_array:
        """(E, I): what the list of each event has in near_II of the event's item."""
        size, start_E = len(items_E), _starts(lengths_B)
        parts = []
        for distance in range(1, min(neighbours.WINDOW, size - 1) + 1):
            after = np.arange(distance, size)
            after = after[after - distance >= start_E[after]]
            weight = np.full(len(after), neighbours.DECAY ** (distance - 1), np.float32)
            parts += [(after - distance, after, weight), (after, after - distance, self.setting.backward * weight)]
        if not parts:
            return sparse.csr_array((size, len(self.count_I)), dtype=np.float32)
        event, other, weight = (np.concatenate(part) for part in zip(*parts, strict=True))
        item, follower = items_E[event], items_E[other]
        weight *= self.count_I[item] ** -self.setting.damp_from * self.count_I[follower] ** -self.setting.damp_to
        return sparse.csr_array((weight.astype(np.float32), (event, follower)), (size, len(self.count_I)))


def history(items_E: np.ndarray, lengths_B: np.ndarray, asked_P: np.ndarray) -> Cells:
    """The items before each asked event in its list, as (place, item) by place; without the one that is asked for."""
    start_E = _starts(lengths_B)
    count_P = asked_P - start_E[asked_P]
    place = np.repeat(np.arange(len(asked_P)), count_P)
    event = np.arange(len(place)) - np.repeat(np.cumsum(count_P) - count_P, count_P) + start_E[asked_P[place]]
    kept = items_E[event] != items_E[asked_P[place]]
    return Cells(torch.from_numpy(place[kept]), torch.from_numpy(items_E[event[kept]]))


def _starts(lengths_B: np.ndarray) -> np.ndarray:
    """The first event of each event's list."""
    return np.repeat(np.cumsum(lengths_B) - lengths_B, lengths_B)
