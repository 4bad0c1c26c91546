"""Can a rule hold for anybody? One that asks for what it leaves out was misread: no one means that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import combinations
from typing import Any

from jobs.audiences.rule.parts import Window

Rule = dict[str, Any]
_INFINITE = float("inf")
_BOUNDS = ("at_least", "at_most", "more_than", "less_than", "exactly", "between")


def holds_for_nobody(rule: Rule, ds: date) -> bool:
    """Whether a rule, or a part of it that must or may hold, asks for what excludes itself."""
    if any(_empty(window, ds) for window in _windows(rule)):
        return True
    if "any" in rule:
        return any(holds_for_nobody(one, ds) for one in rule["any"])
    parts = list(_together(rule))
    inner = [one for one in parts if "any" in one]
    return any(holds_for_nobody(one, ds) for one in inner) or any(
        _exclude(a, b, ds) or _exclude(b, a, ds) for a, b in combinations(parts, 2)
    )


def without_implied(rule: Rule, ds: date) -> Rule:
    """The rule without conditions that hold wherever another one does: bought beer, and six times in 90 days."""
    if "all" not in rule:
        return rule
    parts = list(rule["all"])
    for one in list(parts):
        if any(other is not one and _undone(one, other, ds) for other in parts) and len(parts) > 1:
            parts.remove(one)
    return {"all": parts} if len(parts) > 1 else parts[0]


def types_of(said: Any) -> Iterator[str]:
    """The types of events that a rule asks for by themselves, not in a list of several."""
    for key, one in said.items() if isinstance(said, dict) else ():
        if key in ("did", "first", "last", "again", "regularly", "stopped", "not") and isinstance(one, str):
            yield one
        yield from types_of(one)
    for one in said if isinstance(said, list | tuple) else ():
        yield from types_of(one)


def _together(rule: Rule) -> Iterator[Rule]:
    """The conditions that must all hold."""
    if "all" in rule:
        for one in rule["all"]:
            yield from _together(one)
    elif "is" in rule and set(rule) == {"is"}:
        yield from ({"is": {column: test}} for column, test in rule["is"].items())
    else:
        yield rule


def _exclude(one: Rule, other: Rule, ds: date) -> bool:
    if "is" in one and "is" in other:
        (column, test), against = next(iter(one["is"].items())), other["is"]
        return set(against) == {column} and column != "tags" and _apart(test, against[column])
    if "is" in one and "is" in other.get("not", {}):
        column, test = next(iter(one["is"].items()))
        against = other["not"]["is"]
        return set(against) == {column} and column != "tags" and _values(test) <= _values(against[column]) != set()
    if other.get("not") == one:
        return True
    if "did" in one and "did" in other:
        same = all(one.get(key) == other.get(key) for key in ("did", "where", "in", "count", "sum", "average"))
        return same and _apart(_held(one), _held(other))
    return _undone(other.get("not", {}), one, ds)


def _undone(never: Rule, one: Rule, ds: date) -> bool:
    """Whether what must not have been done holds all that must have been."""
    if "again" in one:
        one = {"did": one["again"]} | {key: value for key, value in one.items() if key in ("where", "in")}
    return (
        "did" in never
        and "did" in one
        and never.keys() <= {"did", "where", "in"}
        and set(_listed(one["did"])) <= set(_listed(never["did"]))
        and never.get("where") in (None, one.get("where"))
        and _holds_all_of(never.get("in"), one.get("in"), ds)
        and not one.keys() & {"at_most", "less_than", "none"}
    )


def _apart(test: Any, other: Any) -> bool:
    """Whether no value passes both tests."""
    (low, high), (begin, end) = _range(test), _range(other)
    if high < begin or end < low:
        return True
    known, against = _values(test), _values(other)
    return bool(known and against and not known & against)


def _values(test: Any) -> set[str]:
    return set() if isinstance(test, dict) else {str(one) for one in _listed(test)}


def _range(test: Any) -> tuple[float, float]:
    if not isinstance(test, dict) or not test.keys() & set(_BOUNDS):
        return -_INFINITE, _INFINITE
    low, high = -_INFINITE, _INFINITE
    for how, number in test.items():
        ends = [float(n) for n in _listed(number)] if how in _BOUNDS else []
        if how in ("between", "exactly"):
            low, high = max(low, ends[0]), min(high, ends[-1])
        elif how in ("at_least", "more_than"):
            low = max(low, ends[0] + (1e-9 if how == "more_than" else 0))
        elif ends:
            high = min(high, ends[0] - (1e-9 if how == "less_than" else 0))
    return low, high


def _held(did: Rule) -> Rule:
    held = {how: did[how] for how in _BOUNDS if how in did}
    return held or ({"exactly": 0} if did.get("none") else {"at_least": 1e-9})


def _listed(value: Any) -> list:
    return list(value) if isinstance(value, list | tuple) else [value]


def _windows(said: Any) -> Iterator[Rule]:
    if isinstance(said, dict):
        if isinstance(said.get("in"), dict):
            yield said["in"]
        for one in said.values():
            yield from _windows(one)
    elif isinstance(said, list | tuple):
        for one in said:
            yield from _windows(one)


def _empty(window: Rule, ds: date) -> bool:
    """Whether a window has no day up to the night."""
    first, last = Window.model_validate(window).days(ds)
    return first is not None and (first > last or first > ds)


def _holds_all_of(outer: Rule | None, inner: Rule | None, ds: date) -> bool:
    """Whether the days of a window are all within another; of one in periods, those of any that must have something."""
    if outer is None or outer == inner:
        return True
    if inner is None or outer.keys() & {"each", "at_least_in"}:
        return False
    first, last = Window.model_validate(outer).days(ds)
    window = Window.model_validate(inner)
    spans = window.periods(ds) if window.each else [] if window.at_least_in else [window.days(ds)]
    return any((first is None or (begin is not None and first <= begin)) and end <= last for begin, end in spans)
