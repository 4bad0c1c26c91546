"""The definition of an audience from a rule that was read: names, descriptions, examples."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import yaml
from pydantic import TypeAdapter

from jobs.audiences.ask import text, wording
from jobs.audiences.definition import Definition
from jobs.audiences.examples import DAY
from jobs.audiences.rule import conditions as c
from jobs.audiences.rule import words
from jobs.audiences.rule.measures import USER_FIELDS, Where
from jobs.audiences.rule.parts import Comparison, Part, Window

_LONGEST_NAME = 60
_FIELDS = {
    "product",
    "category",
    "department",
    "brand",
    "query",
    "device",
    "quantity",
    "price",
    "amount",
    "discount",
    "hour",
}
_NOTHING: dict[str, Any] = {}
_CHECKED: TypeAdapter = TypeAdapter(c.Condition)


def document(sentence: str, rule: dict[str, Any]) -> dict[str, Any]:
    """What a file of conf/audiences says: the sentence is the name in its own language."""
    said, plain = _CHECKED.validate_python(rule), " ".join(sentence.split())
    english, chinese = words.rule(said), wording.rule(said)
    own = text.language(sentence) == "zh"
    found: dict[str, Any] = {
        "name": _short(english if own else plain), "name_zh": _short(plain if own else chinese),
        "description": f"{_large(english)}.", "description_zh": f"{chinese}。", "owner": "asked", "rule": rule,
    }  # fmt: skip
    match, no_match = examples(said)
    if match or no_match:
        found["examples"] = {"match": match, "no_match": no_match}
    return found


def identity(sentence: str) -> str:
    """The id of an audience: the words of an English sentence, else a hash of it."""
    slug = re.sub(r"[^a-z0-9]+", "_", sentence.lower()).strip("_")[:48].strip("_")
    if text.is_chinese(sentence):
        slug = hashlib.sha256(" ".join(sentence.split()).encode()).hexdigest()[:8]
    return slug if re.match(r"[a-z]", slug) and not text.is_chinese(sentence) else f"asked_{slug}".strip("_")


def yaml_of(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, default_flow_style=None, width=120)


def definition_of(document: dict[str, Any]) -> Definition:
    return Definition.model_validate(document)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"


def _large(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def examples(rule: Part) -> tuple[list[dict], list[dict]]:
    """(who should be in it, who should not), as of the night of examples: guesses, to be held by the engine. None of a
    rule that depends on everybody else, or on nights before.
    """
    if any(isinstance(one, c.Top | c.Audience | c.Left | c.MovedFrom | c.Suggested) for one in c.walk(rule)):
        return [], []
    columns, events = _meant(rule, hold=True)
    match = {**columns, "events": events} if events else columns
    return ([match] if match else [{}]), ([{}] if match else [{"events": [{"purchase": None, "days_ago": 1}]}])


def _meant(rule: Part, hold: bool) -> tuple[dict[str, Any], list[dict]]:
    """Columns and events of somebody for whom the rule holds, or not."""
    if isinstance(rule, c.Not):
        return _meant(rule.not_, not hold)
    if isinstance(rule, c.AllOf | c.AnyOf):
        parts = c.children(rule)
        chosen = parts if isinstance(rule, c.AllOf) == hold else parts[:1]
        columns, events = {}, []
        for part in chosen:
            more, done = _meant(part, hold)
            for name, value in more.items():
                both = isinstance(value, dict) and isinstance(columns.get(name), dict)
                columns[name] = columns[name] | value if both else value
            events += done
        return columns, events
    if not hold:
        return {}, []
    if isinstance(rule, c.Is):
        profile: dict[str, Any] = {}
        for name, test in rule.is_.items():
            column, _, key = name.partition(".")
            value = [_value(test)] if USER_FIELDS.get(name) == "texts" else _value(test)
            profile |= {column: profile.get(column, {}) | {key: value}} if key else {column: value}
        return profile, []
    if isinstance(rule, c.Did):
        return {}, _done(rule)
    if isinstance(rule, c.First | c.Last):
        types = rule.first if isinstance(rule, c.First) else rule.last
        return {}, [_event(types, {**rule.where, **rule.was}, _days_ago(rule.in_)[0])]
    if isinstance(rule, c.Again):
        near = _days_ago(rule.in_)[0]
        return {}, [_event(rule.again, rule.where, near + k) for k in (0, rule.after_days)]
    if isinstance(rule, c.Stopped):
        return {}, [_event(rule.stopped, rule.where, 60 + 10 * k) for k in range(rule.times)]
    if isinstance(rule, c.Then):
        steps = [step for step in rule.then if step.did]
        one = {"product": "p1"} if rule.same else {}
        return {}, [_event(step.types, step.where, 10 + len(steps) - k, one) for k, step in enumerate(steps)]
    return {}, []


def _done(rule: c.Did) -> list[dict]:
    how, what = rule.how
    least = _number(rule.held)
    if rule.in_.needed is not None:
        days = [(DAY - (last - timedelta(days=(last - first).days // 2))).days for first, last in rule.in_.periods(DAY)]
        days = days[: rule.in_.needed]
    else:
        days = _days_ago(rule.in_)
    if how != "count":
        return [_event(rule.did, rule.where, days[0], {what: _plain(least)})]
    many = max(1, int(least)) if rule.in_.needed is None else 1
    if many > 12:
        return []
    spread = (
        [day for day in days for _ in range(many)] if rule.in_.needed else [max(0, days[0] - k) for k in range(many)]
    )
    return [_event(rule.did, rule.where, day) for day in spread]


def _number(held: Comparison) -> Any:
    for sign, value in held.bounds:
        if sign in (">=", "="):
            return value
        return value + 1 if sign == ">" else max(Decimal(0), value - 1)
    return Decimal(1)


def _value(test: Any) -> Any:
    if test.is_:
        value = test.is_[0]
        return _plain(value)
    return _plain(_number(test)) if test.bounds else None


def _days_ago(window: Window) -> list[int]:
    first, last = window.days(DAY)
    newest = (DAY - last).days
    oldest = (DAY - first).days if first else newest + 60
    return [max(newest, oldest - 1)]  # early in it, for a later window may ask for nothing


def _event(types: tuple[str, ...], where: Where, days_ago: int, more: dict[str, Any] = _NOTHING) -> dict:
    fields: dict[str, Any] = {}
    for field, test in where.items():
        column, _, key = field.partition(".")
        if key and column == "attributes":
            fields["attributes"] = fields.get("attributes", {}) | {key: _value(test)}
        if field in _FIELDS:
            fields[field] = _value(test) if test.is_ or test.bounds else next(iter(test.contains), None)
    fields |= more
    kind = "purchase" if "purchase" in types else types[0]
    said = fields["category"] if fields.keys() == {"category"} else fields or None
    return {kind: said, "days_ago": max(0, days_ago)}


def _plain(number: Any) -> Any:
    return (int(number) if number == int(number) else float(number)) if isinstance(number, Decimal) else number
