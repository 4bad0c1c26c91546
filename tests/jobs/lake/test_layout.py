"""How a log lies on disk: what one late record costs."""

from __future__ import annotations

from datetime import date, timedelta

from deltalake import DeltaTable
from pyspark.sql import functions as F

from jobs.clean import sessions
from jobs.lake.engine import writes
from jobs.tables import SILVER_EVENTS


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
    history = history.select("event_id", "user_id", "ds", "session_id")
    writes.append(history, path, SILVER_EVENTS, {"delta.dataSkippingStatsColumns": "ds"})
    before = set(DeltaTable(path).file_uris())
    assert len(before) > 20

    late = first + timedelta(days=30)
    day = spark.createDataFrame([("new", "u1", late)], "event_id string, user_id string, ds date")
    writes.replace(day, path, SILVER_EVENTS, f"ds IN (DATE'{late}')", {})
    after = DeltaTable(path)
    assert len(before - set(after.file_uris())) <= len(before) / 5
    assert after.to_pyarrow_table(columns=["ds"]).num_rows == 139 * 2_000 + 1
