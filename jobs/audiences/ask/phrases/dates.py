"""Which day, month, quarter or year of the calendar?"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

from jobs.audiences.ask.phrases.pattern import Made, Match, Rules, into

RULES: Rules = []
rule = into(RULES)


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
    "BETWEEN NUM|ORD|FIRST TO|AND NUM|ORD MONTHNAME NUM?",
    "SINCE? NUM TUNIT NUM TUNIT NUM TUNIT TO NUM TUNIT",
    "SINCE? NUM TUNIT NUM TUNIT TO NUM TUNIT",
)
def _days_of_a_month(m: Match) -> Made:
    numbers, units = [int(n or 1) for n in m.all("NUM", "ORD", "FIRST")], m.all("TUNIT")
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


@rule("MONTHNAME OR MONTHNAME NUM", "MONTHNAME OR MONTHNAME")
def _either_month(m: Match) -> Made:
    """August or September 2017: both of one year, and next to each other."""
    first, last = (int(n) for n in m.all("MONTHNAME"))
    year = int(m.get("NUM") or m.ds.year - (last > m.ds.month))
    fits = last == first + 1 and 1990 <= year <= m.ds.year
    return {"PERIOD": (date(year, first, 1), whole_month(year, last)[1])} if fits else None


@rule(
    "BETWEEN MONTHNAME AND|TO MONTHNAME NUM?", "SINCE MONTHNAME TO|UNTIL MONTHNAME NUM?", "MONTHNAME TO MONTHNAME NUM?"
)
def _month_to_month(m: Match) -> Made:
    first, last = (int(n) for n in m.all("MONTHNAME"))
    year = int(m.get("NUM") or m.ds.year - (last > m.ds.month))
    fits = first < last and 1990 <= year <= m.ds.year
    return {"PERIOD": (date(year, first, 1), whole_month(year, last)[1])} if fits else None


@rule("PERIOD OR PERIOD")
def _either_period(m: Match) -> Made:
    (first, end), (begin, last) = m.all("PERIOD")
    return {"PERIOD": (first, last)} if begin.toordinal() == end.toordinal() + 1 else None


@rule("CAL NUM TUNIT NUM TUNIT", "NUM TUNIT NUM TUNIT NUM TUNIT?", "NUM TUNIT NUM TUNIT")
def _chinese_date(m: Match) -> Made:
    units, numbers = m.all("TUNIT"), [int(n) for n in m.all("NUM")]
    said = [token.said for kind, token in m.found if kind == "TUNIT"]
    if m.has("CAL"):
        fits = m.get("CAL") in ("this_year", "last_year") and units == ["month", "day"] and said[0] == "月"
        found = _latest(m, numbers[0], numbers[1], m.ds.year - (m.get("CAL") == "last_year")) if fits else None
        return {"DATE": found} if found else None
    try:
        if units[:2] == ["year", "month"] and said[1] == "月" and numbers[0] > 1900:
            if len(numbers) == 3:
                return {"DATE": date(*numbers)} if units[2:] in (["day"], []) else None
            return {"PERIOD": whole_month(numbers[0], numbers[1])}
        if len(numbers) == 2 and units == ["month", "day"] and said == ["月", said[1]]:
            return {"DATE": found} if (found := _latest(m, *numbers)) else None
    except ValueError:
        return None
    return None


@rule("NUM TUNIT QUARTERNAME|HALFNAME", "CAL? QUARTERNAME|HALFNAME NUM?")
def _part_of_year(m: Match) -> Made:
    held = m.before and m.before.may("CMP") and m.before.said not in ("高于", "多于", "低于", "少于", "大于", "小于")
    if held or (m.before and m.before.may("LAST", "EACH", "FUTURE")):
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
    return {"PERIOD": (date(of, first, 1), whole_month(of, first + size - 1)[1])}


@rule("FIRST MONTHNAME")
def _first_of_a_month(m: Match) -> Made:
    """The first of November."""
    found = _latest(m, int(m.get("MONTHNAME")), 1)
    return {"DATE": found} if found and m.said("FIRST") == "the first" else None


@rule("ORD")
def _day_of_this_month(m: Match) -> Made:
    """Since the 24th: the last one."""
    if not (m.before and m.before.may("SINCE", "AFTERDATE", "AFTER", "BEFOREDATE", "UNTIL")):
        return None
    if not 1 <= m.get("ORD") <= 31 or (m.after and m.after.may("ORDERS", "TIMES", "MONTHNAME", "EVENT")):
        return None
    days = (_latest(m, month, int(m.get("ORD"))) for month in (m.ds.month, m.ds.month - 1 or 12))
    found = next((day for day in days if day and (m.ds - day).days < 31), None)
    return {"DATE": found} if found else None


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
    return {"PERIOD": whole_month(year or (m.ds.year if month <= m.ds.month else m.ds.year - 1), month)}


def whole_month(year: int, month: int) -> tuple[date, date]:
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
        return {"PERIOD": whole_month(year, number)}
    if unit == "year" and 1990 <= number <= 2100 and not cal:
        return {"PERIOD": (date(number, 1, 1), date(number, 12, 31))}
    return None


@rule("NUM")
def _year(m: Match) -> Made:
    number = m.get("NUM")
    if m.before and "TOP" in m.before and m.before.said.startswith(("前", "top")):
        return None  # 前2000人
    if number == int(number) and 2000 <= number <= m.ds.year and re.fullmatch(r"\d{4}", m.said("NUM")):
        return {"NUM": number, "YEAR": (date(int(number), 1, 1), date(int(number), 12, 31))}
    return None


@rule("PERIOD AND|COMMA PERIOD")
def _neither_period(m: Match) -> Made:
    """10月和11月都没: in none of them."""
    undone = m.after is not None and m.after.may("NEG", "NEGANY") and m.after.said.startswith("都")
    return _either_period(m) if undone else None
