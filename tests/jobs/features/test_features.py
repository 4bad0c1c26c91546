"""features: every family by hand, the edge of every window, and nothing after ds ever counts."""

from __future__ import annotations

import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from jobs.features import daily as user_daily
from jobs.features import expressions
from jobs.features import run as features
from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import SILVER_EVENTS, SILVER_USERS, USER_DAILY, USER_FEATURES
from jobs.tables.feature_list import FEATURES, HABITS, RECENT, WINDOWS
from tests.jobs.frames import at, silver

DS = date(2017, 6, 30)  # a Friday
FIRST = DS - timedelta(days=500)
NAMES = [feature.name for feature in FEATURES]
PLAIN = {"amount": None, "list_amount": None, "discount": None, "quantity": None}


def ago(days: int) -> date:
    return DS - timedelta(days=days)


def event(event_id: str, days: int, kind: str = "purchase", hour: int = 12, **fields):
    """One event so many days before DS, in a session of its own."""
    day = ago(days)
    base = {"event_id": event_id, "event_time": at(f"{day} {hour:02}:00"), "session_id": f"s{event_id}",
            "event_type": kind, "local_hour": hour, "local_weekday": day.isoweekday()}  # fmt: skip
    return base | ({} if kind in ("purchase", "refund") else PLAIN) | fields


def paid(amount: int | str, discount: int | str = 0, pieces: int = 1):
    amount, discount = Decimal(amount), Decimal(discount)
    return {"amount": amount, "discount": discount, "list_amount": amount + discount, "quantity": pieces}


def users(spark, **first_seen):
    return spark.createDataFrame(list(first_seen.items()), "user_id string, first_seen_ds date")


def daily(events):
    return user_daily.build(events, user_daily.mean_prices(events))


def build(spark, events, **first_seen):
    """One row a user; `order` holds the keys of category_shares_365d: a Python dict forgets how Spark had them."""
    frame = features.build(daily(events), users(spark, **first_seen), DS)
    order = F.map_keys("category_shares_365d").alias("order")
    return {row["user_id"]: row for row in frame.select("*", order).collect()}


def test_every_declared_feature_has_one_expression_and_no_other(spark):
    assert set(expressions.by_name(DS)) == set(NAMES)
    assert len(set(NAMES)) == len(NAMES) == len(USER_FEATURES.columns) - 3
    assert len({feature.zh for feature in FEATURES}) == len({feature.en for feature in FEATURES}) == len(NAMES)
    for feature in FEATURES:
        assert all((feature.type, feature.unit, feature.en, feature.zh, feature.meaning, feature.meaning_zh)), feature
        assert bool(feature.null_when) == bool(feature.null_when_zh), feature
        assert feature.meaning[-1] not in ",. ", feature


# Windows


@pytest.fixture(scope="module")
def edges(spark):
    """A user who does one of each on both sides of every edge: what each window holds is a matter of counting."""
    ages = sorted({w - 1 for w in (*WINDOWS, 56)} | {*WINDOWS, 56})
    kinds = ("purchase", "view", "search", "favourite", "cart", "refund")
    rows = [event(f"{kind}{n}", n, kind, product_id=f"p{n}", category=f"c{n}", brand=f"b{n}")
            for n in ages for kind in kinds]  # fmt: skip
    return ages, build(spark, silver(spark, *rows), u1=FIRST)["u1"]


@pytest.mark.parametrize("window", WINDOWS)
def test_each_window_ends_at_its_edge(edges, window):
    ages, row = edges
    inside = sum(age < window for age in ages)
    once = ("frequency", "active_days", "purchases", "quantity", "views", "searches", "favourites", "carts", "refunds",
            "products", "categories", "brands")  # fmt: skip
    assert {stem: row[f"{stem}_{window}d"] for stem in once} == dict.fromkeys(once, inside)
    assert row[f"sessions_{window}d"] == 6 * inside
    assert row[f"monetary_{window}d"] == 2 * inside
    if window in RECENT:
        assert (row[f"products_viewed_{window}d"], row[f"products_carted_{window}d"]) == (inside, inside)
    if window in HABITS:
        assert row[f"category_entropy_{window}d"] == pytest.approx(math.log2(inside), abs=1e-5)
        assert row[f"top_brand_share_{window}d"] == 1 / inside
        assert row[f"conversion_{window}d"] == 1 / 6


def test_days_are_counted_back_from_ds(edges):
    _, row = edges
    assert (row["recency_days"], row["inactive_days"], row["cart_recency_days"], row["tenure_days"]) == (0, 0, 0, 500)
    # Ages 0, 1, 6, 7, 27 against 28, 55.
    assert row["trend_28d"] == row["views_trend_28d"] == (5 - 2) / 7


# Values by hand


@pytest.fixture(scope="module")
def golden(spark):
    """u1: four orders, some browsing, a refund. u2: one view. u3: known, without an event in the year."""
    rows = [
        event("1", 50, **paid("6.00"), department="A", category="x", product_id="p1"),
        event("2", 40, **paid("2.00"), department="B", category="y", brand="Zed", product_id="p2"),
        event("3", 10, **paid("3.00", "1.00", 2), department="A", category="z", product_id="p1"),
        event("4", 0, **paid("4.00"), department="B", category="y", hour=3, product_id="p3"),
        event("5", 0, **paid("1.00"), department="B", category="y", hour=3, product_id="p4", session_id="s4"),
        event("6", 10, "cart", hour=20, product_id="p7"),
        event("7", 10, "cart", hour=20, product_id="p8", session_id="s6"),
        event("8", 12, "cart", hour=20, product_id="p7"),
        event("9", 12, "cart", hour=20, product_id="p9", session_id="s8"),
        event("10", 12, "uncart", hour=20, product_id="p9", session_id="s8"),
        event("11", 5, "view", hour=9, product_id="p7"),
        *[event(f"12{n}", 6, "view", hour=9, product_id=f"p{n}", session_id="s12") for n in range(7)],
        event("13", 45, "view", hour=23, product_id="p7"),
        event("14", 5, "refund", amount=Decimal("2.00"), session_id="s11", hour=9),
        event("15", 1, "view", user_id="u2"),
        # Another buyer makes y cost 3.00 a piece on ds: 8 pieces for 24.00.
        event("16", 0, **paid("19.00", pieces=6), user_id="u4", category="y"),
    ]  # fmt: skip
    known = {"u1": ago(50), "u2": ago(1), "u3": ago(499), "u4": DS, "u5": DS + timedelta(days=1)}
    return build(spark, silver(spark, *rows), **known)


def test_only_who_is_known_by_ds_has_a_row(golden):
    assert set(golden) == {"u1", "u2", "u3", "u4"}


U1 = {
    "recency_days": 0, "tenure_days": 50, "inactive_days": 0, "cart_recency_days": 10,
    "frequency_1d": 1, "frequency_28d": 2, "frequency_90d": 4, "purchases_28d": 3, "quantity_28d": 4,
    "monetary_1d": Decimal("5.00"), "monetary_28d": Decimal("8.00"), "monetary_90d": Decimal("16.00"),
    "active_days_28d": 5, "sessions_28d": 6, "sessions_90d": 9, "views_7d": 8, "views_28d": 8, "views_90d": 9,
    "carts_28d": 4, "refunds_7d": 1,
    "products_28d": 3, "products_90d": 4, "categories_28d": 2, "brands_28d": 1, "brands_90d": 2,
    "products_viewed_7d": 8, "products_viewed_28d": 8, "products_carted_7d": 0, "products_carted_28d": 3,
    "conversion_28d": 2 / 6, "view_cart_rate_28d": 4 / 8, "cart_purchase_rate_28d": 3 / 4,
    "view_purchase_rate_28d": 3 / 8, "cart_abandonment_28d": 1 / 4, "cart_abandonment_90d": 0.0,
    "uncart_share_28d": 1 / 4, "refund_share_28d": 2 / 8, "refund_share_90d": 2 / 16, "discount_share_28d": 1 / 9,
    "discount_share_365d": 1 / 17, "basket_value_28d": 4.0, "basket_lines_28d": 1.5, "mean_price_28d": 9 / 4,
    # On ds two pieces expected at 3.00 each; the 4.00 one is above 5/4 of that, the 1.00 one below 3/4.
    "price_index_28d": 9 / (4 + 6), "low_price_share_28d": 1 / 8, "high_price_share_28d": 4 / 8,
    "category_entropy_28d": 0.95443, "category_entropy_365d": 1.50524,  # 3:5, 6:7:3
    "brand_entropy_28d": 0.0, "brand_entropy_365d": 0.54356,  # 14:2
    "top_department_share_28d": 5 / 8, "top_category_share_28d": 5 / 8, "top_category_share_365d": 7 / 16,
    "top_brand_share_365d": 14 / 16,
    "morning_share_28d": 9 / 17, "afternoon_share_28d": 1 / 17, "evening_share_28d": 5 / 17, "night_share_28d": 2 / 17,
    "night_share_90d": 3 / 20, "afternoon_share_90d": 3 / 20,
    "weekend_share_28d": 12 / 17,  # 12 and 5 days ago were Sundays, 6 a Saturday
    "peak_hour_365d": 9, "peak_weekday_365d": 6,
    "trend_28d": 0.0, "frequency_trend_28d": 0.0, "sessions_trend_28d": (6 - 3) / 9,
    "active_days_trend_28d": (5 - 3) / 8, "views_trend_28d": (8 - 1) / 9, "carts_trend_28d": 1.0,
    "interpurchase_days_mean": 50 / 3, "interpurchase_days_sd": ((100 + 900 + 100) / 3 - (50 / 3) ** 2) ** 0.5,
    "overdue_ratio": 0.0,
    "department_shares_365d": {"A": 9 / 16, "B": 7 / 16}, "brand_shares_365d": {"Own": 14 / 16, "Zed": 2 / 16},
    "category_shares_365d": {"y": 7 / 16, "x": 6 / 16, "z": 3 / 16},
    "top_categories": ["y", "x", "z"], "top_brands": ["Own", "Zed"],
    "hour_shares_365d": [{3: 2, 9: 9, 12: 3, 20: 5, 23: 1}.get(hour, 0) / 20 for hour in range(24)],
    "weekday_shares_365d": [0.0, 4 / 20, 0.0, 1 / 20, 2 / 20, 7 / 20, 6 / 20],
}  # fmt: skip


@pytest.mark.parametrize("name", U1)
def test_values_by_hand(golden, name):
    assert golden["u1"][name] == (pytest.approx(U1[name]) if isinstance(U1[name], float) else U1[name])


def test_money_by_name_is_ordered_by_money(golden):
    assert golden["u1"]["order"] == ["y", "x", "z"]


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_nothing_done_is_null_or_0_as_documented(golden, feature):
    """u3 has done nothing for a year; u2 has looked at one product."""
    if feature.name == "tenure_days":
        assert golden["u3"]["tenure_days"] == 499
    else:
        assert golden["u3"][feature.name] == (None if feature.null_when else 0)


def test_who_only_looks_has_no_money_features(golden):
    row = golden["u2"]
    assert (row["recency_days"], row["inactive_days"], row["cart_recency_days"]) == (None, 1, None)
    assert (row["monetary_365d"], row["views_28d"], row["products_viewed_28d"]) == (Decimal("0.00"), 1, 1)
    assert (row["conversion_28d"], row["view_cart_rate_28d"], row["cart_abandonment_28d"]) == (0.0, 0.0, None)
    assert (row["basket_value_365d"], row["top_categories"], row["category_entropy_365d"]) == (None, None, None)


# As of ds


ALWAYS = {"tenure_days"}  # no event after the first one changes it


@pytest.fixture(scope="module")
def worlds(spark):
    """The same history alone, with every kind of event after ds, and with the same events on ds."""
    kinds = ("purchase", "view", "cart", "refund", "search", "favourite", "uncart")

    def named(name: str, n: int, count: int, kind: str = "purchase", money: int = 0) -> dict:
        facts = dict.fromkeys(("category", "brand", "department"), f"{name}{n % count}")
        price = paid(money, money // 4) if kind in ("purchase", "refund") else {}
        return facts | {"product_id": f"{name}{n}"} | price

    past = [
        event(f"{kind}{n}", 2 + 3 * n, kind, (7, 12, 19, 1)[n % 4], **named("old", n, 3, kind, n + 1))
        for n in range(40) for kind in kinds[: 6 if n % 2 else 7]
    ]  # fmt: skip

    def new(days: int) -> list[dict]:
        buys = [
            event(f"new{n}", days, hour=4, session_id="new", **named("new", n, 6, money=1000 + 100 * (n % 6)))
            for n in range(40)
        ]
        counts = {"view": 500, "cart": 150, "refund": 3, "search": 5, "favourite": 5, "uncart": 100}
        rest = [
            event(f"new{kind}{n}", days, kind, 4, **named("new", n, 6, kind, 40))
            for kind, count in counts.items() for n in range(count)
        ]  # fmt: skip
        # Others buy new0 cheaply and new1 dearly, so that ours are dear and cheap.
        others = [
            event("o1", days, user_id="u7", category="new0", **paid(1, pieces=100)),
            event("o2", days, user_id="u7", category="new1", **paid(90_000)),
        ]
        return [*buys, *rest, *others]

    late = [row | {"event_id": f"{row['event_id']}+{n}"} for n in (1, 30) for row in new(-n)]
    first = ago(2 + 3 * 39)
    seen = {"u1": first, "u7": DS + timedelta(days=1)}
    return [build(spark, silver(spark, *past, *more), **seen)["u1"] for more in ([], late, new(0))]


@pytest.mark.parametrize("name", NAMES)
def test_no_feature_sees_a_later_event_and_each_sees_one_on_ds(worlds, name):
    alone, with_later, with_today = worlds
    assert with_later[name] == alone[name]
    if name not in ALWAYS:
        assert with_today[name] != alone[name]


def test_days_in_any_order_or_side_by_side_give_equal_tables(spark, tmp_path):
    events = silver(spark, *[event(str(n), n % 40, ("purchase", "view", "cart")[n % 3], user_id=f"u{n % 5}",
                                   **(paid(n + 1) if n % 3 == 0 else {})) for n in range(120)])  # fmt: skip
    nobody = dict.fromkeys(SILVER_USERS.column_names)
    rows = [tuple((nobody | {"user_id": f"u{n}", "first_seen_ds": ago(39)}).values()) for n in range(5)]
    known = spark.createDataFrame(rows, SILVER_USERS.ddl)

    def night(warehouse: Path, ds: date) -> None:
        features.run(spark, Settings(ds, ds, str(warehouse), "shop", "", f"run of {ds}"))

    def tables(warehouse: Path) -> list[list]:
        return [
            delta.read(spark, str(warehouse), table).drop("run_id").orderBy("ds", "user_id").collect()
            for table in (USER_DAILY, USER_FEATURES)
        ]

    history, days = tmp_path / "history", [ago(20), ago(1)]
    delta.replace_where(events, str(history), SILVER_EVENTS, "true")
    delta.overwrite(known, str(history), SILVER_USERS)
    delta.replace_where(daily(events).withColumn("run_id", F.lit("history")), str(history), USER_DAILY, "true")
    forward, backward, together = (Path(shutil.copytree(history, tmp_path / name)) for name in "123")
    for ds in days:
        night(forward, ds)
    for ds in reversed(days):
        night(backward, ds)
    with ThreadPoolExecutor(len(days)) as pool:
        list(pool.map(lambda ds: night(together, ds), days))
    expected = tables(forward)
    assert [len(rows) for rows in expected] == [40, 10]
    assert tables(backward) == expected
    assert tables(together) == expected
