"""MLflow's runs: one a snapshot, and one each time that a night is measured."""

from __future__ import annotations

import datetime
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jobs.tables import NIGHTLY, TRAINED, named
from ml.common.cli import UsageError
from ml.common.files import write_json
from ml.common.registry import client
from ml.common.warehouse import warehouse_id

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient

WATCH_SECONDS = 2


def _experiment_id(mlflow: MlflowClient, name: str) -> str:
    if experiment := mlflow.get_experiment_by_name(name):
        return experiment.experiment_id
    uri = urlsplit(os.environ["MLFLOW_TRACKING_URI"])
    # Beside the database; MLflow's own choice would be the folder that the command happens to run in.
    beside = Path(uri.path.removeprefix("/")).resolve().parent / "artifacts" if uri.scheme == "sqlite" else None
    return mlflow.create_experiment(name, artifact_location=beside.as_uri() if beside else None)


class Run:
    """The MLflow run of a snapshot; run.json in its folder holds its id, so that a resumed training continues it."""

    def __init__(self, mlflow: MlflowClient, run_id: str) -> None:
        self.mlflow, self.run_id = mlflow, run_id

    @classmethod
    def start(cls, folder: Path, warehouse: str, tags: Mapping[str, str]) -> Run:
        """The run that folder/run.json names, or a new one where there is none or MLflow was emptied since.

        tags: of the snapshot, with its `ds`.
        """
        mlflow, path = client(), folder / "run.json"
        if path.is_file() and (run := cls._known(mlflow, path)):
            mlflow.update_run(run.run_id, status="RUNNING")
            return run
        experiment = _experiment_id(mlflow, named(TRAINED, warehouse_id(warehouse)))
        created = mlflow.create_run(experiment, tags=dict(tags), run_name=f"{TRAINED} {tags['ds']}")
        write_json(path, {"run_id": created.info.run_id})
        return cls(mlflow, created.info.run_id)

    @classmethod
    def of(cls, folder: Path, mlflow: MlflowClient | None = None) -> Run:
        """The run that folder/run.json names. Raises UsageError where the folder or the tracking URI knows none."""
        path = folder / "run.json"
        if not path.is_file():
            raise UsageError(f"expected a trained snapshot ({path}), found none; run `python -m ml.train` on it first")
        if (run := cls._known(mlflow or client(), path)) is None:
            raise UsageError(
                f"{path} names a run that MLFLOW_TRACKING_URI does not know; set the tracking URI that the snapshot "
                "was trained with, or run `python -m ml.train` on it again"
            )
        return run

    @classmethod
    def _known(cls, mlflow: MlflowClient, path: Path) -> Run | None:
        """The run that the file names, where MLflow has it."""
        from mlflow.exceptions import MlflowException

        run = cls(mlflow, json.loads(path.read_text(encoding="utf-8"))["run_id"])
        try:
            mlflow.get_run(run.run_id)
        except MlflowException:
            return None
        return run

    def parameters(self, values: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        self.mlflow.log_batch(self.run_id, params=[Param(key, value) for key, value in values.items()])

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)  # bookkeeping only
        self.mlflow.log_batch(
            self.run_id, metrics=[Metric(key, float(value), now, step) for key, value in values.items()]
        )

    def tags(self, values: Mapping[str, str]) -> None:
        for key, value in values.items():
            self.mlflow.set_tag(self.run_id, key, value)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Processor, memory, disk, network (GPUs too with nvidia-ml-py) every WATCH_SECONDS, as metrics system/.."""
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        logging.getLogger("mlflow.system_metrics").setLevel(logging.WARNING)
        monitor = SystemMetricsMonitor(
            self.run_id,
            sampling_interval=WATCH_SECONDS,
            samples_before_logging=1,
            resume_logging=True,
            tracking_uri=os.environ["MLFLOW_TRACKING_URI"],
        )
        monitor.start()
        try:
            yield
        finally:
            monitor.finish()

    def artifacts(self, path: Path, under: str | None = None) -> None:
        send = self.mlflow.log_artifacts if path.is_dir() else self.mlflow.log_artifact
        send(self.run_id, str(path), under)

    def end(self, status: str) -> None:
        self.mlflow.set_terminated(self.run_id, status)


def log_night(
    name: str,
    warehouse: str,
    ds: datetime.date,
    metrics: Mapping[str, float],
    *,
    texts: Mapping[str, str] | None = None,
    figures: Mapping[str, Callable[[], Figure]] | None = None,
) -> str:
    """A run of the warehouse's nights named `name ds`, where MLFLOW_TRACKING_URI is set; says what was done.

    texts, figures: by the name of the file; a figure is drawn only where it is logged.
    """
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return "MLFLOW_TRACKING_URI is not set: not logged to MLflow"
    import mlflow

    experiment = named(NIGHTLY, warehouse_id(warehouse))
    mlflow.set_experiment(experiment)
    with mlflow.start_run(run_name=f"{name} {ds}", tags={"ds": str(ds)}) as run:
        for file, draw in (figures or {}).items():
            mlflow.log_figure(draw(), file)
        for file, text in (texts or {}).items():
            mlflow.log_text(text, file)
        mlflow.log_metrics(dict(metrics))
        return f"MLflow run {run.info.run_id} in {experiment}"
