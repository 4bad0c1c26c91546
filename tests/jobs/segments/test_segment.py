"""segment: the nearest centre, what ended, traits, profiles and tags."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import functions as F

from jobs.errors import UsageError
from jobs.lake import delta
from jobs.segments import profiles, rules, tags, traits
from jobs.segments.assign import SegmentModel, nearest, standardised
from jobs.segments.flows import Flow, came_and_went, steadiness, successors
from jobs.segments.inputs import Input
from jobs.segments.portraits import Portraits
from jobs.segments.reasons import with_reasons
from jobs.segments.rules import Rules
from jobs.segments.summary import ended_rows
from jobs.tables import SEGMENTS, SILVER_USERS, USER_PROFILES

MODEL = SegmentModel(
    "3", np.array([1, 4], dtype=np.int32), np.array([[0.0, 0.0], [2.0, 0.0]]),
    (Input("monetary_90d", 0.0, True, 1.0, 1.0), Input("dept:MEAT", 0.0, False, 0.5, 0.5)),
)  # fmt: skip


def test_inputs_are_filled_logged_centred_and_scaled(spark):
    ddl = "user_id string, monetary_90d decimal(18,2), department_shares_365d map<string,double>"
    frame = spark.createDataFrame([("a", None, None), ("b", None, {"MEAT": 1.0})], ddl)
    rows = {r["user_id"]: r["x"] for r in frame.select("user_id", standardised(MODEL).alias("x")).collect()}
    assert rows["a"] == [-1.0, -1.0]
    assert rows["b"] == [-1.0, 1.0]


def test_an_input_is_the_same_number_in_spark_and_in_pandas(spark):
    """As DuckDB hands them to the page: a null is None, NaN or NA, a map a dict, an array one of NumPy's."""
    inputs = [Input("monetary_90d", 2.0, True, 1.0, 3.0), Input("dept:MEAT", 0.1, False, 0.5, 0.25),
              Input("emb:1", 0.0, False, 0.1, 2.0), Input("exp:0", 0.3, True, 0.0, 1.0)]  # fmt: skip
    rows = [(None, None, [1.0, 2.0], None), (Decimal("12.50"), {"MEAT": 0.75}, [0.5, -3.0], [0.25, 1.0]),
            (Decimal("-1.00"), {"ALE": 1.0}, [0.0, 0.0], [None, 2.0])]  # fmt: skip
    ddl = "m decimal(18,2), shares map<string,double>, embedding array<float>, expected array<double>"
    names = {"m": "monetary_90d", "shares": "department_shares_365d"}
    frame = spark.createDataFrame(rows, ddl).withColumnsRenamed(names)
    in_spark = [list(row) for row in frame.select(*[number.in_spark() for number in inputs]).collect()]
    of_duckdb = pd.DataFrame({
        "monetary_90d": pd.array([None, 12.5, -1.0], dtype="Float64"),
        "department_shares_365d": [pd.NA, {"MEAT": 0.75}, {"ALE": 1.0}],
        "embedding": [np.array(row[2], dtype=np.float32) for row in rows],
        "expected": [np.nan, np.array([0.25, 1.0]), np.array([np.nan, 2.0])],
    })  # fmt: skip
    in_pandas = np.stack([number.in_pandas(of_duckdb) for number in inputs], axis=1)
    assert in_pandas == pytest.approx(np.array(in_spark), abs=1e-12)


def test_the_nearest_centre_and_how_sure(spark):
    ddl = "user_id string, x array<double>, previous int"
    frame = spark.createDataFrame(
        [("on it", [0.0, 0.0], None), ("between", [1.0, 0.0], None), ("near", [1.5, 0.0], None),
         ("stays", [1.05, 0.0], 1), ("leaves", [1.07, 0.0], 1), ("comes", [1.05, 0.0], None),
         ("of an ended one", [1.05, 0.0], 3)], ddl,
    )  # fmt: skip
    rows = {r["user_id"]: (r["segment_id"], r["confidence"]) for r in nearest(frame, MODEL, 0.1).collect()}
    assert rows["on it"] == (1, 1.0)
    assert rows["between"] == (1, 0.0)
    assert rows["near"] == (4, pytest.approx(1 - 0.5 / 1.5, abs=1e-6))
    # 1.05 * 0.9 <= 0.95 < 1.07 * 0.9: only who is in segment 1 stays, and only up to the margin.
    assert rows["stays"] == (1, 0.0)
    assert {user: rows[user][0] for user in ("leaves", "comes", "of an ended one")} == {
        "leaves": 4, "comes": 4, "of an ended one": 4,
    }  # fmt: skip


KNOWN = traits.all_traits(["MEAT"], lambda name: ("fresh meat", "鲜肉"))


def test_flows_say_who_came_went_and_stayed_without_an_event():
    found = [Flow(1, 1, "stay", 90, 80), Flow(1, 2, "move", 6, 1), Flow(3, 2, "move", 8, 8),
             Flow(3, 1, "move", 2, 0), Flow(None, 1, "enter", 5, 0),
             Flow(2, None, "exit", 1, 1)]  # fmt: skip
    assert came_and_went(found, 1) == (7, 6)
    assert came_and_went(found, 2) == (14, 1)
    assert successors(found, 3) == [2]
    assert steadiness(found) == "of 89 users without a new event 89.89% kept their segment"


def test_a_segment_that_ended_is_recorded_with_what_it_went_into():
    before = {1: ("A", "甲"), 3: ("Old", "旧"), 4: ("B", "乙")}
    (row,) = ended_rows(before, MODEL, [Flow(3, 4, "move", 7, 0), Flow(3, 1, "move", 3, 0)])
    assert (row["segment_id"], row["status"], row["successors"], row["size"], row["left"]) == (3, "died", [4, 1], 0, 10)
    family = {"family_id", "family_parts", "family_name", "family_name_zh"}
    assert row.keys() | family | {"ds", "run_id", "rule", "rule_zh", "rule_fidelity"} == set(SEGMENTS.column_names)


def features(spark, *rows):
    from jobs.tables import USER_FEATURES

    base = {c.name: None for c in USER_FEATURES.columns} | {"tenure_days": 300, "frequency_90d": 0, "frequency_365d": 0}
    full = [tuple((base | row)[name] for name in USER_FEATURES.column_names) for row in rows]
    return spark.createDataFrame(full, USER_FEATURES.ddl)


@pytest.mark.parametrize(
    ("previous", "row", "stage"),
    [
        (None, {"recency_days": 3, "tenure_days": 10}, "new"),
        (None, {"recency_days": 28, "frequency_90d": 2}, "active"),
        (None, {"recency_days": 3, "frequency_90d": 12}, "loyal"),
        (None, {"recency_days": 29}, "slipping"),
        (None, {"recency_days": 57}, "dormant"),
        (None, {"recency_days": 181}, "lost"),
        (None, {"recency_days": None}, "browsing"),
        (None, {"recency_days": None, "tenure_days": 400}, "lost"),
        # The border to leave lies behind the border to enter.
        ("active", {"recency_days": 35}, "active"),
        ("active", {"recency_days": 36}, "slipping"),
        ("loyal", {"recency_days": 35, "frequency_90d": 10}, "loyal"),
        ("active", {"recency_days": 3, "frequency_90d": 11}, "active"),
        ("loyal", {"recency_days": 3, "frequency_90d": 9}, "active"),
        ("slipping", {"recency_days": 29}, "slipping"),
        ("slipping", {"recency_days": 63}, "slipping"),
        ("dormant", {"recency_days": 194}, "dormant"),
        ("dormant", {"recency_days": 195}, "lost"),
        ("lost", {"recency_days": 0, "frequency_90d": 1}, "active"),
    ],
)
def test_lifecycle(spark, previous, row, stage):
    borders = Rules.load().lifecycle
    found = features(spark, row).select(profiles.lifecycle_stage(borders, F.lit(previous).cast("string")).alias("s"))
    assert found.first()["s"] == stage


def test_a_stage_that_only_the_rules_moved_says_so(spark):
    """Two users at 33 and 40 days, active last night; tonight's rules end `active` at 30 days, the former's at 35."""
    former = Rules.load().lifecycle
    now = former.model_copy(update={"active_days": rules.Longest(enter=28, leave=30)})
    frame = features(spark, {"user_id": "33", "recency_days": 33}, {"user_id": "40", "recency_days": 40})
    was = F.lit("active")
    frame = frame.withColumn("lifecycle_stage", profiles.lifecycle_stage(now, was))

    def causes(then):
        rows = frame.select("user_id", profiles.stage_cause(now, then, was).alias("c")).collect()
        return {row["user_id"]: row["c"] for row in rows}

    assert causes(former) == {"33": "rule", "40": "behaviour"}
    assert causes(now) == causes(None) == {"33": "behaviour", "40": "behaviour"}


def test_borders_that_would_flap_are_refused(tmp_path):
    path = tmp_path / "profiles.yaml"
    text = (rules.CONF / "profiles.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("{enter: 56, leave: 63}", "{enter: 56, leave: 50}"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"slipping_days[\s\S]*expected leave of at least enter \(56\)"):
        Rules.load(path)


def buyers(spark, *more):
    rows = [
        {"user_id": str(n), "recency_days": n, "frequency_365d": 10 - n, "monetary_365d": Decimal(100 - n)}
        for n in range(10)
    ]
    return features(spark, *rows, *more)


def test_rfm_quintiles_hold_all_buyers_and_who_never_bought(spark):
    frame = buyers(spark, {"user_id": "none"})
    nobody = F.lit(None).cast("string")
    rows = frame.select("user_id", profiles.rfm_class(frame, nobody, 0.02).alias("c")).collect()
    found = {r["user_id"]: r["c"] for r in rows}
    assert (found["0"], found["9"], found["none"]) == ("555", "111", "111")


def test_an_rfm_class_stays_until_its_fifth_is_left_by_the_margin(spark):
    """User 8 is in the lowest fifth of ten, by one rank: with a margin of a seventh his former class holds."""
    frame = buyers(spark)
    was = F.when(F.col("user_id") == "8", "222").when(F.col("user_id") == "9", "222")

    def classes(margin):
        rows = frame.select("user_id", profiles.rfm_class(frame, was, margin).alias("c")).collect()
        return {row["user_id"]: row["c"] for row in rows}

    assert (classes(0)["8"], classes(0)["9"]) == ("111", "111")
    assert (classes(0.099)["8"], classes(0.099)["9"]) == ("222", "111")


def test_tags_are_covered_by_kind_also_where_nobody_has_one(spark):
    of_tags = Rules.load().tags
    ddl = "user_id string, tags array<string>"
    people = spark.createDataFrame([("a", ["deal seeker", "Big"]), ("b", ["deal seeker"]), ("c", [])], ddl)
    rows = {row["tag"]: row for row in tags.coverage(people, 3, {"deal seeker": 0.5}, [("Big", "大")], of_tags)}
    deal, mined = rows["deal seeker"], rows["Big"]
    assert (deal["users"], deal["coverage"], deal["previous_coverage"], deal["kind_zh"]) == (2, 2 / 3, 0.5, "规则类")
    assert (mined["kind"], mined["users"], mined["tag_zh"], mined["previous_coverage"]) == ("mined", 1, "大", None)
    assert rows["win back"]["users"] == 0
    assert {row["kind"] for row in rows.values()} == {"statistical", "rule", "mined"}


def test_reasons_point_the_way_of_the_segment(spark):
    frame = features(
        spark,
        {"user_id": "a", "monetary_90d": Decimal(900), "discount_share_365d": 0.5},
        {"user_id": "b", "monetary_90d": Decimal(100), "discount_share_365d": 0.1},
    ).selectExpr("*", "if(user_id = 'a', 1, 2) AS segment_id")
    known = [t for t in KNOWN if t.key in ("monetary_90d", "discount_share_365d")]
    portraits = Portraits.of(frame, known)
    assert portraits.base["monetary_90d"] == (500.0, 400.0)
    assert portraits.base["discount_share_365d"] == (0.3, pytest.approx(0.2, abs=1e-9))
    assert portraits.means[2] == {"monetary_90d": 100.0, "discount_share_365d": 0.1}
    rows = {row["user_id"]: row for row in with_reasons(frame, portraits).collect()}
    assert rows["a"]["reasons"] == [
        "share of discounts 50% (all users 30%)",
        "spend in 90 days 900.00 (all users 500.00)",
    ]
    assert rows["b"]["reasons_zh"][1] == "近90天消费 100.00（全体平均 500.00）"


def test_what_nobody_can_spend_ends_no_night_and_nothing_known_counts_as_nothing(spark):
    spent = {"a": Decimal(10), "b": Decimal(10) ** 13, "c": None, "d": Decimal(-10)}
    rows = [{"user_id": user, "monetary_90d": value} for user, value in spent.items()]
    frame = features(spark, *rows).selectExpr("*", "if(user_id = 'b', 2, 1) AS segment_id")
    portraits = Portraits.of(frame, [trait for trait in KNOWN if trait.key == "monetary_90d"])
    assert portraits.means == {1: {"monetary_90d": 0.0}, 2: {"monetary_90d": 1e11}}


def test_a_profile_tells_what_is_expected_and_nothing_where_that_was_refused(spark):
    """Of three users one is predicted, one refused (reasons are there, but for nothing), one unknown to the heads."""
    ids = ("predicted", "refused", "unknown")
    frame = features(spark, *[{"user_id": user, "recency_days": 3} for user in ids])
    people = spark.createDataFrame([], SILVER_USERS.ddl)
    placed = frame.select("user_id", F.lit(1).alias("segment_id"), F.lit("A").alias("segment_name"),
                          F.lit("甲").alias("segment_name_zh"), F.array().cast("array<string>").alias("reasons"),
                          F.lit("3").alias("model_version"))  # fmt: skip
    ddl = (
        "user_id string, churn_28d double, purchase_7d double, purchase_28d double, spend_28d double, "
        "days_to_next_order double, next_categories array<string>, reasons array<string>, reasons_zh array<string>"
    )
    told = [("predicted", 0.2, 0.5, 0.8, 90.0, 6.5, ["MILK"], ["why"], ["因"]),
            ("refused", None, None, None, None, None, None, ["why"], ["因"])]  # fmt: skip
    nobody = spark.createDataFrame([], USER_PROFILES.ddl)
    built = profiles.build(
        frame, people, placed, spark.createDataFrame(told, ddl), nobody, Rules.load(), None
    ).withColumns({"ds": F.lit(date(2017, 6, 1)), "run_id": F.lit("r")})
    rows = {row["user_id"]: row for row in delta.conform(built, USER_PROFILES).collect()}
    assert rows.keys() == set(ids)
    assert rows["predicted"][-10:-2] == (0.2, 0.5, 0.8, 90.0, 6.5, ["MILK"], ["why"], ["因"])
    assert rows["refused"][-10:-2] == rows["unknown"][-10:-2] == (None,) * 8
