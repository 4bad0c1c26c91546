"""What the heads of the last published night's model expect tonight: rows of ops.rescored_expectations."""

from __future__ import annotations

import datetime
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import RESCORED_EMBEDDINGS, RESCORED_EXPECTATIONS
from ml.common import lake
from ml.common.registry import NAME, download
from ml.heads.facts import expected, read_known
from ml.heads.heads import Heads
from ml.heads.rows import _lists

if TYPE_CHECKING:
    from mlflow import MlflowClient


def rescore(mlflow: MlflowClient, warehouse: str, ds: datetime.date, version: str, run_id: str) -> str:
    """Replaces ops.rescored_expectations at ds, where ml.encode scored the night again by a former model; says so."""
    found = former_version(warehouse, ds, version)
    batches: list[pa.RecordBatch] = []
    if found is not None:
        with tempfile.TemporaryDirectory() as scratch:
            heads = Heads.load(download(mlflow, mlflow.get_model_version(NAME, found).run_id, Path(scratch)))
        if heads is not None:
            user_ids, known = read_known(warehouse, ds, heads, found, RESCORED_EMBEDDINGS)
            values = expected(heads, known)
            lists = _lists(values.ravel(), values.shape[1], np.zeros(len(user_ids), bool), pa.float64())
            schema, users = lake.arrow_schema(RESCORED_EXPECTATIONS), len(user_ids)
            columns = [
                user_ids,
                pa.repeat(pa.scalar(ds), users),
                lists.cast(schema.field("expected").type),
                pa.repeat(found, users),
                pa.repeat(run_id, users),
            ]
            batches = [pa.RecordBatch.from_arrays(columns, schema=schema)]
    if batches or lake.exists(RESCORED_EXPECTATIONS, warehouse):
        lake.write_partition(RESCORED_EXPECTATIONS, warehouse, str(ds), batches)
    return f"; scored again by the heads of version {found}" if batches else ""


def former_version(warehouse: str, ds: datetime.date, version: str) -> str | None:
    """The other model version that everybody was encoded by again at ds; None where there is none."""
    if not lake.exists(RESCORED_EMBEDDINGS, warehouse):
        return None
    found = lake.read(lake.open_table(RESCORED_EMBEDDINGS, warehouse), ["model_version", "as_of"], ds)
    versions = set(found.filter(pc.field("as_of") == ds)["model_version"].to_pylist()) - {version}
    return versions.pop() if versions else None
