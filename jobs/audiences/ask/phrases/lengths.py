"""How long is a time, and which window has this length?"""

from __future__ import annotations

from datetime import date
from typing import Any

from jobs.audiences.ask.phrases.dates import whole_month
from jobs.audiences.ask.phrases.pattern import Made, Match, Rules, into

DAYS = {"halfyear": 180, "halfmonth": 15, "fortnight": 14, "day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}
RULES: Rules = []
rule = into(RULES)


@rule("SINCE NUM TO NUM TUNIT", "NUM TO NUM TUNIT", "BETWEEN NUM AND NUM TUNIT")
def _spans(m: Match) -> Made:
    low, high = m.all("NUM")
    if m.said("TUNIT") == "月" and 1 <= low < high <= 12:
        year = m.ds.year - (high > m.ds.month)
        return {"PERIOD": (date(year, int(low), 1), whole_month(year, int(high))[1])}
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
    if m.said("TUNIT") == "号":
        return None  # a day of the month
    if m.has("NUM") and m.found[1][1].start - m.found[0][1].end > 1:
        return None  # 100 a week
    return {"SPAN": (int(number), m.get("TUNIT"))} if number == int(number) and number > 0 else None


@rule("TUNIT")
def _span_alone(m: Match) -> Made:
    return {"SPAN": (1, m.get("TUNIT"))} if m.get("TUNIT") in ("halfyear", "halfmonth", "fortnight") else None


@rule("BETWEEN? SPAN TO|AND SPAN INBETWEEN?")
def _span_to_span(m: Match) -> Made:
    """Between 100 days and 200 days."""
    (low, unit), (high, other) = m.all("SPAN")
    if unit != other or low >= high or (m.has("AND") and not m.has("BETWEEN", "INBETWEEN")):
        return None
    dated = any(token.said.endswith(("日", "号")) for kind, token in m.found if kind == "SPAN")
    return None if dated else {"SPANS": (low, high, unit)}


def days_of(span: tuple[int, str]) -> int | None:
    number, unit = span
    if unit == "hour" and number % 24 == 0:
        return number // 24
    return number * DAYS[unit] if unit in DAYS else None


def recent(days: int | None, **more: Any) -> Made:
    return {"WINDOW": {"last_days": days} | more} if days and days <= 3660 else None


def periods(span: tuple[int, str], **more: Any) -> Made:
    number, unit = span
    key = {"day": "last_days", "week": "last_weeks", "month": "last_months"}.get(unit)
    return {"WINDOW": {key: number} | more} if key and number <= 60 else None
