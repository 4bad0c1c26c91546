"""The MLflow run of a snapshot, in the experiment of its warehouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml.common.runs import Run
from tests.ml.common.test_registry import identified


def test_a_training_goes_on_in_its_run_and_begins_a_new_one_where_mlflow_was_emptied(
    tracking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    shop = identified(tmp_path / "shop", "r1")
    run = Run.start(tmp_path, shop, {"ds": "2024-03-01"})
    assert Run.start(tmp_path, shop, {"ds": "2024-03-01"}).run_id == run.run_id
    found = run.mlflow.get_experiment(run.mlflow.get_run(run.run_id).info.experiment_id)
    assert found.name == "huaxiang-behaviour-r1"

    (tmp_path / "run.json").write_text('{"run_id": "0123456789abcdef0123456789abcdef"}')
    new = Run.start(tmp_path, shop, {"ds": "2024-03-01"})
    assert Run.of(tmp_path).run_id == new.run_id != run.run_id
