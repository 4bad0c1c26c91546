"""Which days a run touches: the days asked for, and the days of every late record that they brought."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import SparkSession

from jobs import io
from jobs.settings import Settings
from jobs.tables import BRONZE_EVENTS, SILVER_EVENTS


def between(since: date, ds: date) -> list[date]:
    """The days since..ds, both included."""
    return [since + timedelta(days=n) for n in range((ds - since).days + 1)]


def affected(spark: SparkSession, s: Settings) -> list[date]:
    """The event days that the deliveries of since..ds changed, sorted.

    Silver is asked too: a record that a corrected delivery no longer holds must leave the day that it went to.
    """
    landed, days = io.ds_range(s.since, s.ds, "landed_ds"), set(between(s.since, s.ds))
    for table in (BRONZE_EVENTS, SILVER_EVENTS):
        rows = io.read_or_empty(spark, s.warehouse, table).where(landed).select("ds").distinct().collect()
        days.update(row["ds"] for row in rows)
    return sorted(days)
