"""Vectors of users as the tables hold them: gold.user_embeddings, ops.rescored_embeddings.

Legend: U users, D width of a vector; the state comes first (ml/transformer/readout.py).
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import RESCORED_EMBEDDINGS, USER_EMBEDDINGS, Table
from ml.common import lake
from ml.common.arrays import aligned, find, matrix
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
        rows = lake.read(lake.open_table(table, warehouse), _columns(table), ds)
        if table is RESCORED_EMBEDDINGS:
            rows = rows.filter(pc.field("as_of") == ds)
        versions = rows["model_version"].unique().to_pylist()
        if versions != [version]:
            raise DataError(
                f"expected {table.full_name} at ds={ds} by model version {version}, found versions "
                f"{versions}; run `python -m ml.encode` for that day"
            )
        return cls(rows["user_id"].combine_chunks(), np.ascontiguousarray(matrix(rows["embedding"])[:, :first]))

    def of(self, user_ids: pa.Array) -> np.ndarray:
        """float32 (U, D) of user_ids. Raises DataError where one has none."""
        place = find(user_ids, self.user_ids)
        if (place < 0).any():
            raise DataError(f"expected a vector of each user with a sequence, {(place < 0).sum()} have none; "
                            "run `python -m ml.encode` for that day")  # fmt: skip
        return self.rows_UD[place]

    def where_known(self, user_ids: pa.Array) -> np.ndarray:
        """float64 (U, D) of user_ids; nan for who has none."""
        return aligned(self.user_ids, self.rows_UD, user_ids)


def _columns(table: Table) -> list[str]:
    return ["user_id", "embedding", "model_version", *(["as_of"] if table is RESCORED_EMBEDDINGS else [])]


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
        columns = ["user_id", "input_hash", "embedding", "model_version"]
        if not nights or not {*columns} <= {field.name for field in opened.schema().fields}:
            return None
        rows = lake.read(opened, columns, datetime.date.fromisoformat(max(nights))).combine_chunks()
        if pc.unique(rows["model_version"]).to_pylist() != [version] or rows["input_hash"].null_count:
            return None
        return cls(rows["user_id"].combine_chunks(), rows["input_hash"].to_numpy(), matrix(rows["embedding"]))

    def places(self, user_ids: pa.Array, input_hash: np.ndarray) -> np.ndarray:
        """Index (B) of each user's state; -1 where he has none, or of other input."""
        place = find(user_ids, self.user_ids)
        same = place >= 0
        same[same] = self.input_hash[place[same]] == input_hash[same]
        return np.where(same, place, -1)
