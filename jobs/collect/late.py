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
from jobs.tables import BRONZE_EVENTS, LATENESS, RESTATED, SILVER_EVENTS, SILVER_PRODUCTS


def changed(loaded: DataFrame, before: DataFrame | None) -> DataFrame:
    """The events that come and go where the rows `loaded` take the place of `before`, rows of bronze with their
    `content`: what stays as it is changes no day. source_file, user_id, ds.
    """
    what = ("source_file", "user_id", "ds")
    if before is None:
        return loaded.select(*what)
    same, now = ["event_id", "ds", "landed_ds", "content"], loaded.withColumn("content", dedupe.content_hash())
    come, gone = now.join(before, same, "left_anti"), before.join(now, same, "left_anti")
    return come.select(*what).unionByName(gone.select(*what))


def restated(events: DataFrame, s: Settings, known: date) -> DataFrame:
    """One row a (user, day) of `events` that night ds changes, which later nights or other days have to know of:
    rows of ops.restated, less the source. `known`: the last day that was delivered.
    """
    others = events if known > s.ds else events.where(f"NOT ({delta.ds_range(s.since, s.ds)})")
    night = {"landed_ds": F.lit(s.ds), "known_ds": F.lit(max(known, s.ds))}
    return others.withColumns(night).select("source_file", *night, "user_id", "ds").distinct()


def sold_without(records: DataFrame, s: Settings, first: date) -> DataFrame | None:
    """The users' days since the delivery of product `records`, none of which is older than `first`, that were made
    before it, with no newer record of the product; None where no such day was made.
    """
    days = delta.rows(s.warehouse, SILVER_EVENTS, f"ds >= '{first}'", "max(ds) AS last")
    if not days or days[0]["last"] is None:
        return None
    spark = records.sparkSession
    known = delta.read_or_empty(spark, s.warehouse, SILVER_PRODUCTS).select("product_id", "record_landed_ds")
    new = records.select(F.col("id").alias("product_id"), "landed_ds", "source_file").join(known, "product_id", "left")
    new = new.where("record_landed_ds IS NULL OR record_landed_ds < landed_ds").drop("record_landed_ds")
    events = delta.read(spark, s.warehouse, SILVER_EVENTS).where(f"ds >= DATE'{first}'")
    sold = events.select("product_id", "user_id", "ds").join(F.broadcast(new), "product_id").where("ds >= landed_ds")
    return restated(sold, s, days[0]["last"])


def note_restated(changes: DataFrame, s: Settings) -> None:
    """Add the users' days that a load changes to ops.restated, before it changes them.

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
