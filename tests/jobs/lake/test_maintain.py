"""maintain: files and versions go, rows and what readers are told do not."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import functions as F

from jobs.errors import UsageError
from jobs.lake import delta, maintain, sql, upkeep
from jobs.tables import RUNS, SILVER_EVENTS, USER_SEGMENTS
from tests.jobs.kills import Killed

FIRST = date(2024, 3, 1)
NIGHTS = [FIRST + timedelta(days=n) for n in range(4)]


def _events(spark, ds: date, users: int):
    row = dict.fromkeys(SILVER_EVENTS.column_names)
    return spark.createDataFrame(
        [row | {"event_id": f"{ds}-{n}", "user_id": f"u{n}", "ds": ds} for n in range(users)], SILVER_EVENTS.ddl
    )


def _segments(ds: date, segment: int) -> dict:
    return dict.fromkeys(USER_SEGMENTS.column_names) | {
        "user_id": "u1", "ds": ds, "segment_id": segment, "run_id": "r", "reasons": []
    }  # fmt: skip


@pytest.fixture(scope="module")
def kept(spark, tmp_path_factory):
    """A warehouse of four nights of events, of which some rows were taken out, and of a publish that was killed; the
    rows, the versions that the manifest names, and what maintain said when it kept a day and then nothing.
    """
    home = str(tmp_path_factory.mktemp("maintain"))
    for ds in NIGHTS:
        delta.replace_where(_events(spark, ds, 50).coalesce(1), home, SILVER_EVENTS, f"ds = DATE'{ds}'")
    whole = delta.version(home, SILVER_EVENTS) - 1
    few = f"ds = DATE'{FIRST}' AND user_id IN ('u1', 'u2', 'u3', 'u4')"
    delta.replace_where(_events(spark, FIRST, 0), home, SILVER_EVENTS, few)
    delta.replace_rows([_segments(FIRST, 1)], home, USER_SEGMENTS, f"ds = '{FIRST}'")
    named = {table.full_name: delta.version(home, table) for table in (SILVER_EVENTS, USER_SEGMENTS)}
    run = dict.fromkeys(RUNS.column_names) | {
        "run_id": "r", "ds": FIRST, "published_at": datetime.now(UTC), "table_versions": list(named.items()),
        "definitions": [],
    }  # fmt: skip
    delta.replace_rows([run], home, RUNS, "true")
    delta.replace_rows([_segments(FIRST, 2)], home, USER_SEGMENTS, f"ds = '{FIRST}'")  # killed before it was named
    before = _rows(spark, home)
    files = upkeep.file_count(home, SILVER_EVENTS)
    shutil.copytree(home, f"{home}-killed")
    said = maintain.run(spark, home, 1)
    old = spark.read.format("delta").option("versionAsOf", whole).load(SILVER_EVENTS.path(home)).count()
    return home, before, named, files, said, old


def _rows(spark, home: str) -> list:
    return sorted(delta.read(spark, home, SILVER_EVENTS).select("event_id", "user_id", "ds").collect())


def test_small_files_become_one_and_no_row_changes(spark, kept):
    home, before, _, files, said, _ = kept
    assert len(before) == 4 * 50 - 4
    assert files == 4
    assert upkeep.file_count(home, SILVER_EVENTS) == 1
    assert _rows(spark, home) == before
    # Nothing is marked any more, and whoever reads without Spark sees the same.
    files = DeltaTable(SILVER_EVENTS.path(home)).file_uris()
    assert sum(pq.read_metadata(file).num_rows for file in files) == len(before)
    assert sql.run("SELECT count(*) AS n FROM silver.events", home, "csv") == f"n\n{len(before)}"
    line = next(line for line in said.splitlines() if SILVER_EVENTS.full_name in line)
    assert [cell.strip() for cell in line.split("│")][1:4] == [SILVER_EVENTS.full_name, "4", "1"]


def test_versions_of_the_days_that_are_kept_can_be_read(kept):
    assert kept[-1] == 3 * 50


@pytest.mark.parametrize("step", ["compact", "vacuum"])
def test_it_may_be_killed_behind_any_step_and_run_again(spark, kept, monkeypatch, step):
    home, before, *_ = kept
    home, real = f"{home}-killed", getattr(upkeep, step)

    def last(*arguments):
        real(*arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(upkeep, step, last)
        with pytest.raises(Killed):
            maintain.run(spark, home, 1)
    assert _rows(spark, home) == before
    maintain.run(spark, home, 1)
    assert _rows(spark, home) == before
    assert upkeep.file_count(home, SILVER_EVENTS) == 1


def test_what_a_killed_publish_left_is_not_swept_from_under_its_readers(spark, kept, capsys):
    home, before, named, _, _, _ = kept
    maintain.run(spark, home, 0)
    assert f"warning: {USER_SEGMENTS.full_name} is left as it is" in capsys.readouterr().out
    assert sql.run("SELECT segment_id FROM gold.user_segments", home, "csv") == "segment_id\n1"
    # Of events the versions before are gone now; the newest is whole.
    old = spark.read.format("delta").option("versionAsOf", 2).load(SILVER_EVENTS.path(home)).agg(F.max("event_id"))
    with pytest.raises(Exception, match=r"(?i)no such file|not found|does not exist|FAILED_READ_FILE"):
        old.collect()
    assert _rows(spark, home) == before
    assert delta.version(home, USER_SEGMENTS) > named[USER_SEGMENTS.full_name]


def test_a_second_time_there_is_nothing_to_do(spark, kept):
    home, before, _, _, _, _ = kept
    version = delta.version(home, SILVER_EVENTS)
    maintain.run(spark, home, 1)
    with_vacuum = [entry["operation"] for entry in DeltaTable(SILVER_EVENTS.path(home)).history(3)]
    assert "OPTIMIZE" not in with_vacuum[: delta.version(home, SILVER_EVENTS) - version]
    assert _rows(spark, home) == before


def test_more_days_than_the_log_tells_of_are_refused(spark, kept):
    with pytest.raises(UsageError, match="at most 30 days"):
        maintain.run(spark, kept[0], 31)
