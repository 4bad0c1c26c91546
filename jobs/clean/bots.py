"""Which user-days are a program's: by rates no human has, or because the program says so. Marked, never dropped."""

from __future__ import annotations

from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from jobs.clean.rules import Bots

# What a hand does one by one. The lines of a basket that is bought, given back or emptied share one time.
BEHAVIOUR = ("view", "click", "search", "favourite", "cart")


def _acted_at() -> Column:
    return F.when(F.col("event_type").isin(*BEHAVIOUR), F.unix_micros("event_time"))


def acts(events: DataFrame) -> DataFrame:
    """One row a (user_id, ds, user_agent): `acts`, how many events a hand would do one by one."""
    return events.groupBy("user_id", "ds", "user_agent").agg(F.count(_acted_at()).alias("acts"))


def bot_days(events: DataFrame, acts: DataFrame, rules: Bots) -> DataFrame:
    """One row a (user_id, ds) that is a program's. Reads user_id, ds, event_type, event_time of the events.

    `acts` are the rows of `acts` with their device. Only the few days with as many events as a rule speaks of are put
    in order and looked at.
    """
    seen = events.select("user_id", "ds", _acted_at().alias("acted_at"))
    days = acts.groupBy("user_id", "ds").agg(
        F.sum("acts").alias("acts"), F.bool_or(F.col("device") == "bot").alias("named")
    )
    least = min(rules.events_per_day, *(rate.events for rate in rules.rates))
    days = days.where((F.col("acts") > least) | F.col("named"))
    sure = (F.col("acts") > rules.events_per_day) | F.coalesce("named", F.lit(False))
    order = Window.partitionBy("user_id", "ds").orderBy("acted_at")
    fast = [_faster_than(rate.events, rate.minutes, order) for rate in rules.rates]
    doubtful = seen.where("acted_at IS NOT NULL").join(F.broadcast(days.where(~sure)), ["user_id", "ds"], "left_semi")
    caught = (
        doubtful.withColumn("too_fast", reduce(or_, fast, F.lit(False)))
        .where("too_fast")
        .select("user_id", "ds")
        .distinct()
    )
    return days.where(sure).select("user_id", "ds").unionByName(caught)


def mark(events: DataFrame, days: DataFrame) -> DataFrame:
    """`events` with is_bot: true on the `days`, rows of `bot_days`."""
    known = F.broadcast(days.withColumn("is_bot", F.lit(True)))
    return events.join(known, ["user_id", "ds"], "left").withColumn("is_bot", F.coalesce("is_bot", F.lit(False)))


def _faster_than(events: int, minutes: float, order: WindowSpec) -> Column:
    """True at an event that has `events` others before it within `minutes`."""
    earlier = F.lag("acted_at", events).over(order)
    return F.coalesce(F.col("acted_at") - earlier <= int(minutes * 60_000_000), F.lit(False))
