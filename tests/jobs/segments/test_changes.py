"""Every change between two nights has its cause, told by scoring again, and leads exactly from one to the other."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta

import numpy as np
import pytest
from pyspark.sql import functions as F

from jobs import tables
from jobs.checks import run as checks
from jobs.errors import DataError
from jobs.features import daily as user_daily
from jobs.features import run as features
from jobs.lake import delta, erasures
from jobs.segments import changes
from jobs.segments.assign import Scorer, SegmentModel
from jobs.segments.inputs import Input
from jobs.segments.night import LastNight
from jobs.settings import Settings
from tests.jobs.frames import DAY, at, silver

USERS = ("stays", "moves", "late", "model", "rule", "both", "gone")


@pytest.fixture(scope="module")
def causes(spark):
    """(change, cause) by user, on a night whose model is another than the last night's, one whose rules are, and one
    where both are the same.
    """
    now = [("stays", 1, 90), ("moves", 2, 90), ("late", 2, 90), ("model", 2, 90), ("rule", 2, 90), ("both", 3, 90),
           ("new", 1, 0), ("late new", 1, 1)]  # fmt: skip
    members = spark.createDataFrame(now, "user_id string, segment_id int, tenure_days int")
    members = members.withColumn("model_version", F.lit("3"))
    asked = spark.createDataFrame(
        # corrected, former, unruled
        [("stays", None, 1, 1), ("moves", None, 2, 2), ("late", 2, 2, 2), ("model", 1, 1, 2), ("rule", None, 1, 1),
         ("both", None, 2, 2)],
        changes.NOT_ASKED,
    )  # fmt: skip
    of_late = asked.withColumns({name: F.lit(None).cast("int") for name in asked.columns[2:]})
    found = {}
    for night, version, again in (("model", "2", asked), ("rules", "3", asked), ("same", "3", of_late)):
        before = spark.createDataFrame(
            [(user, 1, version) for user in USERS], "user_id string, segment_id int, model_version string"
        )
        rows = changes.with_changes(members, before, again, unchanged=night == "same", since=1).collect()
        found[night] = {row["user_id"]: (row["change"], row["cause"]) for row in rows}
    return found


@pytest.mark.parametrize(
    ("user", "change", "other_model", "other_rules", "same"),
    [
        ("stays", "stay", None, None, None),
        ("moves", "move", "behaviour", "behaviour", "behaviour"),  # the old model would have moved him as well
        ("late", "move", "late data", "late data", "late data"),  # comes first: it explains the move alone
        ("model", "move", "model", "rule", "behaviour"),  # his late records changed nothing
        ("rule", "move", "rule", "rule", "behaviour"),  # tonight's model would leave him, under the former rules
        ("both", "move", "behaviour", "behaviour", "behaviour"),  # moved by both, to other places
        ("new", "enter", "behaviour", "behaviour", "behaviour"),
        ("late new", "enter", "late data", "late data", "late data"),  # first seen before the last night
        ("gone", "exit", "late data", "late data", "late data"),
    ],
)
def test_the_cause_of_a_change(causes, user, change, other_model, other_rules, same):
    told = {"model": other_model, "rules": other_rules, "same": same}
    assert {night: rows[user] for night, rows in causes.items()} == {n: (change, cause) for n, cause in told.items()}


def test_a_model_that_is_gone_cannot_be_asked(spark):
    now = spark.createDataFrame(
        [("u", 2, 90, "3")], "user_id string, segment_id int, tenure_days int, model_version string"
    )
    before = spark.createDataFrame([("u", 1, "2")], "user_id string, segment_id int, model_version string")
    nothing = spark.createDataFrame([], changes.NOT_ASKED)
    assert changes.with_changes(now, before, nothing, unchanged=False, since=1).first()["cause"] == "model"


def test_the_last_night_is_asked_again_with_what_came_late_and_tonight_by_its_model(spark, tmp_path):
    """Segments 1 and 4 at 0 and 3 purchases in 28 days. Of `late`, three came to be known of the last night only since;
    `after` bought tonight, which the last night must not see; of `same` one more came, and changes nothing.
    """
    night, s = DAY - timedelta(days=1), Settings(DAY, DAY, str(tmp_path / "wh"), "shop", "", "test")
    days = {"late": (night, 3), "after": (DAY, 3), "same": (night, 1)}
    bought = [{"event_id": f"{user}{n}", "user_id": user, "event_time": at(f"{day} 12:00")}
              for user, (day, count) in days.items() for n in range(count)]  # fmt: skip
    events = silver(spark, *bought)
    daily = user_daily.build(events, user_daily.mean_prices(events)).withColumn("run_id", F.lit("r"))
    delta.replace_where(daily, s.warehouse, tables.USER_DAILY, "true")
    people = dict.fromkeys(tables.SILVER_USERS.column_names) | {"first_seen_ds": DAY - timedelta(days=90)}
    delta.replace_rows([people | {"user_id": user} for user in days], s.warehouse, tables.SILVER_USERS, "true")
    late = {"source": "shop", "source_file": "f", "landed_ds": DAY, "ds": night, "known_ds": DAY}
    skipped = late | {"landed_ds": night - timedelta(days=1), "known_ds": night}  # a night that was run after the last
    restated = [late | {"user_id": "late"}, skipped | {"user_id": "same"}]
    delta.replace_rows(restated, s.warehouse, tables.RESTATED, "true")
    rescored = {"ds": DAY, "model_version": "2", "embedding": [0.0]}
    vectors = [rescored | {"user_id": user, "as_of": as_of} for user in days for as_of in (night, DAY)]
    delta.replace_rows(vectors, s.warehouse, tables.RESCORED_EMBEDDINGS, "true")

    def model(version, ids):
        centers = np.array([[0.0, 0.0], [3.0, 0.0]])
        inputs = tuple(Input(name, 0.0, False, 0.0, 1.0) for name in ("purchases_28d", "emb:0"))
        return SegmentModel(version, np.array(ids, dtype=np.int32), centers, inputs)

    before = spark.createDataFrame([(user, 1, None) for user in days],
                                   "user_id string, segment_id int, previous_segment_id int")  # fmt: skip
    plan = features.build(daily, delta.read(spark, s.warehouse, tables.SILVER_USERS), DAY)
    tonight = spark.createDataFrame(plan.collect(), plan.schema)  # once, not in each of the plans below
    now = spark.createDataFrame([(user, [0.0]) for user in days], "user_id string, embedding array<float>")

    def asked(former, scorer):
        rows = changes.scored_again(spark, s, night, before, former, scorer, tonight, now).collect()
        return {row["user_id"]: tuple(row)[1:] for row in rows}

    old, new = Scorer(model("2", [1, 4]), 0.0), Scorer(model("3", [1, 9]), 0.9)
    assert asked(old, new) == {"late": (4, 4, 9), "same": (1, 1, 1), "after": (None, 4, 9)}
    assert asked(old, Scorer(old.model, 0.9)) == {"late": (4, 4, None), "same": (1, 1, None), "after": (None, 4, None)}
    assert asked(None, new) == {}


MOVES = [("a", 1, 2, "move"), ("b", None, 1, "enter"), ("c", 3, None, "exit")]


def balanced(spark, moves):
    members = "user_id string, segment_id int"
    before = spark.createDataFrame([("a", 1), ("c", 3), ("d", 1)], members)
    now = spark.createDataFrame([("a", 2), ("b", 1), ("d", 1)], members)
    told = spark.createDataFrame(moves, "user_id string, from_segment_id int, to_segment_id int, change string")
    return {row["user_id"]: row["balanced"] for row in changes.balance(before, told, now).collect()}


def test_changes_that_reconcile(spark):
    assert balanced(spark, MOVES) == {"a": True, "b": True, "c": True}


@pytest.mark.parametrize(
    ("moves", "wrong"),
    [
        (MOVES[1:], {"a"}),  # a move that nobody told
        ([*MOVES[:2]], {"c"}),
        ([("a", 1, 3, "move"), *MOVES[1:]], {"a"}),  # to the wrong place
        ([("a", 9, 2, "move"), *MOVES[1:]], {"a"}),  # from the wrong place
        ([("a", 1, 2, "enter"), *MOVES[1:]], {"a"}),
        ([*MOVES, ("d", 1, 1, "move")], {"d"}),  # who stayed is no change
        ([*MOVES, ("e", 1, 2, "move")], {"e"}),  # who is in neither night
    ],
)
def test_changes_that_do_not_reconcile(spark, moves, wrong):
    assert {user for user, good in balanced(spark, moves).items() if not good} == wrong


def test_the_nightly_check_stops_a_night_whose_changes_leave_one_out(spark, tmp_path):
    s = Settings(DAY, DAY, str(tmp_path / "wh"), "shop", "", "test")

    def stage(table, *rows):
        full = [
            tuple(({c.name: None for c in table.columns} | {"ds": DAY, "run_id": "r"} | row).values()) for row in rows
        ]
        delta.replace_where(spark.createDataFrame(full, table.ddl), s.warehouse, table.staged(), f"ds = DATE'{DAY}'")

    stage(tables.USER_SEGMENTS, *[{"user_id": user, "segment_id": 1} for user in "ab"])
    stage(tables.SEGMENT_CHANGES)
    assert changes.tonights_changes(spark, s).isEmpty()  # the first night has no changes

    yesterday = DAY - timedelta(days=1)
    members = spark.createDataFrame([("a", yesterday, 2)], "user_id string, ds date, segment_id int")
    nulls = {c.name: F.lit(None).cast(c.type) for c in tables.USER_SEGMENTS.columns if c.name not in members.columns}
    delta.replace_where(members.withColumns(nulls), s.warehouse, tables.USER_SEGMENTS, f"ds = DATE'{yesterday}'")
    run = {"run_id": "y", "ds": yesterday, "table_versions": [], "definitions": []}
    delta.replace_rows([run], s.warehouse, tables.RUNS, "run_id = 'y'")
    told = [{"user_id": "a", "from_segment_id": 2, "to_segment_id": 1, "change": "move", "cause": "behaviour"},
            {"user_id": "b", "to_segment_id": 1, "change": "enter", "cause": "behaviour"}]  # fmt: skip
    stage(tables.SEGMENT_CHANGES, *told)
    assert "4 of 4" in checks.run(nullcontext(spark), s, ["staged.segment_changes"])
    stage(tables.SEGMENT_CHANGES, told[0])
    with pytest.raises(DataError, match=r"segment_changes\.balanced"):
        checks.run(nullcontext(spark), s, ["staged.segment_changes"])


def test_an_erased_user_leaves_by_his_subject(spark, tmp_path):
    """`a` stays; `b`, of segment 3, was erased: the last night has him no more, and its size still counts him."""
    s, yesterday = Settings(DAY, DAY, str(tmp_path / "wh"), "shop", "", "test"), DAY - timedelta(days=1)
    member = {"ds": yesterday, "user_id": "a", "segment_id": 2, "model_version": "1"}
    delta.replace_rows([member], s.warehouse, tables.USER_SEGMENTS, "true")
    run = {"run_id": "y", "ds": yesterday, "table_versions": [], "definitions": [], "model_version": "1"}
    delta.replace_rows([run], s.warehouse, tables.RUNS, "true")
    erased = {"subject": "f" * 64, "night": yesterday, "segment_id": 3, "audiences": [], "deleted": []}
    earlier = erased | {"subject": "e" * 64, "night": yesterday - timedelta(days=1)}
    nobody = erased | {"subject": "d" * 64, "segment_id": None}
    rows = [row | {"table_versions": []} for row in (erased, earlier, nobody)]
    delta.replace_rows(rows, s.warehouse, tables.ERASURES, "true")

    last = LastNight.before(s)
    before = erasures.with_segments(last.read(spark, s, tables.USER_SEGMENTS), last.gone)
    now = spark.createDataFrame(
        [("a", 2, 90, "1")], "user_id string, segment_id int, tenure_days int, model_version string"
    )
    nothing = spark.createDataFrame([], changes.NOT_ASKED)
    told = changes.with_changes(now, before, nothing, unchanged=True, since=1, gone=last.gone)
    rows = {row["user_id"]: row for row in told.collect()}
    assert {user: (row["change"], row["cause"]) for user, row in rows.items()} == {
        "a": ("stay", None), "f" * 64: ("exit", "erasure"),
    }  # fmt: skip
    assert rows["f" * 64]["previous_segment_id"] == 3

    delta.replace_rows([member | {"ds": DAY}], s.warehouse, tables.USER_SEGMENTS.staged(), "true")
    change = {"ds": DAY, "user_id": "f" * 64, "from_segment_id": 3, "change": "exit", "cause": "erasure"}
    delta.replace_rows([change], s.warehouse, tables.SEGMENT_CHANGES.staged(), "true")
    assert "4 of 4" in checks.run(nullcontext(spark), s, ["staged.segment_changes"])
    delta.replace_rows([], s.warehouse, tables.SEGMENT_CHANGES.staged(), "true")
    with pytest.raises(DataError, match=r"segment_changes\.balanced"):
        checks.run(nullcontext(spark), s, ["staged.segment_changes"])


def test_who_refuses_leaves_by_consent_and_who_agrees_comes_by_it(spark):
    members = spark.createDataFrame(
        [("agreed", 1, 90), ("late", 1, 90), ("new", 1, 0)], "user_id string, segment_id int, tenure_days int"
    ).withColumn("model_version", F.lit("1"))
    before = spark.createDataFrame(
        [("refused", 1, "1"), ("gone", 1, "1")], "user_id string, segment_id int, model_version string"
    )
    spoken = spark.createDataFrame(
        [("agreed", True), ("refused", False), ("new", True)], "user_id string, consents boolean"
    )
    nothing = spark.createDataFrame([], changes.NOT_ASKED)
    rows = changes.with_changes(members, before, nothing, unchanged=True, since=1, spoken=spoken)
    assert {row["user_id"]: row["cause"] for row in rows.collect()} == {
        "agreed": "consent", "late": "late data", "new": "behaviour", "refused": "consent", "gone": "late data",
    }  # fmt: skip
