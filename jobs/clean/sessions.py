"""Sessions: runs of events without 30 minutes of silence, where the source has none of its own; see `sessionise`."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from jobs import clock
from jobs.lake.engine import columns

GAP_SECONDS = 30 * 60
DAY_BREAKS_AT = 4  # o'clock at the shop: the hour in which least is going on, and no session goes on past it


def with_clock(events: DataFrame, zones: dict[str, str]) -> DataFrame:
    """`events` with local_hour (0-23), local_weekday (1 = Monday), session_day (the local day, which begins at 4) and
    reaches_on: true where the event's session day reaches into the next UTC day.

    A session may cross midnight, but lies within one session day; so a day can be made anew from it and the one before.
    """
    frame = events.withColumn("local", clock.local(zones, F.col("event_time")))
    next_day = clock.local(zones, clock.midnight(F.date_add("ds", 1)))
    session_day = clock.day(F.col("local"), DAY_BREAKS_AT)
    return frame.withColumns({
        "local_hour": clock.hour(F.col("local")),
        "local_weekday": columns.weekday(clock.day(F.col("local"))),
        "session_day": session_day,
        "reaches_on": session_day == clock.day(next_day, DAY_BREAKS_AT),
    }).drop("local")  # fmt: skip


def spread(events: DataFrame, files: int, buckets: int) -> DataFrame:
    """`events` shuffled so that a session day's users lie together, `buckets` pieces a day, in `files` partitions.

    Whatever works on a user's day after this needs no further shuffle, and days stay apart in the files. `user_day`
    begins with the day and goes on with bits of the user's hash, so that eight bytes decide most comparisons of a sort.
    """
    user = F.xxhash64("user_id")
    day = F.shiftleft(F.unix_date("session_day").cast("bigint"), 44)
    keys = {"bucket": F.pmod(user, F.lit(buckets)).cast("int"), "user_day": day + F.shiftrightunsigned(user, 20)}
    return events.withColumns(keys).repartition(files, "session_day", "bucket")


_USER_DAY = ("user_day", "session_day", "bucket", "user_id")


def user_day() -> WindowSpec:
    """A user's session day in order; all that works on it shares this one sort."""
    return Window.partitionBy(*_USER_DAY).orderBy("event_time", "event_id")


def _before(order: WindowSpec) -> WindowSpec:
    return order.rowsBetween(Window.unboundedPreceding, -1)


def _source_starts(events: DataFrame) -> DataFrame:
    """`events` with source_starts, source_orders: the first event, the first purchase of a session of the source."""
    own = Window.partitionBy(*_USER_DAY, "source_session").orderBy("event_time", "event_id")
    bought = (F.col("event_type") == "purchase").cast("int")
    earlier = F.coalesce(F.sum(bought).over(_before(own)), F.lit(0))
    return events.withColumns(
        {"source_starts": F.row_number().over(own) == 1, "source_orders": (bought == 1) & (earlier == 0)}
    )


def sessionise(events: DataFrame, has_own: bool) -> DataFrame:
    """`events` (of `spread`) with session_id, session_start and order_start filled.

    session_id: the source's, else `user@start`, a new one after 30 minutes without another such event.
    session_start: the session's first event of its session day; order_start: its first purchase. `has_own`: some events
    have sessions of the source (another sort is needed for those).
    """
    frame = events.withColumnRenamed("session_id", "source_session")
    if has_own:
        frame = _source_starts(frame)
    alone, order, bought = F.col("source_session").isNull(), user_day(), F.col("event_type") == "purchase"
    time = F.unix_timestamp("event_time")
    frame = frame.withColumns({
        "previous": F.last(F.when(alone, time), ignorenulls=True).over(_before(order)),
        "ordered": F.last(F.when(alone & bought, time), ignorenulls=True).over(_before(order)),
    })  # fmt: skip
    fresh = alone & F.coalesce(time - F.col("previous") > GAP_SECONDS, F.lit(True))
    running = order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    frame = frame.withColumn("start", F.last(F.when(fresh, time), ignorenulls=True).over(running))
    first = bought & F.coalesce(F.col("ordered") < F.col("start"), F.lit(True))
    made = F.concat_ws("@", "user_id", F.col("start").cast("string"))
    theirs = ("source_starts", "source_orders") if has_own else ()
    starts, orders = (F.col(name) for name in theirs) if has_own else (F.lit(False), F.lit(False))
    return frame.withColumns({
        "session_id": F.coalesce("source_session", made),
        "session_start": F.when(alone, fresh).otherwise(starts),
        "order_start": F.when(alone, first).otherwise(orders),
    }).drop("previous", "ordered", "start", "source_session", *theirs)  # fmt: skip
