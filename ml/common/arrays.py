"""Places of values in an order, and rows of one order put into another."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def find(values: pa.Array, among: pa.Array) -> np.ndarray:
    """Index of each value in `among`, -1 where it is not there."""
    return pc.fill_null(pc.index_in(values, value_set=among), -1).to_numpy(zero_copy_only=False)


def find_sorted(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The same of numbers, `among` ascending."""
    if not len(among):
        return np.full(len(values), -1)
    at = np.minimum(np.searchsorted(among, values), len(among) - 1)
    return np.where(among[at] == values, at, -1)


def matrix(lists: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """(rows, width) of lists that are equally long."""
    whole = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    return whole.flatten().to_numpy(zero_copy_only=False).reshape(len(lists), -1)


def lists(rows: np.ndarray, kind: pa.DataType, null: np.ndarray | None = None) -> pa.ListArray:
    """A list of each row (rows, width); null: where there is none."""
    count, width = rows.shape
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * width)
    return pa.ListArray.from_arrays(
        offsets, pa.array(rows.ravel(), kind), mask=None if null is None else pa.array(null)
    )


def aligned(ids: pa.Array, rows: np.ndarray, user_ids: pa.Array) -> np.ndarray:
    """The rows of `ids`, in the order of user_ids, float64; nan for who has none."""
    place, found = find(user_ids, ids), np.full((len(user_ids), rows.shape[1]), np.nan)
    found[place >= 0] = rows[place[place >= 0]]
    return found


def of_users(batch: pa.RecordBatch, user_ids: pa.Array) -> tuple[pa.RecordBatch, np.ndarray]:
    """The rows of user_ids (by the column user_id), and the index of each row's user."""
    place = pc.index_in(batch["user_id"], value_set=user_ids)
    return batch.filter(place.is_valid()), place.drop_null().to_numpy()


def evenly(count: int, most: int) -> np.ndarray:
    """At most `most` of the indices 0 .. count - 1, evenly over them."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(int))
