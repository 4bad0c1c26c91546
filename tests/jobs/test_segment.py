"""segment: the nearest centre, changes with a cause, names that stay, portraits and profiles."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from jobs import portraits, profiles, segment, traits
from jobs.assign import SegmentModel, nearest, standardised

MODEL = SegmentModel(
    "3", np.array([1, 4], dtype=np.int32), np.array([[0.0, 0.0], [2.0, 0.0]]), ["monetary_90d", "dept:MEAT"],
    [0.0, 0.0], [True, False], [1.0, 0.5], [1.0, 0.5],
)  # fmt: skip


def test_inputs_are_filled_logged_centred_and_scaled(spark):
    ddl = "user_id string, monetary_90d decimal(18,2), department_shares_365d map<string,double>"
    frame = spark.createDataFrame([("a", None, None), ("b", None, {"MEAT": 1.0})], ddl)
    rows = {r["user_id"]: r["x"] for r in frame.select("user_id", standardised(MODEL).alias("x")).collect()}
    assert rows["a"] == [-1.0, -1.0]
    assert rows["b"] == [-1.0, 1.0]


def test_the_nearest_centre_and_how_sure(spark):
    frame = spark.createDataFrame(
        [("on it", [0.0, 0.0]), ("between", [1.0, 0.0]), ("near", [1.5, 0.0])], "user_id string, x array<double>"
    )
    rows = {r["user_id"]: (r["segment_id"], r["confidence"]) for r in nearest(frame, MODEL).collect()}
    assert rows["on it"] == (1, 1.0)
    assert rows["between"] == (1, 0.0)
    assert rows["near"] == (4, pytest.approx(1 - 0.5 / 1.5, abs=1e-6))


@pytest.mark.parametrize(("before_version", "cause"), [("3", "behaviour"), ("2", "model")])
def test_changes_have_a_cause(spark, before_version, cause):
    now = spark.createDataFrame([("stays", 1), ("moves", 2), ("new", 1)], "user_id string, segment_id int")
    ddl = "user_id string, segment_id int, model_version string"
    old = spark.createDataFrame([(u, 1, before_version) for u in ("stays", "moves", "gone")], ddl)
    rows = {r["user_id"]: (r["change"], r["cause"]) for r in segment.with_changes(now, old, "3").collect()}
    assert rows == {
        "stays": ("stay", None), "moves": ("move", cause), "new": ("enter", "behaviour"), "gone": ("exit", "behaviour"),
    }  # fmt: skip


KNOWN = traits.all_traits(["MEAT"], {"MEAT": "fresh meat"}, {"MEAT": "鲜肉"})


def z(**strong):
    return {t.key: strong.get(t.key.replace(":", "_"), 0.0) for t in KNOWN}


def test_names_come_from_what_differs_and_are_unique():
    names = traits.name_groups(
        {1: z(monetary_90d=1.2, dept_MEAT=0.9), 2: z(monetary_90d=-0.8, discount_share_365d=1.0),
         3: z(monetary_90d=-0.9, discount_share_365d=1.1, night_share_365d=0.5), 4: z()}, KNOWN,
    )  # fmt: skip
    assert names[1] == ("Big spenders · fond of fresh meat", "高消费·偏爱鲜肉")
    assert names[4][0] == "Everyday shoppers"
    assert len({en for en, _ in names.values()}) == len({zh for _, zh in names.values()}) == 4
    assert "at night" in names[3][0]


def test_a_name_stays_while_part_of_it_is_true():
    base = {t.key: (0.0, 1.0) for t in KNOWN}
    groups = {1: z(monetary_90d=1.0, weekend_share_365d=0.9), 2: z(monetary_90d=-1.0)}
    old = {1: ("Big spenders · growing", "高消费·消费上升"), 2: ("Long unseen", "久未购买")}
    names = segment.names_of(groups, base, KNOWN, old)
    assert names[1] == old[1]
    assert names[2][0].startswith("Light spenders")


def features(spark, *rows):
    from jobs.tables import USER_FEATURES

    base = {c.name: None for c in USER_FEATURES.columns} | {"tenure_days": 300, "frequency_90d": 0, "frequency_365d": 0}
    full = [tuple((base | row)[name] for name in USER_FEATURES.column_names) for row in rows]
    return spark.createDataFrame(full, USER_FEATURES.ddl)


@pytest.mark.parametrize(
    ("row", "stage"),
    [
        ({"recency_days": 3, "tenure_days": 10}, "new"),
        ({"recency_days": 28, "frequency_90d": 2}, "active"),
        ({"recency_days": 3, "frequency_90d": 12}, "loyal"),
        ({"recency_days": 29}, "slipping"),
        ({"recency_days": 57}, "dormant"),
        ({"recency_days": 181}, "lost"),
        ({"recency_days": None}, "browsing"),
        ({"recency_days": None, "tenure_days": 400}, "lost"),
    ],
)
def test_lifecycle(spark, row, stage):
    lines = profiles.load_lines().lifecycle
    assert features(spark, row).select(profiles.lifecycle_stage(lines).alias("s")).first()["s"] == stage


def test_rfm_quintiles_hold_all_buyers_and_who_never_bought(spark):
    rows = [
        {"user_id": str(n), "recency_days": n, "frequency_365d": 10 - n, "monetary_365d": Decimal(100 - n)}
        for n in range(10)
    ]
    frame = features(spark, *rows, {"user_id": "none"})
    found = {r["user_id"]: r["c"] for r in frame.select("user_id", profiles.rfm_class(frame).alias("c")).collect()}
    assert (found["0"], found["9"], found["none"]) == ("555", "111", "111")


def test_reasons_point_the_way_of_the_segment(spark):
    frame = features(
        spark,
        {"user_id": "a", "monetary_90d": Decimal(900), "discount_share_365d": 0.5},
        {"user_id": "b", "monetary_90d": Decimal(100), "discount_share_365d": 0.1},
    ).selectExpr("*", "if(user_id = 'a', 1, 2) AS segment_id")
    known = [t for t in KNOWN if t.key in ("monetary_90d", "discount_share_365d")]
    base = portraits.base_statistics(frame, known)
    assert base["monetary_90d"] == (500.0, 400.0)
    groups = portraits.group_means(frame, known)
    english, chinese = portraits.reasons(known, base, groups)
    rows = {r["user_id"]: r for r in frame.select("user_id", english.alias("en"), chinese.alias("zh")).collect()}
    assert rows["a"]["en"] == ["share of discounts 50% (all users 30%)", "spend in 90 days 900.00 (all users 500.00)"]
    assert rows["b"]["zh"][1] == "近90天消费 100.00（全体平均 500.00）"
