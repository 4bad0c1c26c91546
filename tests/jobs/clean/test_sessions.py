"""Sessions: silence ends one, midnight does not, four o'clock at the shop does; each counts once."""

from __future__ import annotations

from datetime import date

from jobs.clean import sessions
from jobs.clock import Clock
from tests.jobs.frames import at, bronze


def clocks(**zones):
    return {shop: Clock(zone, date(2017, 1, 1), date(2017, 12, 31)) for shop, zone in zones.items()}


def sessionised(frame, zone="UTC"):
    spread = sessions.spread(sessions.with_clock(frame, clocks(shop=zone)), files=2, buckets=2)
    return {row["event_id"]: row for row in sessions.sessionise(spread).collect()}


def test_a_session_ends_after_thirty_minutes_of_silence_not_at_midnight(spark):
    rows = sessionised(bronze(
        spark,
        {"event_id": "a", "event_time": at("2017-06-01 10:00"), "event_type": "view"},
        {"event_id": "b", "event_time": at("2017-06-01 10:30")},
        {"event_id": "b2", "event_time": at("2017-06-01 10:30")},
        {"event_id": "c", "event_time": at("2017-06-01 11:00:01")},
        {"event_id": "d", "event_time": at("2017-06-01 23:50"), "event_type": "view"},
        {"event_id": "e", "event_time": at("2017-06-02 00:15"), "ds": date(2017, 6, 2)},
        {"event_id": "f", "event_time": at("2017-06-01 10:10"), "user_id": "u2"},
    ))  # fmt: skip
    first = f"u1@{int(at('2017-06-01 10:00').timestamp())}"
    assert [rows[k]["session_id"] for k in ("a", "b", "b2")] == [first] * 3
    assert rows["c"]["session_id"] == f"u1@{int(at('2017-06-01 11:00:01').timestamp())}"
    assert rows["d"]["session_id"] == rows["e"]["session_id"]
    assert {k for k, row in rows.items() if row["session_start"]} == {"a", "c", "d", "f"}
    assert {k for k, row in rows.items() if row["order_start"]} == {"b", "c", "e", "f"}


def test_no_session_goes_on_past_four_at_the_shop(spark):
    # Four o'clock in Tokyo is 19:00 UTC of the day before.
    rows = sessionised(bronze(
        spark,
        {"event_id": "a", "event_time": at("2017-05-31 18:50")},
        {"event_id": "b", "event_time": at("2017-05-31 19:00")},
    ), "Asia/Tokyo")  # fmt: skip
    assert rows["a"]["session_id"] != rows["b"]["session_id"]
    assert (rows["a"]["session_day"], rows["b"]["session_day"]) == (date(2017, 5, 31), date(2017, 6, 1))
    assert (rows["a"]["reaches_on"], rows["b"]["reaches_on"]) == (False, True)


def test_the_sources_own_sessions_stay_also_where_they_run_side_by_side(spark):
    rows = sessionised(bronze(
        spark,
        {"event_id": "a", "event_time": at("2017-06-01 10:00"), "session_id": "phone"},
        {"event_id": "b", "event_time": at("2017-06-01 10:01"), "session_id": "desk", "event_type": "view"},
        {"event_id": "c", "event_time": at("2017-06-01 12:00"), "session_id": "phone"},
        {"event_id": "d", "event_time": at("2017-06-01 12:01"), "session_id": "desk"},
        {"event_id": "e", "event_time": at("2017-06-01 10:20")},
        {"event_id": "f", "event_time": at("2017-06-01 10:40")},
    ))  # fmt: skip
    assert [rows[k]["session_id"] for k in "abcd"] == ["phone", "desk", "phone", "desk"]
    assert rows["e"]["session_id"] == rows["f"]["session_id"] not in ("phone", "desk")
    assert {k for k, row in rows.items() if row["session_start"]} == {"a", "b", "e"}
    assert {k for k, row in rows.items() if row["order_start"]} == {"a", "d", "e"}


def test_the_clock_is_the_shops(spark):
    frame = bronze(
        spark,
        {"event_id": "a", "event_time": at("2017-06-05 02:00"), "ds": date(2017, 6, 4)},
        {"event_id": "b", "source": "other"},
    )
    zones = clocks(shop="America/New_York", other="Asia/Shanghai")
    rows = {row["event_id"]: row for row in sessions.with_clock(frame, zones).collect()}
    assert (rows["a"]["local_hour"], rows["a"]["local_weekday"]) == (22, 7)
    assert rows["b"]["local_hour"] == 20
