"""sequences: silver.events -> gold.user_sequences, a user's last 256 events as of ds.

A night reads yesterday's sequences and the new and late events, never the whole history; the result is the same.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.features import nights
from jobs.lake import deliveries, delta, touched, turns
from jobs.lake.engine import frames
from jobs.settings import Settings
from jobs.tables import RESTATED, SEQUENCE_LENGTH, SILVER_EVENTS, SILVER_USERS, USER_SEQUENCES

# At most 256 events each; files of many users in a few row groups, of which each training rank reads its own.
USERS_A_FILE = 50_000

# Sorted in this order: the shop's day first, so that what a day knew comes before what it did not, also of who buys at
# shops in several zones; then time, and the id as a tie-break that no run can change.
_ARRAYS = {
    "event_days": "day", "event_times": "time", "event_ids": "event_id", "event_types": "event_type",
    "product_ids": "product_id", "categories": "category", "price_buckets": "price_bucket", "event_hours": "hour",
}  # fmt: skip


# Of silver.events, what a sequence is made of.
READS = ("user_id", "ds", "event_time", "event_id", "event_type", "product_id", "category", "price", "local_hour")


def as_steps(events: DataFrame) -> DataFrame:
    """One row an event of silver.events: user_id and `step`, what the sequence keeps of it."""
    bucket = F.least(F.lit(63), 1 + F.floor(2 * F.log2(1 + F.col("price").cast("double")))).cast("int")
    return events.select(
        "user_id",
        F.struct(
            F.unix_date("ds").alias("day"),
            F.unix_timestamp("event_time").alias("time"),
            "event_id",
            "event_type",
            F.coalesce("product_id", F.lit("")).alias("product_id"),
            F.coalesce("category", F.lit("")).alias("category"),
            F.coalesce(F.when(F.col("price") > 0, bucket), F.lit(0)).alias("price_bucket"),
            F.col("local_hour").alias("hour"),
        ).alias("step"),
    )


def unpack(sequences: DataFrame) -> DataFrame:
    """The steps of stored sequences: the reverse of `build`."""
    step = F.struct(*[F.col(f"zipped.{column}").alias(name) for column, name in _ARRAYS.items()])
    zipped = F.explode(F.arrays_zip(*_ARRAYS)).alias("zipped")
    return sequences.select("user_id", zipped).select("user_id", step.alias("step"))


def with_days(stored: DataFrame) -> DataFrame:
    """Stored sequences with their days and hours, which those of before the columns were there lack: UTC's stand in."""
    day = F.transform("event_times", lambda time: F.floor(time / 86_400).cast("int"))
    hour = F.transform("event_times", lambda time: F.floor(F.pmod(time, F.lit(86_400)) / 3_600).cast("int"))
    known = F.col("event_hours") if "event_hours" in stored.columns else F.lit(None).cast("array<int>")
    return stored.withColumns({"event_days": F.coalesce("event_days", day), "event_hours": F.coalesce(known, hour)})


def build(steps: DataFrame, length: int = SEQUENCE_LENGTH) -> DataFrame:
    """One row a user: equal-length arrays of the last `length` steps, oldest first."""
    steps = steps.groupBy("user_id").agg(F.array_sort(F.collect_list("step")).alias("steps"))
    last = F.slice("steps", -length, length)
    packed = steps.withColumn("steps", F.when(F.size("steps") > length, last).otherwise(F.col("steps")))
    arrays = [F.col(f"steps.{name}").alias(column) for column, name in _ARRAYS.items()]
    newest = F.date_from_unix_date(F.get("steps", F.size("steps") - 1)["day"])
    return packed.select("user_id", F.size("steps").alias("length"), newest.alias("last_event_ds"), *arrays)


def merge(
    stored: DataFrame, fresh: DataFrame, restated: DataFrame | None = None, length: int = SEQUENCE_LENGTH
) -> DataFrame:
    """One row a user: `stored` sequences with the `fresh` events (rows of silver.events) put in.

    A fresh event replaces the stored one of the same id; of a day that was made anew (`restated`: user_id, ds), only
    the fresh events stand.
    """
    kept = unpack(stored).join(fresh.select("event_id"), F.col("step.event_id") == F.col("event_id"), "left_anti")
    if restated is not None:
        known = F.broadcast(restated)
        kept = (
            kept.withColumn("ds", F.date_from_unix_date("step.day"))
            .join(known, ["user_id", "ds"], "left_anti")
            .select("user_id", "step")
        )
    return build(kept.unionByName(as_steps(fresh)), length)


def extended(stored: DataFrame, later: DataFrame, length: int = SEQUENCE_LENGTH) -> DataFrame:
    """One row a user: `stored` sequences with the `later` ones behind, whose days all come after. Nothing is sorted: a
    night does this to everybody's.
    """
    named = [F.col(name).alias(f"later_{name}") for name in ("length", "last_event_ds", *_ARRAYS)]
    # One join for new users too: a union of joins of many rows, written in few files, hangs on Sail.
    known = stored.join(later.select("user_id", *named), "user_id", "full")
    both = F.coalesce("length", F.lit(0)) + F.coalesce("later_length", F.lit(0))
    start = F.greatest(both - length, F.lit(0)) + 1

    def joined(name: str) -> Column:
        nothing = F.array().cast(stored.schema[name].dataType)
        parts = (F.coalesce(F.col(part), nothing) for part in (name, f"later_{name}"))
        return F.slice(F.concat(*parts), start, length)

    return known.select(
        "user_id", F.least(both, F.lit(length)).alias("length"),
        F.coalesce("later_last_event_ds", "last_event_ds").alias("last_event_ds"),
        *[joined(name).alias(name) for name in _ARRAYS],
    )  # fmt: skip


def shortened(stored: DataFrame, merged: DataFrame, length: int = SEQUENCE_LENGTH) -> DataFrame:
    """user_id of those whose sequence was full and lost events that were taken back: older ones must come in again."""
    full = stored.where(F.col("length") == length).select("user_id")
    return full.join(merged.where(F.col("length") == length), "user_id", "left_anti")


def base_day(spark: SparkSession, s: Settings) -> date | None:
    """The newest day before ds with stored sequences; None where the history must be read (also in a history load)."""
    if s.since != s.ds or not delta.exists(s.warehouse, USER_SEQUENCES):
        return None
    stored = delta.read(spark, s.warehouse, USER_SEQUENCES).where(f"ds < DATE'{s.ds}'")
    return stored.agg(F.max("ds")).first()[0]


def _restated(spark: SparkSession, s: Settings, events: DataFrame, base: date) -> DataFrame:
    """One row a user's day that changed after the sequences of `base` were made, by whatever night: user_id, ds."""
    unknown = f"landed_ds > DATE'{base}' OR (known_ds > landed_ds AND known_ds >= DATE'{base}')"
    rows = delta.read_or_empty(spark, s.warehouse, RESTATED).where(f"ds <= DATE'{base}' AND ({unknown})")
    # A file of a day changes the usual prices of it, by which those of all its lines are drawn in.
    whole = events.where(delta.ds_list(deliveries.days_after(s, "events", base)))
    return rows.select("user_id", "ds").unionByName(whole.select("user_id", "ds")).distinct()


def _by_merge(spark: SparkSession, s: Settings, events: DataFrame, base: date) -> tuple[DataFrame, list[DataFrame]]:
    """The sequences as of ds, and the frames that they are made of, kept until those are written.

    Only those of users with a day that was made anew are taken apart.
    """
    stored = with_days(delta.read(spark, s.warehouse, USER_SEQUENCES).where(f"ds = DATE'{base}'"))
    fresh = events.where(f"ds > DATE'{base}'").select(*READS)
    restated = frames.kept(_restated(spark, s, events, base))
    days = [row["ds"] for row in restated.select("ds").distinct().collect()]
    if not days:
        return extended(stored, later := frames.kept(build(as_steps(fresh)))), [restated, later]
    part = touched.parts(restated)
    (of_late, of_others), (_, same) = part(fresh), part(stored)
    before = touched.of_users(spark, s, USER_SEQUENCES, restated, f"ds = DATE'{base}'")
    again = touched.of_users(spark, s, SILVER_EVENTS, restated, delta.ds_list(days))
    again = again.join(F.broadcast(restated), ["user_id", "ds"], "left_semi")
    # Few rows, and asked for often.
    news, before = frames.kept(of_late.unionByName(again.select(*READS))), frames.kept(with_days(before))
    merged, later = frames.kept(merge(before, news, restated)), frames.kept(build(as_steps(of_others)))
    kept = [restated, news, before, merged, later]
    short = [row["user_id"] for row in shortened(before, merged).collect()]
    if short:
        whole = build(as_steps(events.where(F.col("user_id").isin(short))))
        merged = merged.where(~F.col("user_id").isin(short)).unionByName(whole)
    return extended(same, later.unionByName(merged)), kept


@turns.one_at_a_time("sequences")
def run(spark: SparkSession, s: Settings) -> str:
    """Write the sequences as of ds, and anew those of later nights that were made without what it loaded."""
    said = _put(spark, s)
    for night in (later := nights.without(s, USER_SEQUENCES)):
        _put(spark, replace(s, ds=night, since=night))
    return said + nights.in_words(later)


def _put(spark: SparkSession, s: Settings) -> str:
    events = delta.read(spark, s.warehouse, SILVER_EVENTS).where(f"ds <= DATE'{s.ds}'")
    base = base_day(spark, s)
    frame, kept = (build(as_steps(events)), []) if base is None else _by_merge(spark, s, events, base)
    frame = frame.withColumns({"ds": F.lit(s.ds), "run_id": F.lit(s.run_id)})
    frame = delta.in_files(frame, delta.count(s.warehouse, SILVER_USERS), USERS_A_FILE)
    delta.replace_where(frame, s.warehouse, USER_SEQUENCES, f"ds = DATE'{s.ds}'")
    frames.free(*kept)
    count = delta.count(s.warehouse, USER_SEQUENCES, f"ds = DATE'{s.ds}'")
    return f"{count:,} users, " + (f"from those of {base} and newer events" if base else "from the whole history")
