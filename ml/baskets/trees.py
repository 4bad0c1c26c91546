"""Boosted trees over pairs: the strongest way that learns and is no network, so the one to be ahead of."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from ml.baskets.pairs import Pairs, joined
from ml.baskets.protocol import BasketScorer

_MOST_PAIRS = 1_500_000
# Tried on the basket before the last: of many repeats, and of few, from which large trees learn chance.
SETTINGS = [{"max_leaf_nodes": 31, "max_iter": 100}, {"max_leaf_nodes": 12, "max_iter": 150}]


def fit(examples: list[Pairs], setting: dict, seed: int) -> HistGradientBoostingClassifier:
    """Learns whether a pair is in the basket. All pairs that are, and as many others as _MOST_PAIRS leaves room for."""
    learned = joined(examples)
    told_N = learned.told_N
    drawn_N = np.random.default_rng(seed).random(len(told_N))
    room = max(_MOST_PAIRS - int(told_N.sum()), 1) / max(int((~told_N).sum()), 1)
    kept_N = told_N | (drawn_N < room)
    trees = HistGradientBoostingClassifier(learning_rate=0.1, early_stopping=False, random_state=seed, **setting)
    return trees.fit(learned.columns_NF[kept_N], told_N[kept_N])


def scorer_of(pairs: Pairs, score_N: np.ndarray, items: int) -> BasketScorer:
    """Scores of pairs as those of all products; the others come after them, the popular first."""
    starts = np.searchsorted(pairs.user_N, np.arange(pairs.user_N.max(initial=0) + 2))
    lowest = score_N.min(initial=0) - 1

    def scores(users: np.ndarray) -> np.ndarray:
        out_BI = np.full((len(users), items), lowest, np.float32)
        for row_I, user in zip(out_BI, users, strict=True):
            own = slice(starts[user], starts[user + 1])
            row_I[pairs.item_N[own]] = score_N[own]
        return out_BI

    return scores
