"""Several warehouses on one MLflow: each has a model of its own, and no other's champion is ever taken for it."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from jobs.tables import SEGMENT_MODELS, WAREHOUSE
from ml.common.cli import UsageError
from ml.common.lake import arrow_schema, write_rows
from ml.common.registry import Registry

DS = datetime.date(2024, 3, 1)


@pytest.fixture
def mlflow(tracking: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    return MlflowClient(tracking)


def identified(folder: Path, name: str) -> str:
    row = pa.Table.from_pylist([{"warehouse_id": name}], arrow_schema(WAREHOUSE))
    write_deltalake(WAREHOUSE.path(str(folder)), row)
    return str(folder)


def segments(warehouse: str, version: str, ds: datetime.date = DS) -> None:
    write_rows(SEGMENT_MODELS, warehouse, version, [{"model_version": version, "segment_id": 1, "fitted_ds": ds}])


def trained(warehouse: str, ds: datetime.date = DS) -> ModelVersion:
    """A version that is promoted, with its segments, as ml.register leaves it."""
    registry = Registry.of(warehouse)
    run = registry.mlflow.create_run("0")
    version = registry.version_of(run.info.run_id, {"ds": str(ds)})
    segments(warehouse, str(version.version), ds)
    registry.promote(version)
    return version


def champion(warehouse: str) -> str | None:
    found = Registry.of(warehouse).champion()
    return found and str(found.version)


def test_each_warehouse_has_a_model_of_its_own(mlflow: MlflowClient, tmp_path: Path) -> None:
    demo, mine = identified(tmp_path / "demo", "a1"), identified(tmp_path / "mine", "b1")
    trained(demo)
    assert champion(mine) is None
    with pytest.raises(UsageError, match=r"expected a registered model huaxiang-behaviour-b1 .* found none; train one"):
        Registry.of(mine).current_champion()
    trained(mine)
    trained(mine)
    assert (champion(demo), champion(mine)) == ("1", "2")
    moved = shutil.copytree(demo, tmp_path / "moved")
    assert champion(str(moved)) == "1"


def test_the_model_of_before_goes_to_the_first_warehouse_that_has_its_segments(
    mlflow: MlflowClient, tmp_path: Path
) -> None:
    demo, mine = str(tmp_path / "demo"), str(tmp_path / "mine")
    trained(demo)  # neither has an id yet: one model for all
    trained(demo)
    assert champion(demo) == "2"
    assert champion(mine) is None  # the champion's segments are not here
    segments(mine, "2", DS + datetime.timedelta(days=1))  # those of another registry's version 2
    assert champion(mine) is None
    for folder, name in ((mine, "b2"), (demo, "a2")):
        identified(Path(folder), name)
    assert champion(mine) is None
    assert champion(demo) == "2"
    assert Registry.of(demo).champion().tags["previous"] == "1"
    assert mlflow.search_model_versions("name = 'huaxiang-behaviour'") == []
    assert "version 1 is the champion again" in Registry.of(demo).rollback("")
    assert champion(demo) == "1"
    assert str(trained(demo).version) == "3"


def test_an_emptied_registry_has_no_champion_and_gives_no_number_twice(mlflow: MlflowClient, tmp_path: Path) -> None:
    shop = identified(tmp_path, "a3")
    for version in ("9", "10"):
        segments(shop, version)
    assert champion(shop) is None
    assert Registry.of(shop).version("10") is None
    assert str(trained(shop).version) == "11"
    assert Registry.of(shop).champion().tags["previous"] == ""
    assert Registry.of(shop).version("10") is None
    with pytest.raises(UsageError, match="expected version 10 of huaxiang-behaviour-a3"):
        Registry.of(shop).rollback("10")


def test_two_copies_in_use_keep_their_own_champions(mlflow: MlflowClient, tmp_path: Path) -> None:
    first = identified(tmp_path / "first", "a4")
    trained(first)
    second = str(shutil.copytree(first, tmp_path / "second"))
    trained(second)
    assert (champion(first), champion(second)) == ("1", "2")
    with pytest.raises(UsageError, match="expected version 2"):
        Registry.of(first).rollback("2")
