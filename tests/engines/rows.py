"""Aggregates, windows, order, joins and generators over a few rows: cases of the contract."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from tests.engines.cases import NAN, Case

_DDL = "id int, g string, n int, big bigint, d double, m decimal(18,2), t string, flag boolean, day date, l array<string>, s array<struct<x:string>>"
ROWS = [
    (0, "a", 3, 5, 1.0, Decimal("1.10"), "b", True, date(2017, 1, 2), ["x", "y"], [("p",), (None,)]),
    (1, "a", None, None, NAN, None, None, None, None, None, None),
    (2, "a", 1, 6, -0.0, Decimal("2.25"), "😀", False, date(2017, 1, 1), [], []),
    (3, "b", 1, -8, 0.0, Decimal("0.05"), "\ufb01", None, date(2017, 1, 3), ["x", None], None),
    (4, None, 2, 0, None, Decimal("-1.00"), "", True, date(2016, 12, 31), ["z"], [("q",)]),
]


def frame(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(ROWS, _DDL)


def aggregates() -> list[Case]:
    """Over all rows."""
    pair = F.struct("n", "t")
    return [
        Case("count: nulls do not", F.count("n"), 4),
        Case("count: rows", F.count("*"), 5),
        Case("count: a condition", F.count(F.when(F.col("n") == 1, F.lit(1))), 2),
        Case("count_if: null is not true", F.count_if("flag"), 2),
        Case("count_distinct: nulls do not", F.count_distinct("n"), 3),
        Case("sum: int", F.sum("n"), 7),
        Case("sum: decimal", F.sum("m"), Decimal("2.40")),
        Case("sum: nothing", F.sum(F.when(F.col("n") > 9, F.col("n"))), None),
        Case("try_sum: bigint", F.try_sum("big"), 3),
        Case("try_sum: too large", F.try_sum(F.lit(2**62)), None),
        Case("try_sum: nothing", F.try_sum(F.when(F.col("n") > 9, F.col("big"))), None),
        Case("max: texts by bytes", F.max("t"), "😀"),
        Case("min: an empty text", F.min("t"), ""),
        Case("max: nan", F.max("d"), NAN),
        Case("min: days", F.min("day"), date(2016, 12, 31)),
        Case("max: structs", F.max(pair), (3, "b")),
        Case("min: structs of some", F.min(F.when(F.col("n").isNotNull(), pair)), (1, "\ufb01")),
        Case("max: structs of some", F.max(F.when(F.col("n").isNotNull() & (F.col("n") < 2), pair)), (1, "😀")),
        Case("max: flags", F.max("flag"), True),
        Case("min_by: ties by the second", F.min_by("t", F.when(F.col("n") == 1, F.struct("n", -F.col("id")))), "\ufb01"),
        Case("bool_or: null", F.bool_or("flag"), True),
        Case("bool_or: nothing but nulls", F.bool_or(F.when(F.col("id") == 1, F.col("flag"))), None),
        Case("bit_or: below 0", F.bit_or("big"), -1),
        Case("bit_or: nothing but nulls", F.bit_or(F.when(F.col("id") == 1, F.col("big"))), None),
        Case("collect_list: nulls are left out", F.array_sort(F.collect_list("n")), [1, 1, 2, 3]),
        Case("collect_list: nothing", F.collect_list(F.when(F.col("id") > 9, F.col("n"))), []),
        Case("collect_list: structs with nulls", F.size(F.collect_list(pair)), 5),
        Case("collect_set: each once", F.sort_array(F.collect_set("n")), [1, 2, 3]),
        Case("collect_set: lists", F.array_sort(F.array_distinct(F.flatten(F.collect_set("l")))), ["x", "y", "z", None]),
        Case("median: even", F.median("n"), 1.5),
        Case("median: odd", F.median(F.when(F.col("id") != 4, F.col("n"))), 1.0),
        Case("median: doubles", F.median(F.when(F.col("id") != 1, F.col("d"))), 0.0),
        Case("median: nothing", F.median(F.when(F.col("id") > 9, F.col("n"))), None),
        Case("percentile: between two", F.percentile(F.col("n").cast("double"), F.array(*map(F.lit, (0.0, 0.2, 0.5, 0.8, 1.0)))),
             [1.0, 1.0, 1.5, 2.4000000000000004, 3.0]),
        Case("percentile: nothing", F.percentile(F.when(F.col("id") > 9, F.col("d")), F.array(F.lit(0.5))), None),
        Case("map_from_entries: of a group", F.map_from_entries(F.array_sort(F.collect_list(F.when(F.col("t").isNotNull(), F.struct("t", "id"))))),
             {"": 4, "b": 0, "\ufb01": 3, "😀": 2}),
    ]  # fmt: skip


def of_nothing() -> list[Case]:
    """Over no row."""
    return [
        Case("count: of nothing", F.count("*"), 0),
        Case("count_if: of nothing", F.count_if("flag"), 0),
        Case("sum: of nothing", F.sum("m"), None),
        Case("max: of nothing", F.max("t"), None),
        Case("collect_set: of nothing", F.collect_set("t"), []),
        Case("percentile: of nothing", F.percentile("d", F.array(F.lit(0.5))), None),
    ]


def windows() -> list[Case]:
    """A column each, of the rows in the order of id."""
    by_id, group = Window.orderBy("id"), Window.partitionBy("g")
    so_far, before = by_id.rowsBetween(Window.unboundedPreceding, 0), by_id.rowsBetween(Window.unboundedPreceding, -1)

    def ranked(*order: Column) -> Column:
        return F.row_number().over(Window.orderBy(*order))

    return [
        Case("row_number: nulls first", ranked(F.col("n"), F.col("id")), [5, 1, 2, 3, 4]),
        Case("row_number: nulls last downwards", ranked(F.desc("n"), F.col("id")), [1, 5, 3, 4, 2]),
        Case("row_number: texts by bytes", ranked(F.col("t")), [3, 1, 5, 4, 2]),
        Case("row_number: nan is the largest, -0.0 is 0.0", ranked(F.col("d"), F.col("id")), [4, 5, 2, 3, 1]),
        Case("row_number: flags", ranked(F.desc("flag"), F.col("id")), [1, 4, 3, 5, 2]),
        Case("row_number: days downwards", ranked(F.desc("day")), [2, 5, 3, 1, 4]),
        Case("row_number: a null group", F.row_number().over(group.orderBy("id")), [1, 2, 3, 1, 1]),
        Case("lag: of one", F.lag("n").over(by_id), [None, 3, None, 1, 1]),
        Case("lag: of two, else 0", F.lag("n", 2, 0).over(by_id), [0, 0, 3, None, 1]),
        Case("lag: a list", F.lag("l").over(by_id), [None, ["x", "y"], None, [], ["x", None]]),
        Case("first: of those in order", F.first("n").over(by_id), [3, 3, 3, 3, 3]),
        Case("last: but nulls", F.last("n", ignorenulls=True).over(so_far), [3, 3, 1, 1, 2]),
        Case("last: but nulls, before", F.last("n", ignorenulls=True).over(before), [None, 3, 3, 1, 1]),
        Case("sum: so far", F.sum("n").over(so_far), [3, 3, 4, 5, 7]),
        Case("sum: before", F.sum("n").over(before), [None, 3, 3, 4, 5]),
        Case("min: so far", F.min("n").over(so_far), [3, 3, 1, 1, 1]),
        Case("sum: of a group", F.sum("n").over(group), [4, 4, 4, 1, 2]),
        Case("count: of a group", F.count("*").over(group), [3, 3, 3, 1, 1]),
        Case("median: of a group", F.median("n").over(group), [2.0, 2.0, 2.0, 1.0, 2.0]),
    ]  # fmt: skip


def queries(spark: SparkSession) -> list[tuple[str, DataFrame, list[Any]]]:
    """name, a frame of one column, its values in the order of rows."""
    rows = frame(spark)
    left, right = (rows.select(F.col("d").alias(name), F.col("t").alias(f"t_{name}")) for name in ("left", "right"))
    few = rows.where("id < 2").select("g", "n")
    steps = (
        rows.where("t IS NOT NULL")
        .groupBy("id")
        .agg(F.array_sort(F.collect_list(F.struct(F.lower("t").alias("t"), "n"))).alias("steps"))
    )
    return [
        ("orderBy: nulls first", rows.orderBy("n", "id").select("id"), [1, 2, 3, 4, 0]),
        ("desc: nulls last", rows.orderBy(F.desc("n"), F.desc("t")).select("id"), [0, 4, 2, 3, 1]),
        ("explode: null and empty are no row", rows.select(F.explode("l")).orderBy("col"), [None, "x", "x", "y", "z"]),
        ("explode: a map", rows.where("id = 0").select(F.explode(F.create_map("t", "n"))).select("value"), [3]),
        ("inline: structs", rows.where("id < 3").select(F.inline(F.transform("l", lambda x: F.struct(x.alias("x"))))).orderBy("x"),
         ["x", "y"]),
        ("struct.*: of a list", rows.where("id = 0").select(F.explode(F.arrays_zip("l", "s")).alias("z")).select("z.*").orderBy("l").select("l"),
         ["x", "y"]),
        ("groupBy: null, nan and -0.0 are groups", rows.groupBy("d").count().orderBy("d").select("count"), [1, 2, 1, 1]),
        ("distinct: null, nan and -0.0", rows.select("d").distinct().orderBy("d"), [None, 0.0, 1.0, NAN]),
        ("join: nan meets nan, null nothing", left.join(right, F.col("left") == F.col("right")).select(F.count("*")), [6]),
        ("join: eqNullSafe", left.join(right, F.col("left").eqNullSafe(F.col("right"))).select(F.count("*")), [7]),
        ("lag: a field of each", steps.select("id", F.lag("steps.t").over(Window.orderBy("id")).alias("before")).orderBy("id")
         .select("before"), [None, ["b"], ["😀"], ["\ufb01"]]),
        ("broadcast: rows stay", rows.join(F.broadcast(few), ["g", "n"], "left_semi").select("id"), [0]),
        ("left_anti: null meets nothing", rows.join(few, ["g", "n"], "left_anti").orderBy("id").select("id"), [1, 2, 3, 4]),
        ("full: keys of both", few.join(rows.where("id = 3").select("g", F.col("n").alias("k")), "g", "full").orderBy("g", "n").select("g"),
         ["a", "a", "b"]),
        ("unionByName: by name", rows.where("id = 0").select("n", "id").unionByName(few.select(F.lit(9).alias("id"), "n")).orderBy("id", "n")
         .select("n"), [3, None, 3]),
        ("where: days of a list", rows.where("day IN (DATE'2017-01-02', DATE'2017-01-03')").orderBy("id").select("id"), [0, 3]),
        ("where: null is not true", rows.where("NOT flag").select("id"), [2]),
        ("where: texts", rows.where("t != '' AND n IS NOT NULL").orderBy("id").select("id"), [0, 2, 3]),
        ("where: quotes in texts", rows.where("t = 'it\\'s' OR t = 'b'").select("id"), [0]),
        ("where: false", rows.where("false").select("id"), []),
        ("rand: in 0..1", rows.where((F.rand() >= 0) & (F.rand() < 1)).select(F.count("*")), [5]),
        ("expr: of two flags", rows.select(F.count_if(F.expr("flag AND NOT n > 1"))), [0]),
    ]  # fmt: skip
