"""features: a golden user, the edge of every window, and nothing after ds ever counts."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from jobs import features, user_daily
from jobs.tables import USER_FEATURES, WINDOWS
from tests.jobs.frames import at, silver

DS = date(2017, 6, 30)


def buy(event_id: str, day: date, **fields):
    return {"event_id": event_id, "event_time": at(f"{day} 12:00"), "session_id": f"s{event_id}"} | fields


def users(spark, **first_seen):
    return spark.createDataFrame(list(first_seen.items()), "user_id string, first_seen_ds date")


def build(spark, events, **first_seen):
    daily = user_daily.build(events)
    return {row["user_id"]: row for row in features.build(daily, users(spark, **first_seen), DS).collect()}


def test_a_users_day(spark):
    day = user_daily.build(silver(
        spark,
        {"event_id": "1", "quantity": 2, "amount": Decimal("4.00"), "discount": Decimal("1.00"),
         "list_amount": Decimal("5.00")},
        {"event_id": "2", "product_id": "p2", "category": None, "department": None, "brand": None, "local_hour": 23},
        {"event_id": "3", "event_type": "view", "amount": None, "list_amount": None, "quantity": None,
         "session_id": "s2", "local_weekday": 6},
        {"event_id": "4", "event_type": "refund", "amount": Decimal("1.50")},
        {"event_id": "5", "user_id": "u2", "quantity": 2, "list_amount": Decimal("1.00"), "amount": Decimal("1.00")},
    )).where("user_id = 'u1'").first()  # fmt: skip
    assert (day["events"], day["views"], day["purchases"], day["refunds"]) == (4, 1, 2, 1)
    assert (day["orders"], day["sessions"], day["quantity"]) == (1, 2, 3)
    assert (day["amount"], day["refund_amount"], day["discount"]) == (Decimal("6.00"), Decimal("1.50"), Decimal("1.50"))
    # BEEF sold 4 pieces for 6.00 at list price that day, so this user's two were expected at 3.00.
    assert day["expected_amount"] == Decimal("3.00") + Decimal("2.50")
    assert day["department_amount"] == {"MEAT": Decimal("4.00")}
    assert day["product_ids"] == ["p1", "p2"]
    assert (day["hours"][12], day["hours"][23], sum(day["hours"]), day["weekend_events"]) == (3, 1, 4, 1)


def test_each_window_ends_at_its_edge(spark):
    edges = [w - 1 for w in WINDOWS] + list(WINDOWS)
    events = silver(spark, *[buy(str(n), DS - timedelta(days=n)) for n in sorted(set(edges))])
    row = build(spark, events, u1=DS - timedelta(days=400))["u1"]
    for window in WINDOWS:
        inside = sum(n < window for n in set(edges))
        assert row[f"frequency_{window}d"] == inside
        assert row[f"monetary_{window}d"] == 2 * inside
        assert row[f"active_days_{window}d"] == inside
    assert (row["recency_days"], row["tenure_days"]) == (0, 400)


def test_shares_trend_and_gaps(spark):
    day = [DS - timedelta(days=n) for n in (50, 40, 10, 0)]
    events = silver(
        spark,
        buy("1", day[0], amount=Decimal("6.00"), department="A", category="x"),
        buy("2", day[1], amount=Decimal("2.00"), department="B", category="y", brand="Zed"),
        buy("3", day[2], amount=Decimal("4.00"), department="A", category="z"),
        buy("4", day[3], amount=Decimal("4.00"), department="B", category="y", local_hour=3),
        {"event_id": "5", "user_id": "u2", "event_type": "view", "amount": None, "event_time": at(f"{DS} 12:00")},
    )
    rows = build(spark, events, u1=day[0], u2=DS, later=DS + timedelta(days=1))
    assert set(rows) == {"u1", "u2"}
    one = rows["u1"]
    assert one["trend_28d"] == pytest.approx(0.0)
    assert one["department_shares_365d"] == {"A": 0.625, "B": 0.375}
    assert one["top_categories"] == ["x", "y", "z"]
    assert one["top_category_share_365d"] == pytest.approx(6 / 16)
    assert one["interpurchase_days_mean"] == pytest.approx(50 / 3)
    assert one["interpurchase_days_sd"] == pytest.approx(((100 + 900 + 100) / 3 - (50 / 3) ** 2) ** 0.5)
    assert (one["night_share_365d"], one["afternoon_share_365d"]) == (0.25, 0.75)
    two = rows["u2"]
    assert (two["recency_days"], two["frequency_365d"], two["monetary_365d"]) == (None, 0, Decimal("0.00"))
    assert two["basket_value_365d"] is None
    assert two["top_categories"] is None
    assert two["views_28d"] == 1


def test_no_feature_sees_a_later_event(spark):
    """The leak test: events after ds, of every type and size, change no column of any user."""
    past = [buy(str(n), DS - timedelta(days=3 * n), amount=Decimal(n + 1)) for n in range(30)]
    future = [
        buy(f"f{n}", DS + timedelta(days=n), amount=Decimal(1000), event_type=kind, department="NEW", category="NEW")
        for n, kind in enumerate(("purchase", "view", "cart", "refund", "search"), start=1)
    ]
    first = DS - timedelta(days=87)
    without = build(spark, silver(spark, *past), u1=first)
    assert build(spark, silver(spark, *past, *future), u1=first, u9=DS + timedelta(days=2)) == without
    assert {c.name for c in USER_FEATURES.columns} <= set(without["u1"].asDict()) | {"ds", "run_id"}
