"""Conditions on what nights published: segments, moves between them, audiences that were left, suggestions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from jobs import tables
from jobs.audiences import members, names
from jobs.audiences.behaviour import answered, questions
from jobs.audiences.rule import words
from jobs.lake import delta
from jobs.settings import Settings
from tests.jobs.audiences.test_audiences import book, people

DS = date(2026, 3, 31)
BEFORE = [DS - timedelta(days=days) for days in (40, 9, 1)]  # nights that were published
# Of each user: his segment tonight, and his changes: (night, from, to).
SHOP = {
    "stays": (1, []), "new": (1, []), "came": (1, [(9, 2, 1)]), "back": (1, [(40, 1, 2), (1, 2, 1)]),
    "tonight": (1, [(9, 1, 2)]), "elsewhere": (2, [(1, 1, 2)]), "renamed": (2, [(40, 3, 2)]),
}  # fmt: skip
NAMES = {1: ("Bargain hunters", "爱折扣"), 2: ("Regulars", "常客"), 3: ("Gone", "旧群")}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A warehouse as the audiences of DS find it."""
    s = Settings(DS, DS, str(tmp_path_factory.mktemp("nights")), "shop", "", "r")

    def put(table, *rows):
        empty = dict.fromkeys(table.column_names)
        delta.replace_rows([empty | row for row in rows], s.warehouse, table, "true")

    put(tables.RUNS, *[{"run_id": f"r{ds}", "ds": ds, "published_at": datetime(2026, 4, 1, tzinfo=UTC)}
                       for ds in BEFORE])  # fmt: skip
    put(tables.SEGMENTS, *[{"segment_id": one, "ds": ds, "segment_name": en, "segment_name_zh": zh}
                           for one, (en, zh) in NAMES.items() for ds in BEFORE])  # fmt: skip
    moves = [{"user_id": user, "ds": DS - timedelta(days=days), "from_segment_id": a, "to_segment_id": b,
              "previous_ds": max(ds for ds in (*BEFORE, BEFORE[0]) if ds <= DS - timedelta(days=days)),
              "change": "move"} for user, (_, changes) in SHOP.items() for days, a, b in changes]  # fmt: skip
    put(tables.SEGMENT_CHANGES, *moves)
    then = {user: changes[-1][2] if changes else segment for user, (segment, changes) in SHOP.items()}
    put(tables.USER_SEGMENTS, *[{"user_id": user, "ds": BEFORE[-1], "segment_id": segment}
                                for user, segment in then.items() if user != "new"])  # fmt: skip
    put(tables.AUDIENCE_CHANGES, *[
        {"audience_id": audience, "user_id": user, "ds": DS - timedelta(days=days), "change": change}
        for audience, user, days, change in (("quiet", "stays", 9, "exit"), ("quiet", "came", 40, "exit"),
                                             ("quiet", "new", 1, "enter"), ("other", "back", 1, "exit"))
    ])  # fmt: skip
    put(tables.SILVER_PRODUCTS, *[
        {"product_id": one, "title": title, "department": "GROCERY", "category": category, "brand": brand,
         "category_path": path}
        for one, title, category, brand, path in (("p1", "Milk 1 l", "MILK", "A", ["GROCERY", "DAIRY", "MILK"]),
                                                  ("p2", "Rye bread", "BREAD", "B", None))
    ])  # fmt: skip
    put(tables.RECOMMENDATIONS, *[
        {"user_id": user, "ds": DS - timedelta(days=days), "rank": rank, "product_id": product}
        for user, days, rank, product in (("stays", 1, 1, "p1"), ("stays", 1, 2, "p2"), ("came", 1, 7, "p1"),
                                          ("new", 1, 1, "p2"), ("back", 9, 1, "p1"))
    ])  # fmt: skip
    return s


HELD = [
    ({"segment": "Bargain hunters"}, "stays new came back tonight"),
    ({"segment": "常客"}, "elsewhere renamed"),
    ({"segment": 1, "since": {"last_days": 1}}, "new tonight"),
    ({"segment": 1, "since": {"last_days": 10}}, "new tonight came back"),
    ({"segment": "Bargain hunters", "since": {"before": "2026-03-01"}}, "stays"),
    ({"not": {"segment": 1}}, "elsewhere renamed"),
    ({"moved_from": 1, "in": {"last_days": 30}}, "tonight elsewhere"),
    ({"moved_from": "Regulars"}, "came back"),
    ({"moved_from": "Gone", "in": {"last_days": 30}}, ""),
    ({"moved_from": "Gone"}, "renamed"),
    ({"left": "quiet"}, "stays came"),
    ({"left": "quiet", "in": {"last_days": 10}}, "stays"),
    ({"suggested": {"category": "DAIRY"}}, "stays came"),
    ({"suggested": {"category": "MILK"}, "within_first": 5}, "stays"),
    ({"suggested": {"brand": "B", "title": {"contains": "rye"}}}, "stays new"),
    ({"suggested": {}}, "stays came new"),
]  # fmt: skip


@pytest.fixture(scope="module")
def found(spark, shop):
    """By number of HELD who is in, and what is told of `came`."""
    which = book(quiet={"where": "true"}, **{f"a{k}": {"rule": rule} for k, (rule, _) in enumerate(HELD)})
    rows = members.alone(people(spark, *[
        {"user_id": user, "ds": DS, "segment_id": one, "segment_name": NAMES[one][0], "segment_name_zh": NAMES[one][1]}
        for user, (one, _) in SHOP.items()
    ]))  # fmt: skip
    q = questions([which], DS, DS)
    since = next(which[f"a{k}"].rule for k, (rule, _) in enumerate(HELD) if "since" in rule)
    told = words.own(since, q)
    rows = members.evaluate(answered(spark, shop, rows, q), which, "now", ds=DS)
    return {row["user_id"]: row for row in rows.select("user_id", "now", told.alias("own")).collect()}


@pytest.mark.parametrize("number", range(len(HELD)), ids=[str(rule) for rule, _ in HELD])
def test_who_is_meant(found, number):
    assert {user for user, row in found.items() if f"a{number}" in row["now"]} == set(HELD[number][1].split())


def test_since_when_he_is_in_his_segment_is_told(found):
    since = {user: row["own"].rpartition(" since ")[2] for user, row in found.items()}
    assert since == {"stays": "2026-02-19", "new": "2026-03-31", "came": "2026-03-22", "back": "2026-03-30",
                     "tonight": "2026-03-31", "elsewhere": "2026-03-30", "renamed": "2026-02-19"}  # fmt: skip


def test_names_that_the_shop_does_not_know_are_said_with_the_nearest(spark, shop):
    rules = {
        "a": {"all": [{"did": "purchase", "where": {"category": ["MILK", "BRAED"]}},
                      {"not": {"did": "view", "where": {"brand": {"not": "C"}}}}]},
        "b": {"then": [{"did": "cart", "where": {"product": "p3"}}, {"did": "purchase", "where": {"product": "p1"}}]},
        "c": {"any": [{"moved_from": "Bargain hunter"}, {"segment": "旧群"}, {"is": {"segment_name": "Regular"}}]},
        "d": {"share": {"did": "purchase", "where": {"category": "BRAED"}}, "at_least": 0.4},
        "e": {"top": {"did": "purchase", "where": {"department": "GROCER"}}, "percent": 5,
              "among": {"is": {"gender": "f", "recency_days": 3, "tags": {"not": ["deal seeker", "seekers"]}}}},
        "f": {"is": {"region": "x"}},  # of nobody anything is known
    }  # fmt: skip
    which = book(**{one: {"rule": rule} for one, rule in rules.items()})
    users = people(spark, {"user_id": "u", "gender": "F", "tags": ["deal seekers"], "segment_name": "Regulars"})
    assert names.unknown(spark, shop, which, users) == [
        "audiences a, d: the shop knows no category 'BRAED'; did you mean 'BREAD'?",
        "audience a: the shop knows no brand 'C'",
        "audience b: the shop knows no product 'p3'",
        "audience c: the shop knows no segment 'Bargain hunter'; did you mean 'Bargain hunters'?",
        "audience c: the shop knows no segment 'Regular'; did you mean 'Regulars'?",
        "audience e: the shop knows no department 'GROCER'; did you mean 'GROCERY'?",
        "audience e: the shop knows no gender 'f'; there is 'F'",
        "audience e: the shop knows no tags 'deal seeker'; did you mean 'deal seekers'?",
        "audience e: the shop knows no tags 'seekers'; there is 'deal seekers'",
    ]
    empty = Settings(DS, DS, shop.warehouse + "-none", "shop", "", "r")
    assert names.unknown(spark, empty, which, names.newest_people(spark, empty)) == []
