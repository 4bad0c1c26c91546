"""Typical journeys: the ways to a purchase that are commoner in a segment than elsewhere."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

DAYS, BEFORE = 28, timedelta(days=7)  # purchases of so many days, and what came at most so long before one
MOST_USERS = 50_000  # journeys are told of a sample, by a stable hash
MOST, LEAST_USERS = 3, 5  # journeys told of a segment; users who went one

_CHINESE = {
    "view": "浏览", "click": "点击", "search": "搜索", "favourite": "收藏", "cart": "加购", "uncart": "移出购物车",
    "purchase": "购买", "refund": "退货",
}  # fmt: skip


def occasions(sequences: DataFrame, ds: date) -> DataFrame:
    """One row a user, time and event type of the last DAYS and BEFORE: the category that it was most about.

    Lines of one basket have one time: they are one step of a journey.
    """
    since = F.unix_timestamp(F.lit(ds - timedelta(days=DAYS - 1) - BEFORE).cast("timestamp"))
    step = F.explode(F.arrays_zip("event_times", "event_types", "categories")).alias("step")
    rows = sequences.select("user_id", step).select("user_id", "step.*").where(F.col("event_times") >= since)
    rows = rows.withColumnsRenamed({"event_times": "time", "event_types": "type"})
    return rows.groupBy("user_id", "time", "type").agg(F.mode("categories", True).alias("category"))


def paths(steps: DataFrame, ds: date) -> DataFrame:
    """One row a user and way that he went: `path` and `path_zh`, a purchase and the one or two steps before it.

    The same step twice in a row is one; a step counts while it is within BEFORE of the purchase.
    """
    first = F.unix_timestamp(F.lit(ds - timedelta(days=DAYS - 1)).cast("timestamp"))
    by_time = Window.partitionBy("user_id").orderBy("time", "type")
    words = F.create_map(*[F.lit(word) for pair in _CHINESE.items() for word in pair])

    def said(kind: Column) -> Column:
        return F.concat_ws(" ", kind, F.nullif("category", F.lit("")))

    rows = steps.withColumns({"said": said(F.col("type")), "said_zh": said(words.getItem(F.col("type")))})
    rows = rows.withColumn("again", F.lag("said").over(by_time).eqNullSafe(F.col("said"))).where("NOT again")
    back = {f"{name}_{n}": F.lag(name, n).over(by_time) for name in ("said", "said_zh", "time") for n in (1, 2)}
    rows = rows.withColumns(back).where((F.col("type") == "purchase") & (F.col("time") >= first))

    def way(name: str) -> Column:
        near = [
            F.when(F.col("time") - F.col(f"time_{n}") <= BEFORE.total_seconds(), F.col(f"{name}_{n}")) for n in (2, 1)
        ]
        return F.concat_ws(" → ", *near, F.col(name))

    return rows.select("user_id", way("said").alias("path"), way("said_zh").alias("path_zh")).distinct()


def typical(sequences: DataFrame, members: DataFrame, ds: date, users: int) -> dict[int, list[dict]]:
    """Structs of gold.segments.journeys by segment_id, at most MOST each, the most typical first.

    sequences: rows of user_sequences of ds; members: user_id, segment_id; users: how many there are.
    """
    one_of = max(1, -(-users // MOST_USERS))
    sample = members.where(F.pmod(F.xxhash64("user_id"), F.lit(one_of)) == 0).select("user_id", "segment_id").persist()
    sizes = {row["segment_id"]: row["count"] for row in sample.groupBy("segment_id").count().collect()}
    went = paths(occasions(sequences.join(sample, "user_id", "left_semi"), ds), ds).join(sample, "user_id")
    counted = went.groupBy("segment_id", "path", "path_zh").agg(F.count("*").alias("users"))
    everywhere = F.sum("users").over(Window.partitionBy("path"))
    size_of = F.create_map(*[F.lit(number) for pair in sorted(sizes.items()) for number in pair])
    share, base = F.col("users") / size_of[F.col("segment_id")], everywhere / F.lit(sum(sizes.values()))
    rows = counted.withColumns({"share": share, "lift": share / base}).where(
        (F.col("users") >= LEAST_USERS) & (F.col("lift") > 1)
    )
    more = (F.col("share") - F.col("share") / F.col("lift")).desc()
    rank = F.row_number().over(Window.partitionBy("segment_id").orderBy(more, "path"))
    found: dict[int, list[dict]] = {}
    for row in rows.withColumn("rank", rank).where(F.col("rank") <= MOST).orderBy("segment_id", "rank").collect():
        one = {name: row[name] for name in ("path", "path_zh", "users")}
        found.setdefault(row["segment_id"], []).append(one | {k: round(row[k], 4) for k in ("share", "lift")})
    sample.unpersist()
    return found
