"""clock: the shop's days and hours by arithmetic are those of the calendar of its zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import functions as F

from jobs.clock import Clock, midnight, offsets

# One that never changes, one that did until 1991, both ways of the year, and one by half an hour.
ZONES = ("UTC", "Asia/Taipei", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe")
FIRST, LAST = date(1990, 1, 1), date(2030, 12, 31)


@pytest.mark.engines
@pytest.mark.parametrize("zone", ZONES)
def test_days_and_hours_are_those_of_the_zone(spark, zone):
    edges = [second + near for second, _ in offsets(zone, FIRST, LAST)[1:] for near in (-1, 0, 3_599, 3_600)]
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=7 * n, seconds=n) for n in range(1_300)]
    times = [datetime.fromtimestamp(second, UTC) for second in edges] + days
    shop = Clock(zone, FIRST, LAST)
    frame = spark.createDataFrame([(time,) for time in times], "t timestamp").select(
        "t", shop.day(F.col("t")).alias("day"), shop.hour(F.col("t")).alias("hour")
    )
    for row in frame.collect():
        here = row["t"].replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
        assert (row["day"], row["hour"]) == (here.date(), here.hour), here


def test_a_day_has_23_24_or_25_hours(spark):
    days = [date(2026, 3, 7) + timedelta(days=n) for n in range(3)] + [date(2026, 10, 31), date(2026, 11, 1)]
    frame = spark.createDataFrame([(day,) for day in days], "day date")
    begins, ends = (midnight(day, "America/New_York") for day in (F.col("day"), F.date_add("day", 1)))
    hours = frame.select(((F.unix_timestamp(ends) - F.unix_timestamp(begins)) / 3600).alias("hours"))
    assert [row["hours"] for row in hours.collect()] == [24, 23, 24, 24, 25]


def test_changes_of_an_offset_are_found_to_the_second():
    found = offsets("America/New_York", date(2026, 1, 1), date(2026, 12, 31))
    changes = [(str(datetime.fromtimestamp(second, UTC)), offset // 3600) for second, offset in found[1:]]
    assert changes == [("2026-03-08 07:00:00+00:00", -4), ("2026-11-01 06:00:00+00:00", -5)]
    assert len(offsets("Asia/Taipei", FIRST, LAST)) == 1
