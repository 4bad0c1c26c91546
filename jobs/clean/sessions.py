"""Sessions: runs of events without 30 minutes of silence, where the source has none of its own; see `sessionise`."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.clock import Clock
from jobs.lake.engine import columns

GAP_SECONDS = 30 * 60
_DAY_SECONDS = 86_400
# Three numbers in one of 63 bits: the rows of a piece of a week, the seconds of three days, a session's purchases.
_SECONDS, _PURCHASES = 1 << 18, 1 << 21
_ROW = 1 << 32  # in a count of rows and purchases
DAY_BREAKS_AT = 4  # o'clock at the shop: the hour in which least is going on, and no session goes on past it


def with_clock(events: DataFrame, clocks: dict[str, Clock]) -> DataFrame:
    """`events` with local_hour (0-23), local_weekday (1 = Monday), session_day (ds, but until 4 o'clock the day before)
    and reaches_on: true where the event's session day reaches into the next day. `clocks` are those of the sources.

    A session may cross midnight, but lies within one session day; so a day can be made anew from it and the one before.
    """
    reaches_on = F.col("local_hour") >= DAY_BREAKS_AT
    return events.withColumn("local_hour", _hour(clocks)).withColumns({
        "local_weekday": columns.weekday(F.col("ds")),
        "session_day": F.when(reaches_on, F.col("ds")).otherwise(F.date_sub("ds", 1)),
        "reaches_on": reaches_on,
    })  # fmt: skip


def _hour(clocks: dict[str, Clock]) -> Column:
    """The hour of an event at its shop: one expression for all sources of a zone."""
    by_clock: dict[Clock, list[str]] = {}
    for source, clock in clocks.items():
        by_clock.setdefault(clock, []).append(source)
    (_, hour), *others = [(sources, clock.hour(F.col("event_time"))) for clock, sources in by_clock.items()]
    for sources, theirs in others:
        hour = F.when(F.col("source").isin(sources), theirs).otherwise(hour)
    return hour


def spread(events: DataFrame, files: int, buckets: int) -> DataFrame:
    """`events` shuffled so that a week's users lie together, `buckets` pieces a week, in `files` partitions.

    Whatever works on a user's day after this needs no further shuffle, and a file holds few days. `user_day` begins
    with the session day and goes on with bits of the user's hash: eight bytes decide most comparisons of a sort.
    """
    user, day = F.xxhash64("user_id"), F.unix_date("session_day")
    keys = {
        "week": F.floor(day / 7).cast("int"),
        "bucket": F.pmod(user, F.lit(buckets)).cast("int"),
        "user_day": F.shiftleft(day.cast("bigint"), 44) + F.shiftright(user, 20).bitwiseAND((1 << 44) - 1),
    }
    return events.withColumns(keys).repartition(files, "week", "bucket")


def sessionise(events: DataFrame) -> DataFrame:
    """`events` (of `spread`) with session_id, session_start and order_start filled.

    session_id: the source's, else `user@start`, a new one after 30 minutes without another such event.
    session_start: the session's first event of its session day; order_start: its first purchase.

    One sort puts a user's day in order, each session of the source by itself, and running sums tell the rest: the
    partitions of a window are pieces of a week, because one for each user's day costs more than its few rows.
    """
    order = Window.partitionBy("week", "bucket").orderBy(
        "user_day", "user_id", "source_session", "event_time", "event_id"
    )
    running = order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    time, bought = F.unix_timestamp("event_time"), F.col("event_type") == "purchase"
    # A window function is dear: one tells of a row whether it goes on with the session of the one before it. The visits
    # of neighbours, 62 bits of a hash, are the same or far apart; the time counts where the source has no session.
    visit = F.shiftright(F.xxhash64("session_day", "user_id", "source_session"), 2)
    since = visit + F.when(F.col("source_session").isNull(), time).otherwise(0)
    frame = events.withColumnRenamed("session_id", "source_session").withColumn("since", since)
    frame = frame.withColumns({
        "pause": F.col("since") - F.lag("since").over(order),
        "count": F.sum(bought.cast("bigint") + _ROW).over(running),  # of rows, and of purchases
    })  # fmt: skip
    frame = frame.withColumn("session_start", ~F.coalesce(F.col("pause").between(0, GAP_SECONDS), F.lit(False)))
    # A maximum keeps what the newest start had, because rows are counted upwards: in one number the row of the start,
    # its second since an eve that no event of the session day is before, and the purchases before it.
    eve = F.unix_date("session_day").cast("bigint") * _DAY_SECONDS - _DAY_SECONDS
    row, purchases = F.shiftright("count", _ROW.bit_length() - 1), F.col("count") % _ROW
    before = (purchases - bought.cast("bigint")) % _PURCHASES
    start = (row * _SECONDS + (time - eve)) * _PURCHASES + before
    frame = frame.withColumn("start", F.max(F.when(F.col("session_start"), start)).over(running))
    started = F.shiftright("start", _PURCHASES.bit_length() - 1) % _SECONDS + eve
    first = (purchases - 1) % _PURCHASES == F.col("start") % _PURCHASES
    return frame.withColumns({
        "session_id": F.coalesce("source_session", F.concat_ws("@", "user_id", started.cast("string"))),
        "order_start": bought & first,
    }).drop("since", "pause", "count", "start", "source_session", "week")  # fmt: skip
