"""Typical journeys: the ways to a purchase that are commoner in a segment than elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.language import Labels, words

DAYS, BEFORE = 28, timedelta(days=7)  # purchases of so many days, and what came at most so long before one
MOST_USERS = 50_000  # journeys are told of a sample, by a stable hash
DEAREST = 2  # categories that an occasion is told by
MOST, LEAST_USERS = 3, 5  # journeys told of a segment; users who went one
_OF, _THEN, _ARROW = "\t", "\n", " → "  # between a type and its category, and between steps


def occasions(sequences: DataFrame, ds: date, nothing: Collection[str] = ()) -> DataFrame:
    """One row a user, time and event type of the last DAYS and BEFORE: `steps`, texts of the type and each of the
    DEAREST dearest categories, equal ones by name. Lines of one basket have one time: they are one occasion.

    nothing: categories that say nothing; what was done to them is left out.
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
    rows = rows.where(~F.col("category").isin(*sorted(nothing))) if nothing else rows
    of_category = rows.groupBy("user_id", "day", "time", "type", "category").agg(
        (-F.max("price_buckets")).alias("order")
    )
    step = F.struct("order", F.concat_ws(_OF, "type", F.nullif("category", F.lit(""))).alias("step"))
    occasion = of_category.groupBy("user_id", "day", "time", "type").agg(
        F.slice(F.array_sort(F.collect_list(step)), 1, DEAREST).alias("ordered")
    )
    return occasion.select("user_id", "day", "time", "type", F.col("ordered.step").alias("steps"))


def paths(occasions: DataFrame, ds: date) -> DataFrame:
    """One row a user and way that he went: `path`, a purchase and the one or two steps before it.

    occasions: see the function of this name. Looking at the same again and again is one step; a step counts while it is
    within BEFORE of the purchase. Doing the same to the same twice in a row is no way.
    """
    first = F.lit(ds - timedelta(days=DAYS - 1))
    by_time = Window.partitionBy("user_id").orderBy("time", "type")
    again = F.lag("steps").over(by_time).eqNullSafe(F.col("steps")) & (F.col("type") != "purchase")
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
    ways = ways.where("one != last AND (two IS NULL OR two != one)")
    return ways.select("user_id", F.concat_ws(_THEN, "two", "one", "last").alias("path")).distinct()


def told(path: str, language: str, label: Callable[[str], str]) -> str:
    """A path for people. A category that several steps have is said once; of purchases alone only what was bought."""
    steps = [step.partition(_OF)[::2] for step in path.split(_THEN)]
    if all(kind == "purchase" and category for kind, category in steps):
        return _ARROW.join(label(category) for _, category in steps)
    done, parts = words(language).events, []
    for (kind, category), following in zip(steps, [*steps[1:], ("", "")], strict=True):
        shown = label(category) if category and category != following[1] else ""
        parts.append(done["of"].format(done=done.get(kind, kind), what=shown) if shown else done.get(kind, kind))
    return _ARROW.join(parts)


def sampled(members: DataFrame, users: int) -> DataFrame:
    """user_id and segment_id of at most about MOST_USERS of the `users` members, by a stable hash."""
    one_of = max(1, -(-users // MOST_USERS))
    return members.where(F.pmod(F.xxhash64("user_id"), F.lit(one_of)) == 0).select("user_id", "segment_id")


def typical(
    sequences: DataFrame, sample: DataFrame, ds: date, sizes: Mapping[int, int], labels: Labels,
    nothing: Collection[str] = (),
) -> dict[int, list[dict]]:  # fmt: skip
    """Structs of gold.segments.journeys by segment_id, at most MOST each, the most typical first.

    sequences: rows of user_sequences of ds; sample: user_id, segment_id; sizes: its users by segment; nothing: see
    `occasions`.
    """
    small = F.broadcast(sample)
    went = paths(occasions(sequences.join(small, "user_id", "left_semi"), ds, nothing), ds).join(small, "user_id")
    counted = went.repartition("path").groupBy("segment_id", "path").agg(F.count("*").alias("users"))
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
        english = told(row["path"], "en", lambda category: labels(category)[0])
        chinese = told(row["path"], "zh", lambda category: labels(category)[1])
        journey = {"path": english, "path_zh": chinese, "users": row["users"]}
        journeys.setdefault(row["segment_id"], []).append(journey | {k: round(row[k], 4) for k in ("share", "lift")})
    return journeys
