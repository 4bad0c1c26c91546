"""Late and corrected records: whose days a night must make anew beside its own, and how much came how late."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs import clock
from jobs.collect import dedupe
from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import BRONZE_EVENTS, LATENESS, RESTATED


def other_days(loaded: DataFrame, s: Settings) -> DataFrame:
    """One row a (user, day) that records delivered in since..ds brought for days outside of them."""
    inside = f"{delta.ds_range(s.since, s.ds, 'landed_ds')} AND NOT ({delta.ds_range(s.since, s.ds)})"
    return loaded.where(inside).select("source_file", "landed_ds", "user_id", "ds").distinct()


def exchanged(before: DataFrame, loaded: DataFrame, s: Settings) -> DataFrame:
    """One row a (user, day), outside since..ds, of events that a file which is loaded anew no longer has, has from an
    earlier night on, or has otherwise.

    `before` are their rows in bronze with their `content`, `loaded` the rows that take their place.
    """
    same = ["event_id", "ds", "landed_ds", "content"]
    old = before.where(f"NOT ({delta.ds_range(s.since, s.ds)})").select("source_file", "user_id", *same)
    new = loaded.withColumn("content", dedupe.content_hash()).select(*old.columns)
    came_back = new.where(f"NOT ({delta.ds_range(s.since, s.ds)}) AND landed_ds < DATE'{s.since}'")
    both = old.join(new, same, "left_anti").unionByName(came_back.join(old, same, "left_anti"))
    return both.select("source_file", F.lit(s.since).alias("landed_ds"), "user_id", "ds").distinct()


def note_restated(changes: DataFrame, s: Settings) -> None:
    """Add the users' days that a load changes outside since..ds to ops.restated, before it changes them.

    None is ever taken out: a load that was killed finds in bronze what it wrote, and no more what stood there before.
    """
    frame = changes.withColumn("source", F.lit(s.source)).distinct()
    if delta.exists(s.warehouse, RESTATED):
        known = delta.read(changes.sparkSession, s.warehouse, RESTATED).where(f"source = '{s.source}'")
        frame = frame.join(known, list(RESTATED.keys), "left_anti")
    delta.append(frame, s.warehouse, RESTATED)


def by_day(events: DataFrame, zone: str) -> DataFrame:
    """One row a (source, landed_ds, ds) of events of a shop in `zone` that were delivered after their day, less the
    run's stamp.
    """
    delivered = clock.midnight(F.col("landed_ds"), zone)
    hours = (F.unix_timestamp(delivered) - F.unix_timestamp("event_time")) / 3600.0
    return (
        events.where("ds < landed_ds")
        .groupBy("source", "landed_ds", "ds")
        .agg(
            F.count("*").alias("events"),
            F.count_distinct("user_id").alias("users"),
            F.min(hours).alias("least_hours"),
            F.max(hours).alias("most_hours"),
        )
        .withColumn("days_late", F.date_diff("landed_ds", "ds"))
    )


def note_lateness(
    spark: SparkSession, s: Settings, zone: str, other: Iterable[date] = (), replaced: DataFrame | None = None
) -> None:
    """Write how late the records delivered in since..ds and on `other` days came, from all that bronze holds of them,
    to ops.lateness; the shop is in `zone`. `replaced` rows of bronze, which are about to go, do not count.
    """
    days = f"({delta.ds_range(s.since, s.ds, 'landed_ds')} OR {delta.ds_list(list(other), 'landed_ds')})"
    slice_ = f"source = '{s.source}' AND {days}"
    events = delta.read(spark, s.warehouse, BRONZE_EVENTS).where(slice_)
    if replaced is not None:
        events = events.join(replaced, ["event_id", "ds", "landed_ds", "source_file"], "left_anti")
    frame = by_day(events, zone)
    delta.replace_where(frame.withColumn("run_id", F.lit(s.run_id)).coalesce(1), s.warehouse, LATENESS, slice_)
