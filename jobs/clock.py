"""Which day and hour a time is, by arithmetic on its seconds: what Spark has for it goes through calendar objects for
every row, a twentieth of the time of reading a log.

Sessions are in UTC (jobs/lake/engine/options.py), so a timestamp's seconds are those of its own clock.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

_HOUR, _DAY = 3_600, 86_400


def day(time: Column, begins_at: int = 0) -> Column:
    """The date of a timestamp, of a day that begins at the hour `begins_at`."""
    return F.date_from_unix_date(F.floor((F.unix_seconds(time) - begins_at * _HOUR) / _DAY).cast("int"))


def hour(time: Column) -> Column:
    """The hour of a timestamp, 0-23."""
    return F.floor(F.pmod(F.unix_seconds(time), F.lit(_DAY)) / _HOUR).cast("int")


def midnight(date: Column) -> Column:
    """The timestamp with which a date begins."""
    return F.timestamp_seconds(F.unix_date(date).cast("bigint") * _DAY)


def local(zones: dict[str, str], time: Column) -> Column:
    """A UTC time at the shop of the row's `source`, one of `zones`."""

    def at(so_far: Column, entry: tuple[str, str]) -> Column:
        source, zone = entry
        return F.when(F.col("source") == source, F.from_utc_timestamp(time, zone)).otherwise(so_far)

    if len(set(zones.values())) == 1:
        return F.from_utc_timestamp(time, next(iter(zones.values())))
    return reduce(at, sorted(zones.items()), time)
