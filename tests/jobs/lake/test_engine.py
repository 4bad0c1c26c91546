"""The door to the engines: which one is asked for, and what Sail cannot."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from jobs import __main__
from jobs.errors import EXIT_CRASH, UsageError
from jobs.lake import delta, engine
from jobs.lake.engine import frames, sail
from jobs.tables import BRONZE_USERS


def test_the_engine_is_chosen_by_name(monkeypatch):
    monkeypatch.delenv("HUAXIANG_ENGINE", raising=False)
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    assert engine.name() == "sail"
    monkeypatch.setenv("HUAXIANG_ENGINE", "spark")
    assert engine.name() == "spark"
    monkeypatch.setenv("HUAXIANG_ENGINE", "flink")
    with pytest.raises(UsageError, match="to be sail or spark, found 'flink'"):
        engine.name()


def test_what_spark_submit_started_is_spark(monkeypatch):
    monkeypatch.setenv("HUAXIANG_ENGINE", "sail")
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1234")
    assert not engine.is_sail()


@pytest.mark.parametrize(("text", "size"), [("3g", 3 << 30), ("800m", 800 << 20), ("2GB", 2 << 30), ("1024", 1024)])
def test_the_memory_is_a_size(monkeypatch, text, size):
    monkeypatch.setenv("HUAXIANG_DRIVER_MEMORY", text)
    assert sail.memory() == size


def test_a_memory_that_is_no_size_is_refused(monkeypatch):
    monkeypatch.setenv("HUAXIANG_DRIVER_MEMORY", "much")
    with pytest.raises(UsageError, match="such as 3g or 800m, found 'much'"):
        sail.memory()


def test_a_verb_that_lacks_memory_says_how_to_give_it_more(monkeypatch, capsys):
    def lacks_memory(given):
        raise RuntimeError("Resources exhausted: Failed to allocate additional 449.8 MB for ExternalSorter[0]")

    monkeypatch.setattr(__main__, "_spark_verb", lacks_memory)
    assert __main__.main(["features", "--ds", "2026-06-29"]) == EXIT_CRASH
    assert "HUAXIANG_DRIVER_MEMORY gives the engine more, such as 6g" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["in time", "a#b", "a?b", "a[1]b", "a{b}", "a*b", "大仓", "it's"])
def test_a_folder_of_any_name_holds_the_table_that_is_written_there(spark, tmp_path, name):
    warehouse = str(tmp_path / name)
    for day, number in ((date(2017, 1, 1), 2), (date(2017, 1, 2), 3), (date(2017, 1, 2), 1)):
        rows = [{"source": "s", "id": str(n), "landed_ds": day, "attributes": {"k": "v"}} for n in range(number)]
        frame = spark.createDataFrame(
            [dict.fromkeys(BRONZE_USERS.column_names) | row for row in rows], BRONZE_USERS.ddl
        )
        delta.replace_where(frame, warehouse, BRONZE_USERS, f"landed_ds = DATE'{day}'")
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
    assert delta.read(spark, warehouse, BRONZE_USERS).count() == 3
    assert delta.count(warehouse, BRONZE_USERS) == 3


@pytest.mark.parametrize("which", ["true", "false"])
def test_a_kept_frame_is_what_it_was(spark, which):
    """Also one without rows, which leaves no file behind."""
    columns = "text string, `a.b` map<string,string>, l array<struct<d: date>>, t timestamp, n decimal(30,4)"
    rows = [("x", {"k": None}, [(date(2017, 6, 1),)], datetime(2017, 6, 1, 12), Decimal("1.5")), (None,) * 5]
    frame = spark.createDataFrame(rows, columns).where(which)
    kept = frames.kept(frame)
    assert kept.schema == frame.schema
    assert kept.collect() == frame.collect()
    assert kept.unionByName(frame).count() == 2 * frame.count()
