"""States of users as gold.user_embeddings and ops.rescored_embeddings hold them."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import RESCORED_EMBEDDINGS, USER_EMBEDDINGS
from ml.common import lake
from ml.common.arrays import aligned, find
from ml.common.cli import DataError


def states(
    warehouse: str, ds: datetime.date, user_ids: pa.Array, version: str, table: lake.Table = USER_EMBEDDINGS
) -> np.ndarray:
    """States (U, D) of user_ids; nan for who has none. DataError where ds was encoded by another model version."""
    columns = ["user_id", "embedding", "model_version"]
    if table is RESCORED_EMBEDDINGS:
        found = lake.read(lake.open_table(table, warehouse), [*columns, "as_of"], ds).filter(pc.field("as_of") == ds)
    else:
        found = lake.read(lake.open_table(table, warehouse), columns, ds)
    versions = found["model_version"].unique().to_pylist()
    if versions != [version]:
        raise DataError(
            f"expected {table.full_name} at ds={ds} by model version {version}, found versions "
            f"{versions}; run `python -m ml.encode` for that day"
        )
    flat = found["embedding"].combine_chunks().flatten().to_numpy().reshape(found.num_rows, -1)
    return aligned(found["user_id"].combine_chunks(), flat, user_ids)


class States:
    """gold.user_embeddings at ds, by user; read once: 4 bytes a number."""

    def __init__(self, warehouse: str, ds: datetime.date, version: str) -> None:
        found = lake.read(lake.open_table(USER_EMBEDDINGS, warehouse), ["user_id", "embedding", "model_version"], ds)
        versions = found["model_version"].unique().to_pylist()
        if versions != [version]:
            raise DataError(
                f"expected {USER_EMBEDDINGS.full_name} at ds={ds} by model version {version}, found versions "
                f"{versions}; run `python -m ml.encode` for that day"
            )
        self.user_ids = found["user_id"].combine_chunks()
        self.rows = found["embedding"].combine_chunks().flatten().to_numpy().reshape(found.num_rows, -1)

    def of(self, user_ids: pa.Array) -> np.ndarray:
        place = find(user_ids, self.user_ids)
        if (place < 0).any():
            raise DataError(f"expected a vector of each user with a sequence, {(place < 0).sum()} have none; "
                            "run `python -m ml.encode` for that day")  # fmt: skip
        return self.rows[place]
