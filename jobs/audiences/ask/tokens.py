"""A sentence as tokens: the fewest words of the lexicon and names of the shop that cover it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import rjieba
import yaml

from jobs.audiences.ask import speech, text
from jobs.audiences.ask.inflection import bases
from jobs.audiences.ask.names import Names
from jobs.audiences.ask.sound import by_sound, meant
from jobs.audiences.ask.text import Unit
from jobs.audiences.ask.token import Token
from jobs.audiences.ask.unknown import IDLE, settled
from jobs.audiences.ask.vague import vague
from jobs.audiences.rule.measures import USER_FIELDS

_CALLED_BEFORE = re.compile(
    r"(audiences?|segments?|tags?|tagged|members of|left|entered|joined|moved (away )?from"
    r"|exclud(e|ing)|except( for)?|leav(e|ing) out|omit(ting)?"
    r"|受众|人群包?|分群|标签[为是含]?|属于|离开过?|进入|排除|剔除|去掉|除了|不要|不含|不包括|(?<=的)非)$"
)
_CALLED_AFTER = re.compile(r"audience|segment|tag|受众|人群|分群|客群|标签|名单|除外")
_LONGEST_PHRASE = 10  # units
_INFLECTED = {"EVENT", "NOISE", "SHUN", "ADD", "REMOVE"}
_COST = {"known": 1.0, "noise": 0.9, "unknown": 4.0, "part": 1.6, "mark": 0.1}


@cache
def lexicon() -> dict[str, dict[str, Any]]:
    """Kinds and values by phrase."""
    found: dict[str, dict[str, Any]] = {}

    def add(kind: str, value: str, languages: dict[str, list[str]]) -> None:
        for phrase in (one for phrases in languages.values() for written in phrases for one in expanded(written)):
            found.setdefault(key_of(phrase), {}).setdefault(kind, value)

    for kind, values in _document("lexicon.yaml").items():
        for value, languages in values.items():
            add(kind, value, languages)
    for class_, languages in _document("function_words.yaml").items():
        add("NOISE", class_, languages)
    for name in USER_FIELDS:  # as who knows the tables writes it
        if "_" in name:
            found.setdefault(key_of(name), {})["FIELDNAME"] = name
    for kind, phrase, value in vague().phrases():
        found.setdefault(key_of(phrase), {})[kind] = value
    return found


def _document(name: str) -> dict[str, dict]:
    # Each scalar as a text: to YAML, "no" and "on" are flags.
    return yaml.load(Path(__file__).with_name(name).read_text(encoding="utf-8"), yaml.BaseLoader)


def expanded(written: str) -> Iterator[str]:
    """The phrases of one with choices: `(in|to) (the|) cart` is four."""
    parts = [part.split("|") if place % 2 else [part] for place, part in enumerate(re.split(r"\(([^()]+)\)", written))]
    return ("".join(one) for one in product(*parts))


def key_of(phrase: str) -> str:
    return text.joined(text.units(text.folded(phrase)))


def tokens(sentence: str, names: Names) -> list[Token]:
    """The cheapest cover of a sentence (folded), marks and noise left out."""
    return covered(sentence, names)[0]


def covered(sentence: str, names: Names) -> tuple[list[Token], list[str]]:
    """The tokens of a sentence, and its unknown words that say nothing."""
    units, notes = _mended(text.units(sentence), names)

    def mended_in(token: Token) -> tuple[str, ...]:
        return tuple(note for place, note in notes.items() if token.start <= place < token.end)

    every = _cover(units, sentence, names)
    if slips := _misheard(units, every, names):
        for start, word in slips.items():
            notes[units[start].start] = f"读作“{word}”"
            units[start : start + len(word)] = [replace(u, text=c) for u, c in zip(units[start:], word, strict=False)]
        every = _cover(units, sentence, names)
    every = settled(every, sentence)
    passed = {token.start for token in every if token.kinds.keys() <= {"NOISE"} and token.end - token.start == 1}
    kept, opens = [], False
    for token in every:
        if token.kinds.keys() <= {"NOISE"}:
            opens |= token["NOISE"] == "relatives"
        elif IDLE not in token:
            kept.append(replace(token, opens=opens))
            opens = False
    kept = sorted([*kept, *_of_letters(sentence, passed)], key=lambda token: token.start)
    kept = [replace(token, notes=(*mended_in(token), *token.notes)) for token in _of_then_what(kept)]
    return kept, [token.said for token in every if IDLE in token]


def _cover(units: list[Unit], sentence: str, names: Names) -> list[Token]:
    """The fewest words, and the cheapest, noise among them."""
    best: list[tuple[float, int, Token | None]] = [(0.0, 0, None)]
    best += [(float("inf"), 0, None)] * len(units)
    for start in range(len(units)):
        so_far = best[start][0]
        for taken, cost, token in _from(units, start, sentence, names):
            if so_far + cost < best[start + taken][0]:
                best[start + taken] = (so_far + cost, start, token)
    found, place = [], len(units)
    while place:
        _, before, token = best[place]
        found.append(token)
        place = before
    every = [token for token in reversed(found) if token is not None]
    return [_and(every, place) for place in range(len(every)) if not _hyphen(every, place, sentence)]


def _of_then_what(row: list[Token]) -> list[Token]:
    """The last wine purchase as the last purchase of wine."""
    for place in range(len(row) - 2):
        which, what, done = row[place : place + 3]
        kind = {"LASTONE": "LASTBUY", "FIRST": "FIRSTBUY"}.get(
            next((k for k in ("LASTONE", "FIRST") if k in which), "")
        )
        if kind is None and which.said in ("last", "latest", "most recent", "their last", "the last"):
            kind = "LASTBUY"
        bought = done.said in ("purchase", "order", "buy", "one")
        if kind and bought and "OBJ" in what and not what.opens:
            both = Token({kind: ""}, which.start, done.end, f"{which.said} {done.said}", which.notes, which.opens)
            return [*row[:place], both, what, *_of_then_what(row[place + 3 :])]
    return row


_ENDS = {
    "NUM",
    "DATE",
    "MONTHNAME",
    "WEEKDAYS",
    "TIME",
    "ORD",
    "QUARTERNAME",
    "FRACTION",
    "AMPM",
    "CURRENCY",
    "PERCENT",
}


def _hyphen(every: list[Token], place: int, sentence: str) -> bool:
    """Whether `-` joins two words (top-quartile), and is no "to" between the ends of a range."""
    token = every[place]
    glued = re.search(r"[a-z]$", sentence[: token.start]) and re.match("[a-z]", sentence[token.end :])
    return (
        token.said == "-"
        and bool(glued)
        and not all(0 <= beside < len(every) and every[beside].may(*_ENDS) for beside in (place - 1, place + 1))
    )


def _and(every: list[Token], place: int) -> Token:
    """`an` or `n` between two names is a slip for "and"."""
    token = every[place]
    between = 0 < place < len(every) - 1 and "OBJ" in every[place - 1] and "OBJ" in every[place + 1]
    return replace(token, kinds={"AND": ""}) if between and token.said in ("an", "n", "nd", "'n'", "amd") else token


def _of_letters(sentence: str, passed: set[int]) -> Iterator[Token]:
    """Chinese words that the lexicon does not have, each letter of which would be passed over: 自有."""
    start = 0
    for word in rjieba.cut(sentence, hmm=False) if passed else ():
        end = start + len(word)
        if len(word) > 1 and passed >= {*range(start, end)} and word not in lexicon():
            yield Token({"UNKNOWN": word}, start, end, word)
        start = end


def _from(units: list[Unit], start: int, sentence: str, names: Names) -> Iterator[tuple[int, float, Token | None]]:
    """(units taken, cost, token) of all that may begin at a unit."""
    first = units[start]

    def token(taken: int, kinds: Mapping[str, Any]) -> Token:
        ends = units[start + taken - 1].end
        return Token(kinds, first.start, ends, sentence[first.start : ends])

    if first.kind == "date" and (day := text.day(first.text)):
        yield 1, _COST["known"], token(1, {"DATE": day})
    if first.kind == "time" and first.text.endswith(":00"):
        yield 1, _COST["known"], token(1, {"TIME": int(first.text[:-3])})
    if first.kind == "quoted":
        yield 1, _COST["known"], token(1, {"QUOTED": first.text[1:-1].strip(), **names.of(key_of(first.text[1:-1]))})
    if found := text.number(units, start):
        value, taken = found
        also = lexicon().get(text.joined(units[start : start + taken]), {})  # 618 is a feast, too
        yield taken, _COST["known"] - 0.05 * bool(also), token(taken, {"NUM": value, **also})
        after = units[start + 1] if start + 1 < len(units) else None
        if after and first.kind == "number" and after.text in ("st", "nd", "rd", "th") and after.start == first.end:
            yield 2, _COST["known"], token(2, {"ORD": value})
    for taken in range(1, min(_LONGEST_PHRASE, len(units) - start) + 1):
        phrase = text.joined(units[start : start + taken])
        known = lexicon().get(phrase, {})
        kinds = {**names.of(phrase, exact=bool(known)), **known}
        if not kinds and taken == 1 and first.kind == "word" and (base := _base(phrase)):
            kinds = lexicon()[base]
        if kinds:
            cost = _COST["noise"] if kinds.keys() <= {"NOISE"} else _COST["known"]
            cost = _COST["part"] if "UNSURE" in kinds else cost
            ends = units[start + taken - 1].end
            if _only_a_name(kinds, phrase, sentence[ends:]) and not _called(sentence, first.start, ends, kinds):
                cost = 1.05 * taken
            yield taken, cost - 0.02 * taken * taken / len(units), token(taken, kinds)
    if times := {"once": 1, "twice": 2, "thrice": 3}.get(first.text):
        yield 1, _COST["known"], token(1, {"NTIMES": Decimal(times)})
    if first.kind == "sign" and not first.text.isalnum() and first.text not in lexicon():
        yield 1, _COST["mark"], None
    yield 1, _COST["unknown"], token(1, {"UNKNOWN": first.text})


def _only_a_name(kinds: Mapping[str, Any], phrase: str, after: str) -> bool:
    """Whether a phrase is a name of an audience, a segment or a tag, whose words may as well be meant as they stand."""
    if kinds.keys() <= {"AUDIENCE", "SEGMENT"}:
        return True
    of_tag = kinds.keys() <= {"IS", "AUDIENCE"} and text.is_chinese(phrase) and "tags" in kinds["IS"][0]
    return of_tag and not re.match("者|用户|客户|人群", after)


def _called(sentence: str, start: int, end: int, kinds: Mapping[str, Any]) -> bool:
    """Whether a word beside the span says that it is the name of an audience, a segment or a tag."""
    if kinds.keys() == {"AUDIENCE"} and sentence[:start].endswith("不在"):
        return True
    before, after = sentence[:start].rstrip(" \"'“「"), sentence[end:].lstrip(" \"'”」(")
    if "·" in sentence[start:end]:
        return True  # no two words are written so
    return bool(_CALLED_BEFORE.search(before) or _CALLED_AFTER.match(after))


def _mended(units: list[Unit], names: Names) -> tuple[list[Unit], dict[int, str]]:
    """The units with words of no dictionary as those that they are typing errors of, and a note by place of each."""
    mended, notes = [], {}
    for unit in units:
        right = None
        known = unit.text in _words() or names.knows(unit.text) or _base(unit.text)
        if unit.kind == "word" and not known and not speech.english(unit.text):
            right = names.mended(unit.text, _single_words())
        if right is not None:
            notes[unit.start] = f"read as {right!r}"
        mended.append(unit if right is None else replace(unit, text=right))
    return mended, notes


def _misheard(units: list[Unit], every: list[Token], names: Names) -> dict[int, str]:
    """Words by the place of those that sound the same and are not known: of names, and of what people did."""
    places = {unit.start: place for place, unit in enumerate(units)}
    said, right = [unit.text for unit in units], {}
    for token in every:
        if "UNKNOWN" in token and text.is_chinese(token.said) and len(token.said) == 1:
            heard = (meant(said, places[token.start], known) for known in (names.sounds, _deeds_by_sound()))
            right |= dict([one for one in heard if one is not None][:1])
    return right


@cache
def _deeds_by_sound() -> Mapping[tuple[str, ...], frozenset[str]]:
    return by_sound(phrase for phrase, kinds in lexicon().items() if kinds.keys() & {"EVENT", "ORDERS"})


def _base(word: str) -> str | None:
    """The word of the lexicon that it is a form of, of those whose forms mean the same."""
    return next((one for one in bases(word) if lexicon().get(one, {}).keys() & _INFLECTED), None)


@cache
def _words() -> frozenset[str]:
    """All words of the lexicon and of numbers."""
    return frozenset(word for phrase in lexicon() for word in phrase.split()) | text.NUMBERS


@cache
def _single_words() -> frozenset[str]:
    return frozenset(phrase for phrase in lexicon() if phrase.isalpha() and phrase.isascii() and len(phrase) >= 4)
