"""Rules of behaviour: what a file may say, what is said of one that cannot be, and the edges of windows and steps."""

from __future__ import annotations

from datetime import date

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from jobs.audiences import parameters, validate
from jobs.audiences.book import Book
from jobs.audiences.definition import Definition, read
from jobs.audiences.rule.conditions import DEEPEST, Condition
from jobs.audiences.rule.parts import Window
from jobs.errors import UsageError

SAID = {"name": "A", "name_zh": "甲", "description": "x", "description_zh": "x", "owner": "crm"}
CONDITION = TypeAdapter(Condition)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{did: purchse}", "expected a type of event, found 'purchse'; did you mean 'purchase'"),
        ("{dud: purchase}", "expected a condition, found 'dud'; did you mean 'did'"),
        ("{did: purchase, were: {}}", "expected one of its keys, found 'were'; did you mean 'where'"),
        ("{did: purchase, where: {categry: x}}", "expected a known field, found 'categry'; did you mean 'category'"),
        ("{did: purchase, where: {amount: '3'}}", "amount: expected a number, found '3'"),
        ("{did: purchase, where: {product: 3}}", "product: expected a text in quotes, found 3"),
        ("{did: purchase, where: {amount: {contains: x}}}", "amount is a number: expected .*; found contains"),
        ("{did: purchase, where: {category: {contains: x}}}", "category is a list of texts: .*found contains"),
        ("{did: purchase, where: {weekday: [6, 0]}}", r"weekday: expected 1 \(Monday\) to 7 \(Sunday\), found 0"),
        ("{did: purchase, where: {weekday: sat}}", "weekday: expected 1 .*, found 'sat'"),
        ("{did: purchase, where: {hour: {between: [18, 24]}}}", "hour: expected 0 to 23, found 24"),
        ("{is: {lifecycle_stag: x}}", "found 'lifecycle_stag'; did you mean 'lifecycle_stage'"),
        ("{did: purchase, in: {last_day: 3}}", "found 'last_day'; did you mean 'last_days'"),
        ("{did: purchase, in: {last_days: 3, ever: true}}", "exactly one of .*found last_days and ever"),
        ("{did: purchase, in: {current: month, each: true}}", "beside last_days, last_weeks or last_months alone"),
        ("{did: purchase, in: {last_months: 3, at_least_in: 4}}", "at_least_in: expected at most 3, found 4"),
        ("{did: purchase, at_least: true}", "expected a number, found True"),
        ("{did: purchase, sum: amount}", "expected what the sum is held against"),
        ("{did: purchase, sum: amount, count: days, at_least: 1}", "one of count, sum, .*found count, sum"),
        ("{did: purchase, between: [3, 1]}", "expected the smaller number first"),
        ("{first: purchase}", "expected was .*, in .*, or both"),
        ("{then: [{did: cart}]}", "at least 2 items"),
        ("{then: [{did: cart}, {not: purchase}, {not: refund}]}", "between two that were not"),
        ("{then: [{did: cart}, {not: view, within: {days: 1}}, {did: purchase}]}", "the first or the last step alone"),
        ("{then: [{did: cart}, {did: purchase, within: {weeks: 1}}]}", "found 'weeks'"),
        ("{compared: {did: purchase}, to: {in: {last_days: 3}}}", "expected a number of times"),
        ("{share: {did: purchase, average: amount}, at_least: 0.4}", "of which there are no shares"),
        ("{top: {did: purchase}}", "either percent or users"),
        ("{top: {did: purchase}, users: 3, among: {top: {did: view}, users: 3}}", "expected no top"),
        ("{all: []}", "at least 1 item"),
        ("3", "expected a condition, found 3"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_says_what_was_expected(rule, said):
    with pytest.raises(ValidationError, match=said):
        CONDITION.validate_python(yaml.safe_load(rule))


@pytest.mark.parametrize(
    ("window", "ds", "first", "last"),
    [
        ({"last_days": 30}, "2026-03-31", "2026-03-02", "2026-03-31"),  # ds is one of them
        ({"last_days": 30, "skip": 30}, "2026-03-31", "2026-01-31", "2026-03-01"),
        ({"last_months": 1}, "2026-03-30", "2026-02-01", "2026-02-28"),
        ({"last_months": 1}, "2026-03-31", "2026-03-01", "2026-03-31"),  # a month is over when its last day is
        ({"last_months": 2, "skip": 12}, "2026-03-15", "2025-01-01", "2025-02-28"),
        ({"last_weeks": 2}, "2026-03-31", "2026-03-16", "2026-03-29"),
        ({"last_weeks": 1}, "2026-03-29", "2026-03-23", "2026-03-29"),  # a Sunday
        ({"current": "week"}, "2026-03-31", "2026-03-30", "2026-03-31"),
        ({"current": "year"}, "2026-03-31", "2026-01-01", "2026-03-31"),
        ({"after": "2026-01-01", "before": "2026-02-01"}, "2026-03-31", "2026-01-02", "2026-01-31"),
        ({"between": ["2026-03-01", "2026-12-31"]}, "2026-03-31", "2026-03-01", "2026-03-31"),  # not beyond ds
    ],
)
def test_the_days_of_a_window(window, ds, first, last):
    days = Window.model_validate(window).days(date.fromisoformat(ds))
    assert days == (date.fromisoformat(first), date.fromisoformat(last))


def write(folder, rule, **said):
    path = folder / "a.yaml"
    path.write_text(yaml.safe_dump(SAID | {"rule": rule} | said, allow_unicode=True), encoding="utf-8")
    return path


def test_parameters_stand_for_their_values(tmp_path, monkeypatch):
    monkeypatch.setattr(parameters, "FILE", tmp_path / "parameters.yaml")
    rule = {"did": "purchase", "where": {"product": "$baby"}, "at_least": "$often"}
    with pytest.raises(UsageError, match=r"expected a parameter of .*found '\$baby'"):
        read(write(tmp_path, rule | {"at_least": 3}))
    parameters.FILE.write_text("baby: [p1, p2]\noften: 3\n")
    assert read(write(tmp_path, rule)).rule == CONDITION.validate_python(
        {"did": "purchase", "where": {"product": ["p1", "p2"]}, "at_least": 3}
    )


@pytest.mark.parametrize(
    ("rule", "match", "no_match"),
    [
        ({"not": {"did": "purchase", "in": {"last_days": 30}}},
         [[], [{"purchase": "MILK", "days_ago": 30}]], [[{"purchase": "MILK", "days_ago": 29}]]),
        ({"then": [{"did": "cart"}, {"not": "purchase", "within": {"days": 2}}], "same": "product"},
         [[{"cart": {"product": "p"}, "days_ago": 2}, {"purchase": {"product": "q"}, "days_ago": 2, "hour": 13}]],
         [[{"cart": {"product": "p"}, "days_ago": 1}], [{"cart": "X", "days_ago": 9}],  # not over; of no product
          [{"cart": {"product": "p"}, "days_ago": 2}, {"purchase": {"product": "p"}, "days_ago": 0}]]),
        ({"then": [{"did": "view"}, {"did": "purchase"}]},
         [[{"view": "A", "days_ago": 3, "hour": 8}, {"purchase": "A", "days_ago": 3, "hour": 9}]],
         [[{"view": "A", "days_ago": 3, "hour": 9}, {"purchase": "A", "days_ago": 3, "hour": 9}]]),  # no order
        ({"stopped": "purchase", "overdue": 1.5},
         [[{"purchase": "A", "days_ago": days} for days in (80, 60, 40)]],
         [[{"purchase": "A", "days_ago": days} for days in (70, 50, 30)],  # 30 days are not more than 1.5 x 20
          [{"purchase": "A", "days_ago": days} for days in (80, 40)]]),
        ({"did": "purchase", "where": {"category": {"not": "BABY"}}},
         [[{"purchase": "MILK", "days_ago": 1}]], [[{"purchase": None, "days_ago": 1}]]),  # unknown is no other
        ({"share": {"did": "purchase", "sum": "amount", "where": {"category": "BABY"}}, "at_least": 0.4},
         [[{"purchase": {"category": "BABY", "amount": 4}, "days_ago": 1},
           {"purchase": {"category": "MILK", "amount": 6}, "days_ago": 1}]], [[]]),  # a share of nothing is none
    ],
)  # fmt: skip
def test_the_edges_of_what_rules_mean(spark, rule, match, no_match):
    examples = {"match": [{"events": log} for log in match], "no_match": [{"events": log} for log in no_match]}
    book = Book.of({"a": Definition.model_validate(SAID | {"rule": rule, "examples": examples})})
    assert validate.disobeyed(spark, book) == []


def test_a_wrong_example_of_events_is_named_with_them(spark):
    examples = {"match": [{"events": [{"purchase": "MILK", "days_ago": 3}]}]}
    book = Book.of({"a": Definition.model_validate(SAID | {"rule": {"did": "refund"}, "examples": examples})})
    [said] = validate.disobeyed(spark, book)
    assert "examples.match 1" in said
    assert "MILK" in said


def test_the_examples_of_a_rule_with_top_are_its_whole_shop(spark):
    log = {user: {"events": [{"purchase": {"amount": amount}, "days_ago": 1}]}
           for user, amount in (("much", 9), ("more", 8), ("some", 3))}  # fmt: skip
    best = {"rule": {"top": {"did": "purchase", "sum": "amount"}, "users": 2}}
    definitions = {
        "a": best | {"examples": {"match": [log["much"], log["more"]], "no_match": [log["some"]]}},
        "b": {
            "rule": {"not": {"audience": "a"}},
            "examples": {"match": [log["some"]], "no_match": [log["more"], log["much"]]},
        },
        "c": best | {"examples": {"match": [log["some"]]}},
        "d": best | {"examples": {"match": [log["some"], log["much"], log["more"]]}},
    }
    said = validate.disobeyed(
        spark, Book.of({one: Definition.model_validate(SAID | d) for one, d in definitions.items()})
    )
    assert [text.split(": expected")[0] for text in said] == ["audience d: examples.match 1"]


def test_a_rule_may_ask_for_other_audiences(spark):
    rule = {"all": [{"audience": "b"}, {"not": {"audience": "c"}}, {"is": {"recency_days": {"at_most": 3}}}]}
    definitions = {
        "a": SAID | {"rule": rule, "examples": {"match": [{"rfm_class": "555", "recency_days": 3}],
                                                "no_match": [{"rfm_class": "555"}, {"recency_days": 3}]}},
        "b": SAID | {"where": "rfm_class = '555'"}, "c": SAID | {"where": "recency_days = 1"},
    }  # fmt: skip
    book = Book.of({one: Definition.model_validate(said) for one, said in definitions.items()})
    assert list(book)[-1] == "a"
    assert validate.disobeyed(spark, book) == []
    with pytest.raises(UsageError, match="found 'd'"):
        Book.of({"a": Definition.model_validate(SAID | {"rule": {"left": "d"}})})


def test_a_rule_may_be_deep_and_wide(spark):
    rule = {"did": "purchase", "in": {"last_days": 60, "at_least_in": 1}}
    for level in range(DEEPEST - 1):
        rule = {"not": rule} if level % 2 else {"all": [rule]}
    wide = {"any": [{"did": "purchase", "where": {"product": f"p{n}"}} for n in range(150)]}
    examples = {"match": [{"events": [{"purchase": {"product": "p149"}, "days_ago": 59}]}],
                "no_match": [{"events": [{"purchase": {"product": "p150"}, "days_ago": 60}]}]}  # fmt: skip
    book = Book.of({
        "deep": Definition.model_validate(SAID | {"rule": rule}),
        "wide": Definition.model_validate(SAID | {"rule": wide, "examples": examples}),
    })  # fmt: skip
    assert validate.disobeyed(spark, book) == []
    with pytest.raises(ValidationError, match=f"at most {DEEPEST} levels, found {DEEPEST + 1}"):
        Definition.model_validate(SAID | {"rule": {"not": rule}})
