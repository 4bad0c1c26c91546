"""How a ranking of all products is judged against a basket: recall, NDCG and hit rate of the first ten.

Legend: N users that are judged, I products, K places of a list.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ml.baskets.visits import Baskets
from ml.measures.metrics import ndcg_of_hits

PROTOCOL = (
    "last basket of each user, all products ranked, history not masked, settings and epochs chosen on the basket before"
)
TOP = 10
_CHUNK_SCORES = 20_000_000

# Users (indices) -> scores (B, I) of all products, higher is better.
BasketScorer = Callable[[np.ndarray], np.ndarray]


def lists(baskets: Baskets, cut: int, users: np.ndarray, scorer: BasketScorer) -> np.ndarray:
    """The first TOP products (N, K) of users; of equal scores the more popular one comes first."""
    popular_I = baskets.counted(cut, np.ones(baskets.most_visits)).sum(axis=0)
    popular_I = popular_I / (1 + popular_I.max())
    size, parts = max(1, _CHUNK_SCORES // len(baskets.names)), []
    for chunk in np.split(users, range(size, len(users), size)):
        scores_BI = np.asarray(scorer(chunk))
        kept = min(TOP, scores_BI.shape[1])
        edge_B1 = -np.partition(-scores_BI, kept - 1, axis=1)[:, [kept - 1]]
        for scores_I, edge in zip(scores_BI, edge_B1[:, 0], strict=True):
            likely = np.flatnonzero(scores_I >= edge)
            parts.append(likely[np.lexsort((-popular_I[likely], -scores_I[likely]))[:kept]])
    return np.array(parts)


def judge(baskets: Baskets, cut: int, users: np.ndarray, scorer: BasketScorer) -> dict:
    """Means over users: of the whole basket, and of its products that the user had before (repeats) or not (new).

    A user whose basket has no product of a kind does not count for that kind.
    """
    listed_NK = lists(baskets, cut, users, scorer)
    told_NI = baskets.told(cut)[users]
    before_NI = baskets.counted(cut, np.ones(baskets.most_visits))[users] > 0
    repeated_NI = told_NI.multiply(before_NI).tocsr()
    repeated_NI.eliminate_zeros()
    new_NI = (told_NI - repeated_NI).tocsr()
    new_NI.eliminate_zeros()
    return _means(told_NI, listed_NK) | {
        "repeats": _means(repeated_NI, listed_NK),
        "new": _means(new_NI, listed_NK),
    }


def _means(told_NI, listed_NK: np.ndarray) -> dict[str, float]:
    size_N = np.diff(told_NI.indptr)
    rows_N = np.flatnonzero(size_N)
    if not len(rows_N):
        return {f"{name}@{TOP}": 0.0 for name in ("recall", "ndcg", "hit")} | {"users": 0}
    hit_NK = np.stack([told_NI[rows_N, listed_NK[rows_N, place]] > 0 for place in range(listed_NK.shape[1])], axis=1)
    return {
        f"recall@{TOP}": float((hit_NK.sum(axis=1) / size_N[rows_N]).mean()),
        f"ndcg@{TOP}": float(ndcg_of_hits(hit_NK, size_N[rows_N]).mean()),
        f"hit@{TOP}": float(hit_NK.any(axis=1).mean()),
        "users": len(rows_N),
    }
