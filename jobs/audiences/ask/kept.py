"""What a sentence says and a rule does not: the last look at an answer, by words and numbers alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from jobs.audiences.ask.answer import Part
from jobs.audiences.ask.token import Token

# What a number may have become: weeks, months, quarters, years of days, years of months; percent, tenths.
_UNITS = tuple(map(Decimal, ("1", "7", "30", "90", "365", "12", "0.01", "0.1", "1000")))
_GROUPS = re.compile(r"band|kid|child|rfm|segment_id")  # columns whose values are groups of numbers
_NEGATIVE = (
    "not", "none", "less_than", "at_most", "exactly", "known", "marketing_consent", "again", "stopped", "share", "skip",
)  # fmt: skip
# Kinds of words, and the keys of a rule of which one must be there for each.
_KEYS: dict[str, tuple[str, ...]] = {
    "NEG": _NEGATIVE, "NEGANY": _NEGATIVE, "EXCEPT": _NEGATIVE, "STOPPED": ("not", "stopped"),
    "HOURS": ("hour", "active_hours", "tags"), "TIME": ("hour",), "WEEKDAYS": ("weekday", "tags", "after", "between"),
    "DISCOUNTED": ("discount", "sum"), "FULLPRICE": ("discount",), "TOPN": ("top",), "HEAVY": ("top",),
    "CAL": ("in", "since"), "MONTHNAME": ("in", "since"), "QUARTERNAME": ("in",), "HALFNAME": ("in",), "DATE": ("in",),
    "FESTIVAL": ("in",), "THAN": ("compared",), "SHARE": ("share",), "LASTBUY": ("last", "not"),
    "FIRSTBUY": ("first", "then"), "OVERDUE": ("stopped",), "FUTURE": ("is", "within", "then"),
    "ABOUT": ("regularly", "is"), "HABIT": ("regularly", "active_hours", "tags", "stopped", "share"),
    "ONLY": ("exactly", "share", "at_most", "less_than", "none"), "WHOLE": ("within",), "RANK": ("top",),
    "BOTH": ("all",), "FORMERLY": ("previous_lifecycle_stage", "not", "skip", "last", "again", "before", "between"),
    "EACHCAL": ("each", "all", "regularly", "at_least_in", "stopped", "then", "again"),
}  # fmt: skip
_OF_DAYS = {"in", "since", "within", "skip"}
_COMPARED = {"more_than": ("more_than", "skip", "at_least_in", "again", "overdue", "not", "between"),
             "exactly": ("exactly", "none"),
             "less_than": ("less_than", "at_most", "none", "within", "last_days", "is", "between"),
             "at_most": ("at_most", "less_than", "none", "within", "last_days", "between")}  # fmt: skip


def lost(said: Sequence[Token], rule: dict[str, Any]) -> Iterator[Part]:
    """The words of a sentence (as its cheapest cover) that left nothing in the rule."""
    keys, texts, numbers = set(_keys(rule)), set(_texts(rule)), set(_numbers(rule))
    grouped = any(_GROUPS.search(key) for key in keys)
    average = any("PERMONTH" in token for token in said)
    exact = any(
        token.may("ONLY", "PEOPLE", "NEG", "FULLPRICE") or token.kinds.get("CMP") == "exactly" for token in said
    )
    if not (exact or grouped) and any(number >= 1 for number in _exact(rule)):
        yield Part(", ".join(token.said for token in said if token.may("CMP", "CMPPOST")), "read as exactly so many")
    for token in said:
        if "EACHCAL" in token and (average or token.said.startswith("a ")):
            continue
        wanted = {key for kind in token.kinds for key in _KEYS.get(kind, ())} if len(token.kinds) == 1 else set()
        names = next((token[kind] for kind in ("OBJ", "IS") if token.kinds.keys() == {kind}), None)
        compared = set(_COMPARED.get(token.kinds.get("CMP", ""), ()))
        missing = (
            (wanted and not keys & wanted and not (grouped and token.may("NEG", "ONLY")))
            or (compared and not grouped and not keys & compared)
            or ("NUM" in token and "FESTIVAL" not in token and not grouped and not _stands(token["NUM"], numbers, keys))
            or ("LAST" in token and len(token.kinds) == 1 and not keys & _OF_DAYS and not _dated(keys))
            or (names and token.said not in texts and not any(_named(thing, texts) for thing in names))
        )
        if missing:
            yield Part(token.said, "has no place in the rule")


def repeated(token: Token, rule: dict[str, Any]) -> bool:
    """Whether a word that found no place says what the rule says anyway: five packs of pizza or more."""
    keys = list(_keys(rule))
    compared = [key for key in keys if key in ("at_most", "more_than", "less_than", "exactly", "between", "at_least")]
    return token.kinds.get("CMPPOST") == "at_least" and compared == ["at_least"]


def _dated(keys: set[str]) -> bool:
    """Whether a column of a rule counts days, or is of some."""
    return any(re.search(r"_\d+d$|days|churn|purchase_|audience|segment|left|moved_from", key) for key in keys)


def _named(thing: dict[str, Any], texts: set[str]) -> bool:
    return all(str(one) in texts for value in thing.values() for one in (value if isinstance(value, list) else [value]))


def _stands(number: Decimal, numbers: set[Decimal], keys: set[str]) -> bool:
    if number <= 1 or ("hour" in keys and number <= 24):
        return True
    reach = {number * unit for unit in _UNITS} | {number + 1, number - 1, 1 + number / 100, 1 - number / 100}
    reach |= {number * months for months in range(2, 25)} | {1 + number / 10, 1 - number / 10}
    reach |= {number / 24} if number % 24 == 0 else set()  # hours as days
    reach |= {one + 1 for one in reach}  # more than so many days ago
    return bool(reach & numbers)


def _keys(said: Any) -> Iterator[str]:
    if isinstance(said, dict):
        for key, value in said.items():
            yield key
            yield from _keys(value)
    elif isinstance(said, list | tuple):
        for one in said:
            yield from _keys(one)


def _exact(said: Any) -> Iterator[float]:
    """The numbers that a rule holds to exactly."""
    if isinstance(said, dict):
        if isinstance(said.get("exactly"), int | float):
            yield said["exactly"]
        for one in said.values():
            yield from _exact(one)
    elif isinstance(said, list):
        for one in said:
            yield from _exact(one)


def _texts(said: Any) -> Iterator[str]:
    if isinstance(said, dict | list | tuple):
        for one in said.values() if isinstance(said, dict) else said:
            yield from _texts(one)
    else:
        yield str(said)


def _numbers(said: Any) -> Iterator[Decimal]:
    """Numbers of a rule, of its days and texts, and how many steps it has."""
    if isinstance(said, dict):
        for key, one in said.items():
            yield from (Decimal(digits) for digits in re.findall(r"\d+", key))
            yield from _numbers(one)
        if isinstance(said.get("skip"), int):  # ... to so many days ago
            yield Decimal(said["skip"] + said.get("last_days", 0) - 1)
    elif isinstance(said, list | tuple):
        yield Decimal(len(said))
        for one in said:
            yield from _numbers(one)
    elif isinstance(said, date):
        yield from map(Decimal, (said.year, said.month, said.day))
        after = date.fromordinal(said.toordinal() + 1)
        yield from map(Decimal, (after.year, after.month, after.day))
    elif isinstance(said, bool):
        return
    elif isinstance(said, int | float | Decimal):
        yield Decimal(str(said))
    else:
        yield from map(Decimal, re.findall(r"\d+", str(said)))
