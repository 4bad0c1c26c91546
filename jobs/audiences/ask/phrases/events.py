"""What was done, where several words of a sentence say it?"""

from __future__ import annotations

from jobs.audiences.ask.phrases.pattern import Made, Match, Rules, into
from jobs.audiences.ask.phrases.quantities import compared

RULES: Rules = []
rule = into(RULES)


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


@rule("ADD OBJ|Q|SAME? TOCART", "REMOVE OBJ? FROMCART", "TOCART ADD", "FROMCART REMOVE", "TOCART", "REMOVE SAME")
def _cart(m: Match) -> Made:
    also = {f"{kind}+": m.get(kind) for kind in ("OBJ", "Q", "SAME") if m.has(kind)}
    return {"EVENT": "cart" if m.has("TOCART") else "uncart"} | also


@rule("EXCEPT OBJ REST? NEG EVENT")
def _nothing_else(m: Match) -> Made:
    """除了香烟什么都没买: cigarettes alone."""
    if m.said("NEG")[0] not in "什啥一":
        return None
    return {"EVENT": m.get("EVENT"), "OBJ+": m.get("OBJ"), "EXCLUSIVE+": True}


@rule("ALWAYS EVENT? DISCOUNTED|FULLPRICE|HOURLIST|WEEKDAYLIST EVENT?")
def _always(m: Match) -> Made:
    kind, token = next((kind, token) for kind, token in m.found if kind not in ("ALWAYS", "EVENT"))
    return {"EVENT": m.get("EVENT") or "purchase", "EXCLUSIVE+": True, f"{kind}+": token[kind]}


@rule("PRICEWORD Q", "PRICEWORD CMP? NUM CMPPOST?", "Q PRICEWORD")
def _priced(m: Match) -> Made:
    if m.has("Q"):
        kind, held = m.get("Q")
        return {"PRICE": held} if kind in ("money", "bare") else None
    return {"PRICE": compared(m, "NUM")}
