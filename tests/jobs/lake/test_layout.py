"""How a log lies on disk: what one late record costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pyarrow.parquet as pq
from deltalake import DeltaTable
from pyspark.sql import functions as F

from jobs.clean import sessions
from jobs.lake import delta, touched
from jobs.lake.engine import writes
from jobs.settings import Settings
from jobs.tables import SILVER_EVENTS
from jobs.tables.contract import Column, Table


def test_a_late_record_writes_few_days_of_a_history_anew(spark, tmp_path, monkeypatch):
    """A history of 20 weeks in many files; one day of it is replaced."""
    monkeypatch.setattr(writes, "FILE", 1 << 17)
    path, first = str(tmp_path / "events"), date(2026, 1, 5)
    rows = spark.range(140 * 2_000).select(
        F.concat(F.lit("e"), F.col("id").cast("string")).alias("event_id"),
        F.concat(F.lit("u"), (F.col("id") % 977).cast("string")).alias("user_id"),
        F.date_add(F.lit(first), (F.col("id") % 140).cast("int")).alias("ds"),
        F.lit("view").alias("event_type"),
        F.lit(None).cast("string").alias("session_id"),
    )
    rows = rows.withColumns({"session_day": F.col("ds"), "event_time": F.col("ds").cast("timestamp")})
    history = sessions.sessionise(sessions.spread(rows, files=4, buckets=2))
    kept = [column for column in SILVER_EVENTS.columns if column.name in ("event_id", "user_id", "ds", "session_id")]
    log = replace(SILVER_EVENTS, columns=tuple(kept))
    writes.append(history, path, log, {"delta.dataSkippingStatsColumns": "ds"})
    before = set(DeltaTable(path).file_uris())
    assert len(before) > 20

    late = first + timedelta(days=30)
    day = spark.createDataFrame(
        [("new", "u1", late, "s")], "event_id string, user_id string, ds date, session_id string"
    )
    writes.replace(day, path, log, f"ds IN (DATE'{late}')", {})
    after = DeltaTable(path)
    assert len(before - set(after.file_uris())) <= len(before) / 5
    assert after.to_pyarrow_table(columns=["ds"]).num_rows == 139 * 2_000 + 1


def test_rows_that_late_records_leave_as_they_are_stay_in_their_files(spark, tmp_path):
    """One file a day: beside what comes new on the first, a row of the second changes, and a third one is a night's."""
    kinds = {"user_id": "string", "ds": "date", "n": "int", "items": "array<string>", "paid": "map<string,int>",
             "run_id": "string"}  # fmt: skip
    columns = tuple(Column(name, kind, "") for name, kind in kinds.items())
    table = Table("silver", "t", "a row", ("user_id", "ds", "n"), columns, "", "")
    first, second, third = (date(2026, 1, n) for n in (1, 2, 3))
    s = Settings(third, third, str(tmp_path), "shop", "", "night")
    path = table.path(s.warehouse)

    def row(user: str, ds: date, n: int, item: str | None = "p", run: str = "night") -> tuple:
        return user, ds, n, [item, None], {"x": n}, run

    stood = [row(user, ds, 1, run="before") for user in "ab" for ds in (first, second)]
    for ds in (first, second):
        rows = spark.createDataFrame([one for one in stood if one[1] == ds], table.ddl)
        delta.replace_where(rows.coalesce(1), s.warehouse, table, delta.ds_list([ds]))
    files = {ds: _files_of(path, ds) for ds in (first, second)}

    mine = [("a", first), ("a", second), ("c", second)]
    known = spark.createDataFrame(mine, "user_id string, ds date")
    named = sorted(one[0] for one in known.select(F.xxhash64("user_id", "ds")).collect())
    what = touched.Touched([third], [first, second], known, named, named)
    made = [row("a", first, 1), row("a", first, 2), row("a", second, 1, None), row("c", second, 1), row("d", third, 1)]
    expected = sorted([stood[0], *made[1:], *stood[2:]], key=repr)
    version = DeltaTable(path).version()
    for turn in (1, 2):
        written = touched.put(spark.createDataFrame(made, table.ddl), spark, s, table, what)
        assert sorted(map(tuple, written.collect()), key=repr) == sorted(made, key=repr)
        assert sorted(map(tuple, delta.read(spark, s.warehouse, table).collect()), key=repr) == expected
        assert DeltaTable(path).version() == version + turn
        assert files[first] <= _files_of(path, first)
        assert not files[second] & _files_of(path, second)


def _files_of(path: str, ds: date) -> set[str]:
    """The files of a table that hold rows of a day."""
    opened = DeltaTable(path)
    return {uri for uri in opened.file_uris() if ds in pq.read_table(uri, columns=["ds"])["ds"].to_pylist()}
