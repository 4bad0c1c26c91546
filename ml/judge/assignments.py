"""Users of a day by segment: ours, and the usual ways to group them, for the same measures."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from jobs.tables import USER_SEGMENTS
from ml.common import lake
from ml.common.cli import UsageError
from ml.common.hashing import stable_hash
from ml.data.outcomes import history
from ml.judge import rival_segmentations
from ml.measures.segment_value import Value

OURS = "ours"
FITTED = 50_000  # users on whom the usual centres are fitted
SEED = 7


def ours(warehouse: str, ds: datetime.date, *tables: lake.Table) -> tuple[pa.Table, str] | None:
    """(user_id, segment_id) at ds, and the model version, by the first of the tables (published, else staged) that has
    rows of it; else None.
    """
    for table in tables or (USER_SEGMENTS, USER_SEGMENTS.staged()):
        if lake.exists(table, warehouse):
            found = lake.read(lake.open_table(table, warehouse), ["user_id", "segment_id", "model_version"], ds)
            if found.num_rows:
                return found.select(["user_id", "segment_id"]), found["model_version"][0].as_py()
    return None


def placed(assignment: pa.Table, user_ids: pa.Array) -> np.ndarray:
    """Label (U) of user_ids by an assignment (user_id, segment); -1 for who has none."""
    names, segment = (assignment.column(k).combine_chunks() for k in (0, 1))
    row = pc.index_in(user_ids, value_set=names.cast(pa.string()))
    code = segment.dictionary_encode().indices.take(row)
    return pc.fill_null(code, -1).to_numpy(zero_copy_only=False)


def assignments(
    warehouse: str, ds: datetime.date, features: pa.Table, more: Path | None
) -> Iterator[tuple[str, np.ndarray, str | None]]:
    """(name, labels U, model version) of all that are held against each other, ours first."""
    user_ids = features["user_id"].combine_chunks()
    if (own := ours(warehouse, ds)) is not None:
        yield OURS, placed(own[0], user_ids), own[1]
    if more is not None:
        given = pq.read_table(more)
        if given.num_columns < 2:
            raise UsageError(f"expected the columns user_id and segment in {more}, found {given.column_names}")
        yield more.stem, placed(given, user_ids), None
    fitted = np.sort(np.argsort(stable_hash(user_ids), kind="stable")[:FITTED])
    with threadpool_limits(1):
        for name, labels in rival_segmentations.all_of(features, history(warehouse, ds, user_ids), fitted, SEED):
            yield name, labels, None


def table(found: dict[str, Value]) -> str:
    """Markdown, a row an assignment."""
    lines = ["| assignment | segments | bits | eta2 | AUC |", "|---|---|---|---|---|"]
    lines += [f"| {name} | {v.segments} | {v.bits:.4f} | {v.eta2:.3f} | {v.auc:.3f} |" for name, v in found.items()]
    return "\n".join(lines)


def picture(found: dict[str, Value], ds: datetime.date):
    """bits against eta2, AUC as the colour: up and to the right is better."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    values = list(found.values())
    size = [140 if name == OURS else 50 for name in found]
    dots = axes.scatter([v.eta2 for v in values], [v.bits for v in values], c=[v.auc for v in values], s=size,
                        cmap="viridis", edgecolors="black", linewidths=0.6)  # fmt: skip
    for name, v in found.items():
        axes.annotate(name, (v.eta2, v.bits), textcoords="offset points", xytext=(6, 4), fontsize=8)
    figure.colorbar(dots, label="AUC of 'no purchase'")
    axes.set(xlabel="eta2: variance of log(1 + spend) explained", ylabel="bits a purchase line on its category",
             title=f"What segments of {ds} say of the 28 days after")  # fmt: skip
    return figure


def log(found: dict[str, Value], ds: datetime.date) -> str:
    """To MLflow where MLFLOW_TRACKING_URI is set; says what was done."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return "MLFLOW_TRACKING_URI is not set: not logged to MLflow"
    import mlflow

    from ml.common.registry import NIGHTLY

    mlflow.set_experiment(NIGHTLY)
    with mlflow.start_run(run_name=f"value {ds}", tags={"ds": str(ds)}) as run:
        figure = picture(found, ds)
        mlflow.log_figure(figure, "value.png")
        mlflow.log_text(table(found), "value.md")
        if OURS in found:
            mlflow.log_metrics({f"value.{k}": float(getattr(found[OURS], k)) for k in ("bits", "eta2", "auc")})
        return f"MLflow run {run.info.run_id} in {NIGHTLY}"
