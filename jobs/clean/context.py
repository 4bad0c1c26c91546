"""Which rows of bronze a run looks at: those of the touched days, and of the day before where a session runs on."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.lake import delta, touched
from jobs.lake.touched import Touched


def _and_eves(days: list[date]) -> list[date]:
    """The days and the day before each, in order."""
    return sorted({*days, *(day - touched.ONE for day in days)})


def single_days(scope: Touched) -> list[date]:
    """The days of which single users' rows are near alone."""
    return sorted({*_and_eves(scope.others)} - {*_and_eves(scope.whole)})


def near(bronze: DataFrame, scope: Touched, singles: DataFrame | None = None) -> DataFrame:
    """The rows that `with_context` chooses from: whole days and the days before them, and of other days those of the
    touched users and of the day before. By one look-up of a number a row, before anything is asked of it. `singles` are
    the touched users' rows of `single_days`, where they were looked for already.
    """
    rows = bronze.where(delta.ds_list(_and_eves(scope.days)))
    if scope.users is None:
        return rows
    whole = delta.ds_list(_and_eves(scope.whole))
    if scope.named is not None:
        named = f"xxhash64(user_id, ds) IN ({', '.join(map(str, sorted({*scope.named, *scope.eves})))})"
        if singles is not None:
            return rows.where(whole).unionByName(singles.where(named))
        return rows.where(f"{whole} OR {named}")
    both = scope.users.unionByName(scope.users.withColumn("ds", F.date_sub("ds", 1)))
    names = both.select(F.xxhash64("user_id", "ds").alias("name"), F.lit(True).alias("near")).distinct()
    named = rows.withColumn("name", F.xxhash64("user_id", "ds")).join(F.broadcast(names), "name", "left")
    return named.where(F.expr(whole) | F.col("near")).drop("name", "near")


def with_context(bronze: DataFrame, scope: Touched) -> DataFrame:
    """The rows of `bronze` (with session_day and reaches_on) that are touched, `target`, and those of the day before
    whose session day reaches into a touched one: without them a session that runs past midnight would be cut.
    """
    whole, reaches_on = F.expr(delta.ds_list(scope.whole)), F.col("reaches_on")
    rows = bronze.where(delta.ds_list(_and_eves(scope.days)))
    up_late = _up_late(rows, scope.whole)
    if scope.users is None:
        before = rows.where(~whole & reaches_on).join(F.broadcast(up_late), ["user_id", "ds"], "left_semi")
        return rows.where(whole).withColumn("target", F.lit(True)).unionByName(
            before.withColumn("target", F.lit(False))
        )  # fmt: skip
    eve = scope.users.select("user_id", F.date_sub("ds", 1).alias("ds")).unionByName(up_late)
    marks = (
        scope.users.withColumn("mark", F.lit(True))
        .unionByName(eve.withColumn("mark", F.lit(False)))
        .groupBy("user_id", "ds")
        .agg(F.max("mark").alias("mark"))
    )
    rows = rows.join(F.broadcast(marks), ["user_id", "ds"], "left")
    target = F.expr(scope.rows) if scope.rows else whole | F.coalesce("mark", F.lit(False))
    wanted = target | (reaches_on & F.col("mark").isNotNull())
    return rows.withColumn("target", target).where(wanted).drop("mark")


def _up_late(rows: DataFrame, whole: list[date]) -> DataFrame:
    """One row a user and day before one of `whole`, but not of it, whose session day goes on after midnight. They are
    few: of all others the day before need not be read.
    """
    first = [day for day in whole if day - touched.ONE not in whole]
    early = rows.where(F.expr(delta.ds_list(first)) & ~F.col("reaches_on"))
    return early.select("user_id", F.date_sub("ds", 1).alias("ds")).distinct()
