"""Facts and portraits: typed, without ids, told in sentences that differ from segment to segment."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import combinations

import pytest

from jobs.language import Portrait, languages, of_segment, of_user, shareable, words
from jobs.language.facts import Fact
from jobs.language.restricted import restricted

EVERYONE = {"size": 2000, "spend_28d": 200_000, "spend_365d": 2_000_000,
            "expected": {"purchase_28d": 0.8, "spend_28d": 90.0}}  # fmt: skip
TASTES = (("cat food", "猫粮"), ("beer", "啤酒"), ("yogurt", "酸奶"), ("beef", "牛肉"), ("nappies", "纸尿裤"),
          ("tea", "茶"))  # fmt: skip
HABITS = {"frequency_28d": (4.0, 4.0), "recency_days": (10.0, 12.0), "tenure_days": (300.0, 300.0),
          "discount_share_365d": (0.3, 0.16), "basket_value_365d": (20.0, 32.0),
          "night_share_365d": (0.1, 0.03)}  # fmt: skip


def segment(number, *, size=100, money=100_000, returns=0.95, lift=4.0, strong=(), tastes=2):
    """A row of gold.segments being made; strong: habits with |z| of 1."""
    traits = [
        {"feature": key, "name": key, "name_zh": key, "value": value, "base": base,
         "z": (1.0 if value >= base else -1.0) if key in strong else 0.0}
        for key, (value, base) in HABITS.items()
    ]  # fmt: skip
    chosen = [TASTES[(number + k) % len(TASTES)] for k in range(tastes)]
    told = [{"label": en, "label_zh": zh, "share": 0.1 * lift, "base": 0.1, "confidence": 0.99, "users": 80}
            for en, zh in chosen]  # fmt: skip
    return {"size": size, "spend_28d": money / 12, "spend_365d": money, "traits": traits, "tastes": told,
            "expected": {"purchase_28d": returns, "spend_28d": money / size / 13}, "entered": 3, "left": 2}  # fmt: skip


def portrait(number, **how):
    row = segment(number, **how)
    return Portrait(of_segment(row, EVERYONE), {t["feature"]: t["z"] for t in row["traits"]}, number)


def test_a_fact_says_what_it_is_held_against_and_how_sure_it_is():
    facts = {fact.id: fact for fact in of_segment(segment(0, strong=["discount_share_365d"]), EVERYONE)}
    spent, discount, taste = facts["spend_share"], facts["discount_share_365d"], facts["taste_1"]
    assert (spent.value, spent.comparison, spent.direction, spent.label_zh) == (0.05, 0.05, "equal", "占全年消费")
    assert (discount.unit, discount.direction, discount.confidence > 0.99) == ("share", "above", True)
    assert (taste.label, taste.label_zh, taste.times, taste.users) == ("cat food", "猫粮", 4.0, 80)
    assert facts["night_share_365d"].confidence == 0.5, "no deviation, no direction"


def test_a_portrait_says_first_what_the_name_says_and_advises_by_it():
    row = segment(3, strong=["discount_share_365d", "basket_value_365d", "night_share_365d"])
    z = {trait["feature"]: trait["z"] for trait in row["traits"]}
    for name in ("basket_value_365d:low", "night_share_365d:high"):
        named = Portrait(of_segment(row, EVERYONE), z, 3, ["taste:CAT FOOD", name])
        assert named.habits("plain")[0] == name.partition(":")[0]
    faint = {"discount_share_365d": 0.3}
    facts = of_segment(segment(3, strong=["discount_share_365d"]), EVERYONE)
    assert Portrait(facts, faint, 3).action() == "offer"
    assert Portrait(facts, faint, 3, ["discount_share_365d:high"]).action() == "coupon", "deal seekers get a coupon"


def test_facts_of_few_users_stay_in_the_house():
    assert {fact.id for fact in of_segment(segment(0), EVERYONE)} > {fact.id for fact in shareable(
        of_segment(segment(0), EVERYONE))}  # fmt: skip
    assert shareable(of_segment(segment(0, size=49, tastes=0), EVERYONE)) == []
    profile = {"user_id": "u-anna", "lifecycle_stage": "loyal", "rfm_class": "555", "monetary_365d": 90,
               "recency_days": 3, "purchase_28d": None, "spend_28d": None}  # fmt: skip
    facts = of_user(profile)
    assert {fact.id for fact in facts} == {"stage", "rfm", "spend_365d", "recency"}
    assert shareable(facts) == []
    assert not any("anna" in str(fact) for fact in facts)


CASES = {
    "looking": {"money": 0, "tastes": 1},
    "best": {"money": 400_000, "lift": 1.5}, "taste": {}, "leaving": {"returns": 0.2, "money": 20_000},
    "light": {"money": 20_000, "lift": 1.5, "tastes": 1}, "plain": {"tastes": 0, "strong": ["night_share_365d"]},
}  # fmt: skip


@pytest.mark.parametrize(("who", "how"), CASES.items())
def test_what_matters_most_decides(who, how):
    assert portrait(1, **how).who() == who


def test_new_are_those_who_are_newer_than_others():
    """In a shop whose log begins ninety days ago everybody is known for a few weeks."""
    young = portrait(1)
    for base, new in ((300.0, True), (45.0, False)):
        young.facts["tenure_days"] = Fact("tenure_days", "trait", 40.0, "number", "", "", base, 1.0, 100)
        assert (young.who() == "new", young.action() == "second_order") == (new, new)


def test_who_bought_nothing_is_offered_a_first_order():
    looker = portrait(1, money=0, returns=0.1, strong=["discount_share_365d"])
    assert (looker.who(), looker.action(), looker.habits("looking")) == ("looking", "first_order", [])
    assert not re.search("offers|last order", looker.text("en"))


def test_a_portrait_is_three_sentences_in_every_language():
    for how in CASES.values():
        for number in range(12):
            one = portrait(number, **how)
            for language in languages():
                text = one.text(language)
                ends = re.findall(r"\.(?=\s|$)", text) if words(language).stop == "." else re.findall("。", text)
                assert len(ends) == 3, text
                assert not re.search(r"\{|  ", text), text
            assert re.search("[一-鿿]", one.text("zh"))
            assert not re.search("[一-鿿]", one.text("en"))


def test_portraits_differ_by_more_than_their_numbers():
    """25 segments of six tastes: without digits no two texts are near each other."""
    hows = [how for who, how in CASES.items() if who != "looking"]
    people = [portrait(n, **hows[n % len(hows)]) for n in range(25)]
    for language in ("en", "zh"):
        bare = [re.sub(r"\d", "", one.text(language)) for one in people]
        nearest = max(SequenceMatcher(None, *pair).ratio() for pair in combinations(bare, 2))
        assert nearest < 0.95, language
        assert len({*bare}) == 25


def test_advice_puts_no_restricted_goods_forward():
    """Every buyer of beer is told of it; nobody is offered it."""
    for number in range(5, 11):
        one = portrait(number)  # beer is the second taste of some, the first of others
        for language in languages():
            advice = one.sentences(language)[2]
            assert not re.search("beer|啤酒", advice), advice
            assert any(taste.called(language) in one.text(language) for taste in one.tastes)
    alone = portrait(1, tastes=1)
    assert [taste.label for taste in alone.tastes] == ["beer"]
    assert alone.offered == []
    assert "beer" in alone.text("en")


@pytest.mark.parametrize(
    ("name", "held"),
    [("BEERS/ALES", True), ("domestic wine", True), ("香烟", True), ("国产葡萄酒", True), ("Infant Formula", True),
     ("ginger", False), ("virgin olive oil", False), ("酒店用品", False), ("strawberries", False)],
)  # fmt: skip
def test_restricted_goods(name, held):
    assert restricted(name) is held


def test_claims_are_built_on_sure_facts_only():
    unsure = portrait(3, strong=["discount_share_365d"], tastes=0)
    unsure.facts["discount_share_365d"] = Fact("discount_share_365d", "trait", 0.3, "share", "", "", 0.16, 0.6, 100)
    assert unsure.habits("plain") == []
    assert unsure.action() == "offer"
