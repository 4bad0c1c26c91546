"""Which days does a clause speak of?"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from jobs.audiences.ask.phrases.dates import whole_month
from jobs.audiences.ask.phrases.lengths import DAYS, days_of, recent
from jobs.audiences.ask.phrases.pattern import Made, Match, Rules, into

_DAY = timedelta(days=1)
RULES: Rules = []
rule = into(RULES)


@rule("CMP? LAST|THEPAST SPAN WITHIN|AMONGEND?")
def _last(m: Match) -> Made:
    return None if m.has("CMP") and m.said("CMP") != "over" else recent(days_of(m.get("SPAN")))


@rule("THEPAST TUNIT", "LAST TUNIT")
def _past(m: Match) -> Made:
    unit = m.get("TUNIT")
    return recent(DAYS.get(unit)) if unit.startswith("half") or m.said("LAST") not in ("last", "前", "这") else None


@rule("LAST|THEPAST NUM CMPPOST?")
def _days_alone(m: Match) -> Made:
    number = m.get("NUM")
    return (
        recent(int(number))
        if number == int(number) and number >= 7 and not m.has("CMPPOST") and m.said("LAST") != "前"
        else None
    )


@rule("CAL? FESTIVAL NUM?")
def _festival(m: Match) -> Made:
    cal, said = m.get("CAL"), m.get("FESTIVAL")
    bare = m.said("FESTIVAL") in (
        "easter",
        "christmas",
        "xmas",
        "halloween",
        "thanksgiving",
        "圣诞",
        "valentine's",
        "valentines",
    )
    dated = (
        m.before and m.before.may("SINCE", "AFTERDATE", "BEFOREDATE", "UNTIL", "BETWEEN", "TO", "AND", "BELONG")
    ) or (m.after and m.after.may("TO", "UNTIL"))
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
        ahead = year is None and m.before and m.before.may("BEFOREDATE", "UNTIL") and (m.ds - days[-1]).days > 300
        if days[0] <= m.ds and ahead:
            return {"UNSAID": True}  # before Christmas, in December
        if days[0] <= m.ds:
            return {"DATE": days[0]} if len(days) == 1 else {"PERIOD": days}
    return None


# Month, weekday (1: Monday), which one of the month (-1: the last), days after it.
_MOVING = {
    "memorial day": (5, 1, -1, 0), "mother's day": (5, 7, 2, 0), "father's day": (6, 7, 3, 0),
    "labor day": (9, 1, 1, 0), "thanksgiving": (11, 4, 4, 0), "black friday": (11, 4, 4, 1),
    "cyber monday": (11, 4, 4, 4),
}  # fmt: skip


def _feast(said: str, year: int) -> tuple[date, ...]:
    if said in _MOVING:
        month, weekday, nth, later = _MOVING[said]
        days = [one for one in _days_of(year, month) if one.isoweekday() == weekday]
        return (days[nth - (nth > 0)] + later * _DAY,)
    if said == "easter":
        from pandas.tseries.offsets import Easter  # loaded by few sentences

        return ((datetime(year, 1, 1) + Easter()).date(),)
    return tuple(date(year, *map(int, day.split("-"))) for day in said.split())


def _days_of(year: int, month: int) -> list[date]:
    first, last = whole_month(year, month)
    return [first + n * _DAY for n in range((last - first).days + 1)]


@rule("FESTIVAL HOLIDAY", "DATE HOLIDAY")
def _holiday(_: Match) -> Made:
    """Days off around a feast, of which nobody says how many; unless they stand behind it in brackets."""
    return {"UNRECORDED": ""}


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


@rule("WEEKDAYOF")
def _day_of_a_week(m: Match) -> Made:
    """上周三: a day, not every Wednesday."""
    week, *days = m.get("WEEKDAYOF").split()
    monday = m.ds - timedelta(days=m.ds.weekday() + 7 * (week == "last"))
    found = tuple(monday + (int(day) - 1) * _DAY for day in days)
    if found[0] > m.ds:
        return {"UNSAID": True}
    return {"DATE": found[0]} if len(found) == 1 else {"PERIOD": found}


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
        "week_before": {"last_weeks": 1, "skip": 1}, "month_before": {"last_months": 1, "skip": 1},
        "last_week": {"last_weeks": 1}, "last_month": {"last_months": 1},
        "past_quarter": {"last_days": 90},
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


@rule("SINCE EDGE PERIOD", "PERIOD DECADE")
def _within_period(m: Match) -> Made:
    first, last = m.get("PERIOD")
    if m.has("EDGE"):
        return {"WINDOW": {"after": last if m.get("EDGE") == "last" else first - _DAY}}
    begin, end = map(int, m.get("DECADE").split())
    return {"PERIOD": (first.replace(day=begin), min(last, first + (end - 1) * _DAY))}


@rule("SINCE DATE|PERIOD|YEAR ONWARDS?", "DATE|PERIOD ONWARDS", "SINCE DATE|PERIOD AFTERDATE")
def _since(m: Match) -> Made:
    found = m.get("DATE", "PERIOD", "YEAR")
    if m.said("ONWARDS") == "开始" and not m.has("SINCE"):
        return {"UNSAID": True}  # 3月开始买: since then, or for the first time?
    return {"WINDOW": {"after": (found[0] if isinstance(found, tuple) else found) - _DAY}}


def _displaced(m: Match, *kinds: str) -> bool:
    """Whether "after" stands behind its day in English, or before it in Chinese: it is of something else."""
    return any(kind in kinds and token.said.isascii() == (place > 0) for place, (kind, token) in enumerate(m.found))


@rule("AFTERDATE DATE|PERIOD|YEAR", "DATE|PERIOD AFTERDATE", "AFTER DATE|PERIOD|YEAR")
def _after(m: Match) -> Made:
    if _displaced(m, "AFTERDATE", "AFTER"):
        return None
    found = m.get("DATE", "PERIOD", "YEAR")
    return {"WINDOW": {"after": found[1] if isinstance(found, tuple) else found}}


@rule("BEFOREDATE DATE|PERIOD|YEAR", "DATE|PERIOD BEFOREDATE", "UNTIL DATE|PERIOD|YEAR", "DATE|PERIOD UNTIL")
def _before(m: Match) -> Made:
    if _displaced(m, "BEFOREDATE"):
        return None
    found = m.get("DATE", "PERIOD", "YEAR")
    first, last = found if isinstance(found, tuple) else (found, found)
    return {"WINDOW": {"before": last + _DAY if m.has("UNTIL") else first}}


@rule("DATE|PERIOD")
def _dated(m: Match) -> Made:
    found = m.get("DATE", "PERIOD")
    return {"WINDOW": {"between": list(found if isinstance(found, tuple) else (found, found))}}


@rule("BETWEEN? SPAN AGO TO|AND SPAN AGO INBETWEEN?", "SPANS AGO", "SPANS PRIOR")
def _spans_ago(m: Match) -> Made:
    if m.has("PRIOR") and m.said("PRIOR") not in ("之前的", "以前的"):
        return None
    if not m.has("SPANS"):
        low, high = sorted(days_of(span) or 0 for span in m.all("SPAN"))
        return recent(high - low + 1, skip=low) if low < high else None
    low, high, unit = m.get("SPANS")
    return recent((high - low + 1) * DAYS[unit], skip=low * DAYS[unit]) if unit in DAYS else None


@rule("CMP SPAN CMPPOST? AGO|BEFOREDATE", "SPAN CMPPOST AGO|BEFOREDATE")
def _long_ago(m: Match) -> Made:
    days, how = days_of(m.get("SPAN")), m.get("CMP", "CMPPOST")
    if not days or how not in ("more_than", "at_least"):
        return recent(days) if m.has("AGO") else None  # less than so many days ago
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


@rule("THAN PRIOR|LAST NUM")
def _than_so_many(m: Match) -> Made:
    """Versus the previous 30: days, as those before it."""
    number = m.get("NUM")
    fits = (
        number == int(number)
        and number >= 7
        and m.found[1][1].said in ("the previous", "previous", "the prior", "prior")
    )
    return {"THAN": "", "PRIORSPAN": int(number)} if fits else None


@rule("FUTURE SPAN WITHIN?", "FUTURE TUNIT")
def _future(m: Match) -> Made:
    span = m.get("SPAN") or (1, m.get("TUNIT"))
    if "following" in m.said("FUTURE"):
        return {"WITHINSPAN": span, "APART": ""}
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


@rule("FIRST BELONG? SPAN", "SPAN FIRST|FIRSTBUY")
def _first_for_so_long(m: Match) -> Made:
    """For the first time in three months: not the first one."""
    first = m.said("FIRST") or m.said("FIRSTBUY")
    return {"UNSAID": True} if first.startswith(("for the first time", "first time", "第一次", "首次")) else None


@rule("BREAK CMP SPAN WITHIN?")
def _between_steps(m: Match) -> Made:
    """中间不超过两周: of the step before."""
    return {"WITHINSPAN": m.get("SPAN"), "APART": ""} if m.get("CMP") == "at_most" else None


@rule("WITHIN? CMP? SPAN APART", "LAST|WITHIN|CMP? SPAN AFTERWARDS")
def _of_the_step_before(m: Match) -> Made:
    """No more than 14 days apart; in the 7 days after."""
    if m.get("CMP") not in (None, "at_most"):
        return None
    if m.has("APART"):
        return {"WITHINSPAN": m.get("SPAN"), "APART": ""}
    follows = m.after is not None and not m.after.may("AND", "BUT", "COMMA", "OR")
    return None if follows else {"WITHINSPAN": m.get("SPAN"), "APART": ""}


@rule("CMP SPAN THEN|AFTERDATE|AFTER", "SPAN CMPPOST THEN|AFTERDATE|AFTER")
def _not_later(m: Match) -> Made:
    return {"WITHINSPAN": m.get("SPAN")} if m.get("CMP", "CMPPOST") == "at_most" else None


@rule("WITHIN TUNIT", "WITHIN EACHCAL")
def _within_one(m: Match) -> Made:
    if m.has("EACHCAL") and not m.said("EACHCAL").startswith("a "):
        return None
    return {"WITHINSPAN": (1, m.get("TUNIT", "EACHCAL"))}


@rule("WHOLE WITHIN? CMP? SPAN WITHIN?")
def _all_within(m: Match) -> Made:
    """From the first step to the last."""
    fits = m.has("WITHIN") or m.get("CMP") == "at_most" or "WITHIN" in m.found[0][1]
    return {"WITHINSPAN": m.get("SPAN"), "WHOLE": ""} if fits and m.get("CMP") in (None, "at_most") else None


@rule("WITHIN SPAN", "SPAN WITHIN", "CMP SPAN WITHIN")
def _within(m: Match) -> Made:
    return {"WITHINSPAN": m.get("SPAN")} if not m.has("CMP") else None


@rule("LASTBUY BELONG|WAS? SPAN AGO|BEFOREDATE|FORMERLY", "LASTBUY BELONG|WAS? CMP SPAN AGO|BEFOREDATE|FORMERLY",
      "LASTBUY BELONG PRIORSPAN")  # fmt: skip
def _last_was_ago(m: Match) -> Made:
    days, how = m.get("PRIORSPAN") or days_of(m.get("SPAN")), m.get("CMP") or "at_least"
    if not days or how not in ("at_least", "more_than"):
        return None
    return {"LASTBUY": "", "WINDOW+": {"before_days": days + (how == "more_than")}}


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
        "不如",
        "比不上",
        "赶不上",
        "逊于",
        "超越",
        "higher than",
        "lower than",
    ):
        return None
    than = {"WINDOW+": m.get("WINDOW")} if m.has("WINDOW") else {}
    than |= {kind: m.get(kind) for kind in ("PRIORSPAN", "PRIOR") if m.has(kind)}
    return {"COMPARED": how, "THAN": ""} | than


@rule("EVER", "EVERSUM")
def _ever(m: Match) -> Made:
    return {"WINDOW": {"ever": True}} | ({"EVERSUM": ""} if m.has("EVERSUM") else {})
