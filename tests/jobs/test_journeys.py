"""Journeys: what came before a purchase, one step a basket, and what is typical of a segment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs import journeys
from tests.jobs.frames import DAY, at

DDL = "user_id string, event_times array<bigint>, event_types array<string>, categories array<string>"


def sequence(spark, *rows):
    """Rows of (user, [(days before DAY, hour, type, category), ...])."""

    def seconds(days, hour):
        return int(at(f"{DAY - timedelta(days=days)} {hour:02}:00").timestamp())

    packed = [(user, [seconds(d, h) for d, h, _, _ in steps], [t for *_, t, _ in steps], [c for *_, c in steps])
              for user, steps in rows]  # fmt: skip
    return spark.createDataFrame(packed, DDL)


def ways(spark, *steps):
    found = journeys.paths(journeys.occasions(sequence(spark, ("u", list(steps))), DAY), DAY)
    return sorted(row["path"] for row in found.collect())


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([(1, 9, "view", "TEA"), (1, 10, "view", "TEA"), (1, 11, "cart", "TEA"), (0, 9, "purchase", "TEA")],
         ["view TEA → cart TEA → purchase TEA"]),  # the same twice in a row is one step
        ([(9, 9, "view", "TEA"), (1, 9, "search", ""), (0, 9, "purchase", "TEA")], ["search → purchase TEA"]),
        ([(0, 9, "purchase", "TEA"), (0, 9, "purchase", "TEA"), (0, 9, "purchase", "ALE")], ["purchase TEA"]),
        ([(28, 9, "purchase", "TEA"), (27, 9, "purchase", "ALE")], ["purchase TEA → purchase ALE"]),
        ([(0, 9, "view", "TEA")], []),
    ],
)  # fmt: skip
def test_paths(spark, steps, told):
    assert ways(spark, *steps) == told


def test_a_typical_journey_is_commoner_here_than_elsewhere(spark):
    tea = [(1, 9, "view", "TEA"), (0, 9, "purchase", "TEA")]
    ale = [(0, 9, "purchase", "ALE")]
    sequences = sequence(spark, *[(f"t{n}", tea) for n in range(8)], *[(f"a{n}", ale) for n in range(8)], ("a8", tea))
    members = sequences.selectExpr("user_id", "if(user_id LIKE 't%', 1, 2) AS segment_id")
    found = journeys.typical(sequences, members, DAY, users=17)
    (way,) = found[1]
    assert (way["path"], way["path_zh"]) == ("view TEA → purchase TEA", "浏览 TEA → 购买 TEA")
    assert (way["users"], way["share"], way["lift"]) == (8, 1.0, round(1 / (9 / 17), 4))
    assert [one["path"] for one in found[2]] == ["purchase ALE"]
