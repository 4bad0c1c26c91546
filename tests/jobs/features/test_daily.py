"""user_daily: every number of a user's day by hand, sessions over midnight, bots left out, late rows of others."""

from __future__ import annotations

from decimal import Decimal

import pytest

from jobs.features import daily
from jobs.tables import USER_DAILY
from tests.jobs.frames import at, silver

VIEW = {"event_type": "view", "amount": None, "list_amount": None, "discount": None, "quantity": None}


def build(events):
    rows = daily.build(events, daily.mean_prices(events)).collect()
    return {(row["user_id"], str(row["ds"])): row for row in rows}


def sold(event_id: str, pieces: int, list_amount: str, **fields):
    money = {"amount": Decimal(list_amount), "list_amount": Decimal(list_amount), "discount": Decimal(0)}
    return {"event_id": event_id, "quantity": pieces} | money | fields


def test_a_users_day(spark):
    found = build(silver(
        spark,
        sold("1", 2, "5.00", amount=Decimal("4.00"), discount=Decimal("1.00")),
        sold("2", 1, "2.50", amount=Decimal("2.00"), discount=Decimal("0.50"), product_id="p2", category=None,
             department=None, brand=None, local_hour=23),
        VIEW | {"event_id": "3", "session_id": "s2", "local_weekday": 6, "product_id": "p9"},
        VIEW | {"event_id": "4", "session_id": "s2", "event_type": "click", "product_id": "p3"},
        VIEW | {"event_id": "5", "session_id": "s2", "event_type": "cart", "product_id": "p3"},
        VIEW | {"event_id": "6", "session_id": "s2", "event_type": "uncart", "product_id": "p3"},
        VIEW | {"event_id": "7", "session_id": "s2", "event_type": "search", "product_id": None},
        VIEW | {"event_id": "8", "session_id": "s2", "event_type": "favourite", "product_id": "p4"},
        {"event_id": "9", "event_type": "refund", "amount": Decimal("1.50")},
        sold("10", 2, "1.00", user_id="u2"),
    ))  # fmt: skip
    day = found["u1", "2017-06-01"].asDict()
    assert set(day) == set(USER_DAILY.column_names) - {"run_id"}
    counts = {"events": 9, "bot_events": 0, "views": 2, "searches": 1, "favourites": 1, "carts": 1, "uncarts": 1,
              "purchases": 2, "refunds": 1, "orders": 1, "sessions": 2, "quantity": 3}  # fmt: skip
    assert {name: day[name] for name in counts} == counts
    # BEEF sold 4 pieces for 6.00 at list price that day: this user's two were expected at 3.00 and cost 5.00.
    money = {"amount": "6.00", "list_amount": "7.50", "discount": "1.50", "refund_amount": "1.50",
             "expected_amount": "5.50", "low_price_amount": "0.00", "high_price_amount": "4.00"}  # fmt: skip
    assert {name: f"{day[name]:.2f}" for name in money} == money
    assert day["department_amount"] == {"MEAT": Decimal("4.00")}
    assert day["category_amount"] == {"BEEF": Decimal("4.00")}
    assert day["brand_amount"] == {"Own": Decimal("4.00")}
    assert (day["viewed_ids"], day["carted_ids"], day["product_ids"]) == (["p3", "p9"], ["p3"], ["p1", "p2"])
    assert (day["hours"][12], day["hours"][23], sum(day["hours"])) == (8, 1, 9)
    assert day["weekdays"] == [0, 0, 0, 8, 0, 1, 0]
    assert str(day["week"]) == "2017-05-29"
    assert found["u2", "2017-06-01"]["low_price_amount"] == 1


def test_a_session_over_midnight_counts_once_on_the_day_it_begins(spark):
    found = build(silver(
        spark,
        VIEW | {"event_id": "1", "event_time": at("2017-06-01 23:50")},
        sold("2", 1, "2.00", event_time=at("2017-06-02 00:10")),
        sold("3", 1, "2.00", event_time=at("2017-06-02 00:12")),
    ))  # fmt: skip
    before, after = found["u1", "2017-06-01"], found["u1", "2017-06-02"]
    assert (before["sessions"], before["orders"], before["events"]) == (1, 0, 1)
    assert (after["sessions"], after["orders"], after["purchases"]) == (0, 1, 2)


def test_events_of_a_bot_are_counted_apart(spark):
    found = build(silver(
        spark,
        sold("1", 1, "2.00"),
        sold("2", 1, "9.00", user_id="bot", is_bot=True, product_id="p2", category="HAM"),
        VIEW | {"event_id": "3", "user_id": "bot", "is_bot": True},
        VIEW | {"event_id": "4", "user_id": "old", "is_bot": None},
    ))  # fmt: skip
    bot = found["bot", "2017-06-01"].asDict()
    empty = {name: value for name, value in bot.items() if name not in ("user_id", "ds", "week", "bot_events")}
    assert bot["bot_events"] == 2
    assert not any(any(value) if isinstance(value, list) else value for value in empty.values()), empty
    assert (found["u1", "2017-06-01"]["events"], found["old", "2017-06-01"]["events"]) == (1, 1)


@pytest.mark.parametrize("is_bot", [False, True])
def test_a_late_row_of_one_user_changes_no_row_of_another(spark, is_bot):
    """The late row brings a price of its own, and may show its user's day to be a bot's."""
    rows = [sold("1", 1, "2.00"), sold("2", 1, "4.00", user_id="u2", is_bot=is_bot)]
    late = sold("3", 1, "90.00", user_id="u2", landed_ds=at("2017-06-03 00:00").date(), is_bot=is_bot)
    first = build(silver(spark, rows[0], rows[1] | {"is_bot": False}))
    again = build(silver(spark, *rows, late))
    assert first["u1", "2017-06-01"] == again["u1", "2017-06-01"]
    assert again["u1", "2017-06-01"]["expected_amount"] == 3
    assert first["u2", "2017-06-01"] != again["u2", "2017-06-01"]


def test_a_category_without_a_mean_price_is_expected_at_its_own(spark):
    late = sold("1", 2, "7.00", landed_ds=at("2017-06-03 00:00").date())
    day = build(silver(spark, late))["u1", "2017-06-01"]
    assert (day["expected_amount"], day["low_price_amount"], day["high_price_amount"]) == (7, 0, 0)


def test_the_days_of_some_users_alone_are_as_in_the_whole(spark):
    events = silver(spark, sold("1", 1, "2.00"), sold("2", 3, "9.00", user_id="u2"), VIEW | {"event_id": "3"})
    prices = daily.mean_prices(events)
    whole = daily.build(events, prices).where("user_id = 'u1'").collect()
    assert daily.build(events.where("user_id = 'u1'"), prices).collect() == whole
