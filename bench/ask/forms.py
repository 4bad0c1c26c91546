"""One form for rules that say the same in other words, to judge answers by where no tables are at hand."""

from __future__ import annotations

import json
import operator
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from jobs.audiences.rule.parts import Comparison, Span, Window

Rule = dict[str, Any]
_OTHER = {"all": "any", "any": "all"}
_OF_NOTHING = {"average", "smallest", "largest"}  # of no events there is none, and its opposite does not hold either
_BOUNDS = Comparison.model_fields.keys()
_SIGNS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq}
_EVER = 3650  # days: a window of so many is as good as all


def members(rules: Sequence[Rule], ds: date) -> list[frozenset[str]]:
    """In place of members, the form of each rule as of `ds`."""
    return [frozenset({_text(form(rule, ds))}) for rule in rules]


def form(rule: Rule, ds: date, *, holds: bool = True) -> Any:
    """The rule, or with `holds` false its opposite: `not` at single conditions alone, parts in order and once, windows
    as days, comparisons as "at least" and "more than" and their opposites, one category a condition.
    """
    if "not" in rule:
        return form(rule["not"], ds, holds=not holds)
    for how in _OTHER:
        if how in rule:
            return _joined(how, [form(part, ds, holds=holds) for part in rule[how]], holds)
    if "is" in rule:
        return _joined("all", [_signed({"is": {key: _plain(test)}}, holds) for key, test in rule["is"].items()], holds)
    said = _whole(_parts(rule, ds))
    if "did" in said and not _OF_NOTHING & said.keys():
        return _compared(_on_days(said, ds), holds)
    if "last" in said and "was" not in said:
        return _last(said, ds, holds)
    return _signed(said, holds)


def _text(said: Any) -> str:
    return json.dumps(said, sort_keys=True, default=str)


def _signed(said: Rule, holds: bool) -> Rule:
    return said if holds else {"not": said}


def _joined(how: str, signed: list[Any], holds: bool) -> Any:
    """Parts that hold or do not, in order and once."""
    how = how if holds else _OTHER[how]
    once = {_text(inner): inner for part in signed for inner in part.get(how, [part])}
    return next(iter(once.values())) if len(once) == 1 else {how: [once[key] for key in sorted(once)]}


def _parts(said: Rule, ds: date) -> Rule:
    """The parts of one condition, of a measure or of a step."""
    found = {key: _part(key, value, ds) for key, value in said.items()}
    return {key: value for key, value in found.items() if value is not None}


def _part(key: str, value: Any, ds: date) -> Any:
    if key == "in":
        return _window(Window.model_validate(value), ds)
    if key == "among":
        return form(value, ds)
    if key == "then":
        return [_parts(step, ds) for step in value]
    if key == "within":
        return Span.model_validate(value).in_hours
    if key in ("where", "was"):
        return {"category" if field == "department" else field: _test(field, test) for field, test in value.items()}
    return _parts(value, ds) if isinstance(value, dict) else _plain(value)


def _test(field: str, test: Any) -> Any:
    """A test of an event's field; hours one by one, whichever way they are said."""
    if field == "hour" and isinstance(test, dict):
        bounds = Comparison.model_validate(test).bounds
        return [hour for hour in range(24) if all(_SIGNS[sign](hour, number) for sign, number in bounds)]
    return _plain(test)


def _plain(test: Any) -> Any:
    """Values that are listed, in order; a list of one as the one."""
    if isinstance(test, dict):
        return {key: _plain(value) for key, value in test.items()}
    if isinstance(test, list | tuple):
        return test[0] if len(test) == 1 else sorted(test, key=lambda one: (str(type(one)), one))
    return test


def _window(window: Window, ds: date) -> Any:
    if window.each or window.at_least_in:
        periods = window.last_days or window.last_weeks or window.last_months
        kept = (
            window.model_copy(update={"each": True, "at_least_in": None}) if window.at_least_in == periods else window
        )
        return kept.said()
    low, high = window.days(ds)
    low = None if low and (ds - low).days > _EVER else low
    return None if low is None and high >= ds else [low and str(low), str(high)]


def _whole(said: Rule) -> Rule:
    """All of the money is all of the events."""
    if "share" in said and 1 in (said.get("at_least"), said.get("exactly")):
        return {
            "share": {key: value for key, value in said["share"].items() if key not in ("sum", "count")},
            "exactly": 1,
        }
    return said


def _on_days(did: Rule, ds: date) -> Rule:
    """In so many of the last days, as a count of days."""
    window = did.get("in")
    if not isinstance(window, dict) or not {"last_days", "at_least_in"} <= window.keys():
        return did
    days = {key: value for key, value in window.items() if key != "at_least_in"}
    return did | {"in": _window(Window.model_validate(days), ds), "count": "days", "at_least": window["at_least_in"]}


def _last(said: Rule, ds: date, holds: bool) -> Any:
    """The last one in a window: done since it began, and not since it was over."""
    low, high = said["in"]
    did = {"did": said["last"], **{key: value for key, value in said.items() if key not in ("last", "in")}}
    since = did | {"in": [str(date.fromisoformat(high) + timedelta(1)), str(ds)]}
    begun = did | {"in": [low, str(ds)]} if low else did
    return _joined("all", [_compared(begun, holds), _compared(since, not holds)], holds)


def _compared(did: Rule, holds: bool) -> Any:
    """A number against each of its bounds."""
    bounds = Comparison.model_validate({key: did[key] for key in _BOUNDS & did.keys()}).bounds or [(">=", Decimal(1))]
    rest = {key: value for key, value in did.items() if key not in _BOUNDS}
    least = [_least(rest, number, (sign != "<") == holds) for sign, number in bounds if sign in (">=", "<", "=")]
    more = [_more(rest, number, (sign == ">") == holds) for sign, number in bounds if sign in (">", "<=", "=")]
    return _joined("all", [one for one in least + more if one], holds)


def _more(did: Rule, number: Any, holds: bool) -> Any:
    """More than a number; of whole things at least one more."""
    return _signed(did | {"more_than": float(number)}, holds) if "sum" in did else _least(did, number + 1, holds)


def _least(did: Rule, number: Any, holds: bool) -> Any:
    """At least a number: nothing of whole things where it is 0; of 1, whatever is counted, it was done."""
    if "sum" not in did and number < 1:
        return None
    if "sum" not in did and number == 1:
        return _joined("any", [_signed(one, holds) for one in _singles(did)], holds)
    return _signed(did | {"count": did.get("count", "events"), "at_least": float(number)}, holds)


def _singles(did: Rule) -> list[Rule]:
    """Each type of event, each category by itself, where each of several periods does not ask for any of them."""
    rest = {key: value for key, value in did.items() if key != "count"}
    if isinstance(rest.get("in"), dict):
        return [rest]
    types, where = rest["did"], rest.get("where", {})
    categories = where.get("category")
    of = [{"where": where | {"category": one}} for one in categories] if isinstance(categories, list) else [{}]
    return [rest | {"did": kind} | one for kind in (types if isinstance(types, list) else [types]) for one in of]
