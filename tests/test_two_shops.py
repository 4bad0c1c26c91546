"""Two shops beside each other: a warehouse each, one folder of trainings, one MLflow; as `make run` stands them up."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

import pytest
import yaml

from jobs.lake import delta, identity
from jobs.settings import Settings
from jobs.sources import spec
from jobs.tables import PREDICTIONS, SILVER_USERS, USER_EMBEDDINGS, USER_FEATURES, USER_SEGMENTS
from local import demo
from ml.common.registry import Registry
from tests.engines import shop
from tests.whole_night import night

ROOT = Path(__file__).resolve().parents[1]
DEMO_SINCE, DEMO_NIGHT = datetime.date(2017, 3, 1), datetime.date(2017, 3, 20)


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped settings with as many segments as a dozen of users bear."""
    folder = tmp_path_factory.mktemp("settings") / "conf"
    shutil.copytree(ROOT / "conf", folder)
    path = folder / "segments.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"k": {"min": 2, "max": 3}}), encoding="utf-8")
    shop.declare(folder / "sources", 0)
    return folder


def users(s: Settings) -> tuple[set[str], list[set[str]], set[str]]:
    """Users of the night with features; those with a vector, a prediction, a segment; and who refuse to have them."""
    tonight, refuse = f"ds = '{s.ds}'", "NOT coalesce(profiling_consent, marketing_consent, true)"
    profiled = [(table, tonight) for table in (USER_EMBEDDINGS, PREDICTIONS, USER_SEGMENTS.staged())]
    known, *seen, refusing = (
        {row["user_id"] for row in delta.rows(s.warehouse, table, where, "user_id")}
        for table, where in ((USER_FEATURES, tonight), *profiled, (SILVER_USERS, refuse))
    )
    return known, seen, refusing


def test_a_second_shop_in_the_same_folder_trains_its_own_model_and_the_first_goes_on(
    spark, tmp_path: Path, conf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("HUAXIANG_PII_KEY", "the key of two made-up shops")
    monkeypatch.setattr(spec.load, "__defaults__", (conf / "sources",))
    demo.land(tmp_path / "landing", str(DEMO_SINCE), str(DEMO_NIGHT + datetime.timedelta(days=1)), 40, quiet=True)
    shop.land(tmp_path / "logs")
    first = Settings(
        DEMO_NIGHT, DEMO_SINCE, str(tmp_path / "warehouse"), "complete_journey", str(tmp_path / "landing"), "r1"
    )
    second = Settings(
        shop.day(shop.HISTORY), shop.FIRST, str(tmp_path / "mine"), "corner", str(tmp_path / "logs" / "6"), "r2"
    )
    next_night = DEMO_NIGHT + datetime.timedelta(days=1)
    third = Settings(next_night, next_night, first.warehouse, first.source, first.landing, "r3")

    for s in (first, second):
        night(spark, s, conf, tmp_path)
        assert "is the champion now: there is no champion yet" in capsys.readouterr().out
    night(spark, third, conf, tmp_path)
    said = capsys.readouterr().out
    assert "is the champion now" not in said
    assert f"huaxiang-behaviour-{identity.warehouse_id(first.warehouse)} version 1" in said
    for s in (first, second, third):
        known, seen, refusing = users(s)
        assert seen == [known - refusing] * 3
        assert len(known - refusing) > 5
    runs = {Registry.of(s.warehouse).current_champion().run_id for s in (first, second, third)}
    assert len(runs) == 2
