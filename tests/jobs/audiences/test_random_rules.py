"""Random rules against random shops: members are those that a second evaluator in plain Python finds."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, Phase, given, settings
from pydantic import TypeAdapter, ValidationError
from pyspark.sql import functions as F

from jobs.audiences.rule.answers import Sources, Thresholds, with_facts
from jobs.audiences.rule.conditions import Condition
from jobs.audiences.rule.facts import Asked
from jobs.audiences.rule.selection import Logs
from jobs.audiences.rule.truth import Questions, truth
from jobs.tables import BRONZE_EVENTS, SILVER_EVENTS, SILVER_PRODUCTS, SILVER_REFUNDS, USER_PROFILES
from tests.jobs.audiences import random_rules, reference
from tests.jobs.audiences.random_rules import DS, PRODUCTS, users

# How many rules of each kind, and trees of them; and users: 23,000 pairs.
KINDS = {
    "did": (random_rules.did, 40), "first, last": (random_rules.edges, 20), "habits": (random_rules.habits, 25),
    "then": (random_rules.thens(), 24), "compared": (random_rules.compared, 15), "share": (random_rules.shares, 15),
    "top": (random_rules.tops, 15), "is": (random_rules.columns, 10), "trees": (random_rules.rules, 40),
}  # fmt: skip
USERS = 120
CONDITION = TypeAdapter(Condition)


def drawn(strategy, count: int) -> list:
    """So many examples of a strategy, the same ones in every run."""
    found = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(example):
        found.append(example)

    draw()
    return found[:count]


def different(rules: list[dict]) -> list[dict]:
    """Each rule that can be, once."""
    return list({json.dumps(rule): rule for rule in rules if parsed(rule)}.values())


def parsed(said: dict):
    try:
        return CONDITION.validate_python(said)
    except ValidationError:
        return None


def frame(spark, table, rows, **base):
    columns = dict.fromkeys(table.column_names) | base
    return spark.createDataFrame(
        [tuple((columns | row)[name] for name in table.column_names) for row in rows], table.ddl
    )


def logs(spark, shop: dict) -> Logs:
    """The shop's tables, its events in an order of their own."""
    events = [
        e | {"user_id": user, "event_id": f"shop:{user}-{number}", "source": "shop"}
        for user, (_, log) in shop.items()
        for number, e in enumerate(log)
    ]
    events.sort(key=lambda e: hash((e["amount"], e["event_id"])) % 1009)
    products = [
        {
            "product_id": p,
            "title": f"Nr {p[1]}",
            "category_path": [part for part in (d, c, "tinned" if p == "p1" else None) if part],
        }
        for p, (d, c, _) in PRODUCTS.items()
    ]
    refunds = [
        {
            "event_id": f"r{e['event_id']}",
            "ds": e["ds"],
            "purchase_event_id": e["event_id"],
            "purchase_ds": e["ds"],
            "matched_quantity": e["returned_pieces"],
            "amount": e["returned_amount"],
        }
        for e in events
        if e["returned_pieces"]
    ]
    records = [e | {"event_id": e["event_id"].removeprefix("shop:")} for e in events]
    return Logs(
        frame(spark, SILVER_EVENTS, events),
        frame(spark, SILVER_PRODUCTS, products),
        frame(spark, SILVER_REFUNDS, refunds),
        frame(spark, BRONZE_EVENTS, records),
    )


def members(spark, conditions, shop: dict) -> list[set[str]]:
    """By the engine: of each condition the users for whom it holds."""
    q = Questions(Asked(DS, DS), inside=lambda audience: F.lit(False))
    truths = {f"r{number}": truth(condition, q) for number, condition in enumerate(conditions)}
    people = frame(spark, USER_PROFILES, [profile | {"user_id": user} for user, (profile, _) in shop.items()], ds=DS)
    nothing = people.limit(0)
    rows = with_facts(people, q, Sources(logs(spark, shop), nothing, nothing, nothing, nothing))
    rows = Thresholds.of(rows, q).on(rows).select("user_id", *[value.alias(name) for name, value in truths.items()])
    found = rows.collect()
    assert len(found) == len(shop)
    return [{row["user_id"] for row in found if row[name]} for name in truths]


def known(log: list[dict]) -> list[dict]:
    """The events as the reference reads them: less those that came after the night, with the facts of their product."""
    path = {"p1": ["tinned"]}
    return [
        e
        | {
            "categories": [part for part in (e["department"], e["category"], *path.get(e["product_id"], [])) if part],
            "title": e["product_id"] and f"Nr {e['product_id'][1]}",
            "source": "shop",
        }
        for e in log
        if e["landed_ds"] <= DS
    ]


def test_members_of_random_rules_are_those_of_the_reference(spark):
    said = [rule for strategy, count in KINDS.values() for rule in different(drawn(strategy, 2 * count))[:count]]
    assert len(said) > 180
    shop = {f"u{number}": user for number, user in enumerate(drawn(users, USERS))}
    conditions = [parsed(rule) for rule in said]
    by_reference = {user: (profile, known(log)) for user, (profile, log) in shop.items()}
    found = members(spark, conditions, shop)
    for rule, condition, inside in zip(said, conditions, found, strict=True):
        expected = reference.holds(condition, by_reference, DS)
        wrong = sorted(inside ^ expected)
        assert not wrong, f"{rule}: {wrong[0]} is {'in' if wrong[0] in inside else 'out'}: {by_reference[wrong[0]]}"
    decided = [inside for inside in found if 0 < len(inside) < len(shop)]
    assert len(decided) > len(found) // 3, "many rules tell some users from others"


def test_a_rule_reads_the_same_once_it_was_written_as_json():
    for rule in different(drawn(random_rules.rules, 100)):
        condition = parsed(rule)
        assert CONDITION.validate_json(json.dumps(condition.said())) == condition
