"""Which words are a share, and which a sum of money?"""

from __future__ import annotations

import re
from decimal import Decimal

from jobs.audiences.ask.phrases.pattern import Made, Match, Rules, into, is_

RULES: Rules = []
rule = into(RULES)


@rule("ORDERS MOST TOP? FRACTION", "TOP TUNIT", "MOST? TOP FRACTION", "MOST FRACTION")
def _top_part(m: Match) -> Made:
    if m.has("TUNIT"):
        return {"TOPN": {"percent": Decimal(25)}} if m.said("TUNIT") == "quarter" else None
    ranked = next((token for kind, token in m.found if kind == "MOST" and "MEASURE" in token), None)
    by = {"MEASURE": m.get("ORDERS") or (ranked and ranked["MEASURE"])} if ranked or m.has("ORDERS") else {}
    return {"TOPN": {"percent": Decimal(m.get("FRACTION"))}} | by


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


@rule("NUM TO PCT")
def _to_percent(m: Match) -> Made:
    """40-60 %, 四到六成: both ends."""
    low = m.get("NUM") * (10 if m.said("PCT").endswith("成") else 1)
    return {"PCTS": [low, m.get("PCT")]} if low < m.get("PCT") else None


@rule("RFMWORD CMP|WAS? NUM OR|COMMA NUM", "RFMWORD CMP|WAS? NUM AGE?")
def _rfm(m: Match) -> Made:
    """A code, not a number: RFM 555, of who are 555s."""
    fits = m.get("CMP") in (None, "exactly") and m.said("AGE") in ("", "s")
    codes = list(map(str, m.all("NUM")))
    fits &= all(re.fullmatch("[1-5]{3}", code) for code in codes)
    return is_("rfm_class", codes if len(codes) > 1 else codes[0]) if fits else None


@rule("CURRENCY NUM CURRENCY?", "NUM CURRENCY")
def _money(m: Match) -> Made:
    signs = [token for kind, token in m.found if kind == "CURRENCY"]
    if len(signs) == 2 and signs[1].said in "$¥€£":
        return None  # $25 to $75
    return {"MONEY": m.get("NUM")}
