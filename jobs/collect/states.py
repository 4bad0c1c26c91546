"""States of events that replace one another: those that bronze holds, and how they make way for one that counts."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.collect import counts, ledger
from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources.spec import Feed
from jobs.tables import BRONZE_EVENTS

COLUMNS = ("event_id", "ds", "user_id", "landed_ds", "source_file", "version")


def stored(spark: SparkSession, s: Settings, parsed: DataFrame, feed: Feed, slice_: str) -> DataFrame | None:
    """The rows of bronze.events that other deliveries brought, of the days of `parsed` and `version.days` around."""
    if not delta.exists(s.warehouse, BRONZE_EVENTS):
        return None
    good = parsed.where("reason IS NULL AND NOT ignored AND NOT outside")
    first, last = good.agg(F.min("ds"), F.max("ds")).first()
    if first is None:
        return None
    around = timedelta(days=feed.version.days)
    near = delta.ds_range(first - around, last + around)
    rows = delta.read(spark, s.warehouse, BRONZE_EVENTS).where(f"{near} AND source = '{s.source}' AND NOT ({slice_})")
    return rows.select(*COLUMNS)


def late_landings(replaced: DataFrame) -> list[date]:
    """The days on which replaced states came late."""
    return [row[0] for row in replaced.where("ds < landed_ds").select("landed_ds").distinct().collect()]


def take_back(replaced: DataFrame, s: Settings) -> None:
    """Delete the replaced states from bronze."""
    days = [row["ds"] for row in replaced.select("ds").distinct().collect()]
    if not days:
        return
    same = " AND ".join(f"t.{name} <=> s.{name}" for name in ("event_id", "ds", "landed_ds", "source_file", "version"))
    on = f"{delta.ds_list(days, 't.ds')} AND t.source = '{s.source}' AND {same}"
    delta.remove(s.warehouse, BRONZE_EVENTS, replaced.distinct(), on)


def by_file(replaced: DataFrame) -> list[dict]:
    """One row a file and day of delivery that replaced states came from: source_file, landed_ds, records, late, repeats
    (the files of the newer ones).
    """
    late = F.count_if(F.col("ds") < F.col("landed_ds")).alias("late")
    found = replaced.groupBy("source_file", "landed_ds").agg(
        F.count("*").alias("records"), late, counts.repeats().alias("repeats")
    )
    return [row.asDict() for row in found.collect()]


def count(replaced: DataFrame, s: Settings) -> None:
    """Count the replaced states, which bronze has still, as duplicates of the files that brought them in ops.loads."""
    if rows := by_file(replaced):
        names = delta.quoted({row["source_file"] for row in rows})
        events = delta.read(replaced.sparkSession, s.warehouse, BRONZE_EVENTS)
        held = events.where(f"source = '{s.source}' AND source_file IN ({names})").groupBy("source_file").count()
        ledger.replace(s, "events", rows, {row["source_file"]: row["count"] for row in held.collect()})
