"""Journeys: what came before a purchase, one step a basket, and what is typical of a segment."""

from __future__ import annotations

from datetime import timedelta

from jobs.language import Labels
from jobs.segments import journeys
from tests.jobs.frames import DAY, at

DDL = """user_id string, event_days array<int>, event_times array<bigint>, event_types array<string>,
         categories array<string>, price_buckets array<int>"""


def sequence(spark, *rows):
    """Rows of (user, [(days before DAY, hour, type, category, price bucket), ...])."""

    def packed(steps):
        times = [int(at(f"{DAY - timedelta(days=days)} {hour:02}:00").timestamp()) for days, hour, *_ in steps]
        return [[time // 86_400 for time in times], times, *[[step[place] for step in steps] for place in (2, 3, 4)]]

    return spark.createDataFrame([(user, *packed(steps)) for user, steps in rows], DDL)


def test_paths(spark):
    histories = {
        # Looking at the same twice is one step.
        "looks": [(1, 9, "view", "TEA", 1), (1, 10, "view", "TEA", 1), (1, 11, "cart", "TEA", 1),
                  (0, 9, "purchase", "TEA", 1)],
        "too long ago": [(9, 9, "view", "TEA", 1), (1, 9, "search", "", 0), (0, 9, "purchase", "TEA", 1)],
        # A basket is told by its two dearest categories.
        "baskets": [(1, 9, "purchase", "TEA", 1), (0, 9, "purchase", "NUTS", 2), (0, 9, "purchase", "ALE", 7),
                    (0, 9, "purchase", "GUM", 2)],
        "buys again": [(28, 9, "purchase", "TEA", 1), (27, 9, "purchase", "TEA", 1)],
        "one basket": [(0, 9, "purchase", "TEA", 1), (0, 9, "purchase", "ALE", 1)],
        "only looks": [(0, 8, "view", "TEA", 1), (0, 9, "view", "ALE", 1)],
        "says nothing": [(1, 9, "purchase", "MISC", 1), (0, 9, "purchase", "TEA", 1)],
        "before": [(29, 9, "purchase", "TEA", 1), (28, 9, "purchase", "TEA", 1)],
    }  # fmt: skip
    told = {
        "looks": {"cart TEA, purchase TEA", "view TEA, cart TEA, purchase TEA"},
        "too long ago": {"search, purchase TEA"},
        "baskets": {"purchase TEA, purchase ALE", "purchase TEA, purchase GUM"},
    }
    rows = journeys.paths(journeys.occasions(sequence(spark, *histories.items()), DAY, {"MISC"}), DAY).collect()
    found = {}
    for row in rows:
        found.setdefault(row["user_id"], set()).add(row["path"].replace("\t", " ").replace("\n", ", "))
    assert found == told


def test_a_typical_journey_is_commoner_here_than_elsewhere(spark):
    tea = [(1, 9, "view", "TEA", 1), (0, 9, "purchase", "TEA", 1)]
    ale = [(1, 9, "view", "ALE", 1), (0, 9, "purchase", "ALE", 1)]
    sequences = sequence(spark, *[(f"t{n}", tea) for n in range(8)], *[(f"a{n}", ale) for n in range(8)], ("a8", tea))
    members = sequences.selectExpr("user_id", "if(user_id LIKE 't%', 1, 2) AS segment_id")
    labels = Labels({}, {"TEA": "茶"})
    found = journeys.typical(sequences, journeys.sampled(members, 17), DAY, {1: 8, 2: 9}, labels)
    (way,) = found[1]
    assert (way["path"], way["path_zh"]) == ("view → purchase tea", "浏览 → 购买茶")
    assert (way["users"], way["share"], way["lift"]) == (8, 1.0, round(1 / (9 / 17), 4))
    assert [one["path"] for one in found[2]] == ["view → purchase ale"]


def test_a_path_says_a_category_once_and_of_baskets_only_what_is_in_them():
    def told(*steps):
        return journeys.told("\n".join(steps), "en", str.lower)

    assert told("view\t560201", "cart\t560201", "purchase\t560201") == "view → cart → purchase 560201"
    assert told("view\tTEA", "purchase\tALE") == "view tea → purchase ale"
    assert told("search", "purchase\tALE") == "search → purchase ale"
    assert told("purchase\tTEA", "purchase\tALE") == "tea → ale"
