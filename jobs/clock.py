"""The shop's day and hour of a time. A night is a day of the shop, in its own zone; times are UTC.

By arithmetic on a time's seconds: what the engines have for zones and dates goes through calendar objects for every
row, five times the work of a sum. Sessions are in UTC (jobs/lake/engine/options.py), and so are a timestamp's seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from pyspark.sql import Column
from pyspark.sql import functions as F

_HOUR, _DAY = 3_600, 86_400


@cache
def offsets(zone: str, first: date, last: date) -> tuple[tuple[int, int], ...]:
    """(second since 1970, offset from UTC in seconds) of what the zone keeps at the beginning of `first`, and of each
    change until `last` is over, oldest first.
    """
    here = ZoneInfo(zone)

    def offset(second: int) -> int:
        return int(datetime.fromtimestamp(second, UTC).astimezone(here).utcoffset().total_seconds())

    # A day at UTC begins up to 14 hours before and after the shop's.
    begin, end = (int(datetime.combine(day, time(), UTC).timestamp()) for day in (first, last + timedelta(days=1)))
    begin, end = begin - _DAY, end + _DAY
    found = [(begin, offset(begin))]
    for day in range(begin, end, _DAY):
        early, late = day, day + _DAY
        if offset(late) == found[-1][1]:
            continue
        while late - early > 1:
            middle = (early + late) // 2
            early, late = (middle, late) if offset(middle) == found[-1][1] else (early, middle)
        found.append((late, offset(late)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of a shop in `zone`: right from the day `first` to the day `last`. Beyond them, the offset of the
    nearest counts.
    """

    zone: str
    first: date
    last: date

    def seconds(self, moment: Column) -> Column:
        """What the clock shows at a timestamp (UTC), as seconds since its own 1970."""
        changes, utc = offsets(self.zone, self.first, self.last), F.unix_seconds(moment)
        if len(changes) == 1:
            return utc + F.lit(changes[0][1]) if changes[0][1] else utc
        offset = None
        for second, from_then in reversed(changes[1:]):  # most times are new: the first question settles them
            offset = (F if offset is None else offset).when(utc >= second, F.lit(from_then))
        return utc + offset.otherwise(F.lit(changes[0][1]))

    def day(self, moment: Column) -> Column:
        """The shop's date at a timestamp (UTC)."""
        return F.date_from_unix_date(F.floor(self.seconds(moment) / _DAY).cast("int"))

    def hour(self, moment: Column) -> Column:
        """The shop's hour at a timestamp (UTC), 0-23."""
        return F.floor(F.pmod(self.seconds(moment), F.lit(_DAY)) / _HOUR).cast("int")


def midnight(day: Column, zone: str) -> Column:
    """The timestamp (UTC) with which a date begins at a shop in `zone`. For few rows: by the engine's calendar."""
    return F.to_utc_timestamp(day.cast("timestamp"), zone)
