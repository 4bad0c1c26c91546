"""What everything is measured by: AUC, explained variance, hit rate and NDCG; folds of users, and intervals.

Legend: U users, N rows of any kind, K places of a list.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from ml.common.hashing import stable_hash

FOLDS = 5
RESAMPLES, LEVEL = 2_000, 0.95


def folds(user_ids: pa.Array) -> np.ndarray:
    """Fold (U) of each user, 0..FOLDS-1, by a hash of the id: the same whenever it is asked for."""
    return stable_hash(user_ids) % FOLDS


def bootstrap(measure: Callable[[np.ndarray], float], users: int, seed: int) -> tuple[float, float]:
    """Percentile interval of a measure of rows (Efron & Tibshirani 1993, chapter 13); users drawn with replacement."""
    random = np.random.default_rng(seed)
    drawn = [measure(random.integers(0, users, users)) for _ in range(RESAMPLES)]
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


Measure = Callable[[np.ndarray], float]  # of some of a night's rows


def gain(now: list[Measure], before: list[Measure], who: list[np.ndarray], seed: int) -> dict[str, float]:
    """now - before, the mean over nights, with its interval; a user is drawn with all nights that he is asked on.

    now, before: by night. who: by night, whose each row is: 0, 1, .. over all nights.
    """

    def ahead(rows: list[np.ndarray]) -> float:
        return float(np.mean([n(row) - b(row) for n, b, row in zip(now, before, rows, strict=True)]))

    def drawn(users: np.ndarray) -> float:
        times = np.bincount(users, minlength=count)
        return ahead([np.repeat(np.arange(len(row)), times[row]) for row in who])

    count = 1 + max(int(row.max(initial=-1)) for row in who)
    low, high = bootstrap(drawn, count, seed)
    return {"gain": ahead([np.arange(len(row)) for row in who]), "low": low, "high": high}


def auc(event_N: np.ndarray, score_N: np.ndarray) -> float:
    """Area under the ROC curve; nan where the event is everybody's or nobody's.

    By ranks (Mann & Whitney 1947): a bootstrap asks for it thousands of times.
    """
    from scipy.stats import rankdata  # a second, which a training, that asks for no AUC, is spared

    events = int(event_N.sum())
    if not 0 < events < len(event_N):
        return float("nan")
    above = rankdata(score_N)[event_N > 0].sum() - events * (events + 1) / 2
    return float(above / (events * (len(event_N) - events)))


def explained(y_N: np.ndarray, predicted_N: np.ndarray) -> float:
    """Share of the variance of y; below 0 where the predictions mislead, nan where y does not vary."""
    spread = ((y_N - y_N.mean()) ** 2).sum()
    return float(1 - ((y_N - predicted_N) ** 2).sum() / spread) if spread else float("nan")


def hit_rate(rank_N: np.ndarray, most: int) -> float:
    """Share of the targets among the first `most`; rank_N: of each target, 1 = first."""
    return float((rank_N <= most).mean())


def ndcg_of_ranks(rank_N: np.ndarray, most: int) -> np.ndarray:
    """NDCG@most of each ranking with one target: 1 / log2(1 + rank) among the first `most`, else 0."""
    return np.where(rank_N <= most, 1 / np.log2(1 + rank_N), 0.0)


def ndcg_of_hits(hit_NK: np.ndarray, relevant_N: np.ndarray) -> np.ndarray:
    """NDCG@K of each list with binary relevance; 0 where nothing is relevant.

    hit_NK: whether the item at each place is relevant. relevant_N: how many are, in the list or not.
    """
    gain_K = 1 / np.log2(2 + np.arange(hit_NK.shape[1]))
    return (hit_NK * gain_K).sum(axis=1) / best_dcg(relevant_N, hit_NK.shape[1])


def best_dcg(relevant_N: np.ndarray, most: int) -> np.ndarray:
    """DCG@most of the best list where so many items are relevant; 1 where none is."""
    gain_K = 1 / np.log2(2 + np.arange(most))
    return np.concatenate([[1.0], np.cumsum(gain_K)])[np.minimum(relevant_N, most)]


def ndcg_of_scores(relevant_NC: np.ndarray, score_NC: np.ndarray, most: int) -> np.ndarray:
    """NDCG@most of each row with binary relevance, things ranked by their scores; 0 where nothing is relevant."""
    top_NK = np.argsort(-score_NC, axis=1, kind="stable")[:, :most]
    return ndcg_of_hits(np.take_along_axis(relevant_NC, top_NK, axis=1), relevant_NC.sum(axis=1))
