"""sequences: silver.events -> gold.user_sequences, a user's last 256 events as of ds.

A night reads yesterday's sequences and the new and late events, never the whole history; the result is the same.
"""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs import io
from jobs.settings import Settings
from jobs.tables import SEQUENCE_LENGTH, SILVER_EVENTS, USER_SEQUENCES

# Sorted in this order: time first, then the id as a tie-break that no run can change.
_ARRAYS = {
    "event_times": "time", "event_ids": "event_id", "event_types": "event_type", "product_ids": "product_id",
    "categories": "category", "price_buckets": "price_bucket",
}  # fmt: skip


def as_steps(events: DataFrame) -> DataFrame:
    """One row an event of silver.events: user_id and `step`, what the sequence keeps of it."""
    bucket = F.least(F.lit(31), 1 + F.floor(2 * F.log2(1 + F.col("price").cast("double")))).cast("int")
    return events.select(
        "user_id",
        F.struct(
            F.unix_timestamp("event_time").alias("time"),
            "event_id",
            "event_type",
            F.coalesce("product_id", F.lit("")).alias("product_id"),
            F.coalesce("category", F.lit("")).alias("category"),
            F.coalesce(F.when(F.col("price") > 0, bucket), F.lit(0)).alias("price_bucket"),
        ).alias("step"),
    )


def unpack(sequences: DataFrame) -> DataFrame:
    """The steps of stored sequences: the reverse of `build`."""
    step = F.struct(*[F.col(f"zipped.{column}").alias(name) for column, name in _ARRAYS.items()])
    zipped = F.explode(F.arrays_zip(*_ARRAYS)).alias("zipped")
    return sequences.select("user_id", zipped).select("user_id", step.alias("step"))


def build(steps: DataFrame, length: int = SEQUENCE_LENGTH) -> DataFrame:
    """One row a user: equal-length arrays of the last `length` steps, oldest first."""
    steps = steps.groupBy("user_id").agg(F.array_sort(F.collect_list("step")).alias("steps"))
    last = F.slice("steps", -length, length)
    packed = steps.withColumn("steps", F.when(F.size("steps") > length, last).otherwise(F.col("steps")))
    arrays = [F.col(f"steps.{name}").alias(column) for column, name in _ARRAYS.items()]
    newest = F.to_date(F.timestamp_seconds(F.get("steps", F.size("steps") - 1)["time"]))
    return packed.select("user_id", F.size("steps").alias("length"), newest.alias("last_event_ds"), *arrays)


def merge(stored: DataFrame, fresh: DataFrame, length: int = SEQUENCE_LENGTH) -> DataFrame:
    """One row a user: `stored` sequences with the `fresh` events (rows of silver.events) put in.

    Only users with a fresh event are taken apart. A fresh event replaces the stored one of the same id.
    """
    touched = fresh.select("user_id").distinct()
    columns = ["user_id", "length", "last_event_ds", *_ARRAYS]
    same = stored.join(touched, "user_id", "left_anti").select(*columns)
    old = unpack(stored.join(touched, "user_id", "left_semi"))
    kept = old.join(fresh.select("event_id"), F.col("step.event_id") == F.col("event_id"), "left_anti")
    return same.unionByName(build(kept.unionByName(as_steps(fresh)), length).select(*columns))


def base_day(spark: SparkSession, s: Settings) -> date | None:
    """The newest day before ds with stored sequences; None where the history must be read (also in a history load)."""
    if s.since != s.ds or not io.exists(s.warehouse, USER_SEQUENCES):
        return None
    stored = io.read(spark, s.warehouse, USER_SEQUENCES).where(f"ds < DATE'{s.ds}'")
    return stored.agg(F.max("ds")).first()[0]


def run(spark: SparkSession, s: Settings) -> str:
    """Write the sequences as of ds."""
    events = io.read(spark, s.warehouse, SILVER_EVENTS).where(f"ds <= DATE'{s.ds}'")
    base = base_day(spark, s)
    if base is None:
        frame = build(as_steps(events))
    else:
        stored = io.read(spark, s.warehouse, USER_SEQUENCES).where(f"ds = DATE'{base}'")
        frame = merge(stored, events.where(f"ds > DATE'{base}' OR landed_ds > DATE'{base}'"))
    frame = frame.withColumns({"ds": F.lit(s.ds), "run_id": F.lit(s.run_id)})
    # A file of many users in a few row groups: each training rank reads its own.
    io.replace_where(frame.repartitionByRange(1, "user_id"), s.warehouse, USER_SEQUENCES, f"ds = DATE'{s.ds}'")
    count = io.read(spark, s.warehouse, USER_SEQUENCES).where(f"ds = DATE'{s.ds}'").count()
    return f"{count:,} users, " + (f"from those of {base} and newer events" if base else "from the whole history")
