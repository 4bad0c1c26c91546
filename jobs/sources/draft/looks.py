"""What the values of a column look like: times, numbers, codes, ids, personal data. Told by texts alone."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from jobs.sources import months

_TESTED = 2_000  # distinct values of a column
_MOST = 0.98  # of the values must look alike: a sample has a few broken ones,
_ONE_BROKEN = 8  # and of so many one may be, such as a row of units
_SOME = 0.2  # of the values are mail addresses: better once too often than in the clear
_FEW = 40  # values of a list of codes, at most

_YEAR, _TWO_YEARS = r"((?:19|20)[0-9]{2})", "[0-9]{2}"
_PIECES = {
    "yyyy": _YEAR, "yy": _TWO_YEARS, "MMM": months.ANY, "'de'": "de",
    "EEE": "[A-Z][a-z]{2}", "'GMT'": "GMT", "'UTC'": "UTC", "MM": "(?:0[1-9]|1[0-2])", "M": "(?:0?[1-9]|1[0-2])",
    "dd": "(?:0[1-9]|[12][0-9]|3[01])", "d": "(?:0?[1-9]|[12][0-9]|3[01])", "HH": "(?:[01][0-9]|2[0-3])",
    "H": "(?:[01]?[0-9]|2[0-3])", "hh": "(?:0[1-9]|1[0-2])",
    "h": "(?:0?[1-9]|1[0-2])", "mm": "[0-5][0-9]", "ss": "[0-5][0-9]",
    "SSSSSS": "[0-9]{6}", "SSS": "[0-9]{3}",
    "a": r"(?:[AaPp]\.? ?[Mm]\.?|[上下]午|午[前後]|오[전후])", "'T'": "T", "XXX": r"(?:Z|[+-][0-9]{2}:[0-9]{2})",
    "XX": r"(?:Z|[+-][0-9]{4})",
}  # fmt: skip
LETTERS = re.compile("|".join(sorted(map(re.escape, _PIECES), key=len, reverse=True)))
DATES = (
    "yyyy/MM/dd", "yyyy/M/d", "yyyy-M-d", "yyyy.MM.dd", "yyyyMMdd", "dd.MM.yyyy", "d.M.yyyy", "MM/dd/yyyy", "M/d/yyyy",
    "dd/MM/yyyy", "d/M/yyyy", "dd-MM-yyyy", "MM-dd-yyyy", "d-M-yyyy", "yyyy年MM月dd日", "yyyy年M月d日", "dd-MMM-yyyy",
    "d-MMM-yyyy", "dd-MMM-yy", "dd MMM yyyy", "d MMM yyyy", "MMM d, yyyy", "MMM d, yyyy,", "EEE, dd MMM yyyy", "M/d/yy",
    "d/M/yy", "yy/MM/dd", "yy-MM-dd", "yy.MM.dd", "dd.MM.yy", "yyyy. M. d.", "MMM-dd-yy", "MMM d yyyy", "d. MMM yyyy",
    "d 'de' MMM 'de' yyyy", "yyyy-MMM-dd",
)  # fmt: skip
HOURS = ("", " HH:mm:ss", " HH:mm", " H:mm", " H:mm:ss", " h:mm a", " h:mm:ss a", " HH:mm:ss.SSS", "'T'HH:mm:ss",
          "'T'HH:mm:ssXXX", " HH:mm:ssXXX", " HH:mm:ss XXX", " HH:mm:ss XX", " HH:mm:ss 'GMT'", " HH:mm:ss 'UTC'",
          " HH", " h:mma", " ah:mm", " ah:mm:ss", " a h:mm", " a h:mm:ss", " HH:mm:ss:SSS", " hh.mm.ss.SSSSSS a",
          "-HH.mm.ss.SSSSSS", " HH时mm分", " HH時mm分")  # fmt: skip


def _shape(pattern: str) -> re.Pattern:
    shape, at = "", 0
    for found in LETTERS.finditer(pattern):
        shape += re.escape(pattern[at : found.start()]) + _PIECES[found.group()]
        at = found.end()
    return re.compile(shape + re.escape(pattern[at:]))


_ISO = re.compile(
    _YEAR + r"-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?P<hours>[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)? ?"
    r"(?P<zone>(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)(?:\[[A-Za-z_/]+\])?)?)?"
)
COMBINED = {date + hours: _shape(date + hours) for date in DATES for hours in HOURS}
PATTERNS = COMBINED | {
    pattern: _shape(pattern)
    for pattern in ("yyyyMMddHHmmss", "yyyyMMddHHmm", "yyyyMMdd'T'HHmmss", "yyyyMMdd'T'HHmmssXXX", "yyyyMMdd HHmmss",
                    "dd/MMM/yyyy:HH:mm:ss XX", "yyyy年MM月dd日HH时mm分ss秒", "yyyy年M月d日HH时mm分ss秒")
}  # fmt: skip
_CLOCK = re.compile(r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?")
_HOUR = _shape("yyyyMMddHH")  # ten digits too
_EPOCHS = {"epoch_s": (10, 1), "epoch_ms": (13, 10**3), "epoch_us": (16, 10**6), "epoch_ns": (19, 10**9)}
_YEARS = range(2000, 2040)  # of an epoch that is one

# Beside the signs of Unicode, how money is called: codes of currencies, and words.
_MONEY = frozenset(
    re.findall(
        r"\S+",
        "AED ARS AUD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR JPY KRW KWD MAD MXN MYR NGN NOK "
        "NZD PHP PLN QAR RMB RON RUB SAR SEK SGD THB TRY TWD UAH USD VND ZAR kr kr. zł Kč Ft lei руб руб. р. Rs Rs. "
        "Rp RM R R$ S/ A$ C$ US$ HK$ NT$ S$ CA$ AU$ MX$ NZ$ TL грн лв 元 円 원 đ",
    )
)
_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_WAYS = {  # (decimal, thousands): what is written so, and of which some value must be
    (",", ""): (r"[+-]?[0-9]+(,[0-9]+)?", r",[0-9]+$"),
    (".", ","): (r"[+-]?[0-9]{1,3}((,[0-9]{2,3})*,[0-9]{3})?(\.[0-9]+)?|[+-]?[0-9]+(\.[0-9]+)?", r",[0-9]{3}"),
    (",", "."): (r"[+-]?[0-9]{1,3}(\.[0-9]{3})*(,[0-9]+)?|[+-]?[0-9]+(,[0-9]+)?", r"\.[0-9]{3}"),
    (".", " "): (r"[+-]?[0-9]{1,3}([ \u00a0\u202f][0-9]{3})*(\.[0-9]+)?|[+-]?[0-9]+(\.[0-9]+)?", r"[ \u00a0\u202f]"),
    (".", "\u2019"): (r"[+-]?[0-9]{1,3}(\u2019[0-9]{3})*(\.[0-9]+)?|[+-]?[0-9]+(\.[0-9]+)?", r"\u2019[0-9]{3}"),
    (".", "'"): (r"[+-]?[0-9]{1,3}('[0-9]{3})*(\.[0-9]+)?|[+-]?[0-9]+(\.[0-9]+)?", r"'[0-9]{3}"),
    (",", " "): (r"[+-]?[0-9]{1,3}([ \u00a0\u202f][0-9]{3})*(,[0-9]+)?|[+-]?[0-9]+(,[0-9]+)?", r"[ \u00a0\u202f]"),
}
_THREE = re.compile(r"-?[0-9]{1,3}[.,][0-9]{3}|0")
_AROUND = " \u00a0\u202f+-()"
_UNITS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_ONLY_THREE = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+")  # 1,234: rather a thousand than one and a bit

_WHOLE_FLOAT = re.compile(r"[0-9]+\.0+")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_PHONE = re.compile(r"(?:\+|00)[1-9][0-9 ()/-]{7,16}[0-9]|1[3-9][0-9]{9}")
_AGENT = re.compile(r"(?:Mozilla|Opera|Dalvik|okhttp|curl)/.*")
_PATH = re.compile(r"[^.>/|]*[^\W\d_][^.>/|]*([.>/|])[^.>/|]*[^\W\d_][^>]*")


@dataclass(frozen=True, slots=True)
class Time:
    """How a time is written: a pattern, a name of one, or iso; `others` read all values too. `first_year` as seen."""

    format: str
    has_zone: bool = False
    has_hours: bool = True
    others: tuple[str, ...] = ()
    first_year: int | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """How a number is written: `signs` are the marks of money around it, several where not all have the same ones;
    `in_threes` where just three digits stand behind its only sign, so that 12.000 may be twelve or twelve thousand;
    `units` the words that multiply it.
    """

    decimal: str = "."
    thousands: str = ""
    signs: tuple[str, ...] = ()
    several: bool = False
    is_whole: bool = False
    largest: float = 0.0
    has_negative: bool = False
    in_threes: bool = False
    units: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """A column: the share of records in which it says something, its number of distinct values, the most frequent ones
    with their counts; what they look like (at most one of time, number, and `kind`: mail, phone, agent, path, clock).
    """

    name: str
    filled: float
    distinct: int
    counts: tuple[tuple[str, int], ...]
    time: Time | None = None
    number: Number | None = None
    kind: str = ""
    separator: str = ""
    has_fraction_zero: bool = False  # ids such as 17850.0

    @property
    def is_few(self) -> bool:
        """Whether `counts` are of all values."""
        return 0 < self.distinct <= _FEW

    @property
    def is_codes(self) -> bool:
        """Few values, of several records."""
        return self.is_few and (self.distinct == 1 or self.counts[0][1] > 1)


def look(name: str, values: list[str | None]) -> Look:
    """What a column of texts looks like."""
    there = [value for value in values if value is not None]
    counted = Counter(there)
    tested = list(counted)[:_TESTED]
    plain = Look(name, len(there) / max(1, len(values)), len(counted), tuple(counted.most_common(_FEW)))
    if not tested:
        return plain
    for kind, shape, most in (("mail", _MAIL, _SOME), ("phone", _PHONE, _MOST), ("agent", _AGENT, _MOST),
                              ("clock", _CLOCK, _MOST)):  # fmt: skip
        if _share(shape, tested) >= most:
            return replace(plain, kind=kind)
    if time := _time(tested):
        return replace(plain, time=time)
    if number := _number(tested):
        whole_floats = _share(_WHOLE_FLOAT, tested) == 1
        return replace(plain, number=number, has_fraction_zero=whole_floats)
    paths = Counter(found.group(1) for value in tested if (found := _PATH.fullmatch(value)))
    if paths and paths.most_common(1)[0][1] > len(tested) / 2 and not any("://" in value for value in tested):
        return replace(plain, kind="path", separator=paths.most_common(1)[0][0])
    return plain


def is_value(cell: str) -> bool:
    """Whether a cell is a number or a time, which no name of a column is."""
    cell = cell.strip()
    return bool(_PLAIN.fullmatch(cell) or _ISO.fullmatch(cell) or _MAIL.fullmatch(cell) or _time([cell]))


def _enough(values: list[str]) -> float:
    """How many of the values must look alike."""
    return min(_MOST * len(values), len(values) - (len(values) >= _ONE_BROKEN))


def _share(shape: re.Pattern, values: list[str]) -> float:
    """How many of the values have a shape; all of them where one among many has not."""
    wrong = sum(not shape.fullmatch(value) for value in values)
    return 1 if wrong == 1 and len(values) >= _ONE_BROKEN else 1 - wrong / len(values)


def _time(values: list[str]) -> Time | None:
    values = [" ".join(value.split()) for value in values]  # also blanks that do not break, and those that pad
    if _share(_HOUR, values) >= _MOST:
        return Time(
            "yyyyMMddHH", first_year=min(int(match[1]) for value in values if (match := _HOUR.fullmatch(value)))
        )
    for name, (digits, unit) in _EPOCHS.items():
        numbers = [
            int(value.split(".")[0]) for value in values if re.fullmatch(rf"[0-9]{{{digits}}}(\.[0-9]*)?", value)
        ]
        years = [datetime.fromtimestamp(number // unit, UTC).year for number in numbers]
        if len([year for year in years if year in _YEARS]) >= _enough(values):
            return Time(name, has_zone=True, first_year=min(years))
    if _share(_ISO, values) >= _MOST:
        found = [match for value in values if (match := _ISO.fullmatch(value))]
        zones, hours = [match["zone"] for match in found], any(match["hours"] for match in found)
        return Time("iso", any(zones), hours, first_year=min(int(match[1]) for match in found))
    some = values[:2]  # one of which may be broken
    fits = [name for name, shape in PATTERNS.items() if any(map(shape.fullmatch, some))]
    fits = [name for name in fits if _share(PATTERNS[name], values) >= _MOST]
    if not fits:
        return None
    first = _narrowest(fits, values)
    others = tuple(name for name in fits if _order(name) != _order(first))
    shape = PATTERNS[first]
    years = [int(match[1]) for value in values if shape.groups and (match := shape.fullmatch(value))]
    has_hours = "H" in first or "h" in first
    return Time(
        first, "X" in first or "GMT" in first or "UTC" in first, has_hours, others[:1], min(years, default=None)
    )


def _narrowest(fits: list[str], values: list[str]) -> str:
    """Of patterns with the year, month and day in several orders the one by which values are of a much shorter time
    than by the first; else the first.
    """
    spans = {}
    for name in fits:
        weights = [{"y": 372, "M": 31, "d": 1}[letter] for letter in _order(name)]
        days = [[int(part) for part in re.findall("[0-9]+", value)[:3]] for value in values]
        told = [sum(a * b for a, b in zip(weights, day, strict=False)) for day in days]
        spans[name] = max(told) - min(told)
    best = min(fits, key=lambda name: spans[name])
    return best if 3 * spans[best] < spans[fits[0]] else fits[0]


def _order(pattern: str) -> str:
    return "".join(dict.fromkeys(letter for letter in re.sub("'[^']*'|MMM", "", pattern) if letter in "yMd"))


def _number(values: list[str]) -> Number | None:
    units = {unit: factor for unit, factor in _UNITS.items() if any(re.search(rf"[0-9] ?{unit}", v) for v in values)}
    if units:
        values = [re.sub(f"(?<=[0-9]) ?({'|'.join(units)})", "", value) for value in values]
    bare = [_without_marks(value) for value in values]
    marks = Counter(found for _, found in bare if found)
    texts = [text for text, _ in bare]
    signs = tuple(dict.fromkeys(mark for found, _ in marks.most_common() for mark in found))
    ways: list[tuple[str, str]] = []
    if _share(_PLAIN, texts) >= _MOST:
        ways = [(".", "")]
    else:
        for way, (shape, some) in _WAYS.items():
            fits = [text for text in texts if re.fullmatch(shape, text)]
            with_some = [text for text in fits if re.search(some, text)]
            only_three = way == (",", "") and with_some and all(_ONLY_THREE.fullmatch(text) for text in with_some)
            if len(fits) >= _enough(texts) and with_some and not only_three:
                ways.append(way)
    if not ways:
        return None
    decimal, thousands = ways[0]
    read = [number for text in texts if (number := _read(text, decimal, thousands)) is not None]
    if not read:
        return None
    whole = all(number.is_integer() for number in read) and not any(decimal in text for text in texts)
    three = _share(_THREE, texts) >= _MOST and any(sign in text for text in texts for sign in ".,")
    largest = max(map(abs, read)) * max(units.values(), default=1)
    return Number(decimal, thousands, signs, len(marks) > 1, whole, largest, min(read) < 0, three and not units, units)


def _without_marks(value: str) -> tuple[str, tuple[str, ...]]:
    """A number without the marks of money around it, and as -1.50 where it is (1.50) or 1.50-; these marks."""
    digits = [k for k, sign in enumerate(value) if sign in "0123456789"]
    if not digits:
        return value, ()
    before, number, after = value[: digits[0]], value[digits[0] : digits[-1] + 1], value[digits[-1] + 1 :]
    first, last = before.strip(_AROUND), after.strip(_AROUND)
    if first.endswith((".", ",")) and not _is_money(first):  # .50
        first, number = first[:-1], first[-1] + number
    marks = tuple(mark for mark in (first, last.removeprefix(".")) if mark)
    if not all(map(_is_money, marks)):
        return value, ()
    is_negative = "-" in before + after or (before.startswith("(") and after.endswith(")"))
    return "-" * is_negative + number, marks


def _is_money(mark: str) -> bool:
    return mark in _MONEY or (len(mark) == 1 and unicodedata.category(mark) == "Sc")


def _read(text: str, decimal: str, thousands: str) -> float | None:
    for sign in (thousands, "\u00a0", "\u202f") if thousands == " " else (thousands,):
        text = text.replace(sign, "") if sign else text
    try:
        return float(text.replace(decimal, "."))
    except ValueError:
        return None
