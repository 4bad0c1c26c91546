"""What is a number that no other rule took: a bare quantity, a year, the top of a rank?"""

from __future__ import annotations

from jobs.audiences.ask.phrases.pattern import Made, Match, Rules, into
from jobs.audiences.ask.phrases.quantities import compared

_MONEY = 20  # 买满20: money, of whatever unit
RULES: Rules = []
rule = into(RULES)


@rule(
    "BETWEEN NUM AND|TO NUM INBETWEEN?",
    "NUM TO NUM INBETWEEN?",
    "NUM AND NUM INBETWEEN",
    "CMP NUM CMPPOST?",
    "NUM CMPPOST",
    "ONLY NUM",
)
def _bare(m: Match) -> Made:
    if m.has("CMP") and m.has("CMPPOST"):
        return None
    full = m.said("CMP").startswith("满") and m.get("NUM") >= _MONEY
    sum_ = full and m.before is not None and m.before.kinds.get("EVENT") == "purchase"
    return {"Q": ("money" if sum_ else "bare", held)} if (held := compared(m, "NUM")) else None


@rule("RANK UNIT|ORDERS")
def _ranked_by(m: Match) -> Made:
    """Top 5 % by pieces."""
    return {"MEASURE": m.get("UNIT", "ORDERS")} if m.said("RANK") in ("by", "ranked by", "按") else None


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
