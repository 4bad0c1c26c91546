"""Every condition has words in both languages: a definition is named in both."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from jobs.audiences.ask import wording
from jobs.audiences.rule import conditions as c
from jobs.audiences.rule import words

BOUGHT = {"did": "purchase", "sum": "amount"}
RULES = [
    {"did": "purchase", "in": {"last_days": 30}},
    {"first": "purchase", "in": {"last_days": 30}},
    {"last": "purchase", "was": {"brand": "A"}},
    {"again": "purchase", "after_days": 30, "in": {"last_days": 7}},
    {"regularly": "purchase"},
    {"stopped": "purchase"},
    {"then": [{"did": "cart"}, {"not": "purchase", "within": {"days": 2}}], "same": "product"},
    {"compared": BOUGHT | {"in": {"last_days": 90}}, "to": {"in": {"last_days": 90, "skip": 90}}, "less_than": 0.5},
    {"share": BOUGHT | {"where": {"category": "BABY"}}, "at_least": 0.4},
    {"top": BOUGHT, "percent": 10},
    {"is": {"gender": "F"}},
    {"audience": "best_customers", "since": {"last_days": 7}},
    {"segment": 4, "since": {"last_days": 7}},
    {"left": "best_customers"},
    {"moved_from": 4},
    {"suggested": {"category": "MILK"}},
]
SAID = [TypeAdapter(c.Condition).validate_python(rule) for rule in RULES]


def test_every_kind_of_condition_is_here():
    kinds = {kind for kind in vars(c).values() if isinstance(kind, type) and issubclass(kind, c.Part)}
    conditions = {kind for kind in kinds if kind.__module__ == c.__name__ and not kind.__name__.startswith("_")}
    assert {type(said) for said in SAID} == conditions - {c.Step, c.AllOf, c.AnyOf, c.Not}


@pytest.mark.parametrize("said", SAID, ids=lambda said: type(said).__name__)
def test_it_has_words(said):
    assert words.rule(said)
    assert wording.rule(said)


def test_the_day_of_entry_is_told():
    assert wording.rule(SAID[RULES.index({"segment": 4, "since": {"last_days": 7}})]) == "属于人群4，近7天进入"
