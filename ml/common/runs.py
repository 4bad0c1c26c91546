"""MLflow's runs: one a snapshot. Only rank 0 of a training speaks to it."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ml.common.cli import UsageError
from ml.common.files import write_json
from ml.common.registry import NAME, client

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from ml.data.snapshot import Snapshot

WATCH_SECONDS = 2


def _experiment_id(mlflow: MlflowClient) -> str:
    if found := mlflow.get_experiment_by_name(NAME):
        return found.experiment_id
    uri = urlsplit(os.environ["MLFLOW_TRACKING_URI"])
    # Beside the database; MLflow's own choice would be the folder that the command happens to run in.
    beside = Path(uri.path.removeprefix("/")).resolve().parent / "artifacts" if uri.scheme == "sqlite" else None
    return mlflow.create_experiment(NAME, artifact_location=beside.as_uri() if beside else None)


class Run:
    """The MLflow run of a snapshot; DIR/run.json holds its id, so that a resumed training continues it."""

    def __init__(self, mlflow: MlflowClient, run_id: str) -> None:
        self.mlflow, self.run_id = mlflow, run_id

    @classmethod
    def start(cls, snapshot: Snapshot) -> Run:
        """The run in DIR/run.json, or a new one with the snapshot's parameters and tags."""
        mlflow, path = client(), snapshot.folder / "run.json"
        if path.is_file():
            run = cls.of(snapshot, mlflow)
            mlflow.update_run(run.run_id, status="RUNNING")
            return run
        tags = {f"delta.{name}": str(version) for name, version in snapshot.versions.items()}
        tags |= {"ds": str(snapshot.ds), "cutoff": str(snapshot.cutoff), "mlflow.source.git.commit": snapshot.git_sha}
        created = mlflow.create_run(_experiment_id(mlflow), tags=tags, run_name=f"{NAME} {snapshot.ds}")
        write_json(path, {"run_id": created.info.run_id})
        return cls(mlflow, created.info.run_id)

    @classmethod
    def of(cls, snapshot: Snapshot, mlflow: MlflowClient | None = None) -> Run:
        path = snapshot.folder / "run.json"
        if not path.is_file():
            raise UsageError(f"expected a trained snapshot ({path}), found none; run `python -m ml.train` on it first")
        run = cls(mlflow or client(), json.loads(path.read_text(encoding="utf-8"))["run_id"])
        from mlflow.exceptions import MlflowException

        try:
            run.mlflow.get_run(run.run_id)
        except MlflowException:
            raise UsageError(
                f"{path} names run {run.run_id}, which MLFLOW_TRACKING_URI does not know; set the tracking URI that "
                "the snapshot was trained with, or delete the snapshot folder"
            ) from None
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
