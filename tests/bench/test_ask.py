"""`bench ask`: each sentence asks for a rule that is one, or says what nothing records; members tell the verdicts."""

from __future__ import annotations

import json
from datetime import date

import pytest

from bench.ask import forms, score, sentences
from bench.ask.members import parsed
from bench.ask.sentences import Sentence
from jobs.audiences.ask import Answer, Part, Reading

MILK, BEER, TEA = ({"did": "purchase", "where": {"category": one}} for one in ("MILK", "BEER", "TEA"))
MEMBERS = {"MILK": frozenset({"a", "b"}), "BEER": frozenset({"b"}), "TEA": frozenset({"a", "b"})}


@pytest.mark.parametrize("language", sentences.LANGUAGES)
def test_every_rule_of_a_sentence_is_one(language):
    listed = sentences.read(language) + sentences.read(language, held_out=True)
    for one in listed:
        for rule in one.rules:
            assert parsed(rule), one.say
        assert len(one.ambiguous) != 1, one.say
    assert len({one.say for one in listed}) == len(listed) > 200


@pytest.mark.parametrize("language", sentences.LANGUAGES)
def test_every_kind_is_set_aside_too(language):
    worked, aside = ({one.kind for one in sentences.read(language, held_out=held)} for held in (False, True))
    assert worked == aside


def verdict(answer: Answer, **asks) -> score.Judged:
    one = Sentence("s", "en", "demo", "window", **asks)
    (found,) = score.judged([one], [answer], lambda rules: [MEMBERS[rule["where"]["category"]] for rule in rules])
    return found


def abstains(*left_out: str) -> Answer:
    return Answer(None, left_out=tuple(Part(text, "nothing records it") for text in left_out))


def asks(*rules: dict) -> Answer:
    return Answer(None, readings=tuple(Reading(rule, "") for rule in rules))


@pytest.mark.parametrize(
    ("answer", "right", "said"),
    [
        (Answer(TEA), {"rule": MILK}, "exact"),
        (Answer(BEER), {"rule": MILK}, "wrong"),
        (Answer(MILK), {"cannot": ("rain",)}, "wrong"),
        (Answer(MILK), {"ambiguous": (MILK, BEER)}, "wrong"),
        (asks(MILK, BEER), {"rule": MILK}, "asked wrongly"),
        (asks(MILK, BEER), {"cannot": ("rain",)}, "asked wrongly"),
        (asks(BEER, TEA), {"ambiguous": (MILK, BEER)}, "asked rightly"),
        (abstains("rain"), {"rule": MILK}, "abstained wrongly"),
        (abstains("rain"), {"ambiguous": (MILK, BEER)}, "abstained wrongly"),
        (abstains("in the rain"), {"cannot": ("rain",)}, "abstained rightly"),
    ],
)
def test_a_verdict_is_told_by_members(answer, right, said):
    found = verdict(answer, **right)
    assert (found.verdict, found.note if said in score.RIGHT else "") == (said, "")


def test_what_is_missing_in_a_right_answer_is_noted_and_shown():
    half = verdict(asks(MILK, TEA), ambiguous=(MILK, BEER))
    unnamed = verdict(abstains("milk"), cannot=("rain",))
    assert [half.note, unnamed.note] == ["1 readings are missing", "not named: rain"]
    assert len(score.failures([half, unnamed, verdict(Answer(MILK), rule=MILK)])) == 2


def test_shares_are_told_by_language():
    found = [verdict(Answer(rule), rule=MILK) for rule in (MILK, BEER)]
    found += [verdict(Answer(None), rule=MILK), verdict(abstains("rain"), cannot=("rain",))]
    said = score.summary(found)
    assert said["en"] | {"execution": 0.3333, "valid_but_wrong": 0.25, "right": 0.5} == said["en"]
    assert said["zh"]["execution"] is None
    assert score.table(found, "").row_count == 10


@pytest.mark.parametrize("language", sentences.LANGUAGES)
def test_a_way_stands_in_the_phrasebook_once(language):
    ways = sentences.phrases(language)
    rules = {json.dumps(rule, sort_keys=True, default=str): rule for one in ways for rule in one.rules}
    assert all(map(parsed, rules.values()))
    assert len({(one.shop, one.say) for one in ways}) == len(ways)


DS = date(2017, 12, 1)
DONE = {"did": "purchase", "where": {"category": "MILK"}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (DONE, DONE | {"count": "orders", "at_least": 1}),
        ({"not": DONE}, DONE | {"none": True}),
        ({"did": "purchase", "where": {"category": ["MILK", "TEA"]}}, {"any": [TEA, MILK]}),
        ({"not": {"any": [MILK, TEA]}}, {"all": [{"not": TEA}, {"not": MILK}]}),
        (DONE | {"count": "orders", "between": [2, 4]},
         {"all": [DONE | {"count": "orders", "more_than": 1}, {"not": DONE | {"count": "orders", "at_least": 5}}]}),
        (DONE | {"sum": "amount", "less_than": 50}, {"not": DONE | {"sum": "amount", "at_least": 50}}),
        (DONE | {"in": {"last_months": 1}}, DONE | {"in": {"between": [date(2017, 11, 1), date(2017, 11, 30)]}}),
        (DONE | {"in": {"after": date(2017, 11, 1)}}, DONE | {"in": {"last_days": 30}}),
        (DONE | {"in": {"last_days": 30, "at_least_in": 5}},
         DONE | {"in": {"last_days": 30}, "count": "days", "at_least": 5}),
        ({"last": "purchase", "in": {"before": date(2017, 11, 1)}},
         {"all": [{"did": "purchase"}, {"not": {"did": "purchase", "in": {"after": date(2017, 10, 31)}}}]}),
        ({"is": {"gender": "F", "region": ["X"]}}, {"all": [{"is": {"region": "X"}}, {"is": {"gender": "F"}}]}),
    ],
)  # fmt: skip
def test_rules_that_say_the_same_have_one_form(one, other):
    assert forms.members([one], DS) == forms.members([other], DS)
    assert forms.members([{"not": one}], DS) == forms.members([{"not": other}], DS) != forms.members([one], DS)


def test_other_rules_have_other_forms():
    rules = [DONE, MILK | {"in": {"last_days": 30}}, MILK | {"count": "orders", "at_least": 2}, {"not": MILK}, TEA,
             DONE | {"sum": "amount", "at_least": 2}, DONE | {"sum": "amount", "more_than": 2}]  # fmt: skip
    assert len(set(forms.members(rules, DS))) == len(rules)
