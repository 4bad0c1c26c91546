"""What became of the records of each day that a run of clean made anew: the rows of ops.cleaned.

Bronze is asked apart from the frames that silver is made of, and silver as it stands in its table.
"""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.lake import delta
from jobs.lake.engine import frames
from jobs.lake.touched import Touched
from jobs.settings import Settings
from jobs.tables import BRONZE_EVENTS, CLEANED, QUARANTINE, SILVER_EVENTS

_REFUSED = "kind = 'events' AND stage = 'clean'"
_NONE = {"in_bronze": 0, "in_silver": 0, "refused": 0}


def put(spark: SparkSession, s: Settings, scope: Touched, bronze: int | None) -> None:
    """Count the touched days and write what was found; `bronze` is the version of bronze.events that was cleaned."""
    stamp = {"night": s.ds, "run_id": s.run_id}
    rows = [{"ds": day, "users": None} | of_day for day, of_day in _of_days(s, scope.whole, bronze).items()]
    if scope.users is not None:
        rows += [{"ds": day} | of_day for day, of_day in _of_users(spark, s, scope, bronze).items()]
    delta.replace_rows([row | stamp for row in rows], s.warehouse, CLEANED, scope.where)


def _of_days(s: Settings, days: list[date], bronze: int | None) -> dict[date, dict[str, int]]:
    """The counts of everybody's records, by day."""
    found = {day: dict(_NONE) for day in days}
    where, by = f"{delta.ds_list(days)} GROUP BY ds", "ds, count(*) AS n"
    for name, rows in (
        ("in_bronze", delta.rows(s.warehouse, BRONZE_EVENTS, where, by, version=bronze)),
        ("in_silver", delta.rows(s.warehouse, SILVER_EVENTS, where, by)),
        ("refused", delta.rows(s.warehouse, QUARANTINE, f"{_REFUSED} AND {where}", by)),
    ):
        for row in rows:
            found[row["ds"]][name] = row["n"]
    return found


def _of_users(spark: SparkSession, s: Settings, scope: Touched, bronze: int | None) -> dict[date, dict[str, int]]:
    """The counts of the touched users' records, and how many `users` they are, by day of `scope.others`.

    Of the other users of such a day bronze may hold records whose own night is not cleaned yet.
    """
    days = delta.ds_list(scope.others)
    refused = delta.read(spark, s.warehouse, QUARANTINE).where(f"{_REFUSED} AND {days}")
    user = F.from_json("raw", "user_id string").getField("user_id").alias("user_id")
    asked = {
        "users": scope.users,
        "in_bronze": delta.read(spark, s.warehouse, BRONZE_EVENTS, bronze).where(days),
        "in_silver": delta.read(spark, s.warehouse, SILVER_EVENTS).where(days),
        "refused": refused.select(user, "ds"),
    }
    counted = frames.union([_counted(rows, scope.users, name) for name, rows in asked.items()])
    found = {day: {"users": 0} | _NONE for day in scope.others}
    for row in counted.collect():
        found[row["ds"]][row["what"]] = row["n"]
    return found


def _counted(rows: DataFrame, users: DataFrame, name: str) -> DataFrame:
    theirs = rows.select("user_id", "ds").join(F.broadcast(users), ["user_id", "ds"], "left_semi")
    return theirs.groupBy("ds").agg(F.count("*").alias("n")).withColumn("what", F.lit(name))
