"""Typical journeys: the ways to a purchase that are commoner in a segment than elsewhere."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

DAYS, BEFORE = 28, timedelta(days=7)  # purchases of so many days, and what came at most so long before one
MOST_USERS = 50_000  # journeys are told of a sample, by a stable hash
DEAREST = 2  # categories that an occasion is told by
MOST, LEAST_USERS = 3, 5  # journeys told of a segment; users who went one

_CHINESE = {
    "view": "浏览", "click": "点击", "search": "搜索", "favourite": "收藏", "cart": "加购", "uncart": "移出购物车",
    "purchase": "购买", "refund": "退货",
}  # fmt: skip


def occasions(sequences: DataFrame, ds: date) -> DataFrame:
    """One row a user, time and event type of the last DAYS and BEFORE: `steps`, (en, zh) of what was done to each of
    the DEAREST dearest categories, equal ones by name. Lines of one basket have one time: they are one occasion.
    """
    since = ds - timedelta(days=DAYS - 1) - BEFORE
    step = F.explode(F.arrays_zip("event_days", "event_times", "event_types", "categories", "price_buckets")).alias(
        "step"
    )
    # By user before anything else: all that follows is within one user, and needs no other shuffle.
    rows = sequences.repartition("user_id").select("user_id", step).select("user_id", "step.*")
    rows = rows.where(F.date_from_unix_date("event_days") >= F.lit(since))
    rows = rows.withColumnsRenamed(
        {"event_days": "day", "event_times": "time", "event_types": "type", "categories": "category"}
    )
    of_category = rows.groupBy("user_id", "day", "time", "type", "category").agg(
        (-F.max("price_buckets")).alias("order")
    )
    words = F.create_map(*[F.lit(word) for pair in _CHINESE.items() for word in pair])

    def with_category(kind: Column) -> Column:
        return F.concat_ws(" ", kind, F.nullif("category", F.lit("")))

    step = F.struct("order", with_category(F.col("type")).alias("en"), with_category(words[F.col("type")]).alias("zh"))
    occasion = of_category.groupBy("user_id", "day", "time", "type").agg(
        F.array_sort(F.collect_list(step)).alias("steps")
    )
    return occasion.withColumn("steps", F.slice("steps", 1, DEAREST))


def paths(occasions: DataFrame, ds: date) -> DataFrame:
    """One row a user and way that he went: `path` and `path_zh`, a purchase and the one or two steps before it.

    occasions: see the function of this name. Looking at the same again and again is one step; a step counts while it is
    within BEFORE of the purchase.
    """
    first = F.lit(ds - timedelta(days=DAYS - 1))
    by_time = Window.partitionBy("user_id").orderBy("time", "type")
    again = F.lag("steps.en").over(by_time).eqNullSafe(F.col("steps.en")) & (F.col("type") != "purchase")
    rows = occasions.withColumn("again", again).where("NOT again")

    def back(n: int) -> Column:
        near = F.col("time") - F.lag("time", n).over(by_time) <= BEFORE.total_seconds()
        return F.when(near, F.lag("steps", n).over(by_time))

    rows = rows.withColumns({"one": back(1), "two": back(2)})  # steps back
    rows = rows.where((F.col("type") == "purchase") & (F.date_from_unix_date("day") >= first))
    # The last of `two` is null: the way without a step before `one`.
    two = F.array_append(F.coalesce("two", F.slice("steps", 1, 0)), F.lit(None))
    ways = rows.select("user_id", two.alias("two"), F.explode("one").alias("one"), "steps")
    ways = ways.select("user_id", "two", "one", F.explode("steps").alias("last"))
    ways = ways.select("user_id", F.explode("two").alias("two"), "one", "last")

    def way(language: str) -> Column:
        return F.concat_ws(" → ", *[F.col(f"{step}.{language}") for step in ("two", "one", "last")])

    return ways.select("user_id", way("en").alias("path"), way("zh").alias("path_zh")).distinct()


def typical(sequences: DataFrame, members: DataFrame, ds: date, users: int) -> dict[int, list[dict]]:
    """Structs of gold.segments.journeys by segment_id, at most MOST each, the most typical first.

    sequences: rows of user_sequences of ds; members: user_id, segment_id; users: how many there are.
    """
    one_of = max(1, -(-users // MOST_USERS))
    sample = members.where(F.pmod(F.xxhash64("user_id"), F.lit(one_of)) == 0).select("user_id", "segment_id")
    sizes = {row["segment_id"]: row["count"] for row in sample.groupBy("segment_id").count().collect()}
    small = F.broadcast(sample)
    went = paths(occasions(sequences.join(small, "user_id", "left_semi"), ds), ds).join(small, "user_id")
    counted = went.repartition("path").groupBy("segment_id", "path", "path_zh").agg(F.count("*").alias("users"))
    everywhere = F.sum("users").over(Window.partitionBy("path"))
    size_of = F.create_map(*[F.lit(number) for pair in sorted(sizes.items()) for number in pair])
    share, base = F.col("users") / size_of[F.col("segment_id")], everywhere / F.lit(sum(sizes.values()))
    rows = counted.withColumns({"share": share, "lift": share / base}).where(
        (F.col("users") >= LEAST_USERS) & (F.col("lift") > 1)
    )
    more = (F.col("share") - F.col("share") / F.col("lift")).desc()
    rank = F.row_number().over(Window.partitionBy("segment_id").orderBy(more, "path"))
    journeys: dict[int, list[dict]] = {}
    for row in rows.withColumn("rank", rank).where(F.col("rank") <= MOST).orderBy("segment_id", "rank").collect():
        journey = {name: row[name] for name in ("path", "path_zh", "users")}
        journeys.setdefault(row["segment_id"], []).append(journey | {k: round(row[k], 4) for k in ("share", "lift")})
    return journeys
