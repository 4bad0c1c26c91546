"""features: silver.events -> gold.user_daily (affected days) -> gold.user_features (as of ds)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.errors import DataError
from jobs.features import daily as user_daily
from jobs.features import expressions, nights, windows
from jobs.lake import delta, touched, turns
from jobs.lake.engine import frames
from jobs.settings import Settings
from jobs.tables import SILVER_EVENTS, SILVER_USERS, USER_DAILY, USER_FEATURES
from jobs.tables.feature_list import FEATURES

USERS_A_FILE = 100_000


def build(daily: DataFrame, users: DataFrame, ds: date) -> DataFrame:
    """One row a user first seen by ds, as of ds: rows of gold.user_features less the stamps. `daily` may hold any days,
    rows of gold.user_daily; `users` are rows of silver.users.
    """
    values = expressions.by_name(ds)
    columns = [values[feature.name].cast(feature.type).alias(feature.name) for feature in FEATURES]
    return windows.as_of(daily, users, ds).select("user_id", *columns)


def put_daily(spark: SparkSession, s: Settings) -> touched.Touched:
    """Make the touched days of user_daily anew; which they are."""
    scope = touched.touched(spark, s)
    events = delta.read(spark, s.warehouse, SILVER_EVENTS).select(*user_daily.READS)
    mine = scope.of(events)
    # Single users' rows are few, found among six weeks of them, and asked for often; a history is cheap to read again.
    kept = frames.kept(mine) if len(scope.others) > len(scope.whole) else None
    daily = user_daily.build(mine if kept is None else kept, user_daily.mean_prices(events.where(scope.where)))
    daily = daily.repartition("week").withColumn("run_id", F.lit(s.run_id))  # else each task writes a file a week
    touched.put(daily, spark, s, USER_DAILY, scope)
    frames.free(kept)
    return scope


def put_features(spark: SparkSession, s: Settings) -> int:
    """Write the features as of ds; of how many users."""
    users = delta.read(spark, s.warehouse, SILVER_USERS)
    stamp = {"run_id": F.lit(s.run_id), "ds": F.lit(s.ds)}
    frame = build(delta.read(spark, s.warehouse, USER_DAILY), users, s.ds).withColumns(stamp)
    frame = delta.in_files(frame, delta.count(s.warehouse, SILVER_USERS), USERS_A_FILE)
    delta.replace_where(frame, s.warehouse, USER_FEATURES, f"ds = DATE'{s.ds}'")
    return delta.count(s.warehouse, USER_FEATURES, f"ds = DATE'{s.ds}'")


@turns.one_at_a_time("features")
def run(spark: SparkSession, s: Settings) -> str:
    """Make the touched days of user_daily anew, then the features as of ds, and those of later nights that were made
    without what it loaded.
    """
    scope, count = put_daily(spark, s), put_features(spark, s)
    if not count:
        raise DataError(f"expected users first seen by {s.ds}, found none; was a day before {s.ds} ever loaded?")
    for night in (later := nights.without(s, USER_FEATURES)):
        put_features(spark, replace(s, ds=night, since=night))
    return f"{len(scope.days)} days of user_daily, {count:,} users" + nights.in_words(later)
