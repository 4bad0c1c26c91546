"""What a language model proposes for a sentence, and what is wrong with it: nothing of it is believed unheld."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import TypeAdapter, ValidationError

from jobs.audiences import names, parameters
from jobs.audiences.ask.answer import Answer, Part
from jobs.audiences.ask.dictionary import categories
from jobs.audiences.ask.vocabulary import Vocabulary
from jobs.audiences.rule import conditions as c
from jobs.conf import nearest
from jobs.errors import UsageError
from jobs.tables import EVENT_TYPES

_RULE: TypeAdapter[Any] = TypeAdapter(c.Condition)
_BLOCK = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)
_KINDS = ("rule", "readings", "cannot")
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:[kK千万])?")
_TIMES = {"k": 1000, "K": 1000, "千": 1000, "万": 10_000}
# What a rule says of itself, and not of a sentence.
_OF_RULES = {
    *EVENT_TYPES, "orders", "days", "products", "categories", "pieces", "events", "amount", "discount", "price",
    "quantity", "counted", "left_out", "net", "product", "category", "brand", "session", "day", "week", "month", "year",
}  # fmt: skip
# What a number may have become: weeks, months and years of days; percent, tenths, thousands.
_UNITS = (1, 7, 30, 365, Decimal("0.01"), Decimal("0.1"), Decimal("0.001"))


@dataclass(frozen=True, slots=True)
class Proposal:
    """rules: one, or the readings; none where it cannot be said."""

    rules: tuple[dict[str, Any], ...]
    parts: tuple[Part, ...] = ()
    cannot: tuple[str, ...] = ()


class RefusedError(Exception):
    """A text that is no proposal, or a wrong one; `faults` say all that is wrong."""

    def __init__(self, *faults: str):
        super().__init__("; ".join(faults))
        self.faults = faults


def block(text: str) -> str | None:
    """The last fenced block, which ends a text that thinks aloud; else the text itself where it is JSON."""
    if blocks := _BLOCK.findall(text):
        return blocks[-1]
    return text if text.strip().startswith("{") else None


def held(text: str, sentence: str, known: Vocabulary, offline: Answer) -> Proposal:
    """The proposal of a block, where nothing is wrong with it; RefusedError else. offline: the grammar's answer."""
    found = _read(text)
    if wrong := [*_disobeyed(found, sentence, known, offline)]:
        raise RefusedError(*wrong)
    return found


def _read(text: str) -> Proposal:
    try:
        said = json.loads(text)
    except ValueError as error:
        raise RefusedError(f"expected one object of JSON, found other text: {error}") from None
    if not isinstance(said, dict):
        raise RefusedError(f"expected one object of JSON, found {type(said).__name__}")
    kinds = [kind for kind in _KINDS if kind in said]
    if len(kinds) != 1 or said.keys() - {*_KINDS, "parts"}:
        there = ", ".join(map(str, said)) or "nothing"
        raise RefusedError(f"expected exactly one of {', '.join(_KINDS)}, and parts; found {there}")
    kind = kinds[0]
    value = said[kind]
    if kind == "cannot":
        if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
            raise RefusedError("cannot: expected a list of words of the sentence")
        return Proposal((), cannot=tuple(value))
    rules = [value] if kind == "rule" else value
    if not isinstance(rules, list) or not rules or (kind == "readings" and len(rules) < 2):
        raise RefusedError(f"{kind}: expected {'a rule' if kind == 'rule' else 'two rules or more'}")
    try:
        parts = tuple(Part(str(one["text"]), str(one["means"])) for one in said.get("parts", ()))
    except (TypeError, KeyError):
        raise RefusedError("parts: expected a list of text and means") from None
    return Proposal(tuple(rules), parts)


def _disobeyed(found: Proposal, sentence: str, known: Vocabulary, offline: Answer) -> Iterator[str]:
    text = plain(sentence)
    for said in (*found.cannot, *(part.text for part in found.parts)):
        if plain(said) not in text:
            yield f"expected words of the sentence, found {said!r}"
    for number, rule in enumerate(found.rules, start=1):
        try:
            typed = parsed(rule)
        except ValidationError as error:
            first = error.errors()[0]
            yield f"rule {number}: {'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"
            continue
        except UsageError as error:
            yield f"rule {number}: {error}"
            continue
        yield from _names(typed, text, known)
        yield from _texts(typed.said(), text, known)
        yield from _unplaced(typed.said(), text, known, found.parts, offline)
        yield from _numbers(typed, text)


def parsed(rule: dict[str, Any]) -> Any:
    """The rule, typed, with the values of its parameters; ValidationError or UsageError where it is none."""
    typed = _RULE.validate_python(parameters.filled({"rule": rule})["rule"])
    if (deep := c.depth(typed)) > c.DEEPEST:
        raise UsageError(f"expected at most {c.DEEPEST} levels, found {deep}")
    return typed


def plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _names(rule: Any, text: str, known: Vocabulary) -> Iterator[str]:
    """Names that the warehouse does not know, and categories that the sentence names and the rule does not."""
    used = {(kind, name) for kind, name in names.named(rule)}
    listed: dict[str, Collection[str]] = {
        "category": categories(known), "department": categories(known, 1), "brand": known.brands, "tags": known.tags,
        "tags_zh": known.tags.values(), "segment": {*known.segments, *known.segments.values()},
    } | dict(known.values)  # fmt: skip
    for kind, name in sorted(used):
        if kind not in listed:
            yield f"{kind}: expected names of the dictionary alone"
        elif name not in listed[kind]:
            yield f"{kind}: expected a name of the dictionary, found {name!r}{nearest(name, listed[kind])}"
    for one in c.walk(rule):
        audience = getattr(one, "audience", None) or getattr(one, "left", None)
        if isinstance(one, c.Audience | c.Left) and audience not in known.audiences:
            yield f"expected an audience of the dictionary, found {audience!r}{nearest(str(audience), known.audiences)}"
    mine = {name for kind, name in used if kind in ("category", "department")}
    for category, labels in categories(known, 2).items():
        for label in (category, *labels):
            if _stands(plain(label), text) and not any(_near(label, one, known) for one in mine):
                yield f"expected the rule to speak of {category!r}, which the sentence names"
                break


def _texts(said: Any, text: str, known: Vocabulary) -> Iterator[str]:
    """Texts that events and attributes are narrowed by, and that neither the dictionary nor the sentence has."""
    if isinstance(said, list | tuple):
        for one in said:
            yield from _texts(one, text, known)
    if not isinstance(said, dict):
        return
    for key, value in said.items():
        if key in ("query", "title", "device", "source") or key.startswith(("attributes.", "product_attributes.")):
            for one in _strings(value):
                if one not in (*known.values.get(key, ()), *known.event_values.get(key, ())) and plain(one) not in text:
                    yield f"{key}: expected words of the sentence or a value of the dictionary, found {one!r}"
        else:
            yield from _texts(value, text, known)


def _strings(said: Any) -> Iterator[str]:
    if isinstance(said, dict | list | tuple):
        for one in said.values() if isinstance(said, dict) else said:
            yield from _strings(one)
    elif isinstance(said, str):
        yield said


def _stands(label: str, text: str) -> bool:
    """Whether a label of some length stands in the text, as words where it has letters of words."""
    if len(label) < (2 if re.search(r"[一-鿿]", label) else 4):
        return False
    edge = r"\b" if label.isascii() else ""
    return re.search(f"{edge}{re.escape(label)}{edge}", text) is not None


def _near(label: str, category: str, known: Vocabulary) -> bool:
    """Whether a category goes by a label, or by one that holds it: `food` where `dog food` is meant."""
    return any(plain(label) in plain(name) for name in (category, *categories(known).get(category, ())))


def _unplaced(said: Any, text: str, known: Vocabulary, parts: Sequence[Part], offline: Answer) -> Iterator[str]:
    """Words that the grammar could not place, where the model does not show by themselves what in the rule they became:
    a name or a number that no other word of the sentence says.
    """
    free = {plain(one) for one in _strings(said) if one not in _OF_RULES
            and not any(_stands(plain(label), text) for label in (one, *categories(known).get(one, ())))}  # fmt: skip
    free |= {str(number) for number in _all_numbers(said)} - set(re.findall(r"\d+", text))
    for part in offline.left_out:
        means = [plain(one.means) for one in parts if plain(one.text) in plain(part.text)]
        if not any(value in one for value in free for one in means):
            yield f"expected a part that shows what in the rule {part.text!r} became; else say that it cannot be said"


def _numbers(rule: Any, text: str) -> Iterator[str]:
    """Numbers of the sentence that the rule leaves out."""
    stands = set(_all_numbers(rule.said()))
    for written in _NUMBER.findall(text):
        digits = written.rstrip("kK千万").replace(",", "")
        number = Decimal(digits) * _TIMES.get(written[-1], 1)
        reach = {number * unit for unit in _UNITS} | {number + step for step in (-1, 1, 12)}
        if not reach & stands:
            yield f"expected the number {written} of the sentence in the rule"


def _all_numbers(said: Any) -> Iterator[Decimal]:
    if isinstance(said, dict):
        said = [*said.keys(), *said.values()]
    if isinstance(said, list | tuple):
        for one in said:
            yield from _all_numbers(one)
    elif isinstance(said, date):
        yield from map(Decimal, (said.year, said.month, said.day))
    elif isinstance(said, str):
        yield from (Decimal(digits) for digits in re.findall(r"\d+", said))
    elif isinstance(said, int | float | Decimal) and not isinstance(said, bool):
        try:
            yield Decimal(str(said))
        except InvalidOperation:
            return
