"""Sessions: runs of events without 30 minutes of silence, where the source has none of its own; see `sessionise`."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

GAP_SECONDS = 30 * 60
DAY_BREAKS_AT = 4  # o'clock at the shop: the hour in which least is going on, and no session goes on past it


def local_time(zones: dict[str, str], time: Column) -> Column:
    """A UTC time at the shop of the event's source."""

    def at(so_far: Column, entry: tuple[str, str]) -> Column:
        source, zone = entry
        return F.when(F.col("source") == source, F.from_utc_timestamp(time, zone)).otherwise(so_far)

    if len(set(zones.values())) == 1:
        return F.from_utc_timestamp(time, next(iter(zones.values())))
    return reduce(at, sorted(zones.items()), time)


def with_clock(events: DataFrame, zones: dict[str, str]) -> DataFrame:
    """`events` with local_hour (0-23), local_weekday (1 = Monday), session_day (the local day, which begins at 4) and
    reaches_on: true where the event's session day reaches into the next UTC day.

    A session may cross midnight, but lies within one session day; so a day can be made anew from it and the one before.
    """
    frame = events.withColumn("local", local_time(zones, F.col("event_time")))
    shift = F.make_dt_interval(hours=F.lit(DAY_BREAKS_AT))
    next_day = local_time(zones, F.date_add("ds", 1).cast("timestamp")) - shift
    return frame.withColumns({
        "local_hour": F.hour("local"),
        "local_weekday": F.weekday("local") + 1,
        "session_day": F.to_date(F.col("local") - shift),
        "reaches_on": F.to_date(F.col("local") - shift) == F.to_date(next_day),
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
