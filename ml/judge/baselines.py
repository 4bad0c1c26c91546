"""Rankings that need no training, to hold the model against. Legend: B and U users, I rankable products."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ml.data.catalogue import Catalogue
from ml.data.vocabulary import FIRST
from ml.measures.next_product import Scorer, Task

NEIGHBOURS = 50_000  # users that the co-occurrence is counted on
QUERY_EVENTS = 128


def popularity(catalogue: Catalogue) -> Scorer:
    """Events of the training part, the same for each user."""
    count_I = torch.from_numpy(np.expm1(catalogue.log_count_I[FIRST:]))
    return lambda users: count_I.expand(len(users), -1)


def item_knn(task: Task, catalogue: Catalogue) -> Scorer:
    """Sum over the user's newest events of P(product | event's product) (Deshpande & Karypis 2004, section 4.2).

    A product's own occurrence counts too, so that repeat purchases score. Computed as (Q X^T) X, which never holds a
    product x product matrix.
    """
    items_I = len(catalogue.product_ids)
    query_UI = _matrix(task, items_I, QUERY_EVENTS)
    seen_UI = _matrix(task, items_I, None)[:NEIGHBOURS]
    seen_UI.data[:] = 1
    query_UI = (query_UI @ sparse.diags_array(1 / np.maximum(seen_UI.sum(axis=0), 1))).tocsr()

    def scorer(users: np.ndarray) -> Tensor:
        return torch.from_numpy(((query_UI[users] @ seen_UI.T) @ seen_UI).toarray())

    return scorer


def _matrix(task: Task, items: int, newest: int | None) -> sparse.csr_array:
    """float32 (users, products): events before the held-out week, of them the `newest` ones of each user."""
    sequences, ends = task.sequences, task.history
    place = np.arange(len(sequences.items)) - np.repeat(sequences.offsets[:-1], np.diff(sequences.offsets))
    owner = np.repeat(np.arange(len(sequences)), np.diff(sequences.offsets))
    kept = (place < ends[owner]) & (sequences.items >= FIRST)
    if newest is not None:
        kept &= place >= ends[owner] - newest
    ones = np.ones(int(kept.sum()), np.float32)
    counted = sparse.coo_array((ones, (owner[kept], sequences.items[kept] - FIRST)), (len(sequences), items))
    return counted.tocsr()
