"""Who a rule holds for: many rules in a few passes over the tables of one night."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.audiences.behaviour import answered
from jobs.audiences.members import alone, last_members
from jobs.audiences.rule.conditions import Condition
from jobs.audiences.rule.facts import Asked
from jobs.audiences.rule.truth import Questions, truth
from jobs.lake import delta
from jobs.lake.engine import frames
from jobs.settings import Settings
from jobs.tables import USER_PROFILES

AT_ONCE = 50  # rules of a pass: an engine takes no plan of any size
_RULES: TypeAdapter[Any] = TypeAdapter(Condition)


def parsed(rule: dict[str, Any]) -> Any:
    """The rule, typed; ValidationError where it is none."""
    return _RULES.validate_python(rule)


def members(spark: SparkSession, s: Settings, rules: Sequence[dict[str, Any]]) -> list[frozenset[str]]:
    """The users of each rule as of the published night `s.ds`, nobody kept out."""
    people = delta.read(spark, s.warehouse, USER_PROFILES).where(f"ds = DATE'{s.ds}'")
    before = last_members(spark, s, s.ds).select("user_id", "_since")
    rows = alone(people).drop("_since").join(before, "user_id", "left")
    found: list[frozenset[str]] = []
    for start in range(0, len(rules), AT_ONCE):
        found += _pass(spark, s, rows, rules[start : start + AT_ONCE])
    return found


def _pass(spark: SparkSession, s: Settings, rows: Any, rules: Sequence[dict[str, Any]]) -> list[frozenset[str]]:
    q = Questions(Asked(s.ds, s.ds), lambda audience: F.coalesce(F.map_contains_key("_since", audience), F.lit(False)))
    columns = [truth(parsed(rule), q) for rule in rules]
    facts = answered(spark, s, rows, q)
    numbers = F.array_compact(F.array(*[F.when(one, k) for k, one in enumerate(columns)]))
    inside: list[set[str]] = [set() for _ in rules]
    for row in facts.select("user_id", numbers.alias("inside")).collect():
        for number in row["inside"]:
            inside[number].add(row["user_id"])
    frames.free(facts)
    return [frozenset(users) for users in inside]
