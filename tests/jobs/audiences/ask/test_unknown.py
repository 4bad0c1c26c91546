"""Words that no table has: what is taken as bought, what says nothing, what is asked about."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from jobs.audiences.ask import read
from tests.jobs.audiences.ask.test_reader import SHOP

MILK = {"did": "purchase", "where": {"category": "MILK"}}


@pytest.mark.parametrize(("said", "rule"), [
    ("customers who snaffled milk in the last 30 days", MILK | {"in": {"last_days": 30}}),
    ("guzzled up at least two packs of milk", MILK | {"count": "pieces", "at_least": 2}),
    ("people who pampered themselves to milk", MILK),
    ("has never pocketed milk", {"not": MILK}),
    ("squandered $50 on milk", MILK | {"sum": "amount", "at_least": 50}),
    ("shoppers who cheerfully bought milk", MILK),
    ("bought three punnets of milk", MILK | {"count": "pieces", "at_least": 3}),
    ("近30天买过3板牛奶的", MILK | {"count": "pieces", "at_least": 3, "in": {"last_days": 30}}),
    ("hey crew, customers who bought milk, thanks a bunch", MILK),
    ("people who bought milk, my boss is nagging me", MILK),
    ("Retarget milk buyers", MILK),
    ("近30天买过牛乃的", MILK | {"in": {"last_days": 30}}),
    ("我们店长很着急，近30天买过牛奶的", MILK | {"in": {"last_days": 30}}),
    ("folks who forked out at least $40 for milk", MILK | {"sum": "amount", "at_least": 40}),
    ("customers who eat milk", MILK),
    ("过去6个月里至少有4个月在喝牛奶的", MILK | {"in": {"last_months": 6, "at_least_in": 4}}),
    ("牛奶一滴没沾过的", {"not": MILK}),
    ("连牛奶都没扛过的", {"not": MILK}),
    ("a roster of folks who bought milk", MILK),
    ("five packs of milk or more since October 1", MILK | {"count": "pieces", "at_least": 5,
                                                           "in": {"after": date(2017, 9, 30)}}),
    ("近30天揣走过牛奶的", MILK | {"in": {"last_days": 30}}),
    ("拽走两箱牛奶的客户", MILK | {"count": "pieces", "at_least": 2}),
    ("牛奶近30天搂过的", MILK | {"in": {"last_days": 30}}),
])  # fmt: skip
def test_a_verb_before_things_is_bought_and_an_adverb_nothing(said: str, rule: dict) -> None:
    assert read(said, SHOP).rule == rule


def test_readings_of_the_same_people_are_one() -> None:
    rule = read("近三个月牛奶至少6次、买过牛奶的", SHOP).rule
    assert rule is not None
    assert MILK | {"count": "orders", "at_least": 6, "in": {"last_days": 90}} in rule["all"]
    browsed = replace(SHOP, types=frozenset({"purchase"}))
    assert read("近60天逛过的品类不少于五个", browsed).rule == {
        "did": "purchase", "count": "categories", "at_least": 5, "in": {"last_days": 60},
    }  # fmt: skip


def test_what_was_made_of_words_is_told() -> None:
    answer = read("hey crew, customers who cheerfully snaffled milk", SHOP)
    assert [part.text for part in answer.parts] == ["hey crew", "cheerfully", "snaffled milk"]
    assert answer.parts[-1].means.endswith("('snaffled' is taken as bought)")
    assert "“揣走”按购买理解" in read("揣走3盒牛乃的", SHOP).parts[0].means
    assert "读作“牛奶”" in read("揣走3盒牛乃的", SHOP).parts[0].means


@pytest.mark.parametrize("said", [
    "customers who reviewed milk", "gave up milk this year", "switched to milk", "craved milk in the last 30 days",
    "customers who barely bought milk", "bought soured milk", "bought milk and smoked coffee", "vegans who bought milk",
    "wealthy people who bought milk", "近30天退订过牛奶的", "近30天晒过牛奶的", "近30天买卤牛奶的",
    "近30天戒了牛奶的", "屡屡买牛奶的", "近30天补钙牛奶",
])  # fmt: skip
def test_what_says_something_else_is_asked_about(said: str) -> None:
    assert read(said, SHOP).rule is None
