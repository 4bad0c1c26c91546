"""A night in MLflow: its versions as tags, its sizes and counts as metrics, the page and its pictures as artefacts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from jobs.lake import identity
from jobs.settings import Settings
from jobs.tables import NIGHTLY, named

_COUNTS = ("rows_in", "rows_loaded", "rows_duplicate", "rows_quarantined", "users", "checks_passed", "checks_warned")
# Columns that a table of MLflow cannot show.
_NESTED = ["traits", "parents", "successors", "journeys", "name_parts", "family_parts", "facts"]


def log_to_mlflow(s: Settings, night: dict[str, pd.DataFrame], files: Iterable[Path]) -> str:
    """Log the night to MLflow where MLFLOW_TRACKING_URI is set; says what was done."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return "MLFLOW_TRACKING_URI is not set: not logged to MLflow"
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    run = night["run"].iloc[0]
    experiment = named(NIGHTLY, identity.warehouse_id(s.warehouse))
    mlflow.set_experiment(experiment)
    with mlflow.start_run(run_name=f"{s.ds}") as active:
        mlflow.set_tags({"ds": str(s.ds), "run_id": run["run_id"], "git_sha": run["git_sha"],
                         "model_version": run["model_version"]})  # fmt: skip
        sizes = {f"size_{r.segment_id}": float(r.size) for r in night["segments"].itertuples(index=False)}
        mlflow.log_metrics({name: float(run[name]) for name in _COUNTS} | sizes)
        for file in files:
            mlflow.log_artifact(str(file))
        shown = night["segments"].drop(columns=_NESTED, errors="ignore").astype(str)
        mlflow.log_table(shown.to_dict("list"), "segments.json")
        return f"MLflow run {active.info.run_id} in {experiment}"
