"""Rows of one order put into another."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def find(values: pa.Array, among: pa.Array) -> np.ndarray:
    """Index of each value in `among`, -1 where it is not there."""
    return pc.fill_null(pc.index_in(values, value_set=among), -1).to_numpy(zero_copy_only=False)


def aligned(ids: pa.Array, rows: np.ndarray, user_ids: pa.Array) -> np.ndarray:
    """The rows of `ids`, in the order of user_ids, float64; nan for who has none."""
    place = pc.fill_null(pc.index_in(user_ids, value_set=ids), -1).to_numpy()
    return np.vstack([rows, np.full((1, rows.shape[1]), np.nan)])[place].astype(np.float64)
