"""MLflow's registry: the model versions and the champion. Imported lazily: it takes seconds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ml.common.cli import UsageError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

NAME = "huaxiang-behaviour"  # of the experiment and of the registered model
NIGHTLY = "huaxiang-nightly"  # the experiment of the nights, see jobs/publish/report.py
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

    found = MlflowClient(uri)
    try:
        found.get_experiment_by_name(NAME)
    except MlflowException as error:
        raise UsageError(f"MLflow at {uri} does not answer: {str(error).splitlines()[0][:200]}") from None
    return found


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
    if (found := champion(mlflow)) is None:
        raise UsageError(
            f"expected a registered model {NAME} with the alias `champion`, found none; train one first: "
            "python -m ml.snapshot, ml.train, ml.evaluate, ml.gate, ml.register (in Airflow: the training DAG)"
        )
    return found


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
    """The model's files (see ml/transformer/encoder.py) of a run."""
    into.mkdir(parents=True, exist_ok=True)
    return Path(mlflow.download_artifacts(run_id, "model", str(into)))
