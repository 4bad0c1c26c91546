"""A sentence as units: words of Latin letters, numbers, dates, single Chinese characters, signs."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from opencc import OpenCC

LONGEST = 500  # characters of a sentence

_UNIT = re.compile(
    r"(?P<time>\d{1,2}:\d{2}(?!\d))|(?P<date>\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)|\d{1,2}/\d{1,2}/\d{4}(?!\d))|(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|(?<![\w.])\.\d+)"
    r"|(?P<quoted>\"[^\"]*\"|“[^”]*”|「[^」]*」|『[^』]*』|《[^》]*》|'[^'\s][^']*'(?!\w))"
    r"|(?P<word>[^\W\d_\u3400-\u9fff]+(?:['_][^\W\d_\u3400-\u9fff]+)*)|(?P<sign>>=|<=|\S)"
)
# Characters of Cantonese as those that mean the same.
_SPOKEN = str.maketrans("係冇喺咗嘅啲唔佢哋嗰俾畀嘢", "是没在了的些不他们那给给货")
_SCRIPT = OpenCC("t2s")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_DIGITS = dict(zip("零〇一二两俩三仨四五六七八九", (0, 0, 1, 2, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9), strict=True))
_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
_NUMERAL = re.compile(r"[零〇一二两俩三仨四五六七八九十百千万亿]+")
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
)
_WORDS = {word: number for number, word in enumerate([*_ONES.split(), "eighteen", "nineteen"])}
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS |= {word: 20 + 10 * number for number, word in enumerate(_TENS.split())}
_WORDS |= {"dozen": 12, "couple": 2}
_MULTIPLES = {"hundred": 100, "thousand": 1000, "k": 1000, "million": 1_000_000, "m": 1_000_000, "grand": 1000}
_MULTIPLES |= {"百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000, "w": 10_000}
NUMBERS = frozenset({*_WORDS, *_MULTIPLES, "once", "twice", "thrice", "half"})


@dataclass(frozen=True, slots=True)
class Unit:
    """text: as it is matched, in small letters; start, end: where it stands in the sentence."""

    text: str
    kind: str
    start: int
    end: int


def folded(sentence: str) -> str:
    """The sentence in one width and one script, with plain quotes and small letters."""
    plain = unicodedata.normalize("NFKC", sentence).replace("’", "'").replace("‘", "'")
    plain = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "So", "Sk", "Mn") else c for c in plain)
    return simplified(re.sub(r"\s*&\s*", " and ", plain).lower().translate(_SPOKEN))


def simplified(text: str) -> str:
    """Traditional characters as simplified ones, each in its place."""
    return text if text.isascii() else "".join(map(_simplified, text))


@cache
def _simplified(character: str) -> str:
    found = _SCRIPT.convert(character) if _CHINESE.match(character) else character
    return found if len(found) == 1 else character


def units(text: str) -> list[Unit]:
    return [Unit(found.group(), str(found.lastgroup), *found.span()) for found in _UNIT.finditer(text)]


def is_chinese(text: str) -> bool:
    return bool(_CHINESE.search(text))


def language(text: str) -> str:
    """zh where a good part of its letters is Chinese (a character says as much as half a word), else en."""
    chinese = len(_CHINESE.findall(text))
    return "zh" if chinese and chinese * 2 >= len(re.findall(r"[a-z]+", text.lower())) else "en"


def joined(parts: list[Unit]) -> str:
    """The units as a name has them: words apart, Chinese together."""
    text = ""
    for part in parts:
        gap = text and part.text and not (_CHINESE.match(part.text) or _CHINESE.match(text[-1]))
        text += f" {part.text}" if gap else part.text
    return text


def number(units_: list[Unit], start: int) -> tuple[Decimal, int] | None:
    """The number that begins at a unit, and how many units it takes."""
    first = units_[start]
    if first.kind == "number":
        value, taken = Decimal(first.text.replace(",", "")), 1
        while start + taken < len(units_) and (times := _MULTIPLES.get(units_[start + taken].text)):
            if units_[start + taken].text in ("m", "w", "k") and units_[start + taken].start != units_[start].end:
                break
            value, taken = value * times, taken + 1
        rest = units_[start + taken : start + taken + 1]
        if value >= 1000 and rest and re.fullmatch(r"\d", rest[0].text) and units_[start + taken - 1].text in "万千":
            value, taken = value + int(rest[0].text) * _MULTIPLES[units_[start + taken - 1].text] // 10, taken + 1
        return value, taken  # 7万5: 75,000
    if first.text in _WORDS:
        return _in_words(units_, start)
    if first.text == "hundred" or first.text == "thousand":
        return Decimal(_MULTIPLES[first.text]), 1
    taken = 0
    while start + taken < len(units_) and _NUMERAL.fullmatch(units_[start + taken].text):
        taken += 1
    return (Decimal(numeral("".join(u.text for u in units_[start : start + taken]))), taken) if taken else None


def _in_words(units_: list[Unit], start: int) -> tuple[Decimal, int]:
    value, taken, whole = 0, 0, 0
    while start + taken < len(units_):
        word = units_[start + taken].text
        if word in ("-", "and") and taken and start + taken + 1 < len(units_):
            after = units_[start + taken + 1].text
            if after in _WORDS and (
                (word == "-" and value % 10 == 0 and value) or (word == "and" and value % 100 == 0 and value >= 100)
            ):
                taken += 1
                continue
            break
        if word in ("hundred", "thousand", "million"):
            value = (value or 1) * _MULTIPLES[word]
            if word != "hundred":
                whole, value = whole + value, 0
        elif word in _WORDS and (
            value == 0 or (value % 100 >= 20 and value % 10 == 0 and _WORDS[word] < 10) or value % 100 == 0
        ):
            value += _WORDS[word]
        elif word == "dozen" and value:
            value *= 12
        else:
            break
        taken += 1
    return Decimal(whole + value), taken


def numeral(text: str) -> int:
    """A Chinese numeral: 三百二十 is 320, 两千五 2500, 一二 12."""
    if not any(c in _SCALES for c in text):
        return int("".join(str(_DIGITS[c]) for c in text))
    whole = part = digit = 0
    last = 1
    for c in text:
        if c in _DIGITS:
            digit = _DIGITS[c]
            last = 10 if c in "零〇" else last
        elif _SCALES[c] >= 10_000:
            whole, part, digit = (whole + part + digit or 1) * _SCALES[c], 0, 0
            last = _SCALES[c]
        else:
            part, digit = part + (digit or 1) * _SCALES[c], 0
            last = _SCALES[c]
    return whole + part + (digit * last // 10 if digit and last > 10 else digit)


def day(text: str) -> date | None:
    """A day as YYYY-MM-DD; of D/M/YYYY and M/D/YYYY only what can be but one."""
    numbers = [int(n) for n in re.split("[-/.]", text)]
    if numbers[2] > 31:
        (a, b), year = numbers[:2], numbers[2]
        if a <= 12 and b <= 12 and a != b:
            return None
        numbers = [year, *((b, a) if a > 12 else (a, b))]
    try:
        return date(*numbers)
    except ValueError:
        return None
