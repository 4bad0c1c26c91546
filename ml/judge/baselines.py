"""Rankings that need no training, to hold the model against. Legend: B and U users, I rankable products."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from ml.data.catalogue import Catalogue
from ml.data.vocabulary import FIRST
from ml.measures.next_product import HeldOutWeek, WeekScorer
from ml.suggest.neighbours import conditional

NEIGHBOURS = 50_000  # users that the co-occurrence is counted on
QUERY_EVENTS = 128


def popularity(catalogue: Catalogue) -> WeekScorer:
    """Events of the training part, the same for each user."""
    count_I = torch.from_numpy(np.expm1(catalogue.log_count_I[FIRST:]))
    return lambda users: count_I.expand(len(users), -1)


def item_knn(week: HeldOutWeek, catalogue: Catalogue) -> WeekScorer:
    """Sum over the user's newest events of P(product | event's product).

    A product's own occurrence counts too, so that repeat purchases score.
    """
    products = len(catalogue.product_ids)
    seen_UI = _events(week, products, None)[:NEIGHBOURS]
    seen_UI.data[:] = 1
    scores = conditional(_events(week, products, QUERY_EVENTS), seen_UI)
    return lambda users: torch.from_numpy(scores(users))


def _events(week: HeldOutWeek, products: int, newest: int | None) -> sparse.csr_array:
    """float32 (users, products): events before the held-out week, of them the `newest` ones of each user."""
    sequences, ends = week.sequences, week.history
    place = np.arange(len(sequences.items)) - np.repeat(sequences.offsets[:-1], np.diff(sequences.offsets))
    owner = np.repeat(np.arange(len(sequences)), np.diff(sequences.offsets))
    kept = (place < ends[owner]) & (sequences.items >= FIRST)
    if newest is not None:
        kept &= place >= ends[owner] - newest
    ones = np.ones(int(kept.sum()), np.float32)
    counted = sparse.coo_array((ones, (owner[kept], sequences.items[kept] - FIRST)), (len(sequences), products))
    return counted.tocsr()
