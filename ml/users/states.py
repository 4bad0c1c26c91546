"""Vectors of users as the tables hold them: gold.user_embeddings, ops.rescored_embeddings.

Legend: U users, D width of a vector; the state comes first (ml/transformer/readout.py).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import RESCORED_EMBEDDINGS, USER_EMBEDDINGS, Table
from ml.common import lake
from ml.common.arrays import find, matrix
from ml.common.cli import DataError


@dataclass(frozen=True)
class States:
    """Vectors of a day by one model version; read once: 4 bytes a number, and an id a user."""

    user_ids: pa.Array
    rows_UD: np.ndarray

    @classmethod
    def read(
        cls, warehouse: str, ds: datetime.date, version: str, table: Table = USER_EMBEDDINGS, first: int | None = None
    ) -> States:
        """Those of ds, as of ds; of each the `first` numbers (None: all). Raises DataError where another model version
        wrote them, or none.
        """
        opened = lake.open_table(table, warehouse)
        also = pc.field("as_of") == pa.scalar(ds) if table is RESCORED_EMBEDDINGS else None
        versions = lake.read(opened, ["model_version"], ds, also)["model_version"].unique().to_pylist()
        if versions != [version]:
            raise DataError(
                f"expected {table.full_name} at ds={ds} by model version {version}, found versions "
                f"{versions}; run `python -m ml.encode` for that day"
            )
        batches = lake.read_batches(opened, ["user_id", "embedding"], ds, also)
        (user_ids,), rows_UD = _stacked(batches, lake.count(opened, ds), first)
        return cls(user_ids, rows_UD)

    def of(self, user_ids: pa.Array) -> np.ndarray:
        """float32 (U, D) of user_ids. Raises DataError where one has none."""
        place = find(user_ids, self.user_ids)
        if (place < 0).any():
            raise DataError(f"expected a vector of each user with a sequence, {(place < 0).sum()} have none; "
                            "run `python -m ml.encode` for that day")  # fmt: skip
        return self.rows_UD[place]

    def where_known(self, user_ids: pa.Array) -> np.ndarray:
        """float32 (U, D) of user_ids; nan for who has none."""
        place = find(user_ids, self.user_ids)
        found = np.full((len(user_ids), self.rows_UD.shape[1]), np.nan, np.float32)
        found[place >= 0] = self.rows_UD[place[place >= 0]]
        return found


def _stacked(
    batches: Iterable[pa.RecordBatch], count: int, first: int | None = None
) -> tuple[list[pa.Array], np.ndarray]:
    """The columns beside `embedding`, and of it the `first` numbers, put where they stay: a batch is held beside them.
    count: rows of the batches, or more.
    """
    rows_UD, others, filled = np.zeros((count, 0), np.float32), [], 0
    for batch in batches:
        vectors = matrix(batch["embedding"])[:, :first]
        if not others:
            rows_UD = np.empty((count, vectors.shape[1]), np.float32)
        rows_UD[filled : filled + len(vectors)] = vectors
        others.append(batch.drop_columns(["embedding"]))
        filled += len(vectors)
    columns = pa.Table.from_batches(others).combine_chunks().columns if others else []
    return [column.combine_chunks() for column in columns], rows_UD[:filled]


@dataclass(frozen=True)
class FormerStates:
    """States of an earlier night with what they were made of: input_hash int64 (U); 4 D + 8 bytes and an id a user."""

    user_ids: pa.Array
    input_hash: np.ndarray
    rows_UD: np.ndarray

    @classmethod
    def read(cls, warehouse: str, version: str, ds: datetime.date) -> FormerStates | None:
        """Those of the newest night up to ds; None where there is none, or another model version wrote it."""
        if not lake.exists(USER_EMBEDDINGS, warehouse):
            return None
        opened = lake.open_table(USER_EMBEDDINGS, warehouse)
        nights = {part["ds"] for part in opened.partitions() if part["ds"] <= str(ds)}
        columns = ["user_id", "input_hash", "embedding"]
        if not nights or not {*columns, "model_version"} <= {field.name for field in opened.schema().fields}:
            return None
        night = datetime.date.fromisoformat(max(nights))
        known = lake.read(opened, ["model_version", "input_hash"], night)
        if known["model_version"].unique().to_pylist() != [version] or known["input_hash"].null_count:
            return None
        stacked, rows_UD = _stacked(lake.read_batches(opened, columns, night), known.num_rows)
        return cls(stacked[0], stacked[1].to_numpy(), rows_UD)

    def places(self, user_ids: pa.Array, input_hash: np.ndarray) -> np.ndarray:
        """Index (B) of each user's state; -1 where he has none, or of other input."""
        place = find(user_ids, self.user_ids)
        same = place >= 0
        same[same] = self.input_hash[place[same]] == input_hash[same]
        return np.where(same, place, -1)
