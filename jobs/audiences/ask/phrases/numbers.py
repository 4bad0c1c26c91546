"""Which words are a share, and which a sum of money?"""

from __future__ import annotations

from decimal import Decimal

from jobs.audiences.ask.phrases.pattern import Made, Match, Rules, into

RULES: Rules = []
rule = into(RULES)


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
