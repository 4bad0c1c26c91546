"""Days and times: cases of the contract."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs import clock
from jobs.lake.engine import columns
from tests.engines.cases import Case, given

_ZONES = "Asia/Shanghai", "America/New_York", "Europe/Berlin"


def cases() -> list[Case]:
    return [*_days(), *_instants(), *_zones(), *_read_times(), *_read_by_patterns()]


def _time(text: str | None) -> Column:
    return given(text, "timestamp")


def _days() -> list[Case]:
    sunday, monday, old = (given(day, "date") for day in ("2017-12-03", "2017-12-04", "1969-12-28"))
    return [
        Case("columns.weekday: Sunday", columns.weekday(sunday), 7),
        Case("columns.weekday: Monday", columns.weekday(monday), 1),
        Case("columns.weekday: a Sunday before 1970", columns.weekday(old), 7),
        Case("columns.weekday: null", columns.weekday(given(None, "date")), None),
        Case("trunc: Sunday", F.trunc(sunday, "week"), date(2017, 11, 27)),
        Case("trunc: Monday", F.trunc(monday, "week"), date(2017, 12, 4)),
        Case("trunc: before 1970", F.trunc(old, "week"), date(1969, 12, 22)),
        Case("date_add: over a leap day", F.date_add(given("2016-02-28", "date"), 1), date(2016, 2, 29)),
        Case("date_add: a column", F.date_add(sunday, given(-3)), date(2017, 11, 30)),
        Case("date_sub: over the year", F.date_sub(given("2017-01-01", "date"), 1), date(2016, 12, 31)),
        Case("date_sub: null", F.date_sub(given(None, "date"), 1), None),
        Case("date_diff: backwards", F.date_diff(sunday, monday), -1),
        Case("date_diff: null", F.date_diff(sunday, given(None, "date")), None),
        Case("unix_date: before 1970", F.unix_date(given("1969-12-31", "date")), -1),
        Case("date_from_unix_date: before 1970", F.date_from_unix_date(given(-1)), date(1969, 12, 31)),
        Case("cast: a day to text", sunday.cast("string"), "2017-12-03"),
        Case("cast: a day to a time", sunday.cast("timestamp").cast("string"), "2017-12-03 00:00:00"),
        Case("expr: days of a list", F.expr("CAST(id AS int) = 0") & sunday.isin(date(2017, 12, 3)), True),
        Case("<: days", sunday < F.lit(date(2017, 12, 4)), True),
    ]


def _instants() -> list[Case]:
    before, half = _time("1969-12-31 23:59:58.5"), _time("2017-01-01 01:02:03.999999")
    utc = clock.Clock("UTC", date(1969, 12, 1), date(1970, 1, 31))
    shop = clock.Clock("America/New_York", date(2017, 1, 1), date(2017, 12, 31))
    return [
        Case("unix_timestamp: before 1970", F.unix_timestamp(before), -1),
        Case("unix_timestamp: a fraction", F.unix_timestamp(half), 1483232523),
        Case("unix_timestamp: null", F.unix_timestamp(_time(None)), None),
        Case("unix_seconds: whole ones before 1970", F.unix_seconds(_time("1969-12-31 23:59:58")), -2),
        Case("unix_seconds: a fraction", F.unix_seconds(half), 1483232523),
        Case("unix_micros: before 1970", F.unix_micros(before), -1_500_000),
        Case("timestamp_seconds: before 1970", F.timestamp_seconds(given(-2, "bigint")).cast("string"),
             "1969-12-31 23:59:58"),
        Case("timestamp_micros: before 1970", F.timestamp_micros(given(-1, "bigint")).cast("string"),
             "1969-12-31 23:59:59.999999"),
        Case("timestamp_micros: null", F.timestamp_micros(given(None, "bigint")), None),
        Case("timestamp_micros: far", F.timestamp_micros(given(2**62, "bigint")).cast("string"),
             "+148108-07-06 14:00:27.387904"),
        Case("timestamp_micros: the year 9999", F.timestamp_micros(given(253402300799_000000, "bigint")).cast("string"),
             "9999-12-31 23:59:59"),
        Case("to_date: before 1970", F.to_date(before), date(1969, 12, 31)),
        Case("to_date: of seconds", F.to_date(F.timestamp_seconds(given(1512345599, "bigint"))), date(2017, 12, 3)),
        Case("cast: a time to text", _time("2017-01-01 01:02:03.5").cast("string"), "2017-01-01 01:02:03.5"),
        Case("cast: a whole second to text", _time("2017-01-01 01:02:03").cast("string"), "2017-01-01 01:02:03"),
        Case("cast: micros to text", half.cast("string"), "2017-01-01 01:02:03.999999"),
        Case("cast: an early time to text", _time("0099-03-01 00:00:00").cast("string"), "0099-03-01 00:00:00"),
        Case("Clock.day: before 1970", utc.day(before), date(1969, 12, 31)),
        Case("Clock.day: before clocks go forward", shop.day(_time("2017-03-12 04:59:59")), date(2017, 3, 11)),
        Case("Clock.day: a day of 23 hours", shop.day(_time("2017-03-13 03:59:59.9")), date(2017, 3, 12)),
        Case("Clock.day: after it", shop.day(_time("2017-03-13 04:00:00")), date(2017, 3, 13)),
        Case("Clock.day: null", shop.day(_time(None)), None),
        Case("Clock.hour: before 1970", utc.hour(before), 23),
        Case("Clock.hour: the first of two", shop.hour(_time("2017-11-05 05:30:00")), 1),
        Case("Clock.hour: the second of two", shop.hour(_time("2017-11-05 06:30:00")), 1),
        Case("clock.midnight: a day", clock.midnight(given("2017-03-13", "date"), shop.zone).cast("string"),
             "2017-03-13 04:00:00"),
        Case("-: times as seconds", F.unix_timestamp(half) - F.unix_timestamp(before), 1483232524),
    ]  # fmt: skip


def _zones() -> list[Case]:
    into_utc = {
        ("2017-06-01 08:00:00", "Asia/Shanghai"): "2017-06-01 00:00:00",
        ("1988-06-01 08:00:00", "Asia/Shanghai"): "1988-05-31 23:00:00",  # it had summer time then
        ("2017-11-05 01:30:00", "America/New_York"): "2017-11-05 05:30:00",  # twice: the first
        ("2017-03-12 02:30:00", "America/New_York"): "2017-03-12 07:30:00",  # never
        ("2017-03-26 02:30:00", "Europe/Berlin"): "2017-03-26 01:30:00",  # never
        ("2017-10-29 02:30:00", "Europe/Berlin"): "2017-10-29 00:30:00",  # twice
        ("2017-06-01 08:00:00", "UTC"): "2017-06-01 08:00:00",
        ("2017-06-01 08:00:00", "Etc/GMT-8"): "2017-06-01 00:00:00",
        ("1850-01-01 00:00:00", "Europe/Berlin"): "1849-12-31 23:06:32",  # mean solar time
    }
    from_utc = {
        ("2017-11-05 05:30:00", "America/New_York"): "2017-11-05 01:30:00",
        ("2017-11-05 06:30:00", "America/New_York"): "2017-11-05 01:30:00",
        ("2017-03-12 07:00:00", "America/New_York"): "2017-03-12 03:00:00",
        ("2017-12-31 23:30:00.5", "Asia/Shanghai"): "2018-01-01 07:30:00.5",
        ("2040-07-01 00:00:00", "Europe/Berlin"): "2040-07-01 02:00:00",
    }
    return [
        *[Case(f"to_utc_timestamp: {there} {zone}", F.to_utc_timestamp(_time(there), zone).cast("string"), utc)
          for (there, zone), utc in into_utc.items()],
        *[Case(f"from_utc_timestamp: {utc} {zone}", F.from_utc_timestamp(_time(utc), zone).cast("string"), there)
          for (utc, zone), there in from_utc.items()],
        Case("to_utc_timestamp: null", F.to_utc_timestamp(_time(None), "Asia/Shanghai"), None),
    ]  # fmt: skip


# What stands in a log as a time without a pattern, and what it is read as.
_ISO = {
    "2017-01-01T01:02:03Z": "2017-01-01 01:02:03", "2017-01-01T01:02:03+08:00": "2016-12-31 17:02:03",
    "2017-01-01 01:02:03": "2017-01-01 01:02:03", "2017-01-01 01:02:03.5": "2017-01-01 01:02:03.5",
    "2017-01-01T01:02:03.123456Z": "2017-01-01 01:02:03.123456",
    "2017-01-01T01:02:03.123456789Z": "2017-01-01 01:02:03.123456", "2017-01-01T01:02:03.1234567": "2017-01-01 01:02:03.123456",
    "2017-01-01": "2017-01-01 00:00:00", "2017-01-01T": None, "2017-1-1 1:2:3": "2017-01-01 01:02:03",
    "2017-1-1": "2017-01-01 00:00:00", "2017-01": None, "2017": None,
    "2017-01-01 01": "2017-01-01 01:00:00", "2017-01-01 01:02": "2017-01-01 01:02:00", "2017-01-01T01:02Z": "2017-01-01 01:02:00", "2017-01-01 01:02+08:00": "2016-12-31 17:02:00",
    "2017-01-01T01:02:03+0800": "2016-12-31 17:02:03", "2017-01-01T01:02:03+08": "2016-12-31 17:02:03",
    "2017-01-01T01:02:03-05:30": "2017-01-01 06:32:03", "2017-01-01T01:02:03 +08:00": "2016-12-31 17:02:03",
    "2017-01-01T01:02:03+8:00": "2016-12-31 17:02:03", "2017-01-01 01:02:03 UTC": "2017-01-01 01:02:03",
    "2017-01-01 01:02:03 Asia/Shanghai": "2016-12-31 17:02:03", "2017-01-01 01:02:03 GMT+8": "2016-12-31 17:02:03",
    "2017-01-01 01:02:03 CST": None, "2017-01-01t01:02:03z": None, "2017-01-01T01:02:03z": None,
    "01:02:03": None, "T01:02:03": None, "20170101": None, "20170101T010203Z": None, "1483232523": None,
    "2017-13-01": None, "2017-02-29 00:00:00": None, "2016-02-29T00:00:00Z": "2016-02-29 00:00:00",
    "2017-01-01T24:00:00": None, "2017-01-01T23:59:60": None, "2017-01-01T01:60:00": None, "0000-00-00 00:00:00": None,
    "0000-01-01": "0000-01-01 00:00:00", "0001-01-01": "0001-01-01 00:00:00", "10000-01-01": None,
    "9999-12-31T23:59:59Z": "9999-12-31 23:59:59", "-0044-03-15": None, "+2017-01-01": None,
    "": None, "now": None, "today": None, "epoch": None, "x": None, " 2017-01-01 01:02:03 ": "2017-01-01 01:02:03",
    "2017-01-01 01:02:03\n": "2017-01-01 01:02:03", "2017/01/01": None, "01/02/2017": None, "2017-01-01  01:02:03": None,
    "2017-01-01 01:02:03 PM": None, "2017-01-01T01:02:03,5Z": "2017-01-01 01:02:03.5", "2017-01-01T01:02:03.": "2017-01-01 01:02:03", "2017-01-01T01:02:03.Z": "2017-01-01 01:02:03",
    "２０１７-01-01": None, "17-01-01": None, "2017-001-01": None, "2017-W01": None, "Sun Jan 01 2017": None,
    "2017-01-01T01:02:03+19:00": None, "2017-01-01T01:02:03+08:00:00": "2016-12-31 17:02:03", "2017-01-01+08:00": None,
    "2017-01-01Z": None, "2017-01-01T1:2": "2017-01-01 01:02:00", "2017-01-01T01:02:03 Z": "2017-01-01 01:02:03",
}  # fmt: skip


def _read_times() -> list[Case]:
    return [
        *[Case(f"columns.time: {text!r}", columns.time(given(text), None).cast("string"), read)
          for text, read in _ISO.items()],
        Case("columns.time: null", columns.time(given(None, "string"), None), None),
    ]  # fmt: skip


# (pattern, text): the time that is read
_BY_PATTERN = {
    ("yyyy-MM-dd HH:mm:ss 'UTC'", "2019-10-01 00:00:00 UTC"): "2019-10-01 00:00:00",
    ("yyyy-MM-dd HH:mm:ss 'UTC'", "2019-10-01 00:00:00"): None,
    ("yyyy-MM-dd HH:mm:ss 'UTC'", "x"): None,
    ("yyyyMMddHHmmss", "20170102030405"): "2017-01-02 03:04:05",
    ("yyyyMMdd", "20170102"): "2017-01-02 00:00:00",
    ("yyyy-MM-dd", "2017-13-01"): None,
    ("yyyy-MM-dd", "2017-01-02 03:04:05"): None,
    ("yyyy-MM-dd", "2017-1-2"): None,
    ("M/d/yyyy H:mm", "12/1/2010 8:26"): "2010-12-01 08:26:00",
    ("M/d/yyyy H:mm", "13/1/2010 8:26"): None,
    ("dd.MM.yyyy HH:mm", "31.12.2017 23:59"): "2017-12-31 23:59:00",
    ("dd/MMM/yyyy:HH:mm:ss Z", "10/Oct/2000:13:55:36 -0700"): "2000-10-10 20:55:36",
    ("yyyy-MM-dd HH:mm:ss.SSS", "2017-01-02 03:04:05.678"): "2017-01-02 03:04:05.678",
    ("yyyy-MM-dd'T'HH:mm:ssXXX", "2017-01-02T03:04:05+08:00"): "2017-01-01 19:04:05",
    ("yyyy-MM-dd'T'HH:mm:ssXXX", "2017-01-02T03:04:05Z"): "2017-01-02 03:04:05",
    ("yyyy-MM-dd'T'HH:mm:ssX", "2017-01-02T03:04:05Z"): "2017-01-02 03:04:05",
    ("yyyy年M月d日 HH:mm", "2017年1月2日 03:04"): "2017-01-02 03:04:00",
    ("yyyy-MM-dd hh:mm a", "2017-01-02 03:04 PM"): "2017-01-02 15:04:00",
    ("yy-MM-dd", "17-01-02"): "2017-01-02 00:00:00",
    ("yyyy-MM-dd HH:mm:ss", "2017-02-29 00:00:00"): None,
    ("yyyy-MM-dd HH:mm:ss", "2017-01-02 24:00:00"): None,
    ("yyyy-MM-dd HH:mm:ss", " 2017-01-02 03:04:05"): None,
    ("yyyy-MM-dd HH:mm:ss VV", "2017-01-02 03:04:05 Asia/Shanghai"): "2017-01-01 19:04:05",
    ("yyyy-DDD", "2017-033"): "2017-02-02 00:00:00",
    ("MMMM d, yyyy", "January 2, 2017"): "2017-01-02 00:00:00",
    ("d MMM yyyy", "2 jan 2017"): "2017-01-02 00:00:00",
    ("yyyy-M-d H:m:s", "2017-01-02 03:04:05"): "2017-01-02 03:04:05",
    ("yyyy-MM-dd HH:mm:ss,SSS", "2017-01-02 03:04:05,678"): "2017-01-02 03:04:05.678",
    ("yyyy-MM-dd HH:mm:ss.S", "2017-01-02 03:04:05.123"): None,
    ("yyyy-MM-dd HH:mm:ss", "2017-01-02T03:04:05"): None,
    ("HH:mm", "03:04"): "1970-01-01 03:04:00",
    ("yyyy-MM-dd[ HH:mm]", "2017-01-02"): "2017-01-02 00:00:00",
}


def _read_by_patterns() -> list[Case]:
    return [
        Case(f"columns.time: {text!r} by {pattern}", columns.time(given(text), pattern).cast("string"), read)
        for (pattern, text), read in _BY_PATTERN.items()
    ]  # fmt: skip
