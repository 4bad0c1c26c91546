"""Folds of users, and intervals by drawing users anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from ml.common.hashing import stable_hash

FOLDS = 5
RESAMPLES, LEVEL = 2_000, 0.95


def bootstrap(measure: Callable[[np.ndarray], float], users: int, seed: int) -> tuple[float, float]:
    """Percentile interval of a measure of rows (Efron & Tibshirani 1993, chapter 13); users drawn with replacement."""
    random = np.random.default_rng(seed)
    found = [measure(random.integers(0, users, users)) for _ in range(RESAMPLES)]
    low, high = np.nanquantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def folds(user_ids: pa.Array) -> np.ndarray:
    """Fold (U) of each user, 0..FOLDS-1, by a hash of the id: the same whenever it is asked for."""
    return stable_hash(user_ids) % FOLDS
