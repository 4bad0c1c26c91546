"""What the heads of the last published night's model expect tonight: rows of ops.rescored_expectations."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import RESCORED_EMBEDDINGS, RESCORED_EXPECTATIONS
from ml.common import lake
from ml.common.arrays import lists
from ml.common.registry import Registry
from ml.heads.expected import expected, read_facts
from ml.heads.heads import Heads


def rescore(registry: Registry, ds: datetime.date, version: str, run_id: str) -> str:
    """Replaces ops.rescored_expectations at ds, where ml.encode scored the night again by a former model; says so."""
    warehouse = registry.warehouse
    former = former_version(warehouse, ds, version)
    model = former and registry.version(former)
    batches: list[pa.RecordBatch] = []
    if former and model:
        with registry.files(model.run_id) as folder:
            heads = Heads.load(folder)
        if heads is not None:
            user_ids, facts = read_facts(warehouse, ds, heads, former, RESCORED_EMBEDDINGS)
            columns = {"user_id": user_ids, "expected": lists(expected(heads, facts), pa.float64())}
            stamp = {"ds": ds, "model_version": former, "run_id": run_id}
            batches = [lake.batch(RESCORED_EXPECTATIONS, columns, stamp)]
    if batches or lake.exists(RESCORED_EXPECTATIONS, warehouse):
        lake.write_partition(RESCORED_EXPECTATIONS, warehouse, str(ds), batches)
    return f"; scored again by the heads of version {former}" if batches else ""


def former_version(warehouse: str, ds: datetime.date, version: str) -> str | None:
    """The other model version that everybody was encoded by again at ds; None where there is none."""
    if not lake.exists(RESCORED_EMBEDDINGS, warehouse):
        return None
    rows = lake.read(lake.open_table(RESCORED_EMBEDDINGS, warehouse), ["model_version", "as_of"], ds)
    versions = set(rows.filter(pc.field("as_of") == ds)["model_version"].to_pylist()) - {version}
    return versions.pop() if versions else None
