"""MLflow's registry: versions of the model, the champion among them, their files. MLflow takes seconds to import."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ml.common.cli import UsageError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

NAME = "huaxiang-behaviour"  # of the experiment and of the registered model
CHAMPION = "champion"


def client() -> MlflowClient:
    """A client of MLFLOW_TRACKING_URI. Raises UsageError where it is not set or does not answer."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        raise UsageError(
            "expected MLFLOW_TRACKING_URI, such as http://127.0.0.1:5000 or sqlite:////abs/mlflow.db; it is not set"
        )
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    mlflow = MlflowClient(uri)
    try:
        mlflow.get_experiment_by_name(NAME)
    except MlflowException as error:
        raise UsageError(f"MLflow at {uri} does not answer: {str(error).splitlines()[0][:200]}") from None
    return mlflow


def champion(mlflow: MlflowClient) -> ModelVersion | None:
    """The version with the alias `champion`, or None."""
    from mlflow.exceptions import MlflowException

    try:
        return mlflow.get_model_version_by_alias(NAME, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def current_champion(mlflow: MlflowClient) -> ModelVersion:
    """The champion. Raises UsageError where there is none."""
    if (version := champion(mlflow)) is None:
        raise UsageError(
            f"expected a registered model {NAME} with the alias `champion`, found none; train one first: "
            "python -m ml.snapshot, ml.train, ml.evaluate, ml.gate, ml.register (in Airflow: the training DAG)"
        )
    return version


def version_of(mlflow: MlflowClient, run_id: str, tags: Mapping[str, str]) -> ModelVersion:
    """The model version of a run, made where there is none. Its tag `previous` is the champion of that moment."""
    from mlflow.exceptions import MlflowException

    try:
        mlflow.create_registered_model(NAME, description="States of users by the behaviour Transformer")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    if versions := mlflow.search_model_versions(f"name = '{NAME}' and run_id = '{run_id}'"):
        return versions[0]
    current = champion(mlflow)
    previous = {"previous": str(current.version) if current else ""}
    return mlflow.create_model_version(NAME, source=f"runs:/{run_id}/model", run_id=run_id, tags={**tags, **previous})


def rollback(mlflow: MlflowClient, current: ModelVersion | None, wanted: str) -> str:
    """Moves the alias and says so. Raises UsageError where there is nothing to go back to, or no such version.

    wanted: a version; empty: the one that `current` replaced (its tag `previous`).
    """
    from mlflow.exceptions import MlflowException

    if current is None:
        raise UsageError(f"expected a champion of {NAME} to go back from, found none")
    number = wanted or current.tags.get("previous", "")
    if not number:
        raise UsageError(
            f"{NAME} version {current.version} replaced no other one; name the version: --rollback VERSION"
        )
    try:
        mlflow.get_model_version(NAME, number)
    except MlflowException:
        raise UsageError(f"expected version {number} of {NAME}, found none; `mlflow models` lists them") from None
    mlflow.set_registered_model_alias(NAME, CHAMPION, number)
    mlflow.set_model_version_tag(NAME, current.version, "rolled_back_to", number)
    return f"{NAME} version {number} is the champion again, instead of {current.version}; the next night uses it"


def download(mlflow: MlflowClient, run_id: str, into: Path) -> Path:
    """The folder with the model's files (see ml/transformer/package.py) of a run."""
    into.mkdir(parents=True, exist_ok=True)
    return Path(mlflow.download_artifacts(run_id, "model", str(into)))


@contextmanager
def model_files(mlflow: MlflowClient, run_id: str) -> Iterator[Path]:
    """The same in a scratch folder that goes with the block."""
    with tempfile.TemporaryDirectory() as scratch:
        yield download(mlflow, run_id, Path(scratch))
