"""States of events that replace one another, where a feed has a `version`: those that bronze holds, on whatever day,
and how they make way for newer ones.
"""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.collect import late, ledger
from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources.spec import Feed
from jobs.tables import BRONZE_EVENTS


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
    return rows.select("event_id", "ds", "user_id", "landed_ds", "source_file", "version")


def note(replaced: DataFrame, s: Settings) -> None:
    """The users' days outside since..ds that lose a state, to ops.restated. Under the name of the file that brought it,
    so that a load which is killed and run again leaves them there.
    """
    days = replaced.where(f"NOT ({delta.ds_range(s.since, s.ds)})")
    days = days.select("source_file", F.lit(s.since).alias("landed_ds"), "user_id", "ds").distinct()
    if not days.isEmpty():
        late.add_restated(days, s)


def take_back(replaced: DataFrame, s: Settings) -> None:
    """Delete the replaced states from bronze."""
    days = [row["ds"] for row in replaced.select("ds").distinct().collect()]
    if not days:
        return
    same = " AND ".join(f"t.{name} <=> s.{name}" for name in ("event_id", "ds", "landed_ds", "source_file", "version"))
    on = f"{delta.ds_list(days, 't.ds')} AND t.source = '{s.source}' AND {same}"
    delta.remove(s.warehouse, BRONZE_EVENTS, replaced.distinct(), on)


def count(replaced: DataFrame, s: Settings) -> None:
    """Count the replaced states in ops.loads as duplicates of the files that brought them."""
    late_ = F.count_if(F.col("ds") < F.col("landed_ds"))
    for row in replaced.groupBy("source_file", "landed_ds").agg(F.count("*").alias("n"), late_.alias("late")).collect():
        ledger.replace(s, "events", row["source_file"], row["landed_ds"], row["n"], row["late"])
