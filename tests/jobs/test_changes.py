"""Every change between two nights has its cause, told by scoring again, and leads exactly from one to the other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pyspark.sql import functions as F

from jobs import changes, checks, io, tables
from jobs.errors import DataError
from jobs.settings import Settings
from tests.jobs.frames import DAY


def cell(row):
    return (row["change"], row["cause"], row["former_segment_id"])


@pytest.fixture(scope="module")
def causes(spark):
    """(change, cause, former segment) by user, where the last night's version was another (True) or not (False)."""
    now = spark.createDataFrame(
        [("stays", 1, 90), ("moves", 2, 90), ("late", 2, 90), ("model", 2, 90), ("both", 3, 90), ("new", 1, 0),
         ("late new", 1, 1)],
        "user_id string, segment_id int, tenure_days int",
    )  # fmt: skip
    again = spark.createDataFrame(
        [("stays", None, 1), ("moves", None, 2), ("late", 2, 2), ("model", 1, 1), ("both", None, 2)],
        "user_id string, corrected_segment_id int, former_segment_id int",
    )
    found = {}
    for other, version in ((True, "2"), (False, "3")):
        before = spark.createDataFrame(
            [(user, 1, version) for user in ("stays", "moves", "late", "model", "both", "gone")],
            "user_id string, segment_id int, model_version string",
        )
        rows = changes.with_changes(now, before, again, "3", since=1).collect()
        found[other] = {row["user_id"]: cell(row) for row in rows}
    return found


@pytest.mark.parametrize(
    ("user", "by_another_model", "by_the_same"),
    [
        ("stays", ("stay", None, 1), ("stay", None, 1)),
        ("moves", ("move", "behaviour", 2), ("move", "behaviour", 2)),
        ("late", ("move", "late data", 2), ("move", "late data", 2)),  # comes first: it explains the move alone
        ("model", ("move", "model", 1), ("move", "behaviour", 2)),  # his late records changed nothing
        ("both", ("move", "behaviour", 2), ("move", "behaviour", 3)),  # the old model would have moved him as well
        ("new", ("enter", "behaviour", None), ("enter", "behaviour", 1)),
        ("late new", ("enter", "late data", None), ("enter", "late data", 1)),  # first seen before the last night
        ("gone", ("exit", "late data", None), ("exit", "late data", None)),
    ],
)
def test_the_cause_of_a_change(causes, user, by_another_model, by_the_same):
    other, same = causes[True][user], causes[False][user]
    assert (other[:2], same[:2]) == (by_another_model[:2], by_the_same[:2])
    if other[0] == "move":
        assert (other[2], same[2]) == (by_another_model[2], by_the_same[2])


def test_a_model_that_is_gone_cannot_be_asked(spark):
    now = spark.createDataFrame([("u", 2, 90)], "user_id string, segment_id int, tenure_days int")
    before = spark.createDataFrame([("u", 1, "2")], "user_id string, segment_id int, model_version string")
    again = spark.createDataFrame([], "user_id string, corrected_segment_id int, former_segment_id int")
    assert changes.with_changes(now, before, again, "3", since=1).first()["cause"] == "model"


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
        io.replace_where(spark.createDataFrame(full, table.ddl), s.warehouse, table.staged(), f"ds = DATE'{DAY}'")

    stage(tables.USER_SEGMENTS, *[{"user_id": user, "segment_id": 1} for user in "ab"])
    stage(tables.SEGMENT_CHANGES)
    assert changes.tonight(spark, s).isEmpty()  # the first night has no changes

    yesterday = DAY - timedelta(days=1)
    members = spark.createDataFrame([("a", yesterday, 2)], "user_id string, ds date, segment_id int")
    nulls = {c.name: F.lit(None).cast(c.type) for c in tables.USER_SEGMENTS.columns if c.name not in members.columns}
    io.replace_where(members.withColumns(nulls), s.warehouse, tables.USER_SEGMENTS, f"ds = DATE'{yesterday}'")
    run = {"run_id": "y", "ds": yesterday, "table_versions": [], "definitions": []}
    io.replace_rows([run], s.warehouse, tables.RUNS, "run_id = 'y'")
    told = [{"user_id": "a", "from_segment_id": 2, "to_segment_id": 1, "change": "move", "cause": "behaviour"},
            {"user_id": "b", "to_segment_id": 1, "change": "enter", "cause": "behaviour"}]  # fmt: skip
    stage(tables.SEGMENT_CHANGES, *told)
    assert "4 of 4" in checks.run(spark, s, ["staged.segment_changes"])
    stage(tables.SEGMENT_CHANGES, told[0])
    with pytest.raises(DataError, match=r"segment_changes\.balanced"):
        checks.run(spark, s, ["staged.segment_changes"])
