"""MLflow's registry: versions of a warehouse's model, the champion among them, their files. MLflow takes seconds to
import.

Several warehouses may share one MLflow. The model of each is named by its id (ops.warehouse), and a version counts only
where gold.segment_models holds its segments: a champion of another warehouse, or of an emptied registry, is none.
"""

from __future__ import annotations

import datetime
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.tables import SEGMENT_MODELS, TRAINED, named
from ml.common import lake
from ml.common.cli import UsageError
from ml.common.warehouse import warehouse_id

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

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
        mlflow.get_experiment_by_name(TRAINED)
    except MlflowException as error:
        raise UsageError(f"MLflow at {uri} does not answer: {str(error).splitlines()[0][:200]}") from None
    return mlflow


@dataclass(frozen=True)
class Registry:
    """The registered model `name` of a warehouse."""

    mlflow: MlflowClient
    warehouse: str
    name: str

    @classmethod
    def of(cls, warehouse: str) -> Registry:
        """Raises UsageError, see `client`."""
        registry = cls(client(), warehouse, named(TRAINED, warehouse_id(warehouse)))
        registry._adopt()
        return registry

    def _adopt(self) -> None:
        """The model of all warehouses, as it was before they had ids, becomes that of the first one whose segments are
        by its champion; with its versions and their numbers.
        """
        before = Registry(self.mlflow, self.warehouse, TRAINED)
        if self.name == TRAINED or self._alias() is not None:
            return
        if (champion := before._alias()) is not None and before._has_segments(champion):
            from mlflow.exceptions import MlflowException

            try:
                self.mlflow.rename_registered_model(TRAINED, self.name)
            except MlflowException:  # unless another command of this warehouse has just done it
                if self._alias() is None:
                    raise

    def champion(self) -> ModelVersion | None:
        """The version with the alias `champion`; of a copied warehouse whose other copy has moved the alias, the newest
        that was promoted here. None where there is none.
        """
        current = self._alias()
        if current is None or self._has_segments(current):
            return current
        promoted = [one for one in self._versions() if "promoted" in one.tags and self._has_segments(one)]
        return max(promoted, key=lambda one: int(one.version), default=None)

    def current_champion(self) -> ModelVersion:
        """The champion. Raises UsageError where there is none."""
        if (version := self.champion()) is None:
            raise UsageError(
                f"expected a registered model {self.name} with the alias `champion`, and its segments in "
                f"{SEGMENT_MODELS.path(self.warehouse)}, found none; train one first: "
                "python -m ml.snapshot, ml.train, ml.evaluate, ml.gate, ml.register (in Airflow: the training DAG)"
            )
        return version

    def version(self, number: str) -> ModelVersion | None:
        """A version by its number; None where MLflow has it no more."""
        from mlflow.exceptions import MlflowException

        try:
            return self.mlflow.get_model_version(self.name, number)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None

    def version_of(self, run_id: str, tags: Mapping[str, str]) -> ModelVersion:
        """The model version of a run, made where there is none. Its tag `previous` is the champion of that moment."""
        from mlflow.exceptions import MlflowException

        try:
            self.mlflow.create_registered_model(
                self.name, description=f"States of users by the behaviour Transformer; warehouse {self.warehouse}"
            )
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        versions = self._versions()
        if found := [one for one in versions if one.run_id == run_id]:
            return found[0]
        source, current = f"runs:/{run_id}/model", self.champion()
        # An emptied registry counts from 1 again: no number of the tables is to name another model.
        newest = max((int(one.version) for one in versions), default=0)
        for _ in range(newest, max(map(int, self._segments()), default=0)):
            self.mlflow.delete_model_version(self.name, self.mlflow.create_model_version(self.name, source).version)
        previous = {"previous": str(current.version) if current else ""}
        return self.mlflow.create_model_version(self.name, source, run_id, tags={**tags, **previous})

    def promote(self, version: ModelVersion) -> None:
        self.mlflow.set_registered_model_alias(self.name, CHAMPION, version.version)
        self.mlflow.set_model_version_tag(self.name, version.version, "promoted", "true")

    def rollback(self, wanted: str) -> str:
        """Moves the alias and says so. Raises UsageError where there is nothing to go back to, or no such version.

        wanted: a version; empty: the one that the champion replaced (its tag `previous`).
        """
        if (current := self.champion()) is None:
            raise UsageError(f"expected a champion of {self.name} to go back from, found none")
        number = wanted or current.tags.get("previous", "")
        if not number:
            raise UsageError(
                f"{self.name} version {current.version} replaced no other one; name the version: --rollback VERSION"
            )
        if (former := self.version(number)) is None or not self._has_segments(former):
            raise UsageError(
                f"expected version {number} of {self.name}, and its segments in gold.segment_models, found none; "
                "`mlflow models` lists the versions"
            )
        self.mlflow.set_registered_model_alias(self.name, CHAMPION, number)
        self.mlflow.set_model_version_tag(self.name, current.version, "rolled_back_to", number)
        return (
            f"{self.name} version {number} is the champion again, instead of {current.version}; the next night uses it"
        )

    def download(self, run_id: str, into: Path) -> Path:
        """The folder with the model's files (see ml/transformer/package.py) of a run."""
        into.mkdir(parents=True, exist_ok=True)
        return Path(self.mlflow.download_artifacts(run_id, "model", str(into)))

    @contextmanager
    def files(self, run_id: str) -> Iterator[Path]:
        """The same in a scratch folder that goes with the block."""
        with tempfile.TemporaryDirectory() as scratch:
            yield self.download(run_id, Path(scratch))

    def _alias(self) -> ModelVersion | None:
        from mlflow.exceptions import MlflowException

        try:
            return self.mlflow.get_model_version_by_alias(self.name, CHAMPION)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def _versions(self) -> list[ModelVersion]:
        return list(self.mlflow.search_model_versions(f"name = '{self.name}'"))

    def _segments(self) -> dict[str, datetime.date]:
        """The day that the segments of a version were fitted on, by its number, of those in gold.segment_models."""
        if not lake.exists(SEGMENT_MODELS, self.warehouse):
            return {}
        rows = lake.read(lake.open_table(SEGMENT_MODELS, self.warehouse), ["model_version", "fitted_ds"])
        return dict(zip(rows["model_version"].to_pylist(), rows["fitted_ds"].to_pylist(), strict=True))

    def _has_segments(self, version: ModelVersion) -> bool:
        fitted = self._segments().get(str(version.version))
        return fitted is not None and version.tags.get("ds", str(fitted)) == str(fitted)
