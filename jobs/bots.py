"""Which user-days are a program's: by rates no human has, or because the program says so. Marked, never dropped."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, WindowSpec
from pyspark.sql import functions as F

from jobs.cleaning import Bots

# What a hand does one by one. The lines of a basket that is bought, given back or emptied share one time.
BEHAVIOUR = ("view", "click", "search", "favourite", "cart")


def mark(events: DataFrame, order: WindowSpec, day: WindowSpec, rules: Bots) -> DataFrame:
    """`events` with is_bot, the same for all events of a user's day.

    `order` is the user's session day in time, `day` those of its events that lie in one UTC day: passed in, so that
    Spark sorts once for this and for the sessions. Looks back only, so that a day never depends on the next one. Reads
    event_type, event_time, device.
    """
    at = F.when(F.col("event_type").isin(*BEHAVIOUR), F.unix_micros("event_time"))
    frame = events.withColumn("acted_at", at)
    frame = frame.withColumn("too_fast", _any([_faster_than(r.events, r.minutes, order) for r in rules.rates]))
    crawler = F.col("device") == "bot"
    mine = F.bool_or(F.col("too_fast") | F.coalesce(crawler, F.lit(False))).over(day)
    busy = F.count("acted_at").over(day) > rules.events_per_day
    return frame.withColumn("is_bot", mine | busy).drop("acted_at", "too_fast")


def _faster_than(events: int, minutes: float, order: WindowSpec) -> Column:
    """True at an event that has `events` others before it within `minutes`. IGNORE NULLS steps over purchases."""
    earlier = F.expr(f"lag(acted_at, {events}) IGNORE NULLS").over(order)
    return F.coalesce(F.col("acted_at") - earlier <= int(minutes * 60_000_000), F.lit(False))


def _any(conditions: list[Column]) -> Column:
    found = F.lit(False)
    for condition in conditions:
        found = found | condition
    return found
