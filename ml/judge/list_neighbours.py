"""The item neighbours of ml.benchmark: counted in the order of the lists, their setting chosen by validation.

A user's score of j is the sum over his newest items i, each worth `recency` of the one after it, of how often j came
after i (fully) or before it (by `backward`), damped by the counts of both: see ml/suggest/neighbours.py.
Legend: U users, B users of a chunk, I items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import svds
from torch import Tensor

from ml.common.arrays import evenly
from ml.judge import leave_one_out
from ml.judge.leave_one_out import HELD_OUT, ItemLists
from ml.suggest import neighbours

NEWEST = 16  # items read of a user
TUNED_ON = 4_096  # validation users that choose the setting


@dataclass(frozen=True)
class Setting:
    """See the module."""

    backward: float
    damp_from: float
    damp_to: float
    recency: float


SETTINGS = [
    Setting(backward, *damp, recency)
    for backward in (0.3, 1.0)
    for damp in ((0.6, 0.1), (0.5, 0.3))
    for recency in (0.65, 0.85)
]


@dataclass(frozen=True)
class ListNeighbours:
    """A scorer of ml/judge/leave_one_out.py."""

    lists: ItemLists
    setting: Setting
    near_II: sparse.csr_array

    def __call__(self, users: np.ndarray, ends: np.ndarray) -> Tensor:
        kept = np.minimum(ends, NEWEST)
        rows = np.repeat(np.arange(len(users)), kept)
        age = np.repeat(np.cumsum(kept), kept) - 1 - np.arange(len(rows))
        events = np.repeat(self.lists.offsets[users] + ends, kept) - 1 - age
        weight = (self.setting.recency**age).astype(np.float32)
        shape = (len(users), len(self.lists.names))
        query_BI = sparse.csr_array((weight, (rows, self.lists.items[events])), shape)
        return torch.from_numpy((query_BI @ self.near_II).toarray())


def fit(lists: ItemLists) -> ListNeighbours:
    """Counts the training part; the setting is the best of SETTINGS by validation ndcg@10."""
    users = lists.judged[evenly(len(lists.judged), TUNED_ON)]
    ahead_II, count_I = ahead(lists), np.maximum(lists.counts(), 1).astype(np.float64)
    best, kept = -1.0, None
    for setting in SETTINGS:
        tried = ListNeighbours(lists, setting, near(ahead_II, count_I, setting))
        quality = leave_one_out.metrics(leave_one_out.ranks(lists, tried, HELD_OUT, users))["ndcg@10"]
        if quality > best:
            best, kept = quality, tried
    return kept


def ahead(lists: ItemLists) -> sparse.csr_array:
    """neighbours.ahead of the lists' training part."""
    trained = lists.before(lists.train_events)
    return neighbours.ahead(lists.items, lists.owner(), trained, len(lists.names))


def near(ahead_II: sparse.csr_array, count_I: np.ndarray, setting: Setting) -> sparse.csr_array:
    """float32 (I, I): what each item speaks for the others."""
    both_II = ahead_II + setting.backward * ahead_II.T
    near_II = neighbours.damped(both_II, count_I, count_I, setting.damp_from, setting.damp_to)
    return near_II.astype(np.float32).tocsr()


def factors(lists: ItemLists, width: int) -> np.ndarray:
    """float32 (I, width): unit vectors of items that lie close where their neighbours are alike; 0 without neighbours.

    Left singular vectors x sqrt(singular values) of log(1 + lift), where lift is the decayed co-occurrence over what
    the counts alone explain, those of the neighbour smoothed by the power 0.75 (Levy, Goldberg & Dagan 2015).
    """
    ahead_II = ahead(lists).astype(np.float64)
    both_II = (ahead_II + ahead_II.T).tocsr()
    kept = min(width, len(lists.names) - 1, both_II.nnz)
    out = np.zeros((len(lists.names), width), np.float32)
    if kept < 1:
        return out
    count_I = np.maximum(both_II.sum(axis=1), 1e-9)
    smooth_I = count_I**0.75
    lift_II = (sparse.diags_array(1 / count_I) @ both_II @ sparse.diags_array(smooth_I.sum() / smooth_I)).tocsr()
    lift_II.data = np.log1p(lift_II.data)
    start = np.random.default_rng(0).random(len(out))  # ARPACK's own would differ from call to call
    left_IK, value_K, _ = svds(lift_II, k=kept, v0=start)
    vectors_IK = left_IK * np.sqrt(value_K)
    length_I = np.linalg.norm(vectors_IK, axis=1, keepdims=True)
    out[:, :kept] = np.where(length_I > 1e-4, vectors_IK / np.maximum(length_I, 1e-4), 0)
    return out
