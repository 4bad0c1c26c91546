"""How regularly: each week, every so many days, in so many of the last months?"""

from __future__ import annotations

import re

from jobs.audiences.ask.phrases.lengths import DAYS, days_of, periods
from jobs.audiences.ask.phrases.pattern import Made, Match, Rules, into
from jobs.audiences.ask.vague import vague

RULES: Rules = []
rule = into(RULES)


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
    if m.has("EACHCAL") and m.said("EACHCAL").startswith("a "):
        return None  # twice a month in the last six
    if cal and cal != unit:
        days = days_of((number, unit))
        if unit == "year" and cal == "month":
            return periods((12 * number, "month"), each=True)
        if unit in ("month", "year", "day") and cal == "week" and days:
            return periods((days // 7, "week"), each=True)
        return None
    return periods((number, unit), each=True)


@rule("EACHCAL LAST|THEPAST NUM")
def _each_of_so_many(m: Match) -> Made:
    return periods((int(m.get("NUM")), m.get("EACHCAL")), each=True)


@rule("ABOUT? EACHCAL|EACH NTIMES", "ABOUT NTIMES EACHCAL", "ABOUT EACHCAL Q", "ABOUT EACHCAL")
def _about_every(m: Match) -> Made:
    if not m.has("ABOUT") or m.has("EACH"):
        return None
    low, high = {"month": (20, 40), "week": (5, 9)}.get(m.get("EACHCAL"), (0, 0))
    return {"EVERY": [low, high]} if low else None


@rule("ABOUT EACH SPAN", "EACH SPAN ABOUT", "ABOUT EACH NUM TUNIT")
def _about_every_so_many(m: Match) -> Made:
    """Two thirds to four thirds of it: about every two weeks is 10 to 18 days."""
    number, unit = m.get("SPAN") or (int(m.get("NUM")), m.get("TUNIT"))
    days = {"week": (5, 9), "month": (20, 40)}.get(unit)
    return {"EVERY": [number * days[0], number * days[1]]} if days else None


@rule("EACH SPANS", "BREAK SPANS", "SPANS APART")
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
    if unit == "day" and not m.has("LAST", "THEPAST"):
        return {"UNSAID": True}  # any three days
    return periods((number, unit), each=True)


@rule("NEGANY EVENT")
def _did_not_come_to(m: Match) -> Made:
    """没来买过 is one negation: has not bought."""
    (_, came), (_, done) = m.found
    fits = came.said.endswith(("来", "去")) and came.end == done.start
    said = "purchase" if m.get("EVENT") == "spend" else m.get("EVENT")
    return {"NEG": "never" if "一次" in came.said else "", "NEG+": said, "ELIDED": True} if fits else None


@rule("NEGANY")
def _no_show(_: Match) -> Made:
    return {"NEG": "", "NEG+": "any"}


@rule("SHUN EVENT?")
def _shunned(m: Match) -> Made:
    said = m.get("EVENT") or "purchase"
    open_ = {} if m.has("EVENT") else {"ELIDED": True}  # of what, another clause may say
    return {"NEG": "", "NEG+": "purchase" if said == "spend" else said} | open_


@rule("ABOUT CHURN")
def _about_to(m: Match) -> Made:
    return {"USER": {"is": {"churn_28d": {"at_least": vague().numbers.likely}}}} if m.said("ABOUT") == "about" else None


@rule("EACH TUNIT")
def _each_unit(m: Match) -> Made:
    return {"EACHCAL": m.get("TUNIT")} if m.get("TUNIT") in ("day", "week", "month", "quarter") else None


@rule("LAST|THEPAST NUM TIMES|ORDERS")
def _last_orders(m: Match) -> Made:
    """The last three orders: nothing counts back by orders."""
    return {"UNSAID": True}


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
    if m.before and "CMP" in m.before:
        return None
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
    if spans[:1] == spans[1:] and whole[1] == "day" and how != "exactly" and not m.has("CMP", "CMPPOST"):
        return None  # 这45天里(近45天)
    if whole[1] == "day" and m.has("NUM"):
        return {"WINDOW": {"last_days": whole[0]}, "Q+": ("days", {"at_least": wanted})}
    return periods(whole, at_least_in=wanted)


def _in_months(span: tuple[int, str]) -> tuple[int, str]:
    number, unit = span
    months = {"halfyear": 6, "quarter": 3, "year": 12}.get(unit)
    return (number * months, "month") if months else span
