"""Late and corrected records: whose days a night must make anew beside its own, and how much came how late."""

from __future__ import annotations

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


def taken_back(before: DataFrame, loaded: DataFrame, s: Settings) -> DataFrame:
    """One row a (user, day), outside since..ds, of a changed file's events that are gone or say something else.

    `before` are its rows in bronze with their `content`, `loaded` the rows that take their place.
    """
    now = loaded.select("event_id", "ds", dedupe.content_hash().alias("content"))
    gone = before.where(f"NOT ({delta.ds_range(s.since, s.ds)})").join(now, ["event_id", "ds", "content"], "left_anti")
    return gone.select("source_file", F.lit(s.since).alias("landed_ds"), "user_id", "ds").distinct()


def note_restated(changes: DataFrame, s: Settings, files: list[str]) -> None:
    """Write the users' days that the run's files change outside since..ds to ops.restated."""
    of_files = f"source = '{s.source}' AND source_file IN ({delta.quoted(files)})"
    frame = changes.distinct().withColumn("source", F.lit(s.source))
    delta.replace_where(frame, s.warehouse, RESTATED, f"{of_files} AND {delta.ds_range(s.since, s.ds, 'landed_ds')}")


def add_restated(changes: DataFrame, s: Settings) -> None:
    """The same for released records, which come beside what their files brought; a day named twice is one day."""
    delta.append(changes.withColumn("source", F.lit(s.source)), s.warehouse, RESTATED)


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


def note_lateness(spark: SparkSession, s: Settings, zone: str) -> None:
    """Write how late the records delivered in since..ds came, from all that bronze holds of them, to ops.lateness; the
    shop is in `zone`.
    """
    slice_ = f"source = '{s.source}' AND {delta.ds_range(s.since, s.ds, 'landed_ds')}"
    frame = by_day(delta.read(spark, s.warehouse, BRONZE_EVENTS).where(slice_), zone)
    delta.replace_where(frame.withColumn("run_id", F.lit(s.run_id)).coalesce(1), s.warehouse, LATENESS, slice_)
