"""The first floors of the grammar: tokens become numbers, days, windows, quantities, tests of a user.

A cascade: each rule replaces a run of tokens by one, and works on what the rules before it made. A pattern names kinds
of tokens in order; `?` may be left out, `|` is a choice. Both languages share the rules: they differ in their words.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from jobs.audiences.ask.tokens import Token
from jobs.audiences.ask.vague import vague

DAYS = {"halfyear": 180, "halfmonth": 15, "fortnight": 14, "day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}
_DAY = timedelta(days=1)
Made = dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Match:
    """The tokens of a pattern, by the kind that each was taken for."""

    found: tuple[tuple[str, Token], ...]
    ds: date
    before: Token | None = None
    after: Token | None = None

    def all(self, *kinds: str) -> list[Any]:
        return [token[kind] for kind, token in self.found if kind in kinds]

    def get(self, *kinds: str) -> Any:
        return next(iter(self.all(*kinds)), None)

    def has(self, *kinds: str) -> bool:
        return any(kind in kinds for kind, _ in self.found)

    def said(self, kind: str) -> str:
        return next((token.said for k, token in self.found if k == kind), "")


RULES: list[tuple[list[tuple[tuple[str, ...], bool]], Callable[[Match], Made]]] = []


def rule(*patterns: str) -> Callable:
    """Registers a maker of one token for patterns: kinds and values of the new token, or None where it does not fit."""

    def register(make: Callable[[Match], Made]) -> Callable[[Match], Made]:
        for pattern in patterns:
            steps = [(tuple(step.rstrip("?").split("|")), step.endswith("?")) for step in pattern.split()]
            RULES.append((steps, make))
        return make

    return register


def reduced(tokens: Sequence[Token], ds: date) -> list[Token]:
    """The tokens after all rules, each tried at every place from the left."""
    row = list(tokens)
    for steps, make in RULES:
        place = 0
        while place < len(row):
            made = None
            for matched in filter(None, _matches(row, place, steps)):
                first, last = matched[0][1], matched[-1][1]
                end = row.index(last, place) + 1
                sides = row[place - 1] if place else None, row[end] if end < len(row) else None
                if (made := make(Match(tuple(matched), ds, *sides))) is not None:
                    notes = tuple(note for _, token in matched for note in token.notes)
                    said = " ".join(token.said for _, token in matched)
                    row[place:end] = [Token(made, first.start, last.end, said, notes)]
                    break
            place += 1
    return row


def _matches(row: list[Token], place: int, steps: list, first: bool = True) -> list[list[tuple[str, Token]]]:
    """The ways in which the steps fit from a place, the longest first; words that may mean nothing are passed over
    within a phrase.
    """
    if not steps:
        return [[]]
    (kinds, optional), found = steps[0], []
    if place < len(row) and (kind := next((kind for kind in kinds if kind in row[place]), None)):
        found = [[(kind, row[place]), *rest] for rest in _matches(row, place + 1, steps[1:], False)]
    elif not first and place < len(row) and "NOISE" in row[place]:
        found = [rest for rest in _matches(row, place + 1, steps, False) if rest]
    if optional:
        found += _matches(row, place, steps[1:], first)
    return found


# Numbers.


@rule("TOP TUNIT", "MOST? TOP FRACTION", "MOST FRACTION")
def _top_part(m: Match) -> Made:
    if m.has("TUNIT"):
        return {"TOPN": {"percent": Decimal(25)}} if m.said("TUNIT") == "quarter" else None
    return {"TOPN": {"percent": Decimal(m.get("FRACTION"))}}


@rule("FRACTION")
def _fraction(m: Match) -> Made:
    return {"PCT": Decimal(m.get("FRACTION"))}


@rule("NUM AMONG NUM ORDERS?")
def _out_of(m: Match) -> Made:
    part, whole = m.all("NUM")
    return (
        {"PCT": 100 * part / whole} | ({"unit": "orders"} if m.has("ORDERS") else {})
        if 0 < part <= whole <= 10
        else None
    )


@rule("NUM PERCENT", "PERCENTOF NUM", "NUM TENTHS", "HALF")
def _percent(m: Match) -> Made:
    if m.has("HALF"):
        return {"PCT": Decimal(50)}
    return {"PCT": m.get("NUM") * (10 if m.has("TENTHS") else 1)}


@rule("CURRENCY NUM CURRENCY?", "NUM CURRENCY")
def _money(m: Match) -> Made:
    return {"MONEY": m.get("NUM")}


# Clocks and days.


@rule(
    "BETWEEN|SINCE? HOURS|AMPM NUM CLOCK TO|AND HOURS|AMPM? NUM CLOCK INBETWEEN?",
    "BETWEEN|SINCE? HOURS|AMPM? NUM|CLOCKWORD AMPM|CLOCK? TO|AND CLOCKWORD INBETWEEN?",
    "CLOCKWORD NUM CLOCK TO HOURS? NUM CLOCK",
    "BETWEEN|SINCE? CLOCKWORD TO|AND NUM AMPM|CLOCK INBETWEEN?",
    "BETWEEN|SINCE? TIME TO|AND TIME INBETWEEN|SINCE?",
    "BETWEEN|SINCE? NUM AMPM TO NUM AMPM",
    "BETWEEN|SINCE? NUM TO NUM AMPM",
    "BETWEEN NUM AND|TO NUM AMPM",
    "NUM CLOCK? TO NUM CLOCK INBETWEEN?",
    "BETWEEN NUM AMPM? AND NUM AMPM",
    "BETWEEN NUM AND NUM CLOCK",
)
def _hours(m: Match) -> Made:
    if m.has("AND") and not m.has("BETWEEN", "INBETWEEN"):
        return None
    ends: list[int] = []
    part = None  # of the day, which holds for the second hour too where it says none
    halves = m.all("AMPM")
    for kind, token in m.found:
        if kind == "HOURS" or (kind == "AMPM" and not ends and not token.said.isascii()):
            part = token[kind]
        elif kind in ("NUM", "CLOCKWORD", "TIME"):
            ends.append(int(token[kind]))
            if kind == "NUM" and part in ("evening", "afternoon", "pm") and ends[-1] <= 12:
                ends[-1] = 24 if ends[-1] == 12 and (part != "afternoon" or len(ends) > 1) else ends[-1] % 12 + 12
    first, last = ends[-2:]
    if halves and not part:
        low, high = (halves[0], halves[-1]) if len(halves) == 2 or m.has("CLOCKWORD") else (halves[-1], halves[-1])
        kinds = [kind for kind, _ in m.found if kind in ("NUM", "CLOCKWORD", "TIME")]
        first, last = (
            n if kind == "CLOCKWORD" else n % 12 + (12 if half == "pm" else 0)
            for n, half, kind in ((first, low, kinds[0]), (last, high, kinds[1]))
        )
    if not (0 <= first <= 24 and 0 <= last <= 24) or first == last:
        return None
    first %= 24
    return {"HOURLIST": [hour % 24 for hour in range(first, last if last > first else last + 24)]}


@rule(
    "HOURS|AMPM? AFTERDATE|AFTER|ONWARDS NUM|TIME AMPM|CLOCK",
    "AFTERDATE|AFTER|SINCE TIME",
    "HOURS|AMPM? NUM AMPM|CLOCK AFTERDATE|ONWARDS",
    "TIME AFTERDATE|ONWARDS",
    "HOURS|AMPM? BEFOREDATE NUM AMPM|CLOCK HOURS?",
    "AFTERDATE NUM AMPM|CLOCK? HOURS",
    "BEFOREDATE NUM AMPM|CLOCK? HOURS",
    "BEFOREDATE TIME|CLOCKWORD",
    "TIME|CLOCKWORD BEFOREDATE|AGO",
    "HOURS|AMPM? NUM AMPM|CLOCK BEFOREDATE|AGO",
)
def _after_hour(m: Match) -> Made:
    hour = int(m.get("NUM", "TIME", "CLOCKWORD"))
    if m.has("NUM") and (m.get("AMPM") == "pm" or m.get("HOURS") in ("evening", "afternoon")):
        hour = hour % 12 + 12
    if not 0 < hour < 24:
        return None
    return {"HOURLIST": {"less_than": hour} if m.has("BEFOREDATE", "AGO") else {"at_least": hour}}


@rule("MOSTACTIVE HOURS", "HOURS MOSTACTIVE", "HOURS PEOPLE")
def _most_active(m: Match) -> Made:
    if m.get("HOURS") == "early":
        return None
    return _is("active_hours", m.get("HOURS")) if m.get("PEOPLE") is None or m.said("PEOPLE") == "活跃" else None


@rule("HOURS")
def _part_of_day(m: Match) -> Made:
    parts = {"morning": range(5, 12), "afternoon": range(12, 18), "evening": range(18, 23), "night": (23, *range(5)),
             "early": range(5)}  # fmt: skip
    return {"HOURLIST": sorted(parts[m.get("HOURS")])}


@rule("WEEKDAYS OR WEEKDAYS", "WEEKDAYS AND WEEKDAYS", "WEEKDAYS")
def _weekdays(m: Match) -> Made:
    return {"WEEKDAYLIST": sorted({int(n) for said in m.all("WEEKDAYS") for n in said.split()})}


def _latest(m: Match, month: int, day: int, of: int | None = None) -> date | None:
    """The last such day up to the night, or that of a year."""
    for year in (m.ds.year, m.ds.year - 1) if of is None else (of,):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found <= m.ds:
            return found
    return None


@rule(
    "SINCE? MONTHNAME NUM|ORD TO NUM|ORD COMMA? NUM?",
    "BETWEEN MONTHNAME NUM|ORD AND NUM|ORD COMMA? NUM?",
    "SINCE? NUM|ORD TO NUM|ORD MONTHNAME NUM?",
    "BETWEEN NUM|ORD TO|AND NUM|ORD MONTHNAME NUM?",
    "SINCE? NUM TUNIT NUM TUNIT NUM TUNIT TO NUM TUNIT",
    "SINCE? NUM TUNIT NUM TUNIT TO NUM TUNIT",
)
def _days_of_a_month(m: Match) -> Made:
    numbers, units = [int(n) for n in m.all("NUM", "ORD")], m.all("TUNIT")
    year: int | None = None
    if units:
        if units[-3:] != ["month", "day", "day"] or units[:-3] not in ([], ["year"]):
            return None
        month, first, last = numbers[-3:]
        year = numbers[0] if len(numbers) > 3 else None
    else:
        month, (first, last), year = int(m.get("MONTHNAME")), numbers[:2], numbers[2] if len(numbers) > 2 else None
        if (year is None and m.has("COMMA")) or (year is not None and not 1990 <= year <= 2100):
            return None
    end = _latest(m, month, last, year)
    return {"PERIOD": (end.replace(day=first), end)} if end and 0 < first < last else None


@rule("NUM TUNIT NUM TUNIT NUM TUNIT?", "NUM TUNIT NUM TUNIT")
def _chinese_date(m: Match) -> Made:
    units, numbers = m.all("TUNIT"), [int(n) for n in m.all("NUM")]
    said = [token.said for kind, token in m.found if kind == "TUNIT"]
    try:
        if units[:2] == ["year", "month"] and said[1] == "月" and numbers[0] > 1900:
            if len(numbers) == 3:
                return {"DATE": date(*numbers)} if units[2:] in (["day"], []) else None
            return {"PERIOD": _month(numbers[0], numbers[1])}
        if len(numbers) == 2 and units == ["month", "day"] and said == ["月", said[1]]:
            return {"DATE": found} if (found := _latest(m, *numbers)) else None
    except ValueError:
        return None
    return None


@rule("NUM TUNIT QUARTERNAME|HALFNAME", "CAL? QUARTERNAME|HALFNAME NUM?")
def _part_of_year(m: Match) -> Made:
    if m.before and m.before.may("LAST", "CMP", "EACH", "FUTURE"):
        return None
    number, size = (int(m.get("QUARTERNAME", "HALFNAME")), 3 if m.has("QUARTERNAME") else 6)
    cal, year = m.get("CAL"), m.get("NUM")
    if (
        cal not in (None, "this_year", "last_year")
        or (year and not 1990 <= year <= 2100)
        or m.get("TUNIT") not in (None, "year")
    ):
        return None
    first = size * (number - 1) + 1
    of = int(year) if year else m.ds.year - (cal == "last_year" if cal else date(m.ds.year, first, 1) > m.ds)
    return {"PERIOD": (date(of, first, 1), _month(of, first + size - 1)[1])}


@rule("MONTHNAME NUM|ORD COMMA NUM", "NUM|ORD MONTHNAME COMMA NUM", "NUM|ORD MONTHNAME NUM?",
      "MONTHNAME NUM|ORD NUM?", "MONTHNAME")  # fmt: skip
def _english_date(m: Match) -> Made:
    month, numbers = int(m.get("MONTHNAME")), [int(n) for n in m.all("NUM", "ORD")]
    year = next((n for n in numbers if n > 1900), None)
    days = [n for n in numbers if 0 < n < 32]
    if len(days) + (year is not None) != len(numbers) or len(days) > 1 or (m.has("COMMA") and year is None):
        return None
    alone = m.said("MONTHNAME") == "may" and not numbers
    if alone and not (m.before and m.before.may("SINCE", "AFTERDATE", "TO", "BETWEEN", "UNTIL", "BELONG", "CAL")):
        return None
    try:
        if days:
            found = date(year, month, days[0]) if year else _latest(m, month, days[0])
            return {"DATE": found} if found else None
    except ValueError:
        return None
    return {"PERIOD": _month(year or (m.ds.year if month <= m.ds.month else m.ds.year - 1), month)}


def _month(year: int, month: int) -> tuple[date, date]:
    return date(year, month, 1), date(year, month, monthrange(year, month)[1])


@rule("NUM TUNIT", "CAL NUM TUNIT")
def _one_period(m: Match) -> Made:
    number, unit = int(m.get("NUM")), m.get("TUNIT")
    cal = m.get("CAL")
    if cal not in (None, "this_year", "last_year") or (m.before and m.before.may("LAST", "CMP", "EACH", "FUTURE")):
        return None
    if (
        unit == "month"
        and m.said("TUNIT") == "月"
        and 1 <= number <= 12
        and re.fullmatch(r"\d+|[一二三四五六七八九十]+", m.said("NUM"))
    ):
        year = m.ds.year - (cal == "last_year") if cal else m.ds.year - (number > m.ds.month)
        return {"PERIOD": _month(year, number)}
    if unit == "year" and 1990 <= number <= 2100 and not cal:
        return {"PERIOD": (date(number, 1, 1), date(number, 12, 31))}
    return None


@rule("NUM")
def _year(m: Match) -> Made:
    number = m.get("NUM")
    if number == int(number) and 2000 <= number <= m.ds.year and re.fullmatch(r"\d{4}", m.said("NUM")):
        return {"NUM": number, "YEAR": (date(int(number), 1, 1), date(int(number), 12, 31))}
    return None


@rule("SINCE NUM TO NUM TUNIT", "NUM TO NUM TUNIT", "BETWEEN NUM AND NUM TUNIT")
def _spans(m: Match) -> Made:
    low, high = m.all("NUM")
    if m.said("TUNIT") == "月" and 1 <= low < high <= 12:
        year = m.ds.year - (high > m.ds.month)
        return {"PERIOD": (date(year, int(low), 1), _month(year, int(high))[1])}
    if m.has("SINCE"):
        return None
    return (
        {"SPANS": (int(low), int(high), m.get("TUNIT"))}
        if low == int(low) and high == int(high) and low < high
        else None
    )


@rule("NUM TUNIT", "HALF TUNIT")
def _span(m: Match) -> Made:
    number = m.get("NUM")
    if m.has("NUM") and m.found[1][1].start - m.found[0][1].end > 1:
        return None  # 100 a week
    return {"SPAN": (int(number), m.get("TUNIT"))} if number == int(number) and number > 0 else None


@rule("TUNIT")
def _span_alone(m: Match) -> Made:
    return {"SPAN": (1, m.get("TUNIT"))} if m.get("TUNIT") in ("halfyear", "halfmonth", "fortnight") else None


# Windows.


def days_of(span: tuple[int, str]) -> int | None:
    number, unit = span
    return number * DAYS[unit] if unit in DAYS else None


def _in(days: int | None, **more: Any) -> Made:
    return {"WINDOW": {"last_days": days} | more} if days and days <= 3660 else None


def _periods(span: tuple[int, str], **more: Any) -> Made:
    number, unit = span
    key = {"day": "last_days", "week": "last_weeks", "month": "last_months"}.get(unit)
    return {"WINDOW": {key: number} | more} if key and number <= 60 else None


@rule(
    "EACH LAST|THEPAST|PRIOR SPAN",
    "EACHCAL LAST|THEPAST SPAN",
    "LAST|THEPAST SPAN AMONGEND? EACHCAL",
    "SPAN EACHCAL",
    "EACHCAL SPAN",
    "EACH SPAN",
)
def _each(m: Match) -> Made:
    number, unit = m.get("SPAN")
    cal = m.get("EACHCAL")
    if m.found[0][0] == "SPAN" and m.before and m.before.may("CMP"):
        return None
    if m.has("EACH") and not m.has("LAST", "THEPAST", "PRIOR"):
        return None
    if cal and cal != unit:
        days = days_of((number, unit))
        if unit == "year" and cal == "month":
            return _periods((12 * number, "month"), each=True)
        if unit in ("month", "year", "day") and cal == "week" and days:
            return _periods((days // 7, "week"), each=True)
        return None
    return _periods((number, unit), each=True)


@rule("EACHCAL LAST|THEPAST NUM")
def _each_of_so_many(m: Match) -> Made:
    return _periods((int(m.get("NUM")), m.get("EACHCAL")), each=True)


@rule("ABOUT? EACHCAL|EACH NTIMES", "ABOUT NTIMES EACHCAL", "ABOUT EACHCAL Q", "ABOUT EACHCAL")
def _about_every(m: Match) -> Made:
    if not m.has("ABOUT") or m.has("EACH"):
        return None
    low, high = {"month": (20, 40), "week": (5, 9)}.get(m.get("EACHCAL"), (0, 0))
    return {"EVERY": [low, high]} if low else None


@rule("EACH SPANS", "BREAK SPANS")
def _every_so_often(m: Match) -> Made:
    low, high, unit = m.get("SPANS")
    return {"EVERY": [low * DAYS[unit], high * DAYS[unit]]} if unit in DAYS else None


@rule(
    "CONSECUTIVE SPAN",
    "NUM CONSECUTIVE TUNIT",
    "SPAN CONSECUTIVE",
    "LAST|THEPAST CONSECUTIVE SPAN",
    "LAST|THEPAST NUM CONSECUTIVE TUNIT",
)
def _consecutive(m: Match) -> Made:
    number, unit = m.get("SPAN") or (int(m.get("NUM")), m.get("TUNIT"))
    return _periods((number, unit), each=True)


@rule("NEGANY")
def _no_show(_: Match) -> Made:
    return {"NEG": "", "NEG+": "any"}


@rule("ABOUT CHURN")
def _about_to(m: Match) -> Made:
    return {"USER": {"is": {"churn_28d": {"at_least": vague().numbers.likely}}}} if m.said("ABOUT") == "about" else None


@rule("EACH TUNIT")
def _each_unit(m: Match) -> Made:
    return {"EACHCAL": m.get("TUNIT")} if m.get("TUNIT") in ("day", "week", "month") else None


@rule("LAST|THEPAST NUM TIMES|ORDERS")
def _last_orders(m: Match) -> Made:
    """The last three orders: nothing counts back by orders."""
    return {"UNSAID": True} if m.said("LAST") != "前" else None


@rule(
    "CMP? NUM AMONG? LAST|THEPAST SPAN",
    "CMP? SPAN AMONG? LAST|THEPAST SPAN",
    "CMP? NUM CMPPOST AMONG? LAST|THEPAST SPAN",
    "LAST|THEPAST SPAN WITHIN|AMONGEND? CMP SPAN",
    "LAST|THEPAST SPAN WITHIN|AMONGEND SPAN CMPPOST?",
    "LAST|THEPAST SPAN WITHIN|AMONGEND? SPAN CMPPOST",
    "CMP? SPAN CMPPOST? AMONG? LAST|THEPAST NUM",
    "NUM AMONG? LAST|THEPAST SPAN CMPPOST",
)
def _some_of(m: Match) -> Made:
    spans = m.all("SPAN")
    if m.has("NUM") and not (m.has("AMONG") or re.match("of |前|近|过去|最近", m.said("LAST"))):
        return None
    if (number := m.get("NUM")) is not None and m.found[-1][0] == "NUM":
        (wanted, unit), whole = spans[0], (int(number), spans[0][1])
    elif number is not None:
        wanted, whole = int(number), spans[0]
    elif len(spans) == 2:
        within = spans if m.found[0][0] not in ("LAST", "THEPAST") else spans[::-1]
        (wanted, unit), whole = within
        if unit == "month":
            whole = _in_months(whole)
        if unit != whole[1]:
            return None
    else:
        return None
    how = m.get("CMP", "CMPPOST") or "at_least"
    if how == "more_than":
        wanted, how = wanted + 1, "at_least"
    if how != "at_least" or not 1 <= wanted <= whole[0]:
        return None
    if whole[1] == "day" and m.has("NUM"):
        return {"WINDOW": {"last_days": whole[0]}, "Q+": ("days", {"at_least": wanted})}
    return _periods(whole, at_least_in=wanted)


def _in_months(span: tuple[int, str]) -> tuple[int, str]:
    number, unit = span
    months = {"halfyear": 6, "quarter": 3, "year": 12}.get(unit)
    return (number * months, "month") if months else span


@rule("CMP? LAST|THEPAST SPAN WITHIN|AMONGEND?")
def _last(m: Match) -> Made:
    return None if m.has("CMP") else _in(days_of(m.get("SPAN")))


@rule("THEPAST TUNIT", "LAST TUNIT")
def _past(m: Match) -> Made:
    unit = m.get("TUNIT")
    return _in(DAYS.get(unit)) if unit.startswith("half") or m.said("LAST") not in ("last", "前", "这") else None


@rule("LAST|THEPAST NUM CMPPOST?")
def _days_alone(m: Match) -> Made:
    number = m.get("NUM")
    return (
        _in(int(number))
        if number == int(number) and number >= 7 and not m.has("CMPPOST") and m.said("LAST") != "前"
        else None
    )


@rule("CAL? FESTIVAL NUM?")
def _festival(m: Match) -> Made:
    cal, said = m.get("CAL"), m.get("FESTIVAL")
    bare = m.said("FESTIVAL") in ("christmas", "xmas", "halloween", "thanksgiving", "圣诞", "valentine's", "valentines")
    dated = m.before and m.before.may("SINCE", "AFTERDATE", "BEFOREDATE", "UNTIL", "BETWEEN", "TO", "AND", "BELONG")
    paid = (m.before and m.before.may("CMP", "EVENT", "MEASURE")) or (m.after and m.after.may("CMPPOST", "CMP", "TO"))
    if paid and m.said("FESTIVAL").isdigit():
        return None
    if cal not in (None, "this_year", "last_year") or (bare and not (cal or m.has("NUM") or dated)):
        return None
    if m.has("NUM") and not 1990 <= m.get("NUM") <= 2100:
        return None
    year = int(m.get("NUM")) if m.has("NUM") else m.ds.year - (cal == "last_year") if cal else None
    for one in (m.ds.year, m.ds.year - 1) if year is None else (year,):
        days = _feast(said, one)
        if days[0] <= m.ds:
            return {"DATE": days[0]} if len(days) == 1 else {"PERIOD": days}
    return None


def _feast(said: str, year: int) -> tuple[date, ...]:
    if said in ("thanksgiving", "black friday"):  # the fourth Thursday of November, and the day after
        first = date(year, 11, 1)
        thursday = first + timedelta(days=(3 - first.weekday()) % 7 + 21)
        return (thursday + (said == "black friday") * _DAY,)
    return tuple(date(year, *map(int, day.split("-"))) for day in said.split())


@rule("DATE THATDAY")
def _that_day(m: Match) -> Made:
    return {"DATE": m.get("DATE")}


@rule("SPAN BEFOREDATE|AFTERDATE|AFTER DATE", "DATE BEFOREDATE|AFTERDATE SPAN", "DATE PRIOR TUNIT",
      "NUM? TUNIT BEFOREDATE|AFTERDATE|AFTER DATE")  # fmt: skip
def _beside(m: Match) -> Made:
    """So many days before or after a day."""
    day, unit = m.get("DATE"), m.get("TUNIT")
    days = days_of(m.get("SPAN") or (int(m.get("NUM") or 1), unit))
    if not days or (m.has("PRIOR") and m.said("PRIOR") != "前一"):
        return None
    if m.found[0][0] == "DATE" and m.found[1][1].said.isascii():
        return None
    earlier = m.has("BEFOREDATE", "PRIOR")
    span = [day - days * _DAY, day - _DAY] if earlier else [day + _DAY, day + days * _DAY]
    return {"WINDOW": {"between": span}} if span[1] <= m.ds else None


@rule("TUNIT PRIOR", "PRIOR TUNIT", "AGAIN|PRIOR CAL")
def _period_before(m: Match) -> Made:
    return {"PRIOR": True} if not m.has("CAL") or m.get("CAL") in ("last_month", "last_week") else None


@rule("CAL")
def _calendar(m: Match) -> Made:
    return {"WINDOW": calendar(m.get("CAL"), m.ds)}


def calendar(name: str, ds: date) -> dict[str, Any]:
    first = date(ds.year, 3 * ((ds.month - 1) // 3) + 1, 1)
    before = first - _DAY
    known: dict[str, dict[str, Any]] = {
        "this_week": {"current": "week"}, "this_month": {"current": "month"}, "this_year": {"current": "year"},
        "this_quarter": {"after": first - _DAY}, "today": {"last_days": 1}, "yesterday": {"last_days": 1, "skip": 1},
        "day_before": {"last_days": 1, "skip": 2},
        "last_week": {"last_weeks": 1}, "last_month": {"last_months": 1},
        "last_quarter": {"between": [date(before.year, before.month - 2, 1), before]},
        "last_year": {"between": [date(ds.year - 1, 1, 1), date(ds.year - 1, 12, 31)]},
    }  # fmt: skip
    return known[name]


@rule("BETWEEN? DATE|PERIOD AND|TO DATE|PERIOD INBETWEEN?", "SINCE DATE|PERIOD TO|UNTIL DATE|PERIOD")
def _between(m: Match) -> Made:
    if m.has("AND") and not m.has("BETWEEN", "INBETWEEN"):
        return None
    first, last = (found if isinstance(found, tuple) else (found, found) for found in m.all("DATE", "PERIOD"))
    return {"WINDOW": {"between": [first[0], last[1]]}} if first[0] <= last[1] else None


@rule("SINCE DATE|PERIOD|YEAR ONWARDS?", "DATE|PERIOD ONWARDS", "SINCE DATE|PERIOD AFTERDATE")
def _since(m: Match) -> Made:
    found = m.get("DATE", "PERIOD", "YEAR")
    return {"WINDOW": {"after": (found[0] if isinstance(found, tuple) else found) - _DAY}}


def _displaced(m: Match, *kinds: str) -> bool:
    """Whether "after" stands behind its day in English, or before it in Chinese: it is of something else."""
    return any(kind in kinds and token.said.isascii() == (place > 0) for place, (kind, token) in enumerate(m.found))


@rule("AFTERDATE DATE|PERIOD", "DATE|PERIOD AFTERDATE", "AFTER DATE|PERIOD")
def _after(m: Match) -> Made:
    if _displaced(m, "AFTERDATE", "AFTER"):
        return None
    found = m.get("DATE", "PERIOD")
    return {"WINDOW": {"after": found[1] if isinstance(found, tuple) else found}}


@rule("BEFOREDATE DATE|PERIOD", "DATE|PERIOD BEFOREDATE", "UNTIL DATE|PERIOD", "DATE|PERIOD UNTIL")
def _before(m: Match) -> Made:
    if _displaced(m, "BEFOREDATE"):
        return None
    found = m.get("DATE", "PERIOD")
    first, last = found if isinstance(found, tuple) else (found, found)
    return {"WINDOW": {"before": last + _DAY if m.has("UNTIL") else first}}


@rule("DATE|PERIOD")
def _dated(m: Match) -> Made:
    found = m.get("DATE", "PERIOD")
    return {"WINDOW": {"between": list(found if isinstance(found, tuple) else (found, found))}}


@rule("BETWEEN? SPAN AGO TO|AND SPAN AGO INBETWEEN?", "SPANS AGO")
def _spans_ago(m: Match) -> Made:
    if not m.has("SPANS"):
        low, high = sorted(days_of(span) or 0 for span in m.all("SPAN"))
        return _in(high - low + 1, skip=low) if low < high else None
    low, high, unit = m.get("SPANS")
    return _in((high - low + 1) * DAYS[unit], skip=low * DAYS[unit]) if unit in DAYS else None


@rule("CMP SPAN CMPPOST? AGO|BEFOREDATE", "SPAN CMPPOST AGO|BEFOREDATE")
def _long_ago(m: Match) -> Made:
    days, how = days_of(m.get("SPAN")), m.get("CMP", "CMPPOST")
    if not days or how not in ("more_than", "at_least"):
        return _in(days) if m.has("AGO") else None  # less than so many days ago
    skip = days + (how == "more_than")
    return {"WINDOW": {"before_days": skip}} if skip < 3660 else None


@rule("SPAN AGO")
def _ago(m: Match) -> Made:
    days = days_of(m.get("SPAN"))
    return {"WINDOW": {"before_days": days}} if days and m.said("AGO") != "之前" and m.said("AGO") != "以前" else None


@rule("SPAN PRIOR", "PRIOR SPAN PRIOR?")
def _prior(m: Match) -> Made:
    days = days_of(m.get("SPAN"))
    return {"PRIORSPAN": days} if days else None


@rule("FUTURE SPAN WITHIN?", "FUTURE TUNIT")
def _future(m: Match) -> Made:
    span = m.get("SPAN") or (1, m.get("TUNIT"))
    return {"FUTURESPAN": days_of(span)} if days_of(span) else None


@rule(
    "AFTER? CMP SPAN CMPPOST? BREAK",
    "AFTER? BREAK? QSPAN|SPAN|Q BREAK",
    "BREAK CMP? SPAN CMPPOST? NEG? EVENT? AFTERDATE?",
    "AFTER CMP? SPAN CMPPOST? NEG? EVENT|ORDERS?",
    "CMP? SPAN CMPPOST? NEG EVENT AFTERDATE",
)
def _break(m: Match) -> Made:
    if (span := m.get("SPAN")) is None or m.get("CMP", "CMPPOST") in ("at_most", "less_than"):
        return None
    if m.has("EVENT") and not m.has("NEG"):
        return None
    return {"BREAKSPAN": days_of(span)} if days_of(span) else None


@rule("CMP SPAN THEN|AFTERDATE|AFTER", "SPAN CMPPOST THEN|AFTERDATE|AFTER")
def _not_later(m: Match) -> Made:
    return {"WITHINSPAN": m.get("SPAN")} if m.get("CMP", "CMPPOST") == "at_most" else None


@rule("WITHIN TUNIT", "WITHIN EACHCAL")
def _within_one(m: Match) -> Made:
    if m.has("EACHCAL") and not m.said("EACHCAL").startswith("a "):
        return None
    return {"WITHINSPAN": (1, m.get("TUNIT", "EACHCAL"))}


@rule("WITHIN SPAN", "SPAN WITHIN", "CMP SPAN WITHIN")
def _within(m: Match) -> Made:
    return {"WITHINSPAN": m.get("SPAN")} if not m.has("CMP") else None


@rule("CMP WINDOW|PRIORSPAN|PRIOR")
def _than_then(m: Match) -> Made:
    """More than in other days."""
    how = {"more_than": "more", "less_than": "less"}.get(m.get("CMP"))
    if how is None or m.said("CMP") not in (
        "高于",
        "多于",
        "低于",
        "少于",
        "大于",
        "小于",
        "超过",
        "不及",
        "higher than",
        "lower than",
    ):
        return None
    than = {"WINDOW+": m.get("WINDOW")} if m.has("WINDOW") else {}
    than |= {kind: m.get(kind) for kind in ("PRIORSPAN", "PRIOR") if m.has(kind)}
    return {"COMPARED": how, "THAN": ""} | than


@rule("EVER")
def _ever(_: Match) -> Made:
    return {"WINDOW": {"ever": True}}


# Quantities: (kind, comparison). Kinds: money, orders, times, days ..., percent, bare.


def _compared(m: Match, *kinds: str, per: Callable[[Any], Any] = lambda n: n) -> dict[str, Any] | None:
    found = [per(n) for n in m.all(*kinds)]
    if len(found) == 2:
        return {"between": found} if found[0] <= found[1] else None
    if m.has("ONLY"):
        return {"exactly": found[0]}
    if found[0] == 0 and not m.has("CMP", "CMPPOST"):
        return {"exactly": found[0]}
    how = [kind for kind in m.all("CMP", "CMPPOST") if kind]
    if len(how) == 2 and how[0] != how[1]:
        return None
    return {how[0] if how else "at_least": found[0]}


@rule(
    "BETWEEN? MONEY TO|AND MONEY INBETWEEN?",
    "BETWEEN? NUM|MONEY TO|AND MONEY INBETWEEN?",
    "ONLY? CMP? MONEY CMPPOST?",
    "CURRENCY NUM TO NUM",
)
def _of_money(m: Match) -> Made:
    if len(m.all("MONEY", "NUM")) == 2 and m.has("AND") and not m.has("BETWEEN"):
        return None
    held = _compared(m, "NUM", "MONEY")
    return {"Q": ("money", held)} if held else None


@rule("CMP NUM ORDERS|TIMES|UNIT? AND|BUT CMP NUM ORDERS|TIMES|UNIT")
def _from_so_many_to(m: Match) -> Made:
    ends = {}
    for how, number in zip(m.all("CMP"), m.all("NUM"), strict=True):
        side = "low" if how in ("at_least", "more_than") else "high"
        ends[side] = number + {"more_than": 1, "less_than": -1}.get(how, 0)
    if ends.keys() != {"low", "high"} or ends["low"] > ends["high"] or "exactly" in m.all("CMP"):
        return None
    return {"Q": (m.all("ORDERS", "TIMES", "UNIT")[-1], {"between": [ends["low"], ends["high"]]})}


@rule("ORDERS BETWEEN NUM AND NUM")
def _orders_between(m: Match) -> Made:
    held = _compared(m, "NUM")
    return {"Q": ("orders", held)} if held else None


@rule(
    "BETWEEN NUM AND|TO NUM ORDERS|TIMES|UNIT|MEASURE INBETWEEN?",
    "NUM TO NUM ORDERS|TIMES|UNIT INBETWEEN?",
    "ONLY? CMP? NUM CMPPOST? ORDERS|TIMES|UNIT CMPPOST?",
    "ONLY? CMP? NTIMES CMPPOST?",
)
def _counted(m: Match) -> Made:
    if len([1 for kind, _ in m.found if kind in ("CMP", "CMPPOST")]) > 1:
        return None
    held = _compared(m, "NUM", "NTIMES")
    return {"Q": (m.get("ORDERS", "UNIT", "TIMES") or "times", held)} if held else None


@rule("BETWEEN? PCT TO|AND PCT INBETWEEN?", "CMP? PCT CMPPOST?")
def _of_percent(m: Match) -> Made:
    if len(m.all("PCT")) == 2 and m.has("AND") and not m.has("BETWEEN"):
        return None
    held = _compared(m, "PCT")
    bare = not m.has("CMP", "CMPPOST", "TO", "AND")
    unit = next((token["unit"] for kind, token in m.found if kind == "PCT" and "unit" in token), None)
    return {"QPCT": held} | ({"PCT": m.get("PCT")} if bare else {}) | ({"unit": unit} if unit else {})


@rule("CMP? NUM TIMESOVER CMPPOST?")
def _times_over(m: Match) -> Made:
    held = _compared(m, "NUM", per=lambda n: 100 * n)
    return {"QPCT": held} if held else None


@rule("COMPARED CMPPOST")
def _or_more(m: Match) -> Made:
    how = {"halved": {"at_most": 0.5}, "doubled": {"at_least": 2}}.get(m.get("COMPARED"))
    return {"COMPARED": how} if how and m.get("CMPPOST") == "at_least" else None


@rule("QPCT EVENT PRIORSPAN", "QPCT EVENT WINDOW? PRIOR")
def _of_what_they_did(m: Match) -> Made:
    prior = {"PRIORSPAN": m.get("PRIORSPAN")} if m.has("PRIORSPAN") else {"PRIOR": True}
    return {"QPCT": m.get("QPCT")} | prior if m.get("EVENT") in ("spend", "purchase") else None


@rule("Q UNIT")
def _of_different(m: Match) -> Made:
    """12 kinds of different products: the same said twice."""
    kind, held = m.get("Q")
    return {"Q": (kind, held)} if kind == m.get("UNIT") and "不同" in m.said("UNIT") else None


@rule("CMP? NUM CMPPOST SOMETHING", "CMP NUM SOMETHING")
def _so_many_products(m: Match) -> Made:
    return {"Q": ("products", _compared(m, "NUM"))} if m.said("SOMETHING") == "商品" else None


@rule("SAVED Q DISCOUNTED?")
def _saved(m: Match) -> Made:
    return (
        {"EVENT": "purchase", "Q+": m.get("Q"), "MEASURE+": "discount_money"}
        if m.get("Q")[0] in ("money", "bare")
        else None
    )


@rule("DISCOUNTED Q", "Q DISCOUNTED")
def _discounts(m: Match) -> Made:
    """So much money off."""
    fits = m.get("Q")[0] == "money" and m.said("DISCOUNTED") in ("discount", "discounts", "优惠", "折扣")
    return {"EVENT": "purchase", "Q+": m.get("Q"), "MEASURE+": "discount_money"} if fits else None


@rule("SAVED")
def _favourited(m: Match) -> Made:
    return {"EVENT": "favourite"} if m.said("SAVED").startswith("save") else None


@rule("Q TUNIT", "NUM TUNIT")
def _a_week(m: Match) -> Made:
    """So many a week."""
    a = m.found[1][1].start - m.found[0][1].end == len(" a ")
    kind = "Q" if m.has("Q") else "NUM"
    return {kind: m.get(kind), "EACHCAL": m.get("TUNIT")} if a and m.get("TUNIT") in ("day", "week", "month") else None


@rule("COMPARED ORDERS|UNIT|MEASURE", "MOST ORDERS|UNIT")
def _more_of_what(m: Match) -> Made:
    measure = {"MEASURE": m.get("ORDERS", "UNIT", "MEASURE")}
    if m.has("MOST"):
        return {"MOST": ""} | measure
    return (
        {"COMPARED": m.get("COMPARED"), "MEASURE": measure["MEASURE"]}
        if m.get("COMPARED") in ("more", "less")
        else None
    )


@rule("COMPARED")
def _how_often(m: Match) -> Made:
    return {"COMPARED": m.get("COMPARED"), "MEASURE": "orders"} if re.search(r"\boften", m.said("COMPARED")) else None


@rule("NEG AGGREGATE")
def _not_a_single(m: Match) -> Made:
    return {"NEG": m.get("NEG"), "NEG+": "purchase"} if "single purchase" in m.said("AGGREGATE") else None


@rule("NEG ANY? SINGLE EVENT|ORDERS")
def _not_a_single_one(m: Match) -> Made:
    said = m.get("EVENT") or "purchase"
    return {"NEG": m.get("NEG"), "NEG+": "purchase" if said == "spend" else said}


@rule("ORDERS Q", "Q Q", "SINGLEORDER EVENT? Q")
def _of_one_order(m: Match) -> Made:
    """What one order came to: nothing counts by the order."""
    kinds = [kind for kind, _ in m.all("Q")]
    amount = kinds == ["money"] if m.has("ORDERS") else kinds == ["orders", "money"] or m.has("SINGLEORDER")
    return {"UNSAID": True} if amount else None


@rule("Q NEG EVENT?")
def _not_one(m: Match) -> Made:
    kind, held = m.get("Q")
    if held != {"at_least": 1} or kind not in ("orders", "times") or not re.match("一|1", m.said("Q")):
        return None
    said = m.get("EVENT") or "purchase"
    open_ = {"ELIDED": True} if re.match("买|购买|b[uo]", m.said("EVENT")) else {}  # of what, another clause may say
    return {"NEG": m.get("NEG"), "NEG+": "purchase" if said == "spend" else said} | open_


@rule("CMP? NUM CMPPOST? EVENT")
def _noun(m: Match) -> Made:
    if not re.search(r"s$|次$", m.said("EVENT")) or m.said("EVENT") in ("buys", "spends", "pays"):
        return None
    return {"EVENT": m.get("EVENT"), "Q+": ("times", _compared(m, "NUM"))}


@rule("COLUMN CMP? SPAN CMPPOST?", "COLUMN SPANS")
def _days_since(m: Match) -> Made:
    spans, column = [m.get("SPANS")] if m.has("SPANS") else m.all("SPAN"), m.get("COLUMN")
    if "days" not in column or spans[0][-1] != "day":
        return None
    held = {"between": list(spans[0][:2])} if m.has("SPANS") else _compared(m, "SPAN", per=lambda span: span[0])
    return {"COLUMN": column, "Q": ("bare", held)} if held else None


@rule("CMP? NUM CMPPOST TUNIT", "CMP SPAN CMPPOST?", "SPAN CMPPOST", "ONLY SPAN", "SPANS")
def _of_days(m: Match) -> Made:
    if m.has("SPANS"):
        low, high, unit = m.get("SPANS")
        return {"QSPAN": ({"between": [low, high]}, unit)}
    if m.has("NUM"):
        return None if m.has("CMP") else {"QSPAN": (_compared(m, "NUM"), m.get("TUNIT"))}
    held = _compared(m, "SPAN", per=lambda span: span[0])
    return {"QSPAN": (held, m.get("SPAN")[1])} if held else None


@rule(
    "AGE CMP? NUM TO|AND NUM AGE?",
    "BETWEEN? NUM TO|AND NUM AGE CMPPOST? INBETWEEN?",
    "AGE BETWEEN NUM AND NUM",
    "CMP? NUM CMPPOST? AGE CMPPOST?",
    "AGE CMP? NUM CMPPOST?",
    "OLDER NUM",
    "AGE CMP? NUM TO NUM",
)
def _aged(m: Match) -> Made:
    if m.has("OLDER"):
        return {"BAND": ("age_band", {m.get("OLDER"): m.get("NUM")})}
    if len([1 for kind, _ in m.found if kind in ("CMP", "CMPPOST")]) == 2:
        return None
    held = _compared(m, "NUM")
    if held and not m.has("CMP", "CMPPOST", "TO", "AND"):
        held = {"exactly": held["at_least"]}
    return {"BAND": ("age_band", held)} if held else None


@rule("NEG KIDS", "CMP? NUM KIDS", "NUM CMPPOST KIDS", "CMP? Q KIDS", "KIDS")
def _kids(m: Match) -> Made:
    if m.has("NEG"):
        return {"BAND": ("kids", {"exactly": 0})}
    if m.has("Q") or (m.has("NUM") and m.said("KIDS").startswith(("with", "ha", "有"))):
        return None
    return {"BAND": ("kids", _compared(m, "NUM") if m.has("NUM") else {"at_least": 1})}


@rule("INCOME BELONG|WAS? IS", "AGE BELONG|WAS? IS", "IS AGE", "IS INCOME", "FIELD WAS? IS", "IS FIELD")
def _named_group(m: Match) -> Made:
    column = m.get("FIELD") or ("age_band" if m.has("AGE") else "income_band")
    fits = [one for one in m.get("IS") if column in one]
    return {"USER": {"is": fits[0]}} if len(fits) == 1 else None


@rule("FIELD|AGE|INCOME UNSTATED", "UNSTATED FIELD|AGE|INCOME")
def _unstated(m: Match) -> Made:
    column = m.get("FIELD") or ("age_band" if m.has("AGE") else "income_band")
    return _is(column, {"known": False})


@rule(
    "INCOME CMP? NUM TO|AND NUM",
    "INCOME BETWEEN NUM|MONEY AND|TO NUM|MONEY",
    "INCOME Q",
    "INCOME CMP? NUM CMPPOST?",
    "Q INCOME",
)
def _earning(m: Match) -> Made:
    if m.has("Q"):
        kind, held = m.get("Q")
        return {"BAND": ("income_band", held)} if kind == "money" else None
    held = _compared(m, "NUM", "MONEY")
    if held and "between" in held and held["between"][0] < 1000 <= held["between"][1]:
        held["between"][0] *= 1000  # between 50 and 75k
    return {"BAND": ("income_band", held)} if held else None


@rule("BETWEEN NUM AND|TO NUM INBETWEEN?", "NUM TO NUM INBETWEEN?", "CMP NUM CMPPOST?", "NUM CMPPOST", "ONLY NUM")
def _bare(m: Match) -> Made:
    if m.has("CMP") and m.has("CMPPOST"):
        return None
    return {"Q": ("bare", held)} if (held := _compared(m, "NUM")) else None


@rule("NEG BOTH")
def _not_both(_: Match) -> Made:
    return {"NOT BOTH": True}


@rule("YEAR")
def _in_year(m: Match) -> Made:
    return {"WINDOW": {"between": list(m.get("YEAR"))}}


@rule("NUM TOP|MOST", "MOST NUM|PCT")
def _top_users(m: Match) -> Made:
    ranked = next((token for kind, token in m.found if kind == "MOST"), None)
    by = {"MEASURE": ranked["MEASURE"]} if ranked and "MEASURE" in ranked else {}
    if m.has("PCT"):
        return {"TOPN": {"percent": m.get("PCT")}} | by
    number = m.get("NUM")
    fits = number == int(number) and number >= 5 and not m.has("YEAR")
    return {"TOPN": {"users": int(number)}} | by if fits else None


@rule("TOP Q|PCT|NUM", "PCT TOP", "TOP QPCT")
def _top(m: Match) -> Made:
    if m.has("Q"):
        return None
    if m.has("PCT"):
        return {"TOPN": {"percent": m.get("PCT")}}
    number = m.get("NUM")
    return {"TOPN": {"users": int(number)}} if number is not None and number == int(number) and number > 0 else None


# Tests of a user.


def _is(column: str, test: Any) -> Made:
    return {"USER": {"is": {column: test}}}


def _likely(m: Match) -> float | None:
    numbers = vague().numbers
    return numbers.unlikely if m.has("UNLIKELY", "LOW") else numbers.likely


def _probable(m: Match, column: str) -> Made:
    if (held := m.get("QPCT")) is not None:
        return _is(column, {how: [v / 100 for v in n] if isinstance(n, list) else n / 100 for how, n in held.items()})
    if (q := m.get("Q")) is not None:
        return (
            _is(column, q[1])
            if q[0] == "bare" and all(0 <= n <= 1 for n in q[1].values() if not isinstance(n, list))
            else None
        )
    number = _likely(m)
    return _is(column, {"less_than": number} if m.has("UNLIKELY", "LOW") else {"at_least": number})


@rule(
    "FUTURESPAN LIKELY|UNLIKELY CHURN|PEOPLE",
    "LIKELY|UNLIKELY CHURN FUTURESPAN?",
    "LIKELY|UNLIKELY PEOPLE FUTURESPAN?",
    "HIGH|LOW RISK",
    "HIGH|LOW CHURN",
    "RISK HIGH|LOW",
    "RISK Q|QPCT",
    "HIGH|LOW PEOPLE RISK",
    "QPCT RISK",
    "PEOPLE RISK HIGH|LOW",
    "FUTURESPAN? RISK Q|QPCT|HIGH|LOW FUTURESPAN?",
)
def _churn(m: Match) -> Made:
    if m.has("PEOPLE") and m.said("PEOPLE") not in ("流失", "churned", "lapsed", "lost", "lapse"):
        return None
    return (
        _probable(m, "churn_28d") if (m.get("FUTURESPAN") or 28) in (28, 30) and (m.get("FUTURESPAN") != 30) else None
    )


@rule("LIKELY FUTURESPAN EVENT Q", "FUTURESPAN LIKELY EVENT Q", "LIKELY EVENT Q FUTURESPAN")
def _expected_to_spend(m: Match) -> Made:
    kind, held = m.get("Q")
    fits = m.get("EVENT") == "spend" and m.get("FUTURESPAN") == 28 and kind in ("money", "bare")
    return _is("spend_28d", held) if fits and re.match("预|expect|predict", m.said("LIKELY")) else None


@rule(
    "FUTURESPAN LIKELY|UNLIKELY? EVENT OBJ?",
    "FUTURESPAN|WITHINSPAN LIKELY|UNLIKELY EVENT OBJ?",
    "LIKELY|UNLIKELY FUTURESPAN|WITHINSPAN? NEG? EVENT|BACK OBJ? FUTURESPAN|WITHINSPAN?",
    "HIGH|LOW CHANCE FUTURESPAN|WITHINSPAN?",
    "FUTURESPAN? CHANCE HIGH|LOW",
    "FUTURESPAN? CHANCE FUTURESPAN? Q|QPCT",
    "Q|QPCT CHANCE FUTURESPAN|WITHINSPAN?",
    "LIKELY|UNLIKELY BUYERS FUTURESPAN|WITHINSPAN?",
    "CHANCE FUTURESPAN|WITHINSPAN Q|QPCT|HIGH|LOW",
)
def _buying(m: Match) -> Made:
    if (m.has("EVENT") and m.get("EVENT") not in ("purchase", "spend")) or m.has("NEG"):
        return None
    days = m.get("FUTURESPAN") or (days_of(m.get("WITHINSPAN")) if m.has("WITHINSPAN") else 28)
    if (things := m.get("OBJ")) is not None:
        fits = len(things) == 1 and set(things[0]) == {"category"} and days in (28, 30) and m.has("LIKELY")
        return _is("next_categories", things[0]["category"]) if fits else None
    return _probable(m, f"purchase_{days}d") if days in (7, 28) else None


@rule("EXPECTED Q FUTURESPAN?", "FUTURESPAN? EXPECTED Q", "EXPECTED FUTURESPAN Q")
def _expected(m: Match) -> Made:
    kind, held = m.get("Q")
    return _is("spend_28d", held) if kind in ("money", "bare") and (m.get("FUTURESPAN") or 28) == 28 else None


@rule("USER PROBABILITY Q|QPCT", "USER Q|QPCT PROBABILITY")
def _with_probability(m: Match) -> Made:
    column = next(iter(m.get("USER").get("is", {})), "")
    return _probable(m, column) if column.startswith(("purchase_", "churn_")) else None


@rule("PEOPLE OBJ")
def _repeat_buyers(m: Match) -> Made:
    if m.said("PEOPLE") not in ("复购", "repeat buyers", "repeat customers") or (m.before and "WITHINSPAN" in m.before):
        return None
    return {"EVENT": "purchase", "OBJ+": m.get("OBJ"), "Q+": ("orders", {"at_least": 2})}


@rule("PEOPLE Q")
def _again_so_often(m: Match) -> Made:
    return {"UNSAID": True} if m.said("PEOPLE") in ("复购", "repeat") else None


@rule("WITHINSPAN PEOPLE")
def _bought_again(m: Match) -> Made:
    """Two purchases so close to each other."""
    if m.said("PEOPLE") != "复购":
        return None
    return {"EVENT": "purchase", "AGAIN+": "", "WITHINSPAN+": m.get("WITHINSPAN")}


@rule(
    "PEOPLE WINDOW",
    "WINDOW PEOPLE",
    "PEOPLE SPAN",
    "SPAN PEOPLE",
    "PEOPLE Q",
    "PEOPLE QSPAN",
    "WITHINSPAN PEOPLE",
    "PEOPLE WITHINSPAN",
)
def _active(m: Match) -> Made:
    """Words for who is here, or not, of other days than theirs."""
    said = m.said("PEOPLE")
    window = m.get("WINDOW")
    follows = m.after is not None and m.after.may("NEG", "NEGANY", "EVENT", "EACHCAL", "Q", "ONLY", "OBJ", "FIRSTBUY")
    if m.found[0][0] == "PEOPLE" and not said.isascii() and follows and said != "活跃":
        return None  # the days are of what follows
    if m.has("QSPAN") and said not in ("active", "活跃"):
        held, unit = m.get("QSPAN")
        how, number = next(iter(held.items()))
        window = _in(days_of((number, unit)) if how in ("at_least", "more_than") else None)
        window = window["WINDOW"] if window else None
    if (span := m.get("SPAN", "WITHINSPAN")) is not None:
        window = {"last_days": days_of(span)} if days_of(span) else None
    if said in ("active", "活跃"):
        if m.has("QSPAN", "Q"):
            held, unit = m.get("QSPAN") or (None, None)
            return {"EVENT": "any", "Q+": ("days", held)} if unit == "day" else None
        days = next((token["Q+"] for kind, token in m.found if kind == "WINDOW" and "Q+" in token), None)
        return {"EVENT": "any", "WINDOW+": window} | ({"Q+": days} if days else {}) if window else None
    rule_ = m.get("PEOPLE")
    if "did" in rule_ and "in" not in rule_ and window and not m.has("Q"):
        return {"USER": rule_ | {"in": window}}
    parts = rule_.get("all", ())
    if window and not window.keys() & {"each", "at_least_in"} and len(parts) == 2 and "not" in parts[1]:
        return {"USER": {"all": [parts[0], {"not": parts[1]["not"] | {"in": window}}]}}
    if window and set(rule_) == {"first", "in"}:
        return {"USER": rule_ | {"in": window}}
    return None


@rule("RISK")
def _at_risk(m: Match) -> Made:
    return (
        _probable(m, "churn_28d")
        if m.said("RISK").startswith(("at risk", "有", "将", "即", "快", "濒", "潜"))
        else None
    )


@rule("CONSENT", "REFUSED")
def _consent(m: Match) -> Made:
    return _is("marketing_consent", m.has("CONSENT"))


@rule("RFMWORD NUM")
def _rfm(m: Match) -> Made:
    return _is("rfm_class", str(int(m.get("NUM")))) if 111 <= m.get("NUM") <= 555 else None


@rule("STAGEWORD WAS? IS OR|COMMA IS OR|COMMA IS", "STAGEWORD WAS? IS OR|COMMA IS", "IS OR IS STAGEWORD",
      "STAGEWORD WAS? IS", "IS STAGEWORD")  # fmt: skip
def _stage(m: Match) -> Made:
    listed = [[one for one in found if "lifecycle_stage" in one] for found in m.all("IS")]
    if any(len(stages) != 1 for stages in listed):
        return None
    stages = [one["lifecycle_stage"] for (one,) in listed]
    return _is("lifecycle_stage", stages if len(stages) > 1 else stages[0])


@rule("TAGWORD IS|QUOTED", "IS TAGWORD")
def _tag(m: Match) -> Made:
    tags = [one for one in m.get("IS") or () if "tags" in one]
    return {"USER": {"is": tags[0]}} if len(tags) == 1 else None


@rule("IS OR|COMMA|AND IS OR|COMMA|AND IS OR|COMMA|AND IS", "IS OR|COMMA|AND IS OR|COMMA|AND IS", "IS OR|AND|COMMA IS")
def _one_of(m: Match) -> Made:
    """Values of one column, of which a user has one: any of them, whatever stands between."""
    tokens_ = [token for kind, token in m.found if kind == "IS"]
    found = [token["IS"] for token in tokens_]
    if any(len(one) != 1 or token.may("PEOPLE", "OBJ", "USER") for one, token in zip(found, tokens_, strict=True)):
        return None
    columns = {column for (one,) in found for column in one}
    if len(columns) != 1 or columns & {"tags"}:
        return None
    (column,) = columns
    return {"IS": ({column: [value for (one,) in found for value in _listed(one[column])]},)}


@rule("NARROW OR|COMMA|AND NARROW")
def _one_of_channels(m: Match) -> Made:
    first, second = m.all("NARROW")
    if first.keys() != second.keys() or any(token.may("OBJ", "EVENT") for kind, token in m.found if kind == "NARROW"):
        return None
    return {"NARROW": {key: [*_listed(value), second[key]] for key, value in first.items()}}


def _listed(value: Any) -> list:
    return value if isinstance(value, list) else [value]


@rule("WINDOW LEFT AUDIENCEWORD? AUDIENCE AUDIENCEWORD?", "LEFT AUDIENCEWORD? AUDIENCE AUDIENCEWORD? WINDOW?")
def _left(m: Match) -> Made:
    window = m.get("WINDOW")
    return {"USER": {"left": m.get("AUDIENCE")} | ({"in": window} if window else {})}


@rule("WINDOW ENTERED AUDIENCEWORD? AUDIENCE AUDIENCEWORD?", "ENTERED AUDIENCEWORD? AUDIENCE AUDIENCEWORD? WINDOW?")
def _entered(m: Match) -> Made:
    window = m.get("WINDOW")
    return {"USER": {"audience": m.get("AUDIENCE")} | ({"since": window} if window else {})}


@rule("MOVED SEGMENTWORD? SEGMENT SEGMENTWORD? WINDOW?", "WINDOW? LEFT SEGMENTWORD? SEGMENT SEGMENTWORD? WINDOW?")
def _moved(m: Match) -> Made:
    window = m.get("WINDOW")
    return {"USER": {"moved_from": m.get("SEGMENT")} | ({"in": window} if window else {})}


@rule("SEGMENTWORD SEGMENT", "BELONG? SEGMENT SEGMENTWORD", "BELONG SEGMENT")
def _in_segment(m: Match) -> Made:
    return _is("segment_name", m.get("SEGMENT"))


@rule("SEGMENTWORD NUM")
def _in_segment_number(m: Match) -> Made:
    return _is("segment_id", int(m.get("NUM")))


@rule("BELONG? AUDIENCEWORD AUDIENCE AUDIENCEWORD?", "BELONG? AUDIENCE AUDIENCEWORD", "BELONG AUDIENCE")
def _in_audience(m: Match) -> Made:
    return {"USER": {"audience": m.get("AUDIENCE")}}


@rule("SUGGESTED OBJ", "OBJ SUGGESTED")
def _suggested(m: Match) -> Made:
    things = m.get("OBJ")
    return {"USER": {"suggested": things[0]}} if len(things) == 1 else None


@rule("TASTE WAS? OBJ")
def _taste(m: Match) -> Made:
    things = m.get("OBJ")
    return _is("top_categories", things[0]["category"]) if len(things) == 1 and set(things[0]) == {"category"} else None


# Events said in two places of a sentence.


@rule(
    "CMP? Q COMPARED? INTERVAL",
    "CMP? NUM COMPARED? INTERVAL",
    "CMP? INTERVAL Q|QPCT NEG? EVENT?",
    "CMP? INTERVAL NUM TIMESOVER NEG? EVENT?",
)
def _overdue(m: Match) -> Made:
    if m.has("NUM"):
        return {"OVERDUE": m.get("NUM")}
    if m.has("QPCT"):
        return {"OVERDUE": next(iter(m.get("QPCT").values())) / 100}
    kind, held = m.get("Q")
    return {"OVERDUE": next(iter(held.values()))} if kind in ("times", "bare") else None


@rule("ADD OBJ? TOCART", "REMOVE OBJ? FROMCART", "TOCART ADD", "FROMCART REMOVE", "TOCART")
def _cart(m: Match) -> Made:
    return {"EVENT": "cart" if m.has("TOCART") else "uncart"} | ({"OBJ+": m.get("OBJ")} if m.has("OBJ") else {})


@rule("PRICEWORD Q", "PRICEWORD CMP? NUM CMPPOST?", "Q PRICEWORD")
def _priced(m: Match) -> Made:
    if m.has("Q"):
        kind, held = m.get("Q")
        return {"PRICE": held} if kind in ("money", "bare") else None
    return {"PRICE": _compared(m, "NUM")}
