"""What is made of a word that neither the lexicon nor the names have: bought, nothing, or what is asked about?

A verb before a thing, a price or so many pieces is a purchase, unless unknown_words.yaml has it. An adverb that does
not count says nothing. All else, a noun or what may be a quantifier, stays unknown: no rule is made without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import yaml

from jobs.audiences.ask import speech, text
from jobs.audiences.ask.token import Token

_MESSAGES = "messages and accounts"
IDLE = "IDLE"  # a word that is passed over, and told
_REFLEXIVE = ("himself", "herself", "themselves", "themself", "ourselves")
_OURSELVES = ("i", "we", "i'm", "we're", "i've", "we've", "i'd", "we'd", "i'll", "we'll", "you")
# Behind a verb: snapped up, tucked into, splurged on.
_PARTICLES = ("up", "in", "into", "on", "upon", "home", "through", "up on", "up in")
_OF_MONEY = ("out", "down", "away", "over", "up")
# Between a verb and what it is done to.
_BETWEEN = (
    "NUM",
    "NTIMES",
    "CMP",
    "CMPPOST",
    "UNIT",
    "ANY",
    "EITHER",
    "BOTH",
    "SINGLE",
    "CURRENCY",
    "QUANTITY",
    "LEAST",
)
_THINGS = ("OBJ", "ORDERS", "QUOTED")
_GOODS = re.compile("anything|something|everything|nothing|stuff|东西|任何东西")
# Before a verb.
_SUBJECTS = (
    "PEOPLE", "IS", "NEG", "AND", "OR", "BUT", "COMMA", "THEN", "AGAIN", "FORMERLY", "ALWAYS", "OFTEN", "HABIT", "ONLY",
    "BOTH", "EITHER", "BEFOREHAND", "CAL", "RECENTLY", "TUNIT", "FESTIVAL", "MONTHNAME", "HOUSEHOLD", "KIDS",
    "NOWADAYS", IDLE,
)  # fmt: skip
_FINITE = ("relatives", "pronouns", "auxiliaries")  # before a verb in any form
_SPOKEN = (*_FINITE, "people", "adverbs", "politeness", "time")
_NUMBERS = ("NUM", "CMP", "CMPPOST", "NEG", "PERCENT", "TOPN", "MOST", "HEAVY", "NTIMES", "TIMES", "ONLY", "LAST")
# Behind a Chinese verb: that it was done.
_DONE = "了过"
_COMPLEMENTS = "走到回下完光空来起去够足齐"
_ON = re.compile(r"^[^,.;]*?\d[\d.,k]* ?(?:dollars|bucks|usd|or more|plus|\+)* (?:or more )?(?:on|for)\b")
_MONEY = re.compile(
    r"\s*(?:over |more than |at least |about |some )?[$€£¥]|\s*\d[\d,.]*\s*(?:元|块|刀|万|usd|dollars|bucks)"
)


def settled(row: Sequence[Token], sentence: str) -> list[Token]:
    """The tokens of a sentence, those of unknown words as what they are taken for."""
    row = [_uneaten(row, place) for place in range(len(row))]
    if not any(token.may("UNKNOWN", "UNSURE") for token in row):
        return list(row)
    of_both = _in_chinese(list(row), sentence) if text.is_chinese(sentence) else list(row)
    return _in_english(of_both, sentence)


def _uneaten(row: Sequence[Token], place: int) -> Token:
    """不吃猪肉: who eats no pork may buy it."""
    token = row[place]
    denied = place > 0 and row[place - 1].said in ("不", "从不", "从来不", "都不")
    eaten = denied and "EVENT" in token and token.said in _listed("consumed")
    return replace(token, kinds={"UNRECORDED": ""}) if eaten else token


def _in_english(row: list[Token], sentence: str) -> list[Token]:
    for place, token in enumerate(row):
        if not _latin(token):
            continue
        if _idle(row, place) or _asks(row, place) or _lists(row, place):
            row[place] = replace(token, kinds={IDLE: ""})
        elif _holds(row, place):
            note = f"{token.said!r} is taken as pieces"
            row[place] = replace(token, kinds={"UNIT": "pieces"}, notes=(*token.notes, note))
    place = 0
    while place < len(row):
        if (_latin(row[place]) or _like_a_name(row[place])) and (taken := _deed(row, place, sentence)):
            row[place : place + taken[0]] = [taken[1]]
        place += 1
    return row


def _latin(token: Token) -> bool:
    return "UNKNOWN" in token and token.said.isascii() and token.said.isalpha()


def _like_a_name(token: Token) -> bool:
    """Whether an English verb, as bagged, was only taken for a part of a name, as of BAG SNACKS."""
    return "UNSURE" in token and token.kinds.keys() <= {"OBJ", "UNSURE"} and token.said.isalpha() and _past(token.said)


def _idle(row: list[Token], place: int) -> bool:
    """Whether an English word is an adverb that counts nothing, and stands beside nothing that counts."""
    word = row[place].said
    if not word.endswith("ly") or word in _listed("adverbs") or speech.english(word).keys() != {"ADV"}:
        return False
    return not any(one.may(*_NUMBERS) for one in row[max(0, place - 1) : place] + row[place + 1 : place + 2])


def _asks(row: list[Token], place: int) -> bool:
    """Whether an English verb at the head is asked of us: retarget all who ..."""
    if place and not (row[place - 1].may("COMMA") or row[place - 1].kinds.get("NOISE") == "politeness"):
        return False
    word, after = row[place].said, row[place + 1 : place + 3]
    ours = word in _verbs_of(_MESSAGES)
    if not ours and (word not in speech.english(word).get("VERB", ()) or word in verbs()):
        return False
    people = bool(after) and (
        after[0].kinds.get("NOISE") in ("people", "determiners", "pronouns") or "PEOPLE" in after[0]
    )
    return people or (len(after) > 1 and "OBJ" in after[0] and "BUYERS" in after[1])


def _lists(row: list[Token], place: int) -> bool:
    """Whether an English noun is what people are put into: a roster of customers."""
    of = row[place + 1 : place + 3]
    return (
        place > 0
        and row[place - 1].kinds.get("NOISE") in ("determiners", "wanting and showing")
        and len(of) == 2
        and of[0].said == "of"
        and of[1].kinds.get("NOISE") in ("people", "pronouns", "determiners")
        and bool(nouns := speech.english(row[place].said).get("NOUN", ()))
        and not {row[place].said, *nouns} & _listed("measures")
    )


def _holds(row: list[Token], place: int) -> bool:
    """Whether an English noun is a vessel between a number and a thing: two punnets of berries."""
    of = row[place + 1 : place + 3]
    between = place > 0 and "NUM" in row[place - 1] and len(of) == 2 and of[0].said == "of" and "OBJ" in of[1]
    if not between:
        return False
    word = row[place].said
    parts = speech.english(word) or {"NOUN": ()}  # a word of no dictionary may be one
    return "NOUN" in parts and not {word, *parts["NOUN"]} & _listed("measures")


def _deed(row: list[Token], place: int, sentence: str) -> tuple[int, Token] | None:
    """How many tokens an unknown English verb takes, and what they are together; None where it is no such verb."""
    token = row[place]
    parts = speech.english(token.said)
    if "VERB" not in parts or not _begins(row, place):
        return None
    denied = any("NEG" in one for one in row[max(0, place - 2) : place])
    if any(base in verbs() or (denied and base in _listed("consumed")) for base in parts["VERB"]):
        return None if "OBJ" in token else (1, replace(token, kinds={"UNRECORDED": ""}))
    after = place + 1
    if after < len(row) and row[after].said in _REFLEXIVE:
        after += 1
        if after == len(row) or row[after].said not in ("to", "of", "with"):
            return None
    if after < len(row) and row[after].said in (*_PARTICLES, *(("to", "of", "with") if after > place + 1 else ())):
        after += 1
    elif row[after : after + 1] and row[after].said in _OF_MONEY and _MONEY.match(sentence[row[after].end :]):
        after += 1  # forked out $40
    spent = _MONEY.match(sentence[row[after - 1].end :])
    if not (_ON.search(sentence[row[after - 1].end :]) if spent else _of_things(row, after)):
        return None
    said = sentence[token.start : row[after - 1].end]
    return after - place, _done(token, row[after - 1], said, "spend" if spent else "purchase")


def _done(first: Token, last: Token, said: str, event: str) -> Token:
    note = f"{said!r} is taken as {'spent' if event == 'spend' else 'bought'}"
    if text.is_chinese(said):
        note = f"“{said}”按{'消费' if event == 'spend' else '购买'}理解"
    return Token({"EVENT": event}, first.start, last.end, said, (*first.notes, note), first.opens)


def _begins(row: list[Token], place: int) -> bool:
    """Whether a word stands where an English verb does: at the head, or behind who does it, or a verb before it."""
    if place == 0:
        return _past(row[0].said)
    before, word = row[place - 1], row[place].said
    if any(one.said in _OURSELVES for one in row[max(0, place - 2) : place]):
        return False  # what we do
    if (
        before.kinds.get("NOISE") in _FINITE
        or before.opens
        or before.may("NEG", "FORMERLY", "ALWAYS", "OFTEN", "HABIT")
    ):
        return True
    if not (before.may(*_SUBJECTS) or before.kinds.get("NOISE") in _SPOKEN):
        return False
    after = row[place + 1 : place + 3]
    fond = len(after) == 2 and after[0].said in ("on", "up on") and "OBJ" in after[1]  # who binge on cookies
    if fond and before.kinds.get("NOISE") == "people":
        return True
    sure = speech.english(word).keys() == {"VERB"}
    return sure and (_past(word) or not before.may("AND", "OR", "COMMA"))


def _past(word: str) -> bool:
    parts = speech.english(word)
    return parts.keys() == {"VERB"} and word not in parts["VERB"]


def _of_things(row: list[Token], place: int) -> bool:
    """Whether what comes next is a thing of the shop, or so many of them; not what is spent on it, or its orders."""
    for here, one in enumerate(row[place:], start=place):
        if one.may(*_THINGS) or one.kinds.get("NOISE") == "goods" or _GOODS.fullmatch(one.said):
            after = row[here + 1 : here + 2]
            return not ("OBJ" in one and after and after[0].may("EVENT", "ORDERS", "MEASURE") and one.said.isascii())
        if not one.may(*_BETWEEN) and one.kinds.get("NOISE") not in ("determiners", "pronouns", "particles"):
            return False
    return False


def _in_chinese(row: list[Token], sentence: str) -> list[Token]:
    """Chinese words of which a part is unknown, as verbs or as nothing."""
    for place in range(1, len(row) - 1):
        token = row[place]
        counts = "NUM" in row[place - 1] and "OBJ" in row[place + 1] and len(token.said) == 1
        if "UNKNOWN" in token and counts and text.is_chinese(token.said) and token.said not in _listed("measures"):
            row[place] = replace(token, kinds={"UNIT": "pieces"}, notes=(*token.notes, f"“{token.said}”按件理解"))
    for word in speech.chinese(sentence):
        _settle(row, word, sentence)
    for token in [one for one in row if "UNKNOWN" in one and len(one.said) == 1]:
        after = sentence[token.end : token.end + 1]
        if text.is_chinese(token.said) and (after in tuple(_DONE) or token.said in _listed("consumed")):  # 11月入了
            _settle(row, speech.Word(token.said, "", token.start, token.end), sentence)
    return row


def _settle(row: list[Token], word: speech.Word, sentence: str) -> None:
    """A Chinese word, of which a part is unknown, as a verb or as nothing, in its place."""
    within = [place for place, one in enumerate(row) if word.start <= one.start and one.end <= word.end]
    if word.text.isascii() or not any("UNKNOWN" in row[place] for place in within):
        return
    place, count, first, last = within[0], len(within), row[within[0]], row[within[-1]]
    whole = (first.start, last.end) == (word.start, word.end)
    if not whole or not all(row[one].may("UNKNOWN", "NOISE") for one in within):
        return
    if _says_nothing(word):
        row[place : place + count] = [Token({IDLE: ""}, first.start, last.end, word.text)]
    elif (word.tag.startswith("v") or count <= 2) and (made := _deed_in_chinese(row, place, count, word, sentence)):
        row[place : place + made[0]] = [made[1]]


def _says_nothing(word: speech.Word) -> bool:
    """Whether it is a particle, or an adverb none of whose characters counts."""
    counts = set(word.text) & set(_document()["counting"])
    return not counts and (word.tag in ("y", "e", "o") or (word.tag == "d" and len(word.text) > 1))


def _deed_in_chinese(
    row: list[Token], place: int, count: int, word: speech.Word, sentence: str
) -> tuple[int, Token] | None:
    stem = word.text.rstrip(_DONE + _COMPLEMENTS) or word.text
    denied = place > 0 and row[place - 1].may("NEG")
    consumed = stem in _listed("consumed")
    if consumed and denied:
        return count, Token({"UNRECORDED": ""}, word.start, word.end, word.text)
    verb = word.tag.startswith("v")
    if verb and not consumed and (stem in verbs() or set(stem) & verbs()):
        return count, Token({"UNRECORDED": ""}, word.start, word.end, word.text)
    after, end = place + count, word.end
    while after < len(row) and row[after].said in _COMPLEMENTS and row[after].may("UNKNOWN", "NOISE"):
        after, end = after + 1, row[after].end
    done = end > word.end or word.text[-1] in _DONE + _COMPLEMENTS or sentence[end : end + 1] in tuple(_DONE)
    begins = place == 0 or row[place - 1].may(*_SUBJECTS, "OBJ", "NUM", "NOISE", "WINDOW", "UNIT")
    ahead = [one for one in row[after:] if "NOISE" not in one]
    counted = bool(ahead) and ahead[0].may("NUM", "CMP")
    if not verb and (len(stem) > 1 or stem in verbs()):
        return None
    if not begins or not (done or denied or counted or consumed):
        return None
    spent = _MONEY.match(re.sub("^[了过]", "", sentence[end:])) and any("OBJ" in one for one in row)
    of_it = _of_things(row, after) or (done and _topic(row, place, after))
    if not spent and not of_it:
        return None
    said = sentence[word.start : end]
    return after - place, _done(row[place], row[after - 1], said, "spend" if spent else "purchase")


def _topic(row: list[Token], place: int, after: int) -> bool:
    """Whether a thing stands before a verb behind which none does: 牛奶抱走过的."""
    clause: list[Token] = []
    for one in reversed(row[:place]):
        if one.may("COMMA", "EVENT"):
            break
        clause.append(one)
    for one in row[after:]:
        if one.may("COMMA", "BUT", "AND", "OR", "NEG"):
            break
        if "EVENT" in one or "OBJ" in one:
            return False
    return any("OBJ" in one for one in clause)


@cache
def _document() -> dict:
    return yaml.safe_load(Path(__file__).with_name("unknown_words.yaml").read_text(encoding="utf-8"))


@cache
def verbs() -> frozenset[str]:
    return frozenset(_all(_document()["verbs"]))


@cache
def _listed(name: str) -> frozenset[str]:
    return frozenset(one for words in _document()[name].values() for one in words)


@cache
def _verbs_of(kind: str) -> frozenset[str]:
    return frozenset(_all({kind: _document()["verbs"][kind]}))


def _all(kinds: dict) -> Iterator[str]:
    for languages in kinds.values():
        for words in languages.values():
            yield from words
