"""Every rule of docs/rules.md is one, and finds the members that the second evaluator finds."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.jobs.audiences import reference
from tests.jobs.audiences.random_rules import DS, users
from tests.jobs.audiences.test_random_rules import drawn, known, members, parsed

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rules.md"
# The page's names, as the random shops call theirs.
NAMES = {"MILK": "milk", "NAPPIES": "nappies", "BABY": "baby", "lifecycle_stage: active": "gender: F",
         "segment_name: Bargain hunters, purchase_7d": "tags: deal seeker, churn_28d"}  # fmt: skip


def rows(part: str) -> list[str]:
    """The rules of a part of the page."""
    return re.findall(r"\| `(\{.*\})` \|", part)


def test_each_row_is_a_rule_and_finds_the_right_members(spark):
    text = PAGE.read_text(encoding="utf-8")
    table = text.split("<!-- rules -->")[1]
    said = rows(table)
    assert len(said) > 20
    for rule in rows(text):
        assert parsed(yaml.safe_load(rule)) is not None, rule
    for name, ours in NAMES.items():
        table = table.replace(name, ours)
    conditions = [parsed(yaml.safe_load(rule)) for rule in rows(table)]
    shop = {f"u{number}": user for number, user in enumerate(drawn(users, 60))}
    by_reference = {user: (profile, known(log)) for user, (profile, log) in shop.items()}
    for rule, condition, inside in zip(said, conditions, members(spark, conditions, shop), strict=True):
        assert inside == reference.holds(condition, by_reference, DS), rule
