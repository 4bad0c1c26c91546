"""How probable is it that a user buys, spends or leaves?"""

from __future__ import annotations

import re

from jobs.audiences.ask.phrases.lengths import days_of
from jobs.audiences.ask.phrases.pattern import Made, Match, Rules, into, is_
from jobs.audiences.ask.vague import vague

RULES: Rules = []
rule = into(RULES)


def _likely(m: Match) -> float | None:
    numbers = vague().numbers
    return numbers.unlikely if m.has("UNLIKELY", "LOW") else numbers.likely


def _ahead(m: Match) -> int | None:
    """The days that it is foretold for."""
    if m.has("FUTURESPAN"):
        return m.get("FUTURESPAN")
    return days_of(m.get("WITHINSPAN", "SPAN")) if m.has("WITHINSPAN", "SPAN") else 28


def probable(m: Match, column: str) -> Made:
    if (held := m.get("QPCT")) is not None:
        return is_(column, {how: [v / 100 for v in n] if isinstance(n, list) else n / 100 for how, n in held.items()})
    if (q := m.get("Q")) is not None:
        return (
            is_(column, q[1])
            if q[0] == "bare" and all(0 <= n <= 1 for n in q[1].values() if not isinstance(n, list))
            else None
        )
    number = _likely(m)
    return is_(column, {"less_than": number} if m.has("UNLIKELY", "LOW") else {"at_least": number})


@rule(
    "FUTURESPAN|WITHINSPAN|SPAN? RISK|CHURN PROBABILITY? BELONG|WAS? Q|QPCT|HIGH|LOW FUTURESPAN|WITHINSPAN?",
    "FUTURESPAN|WITHINSPAN LIKELY|UNLIKELY CHURN|PEOPLE",
    "LIKELY|UNLIKELY CHURN FUTURESPAN|WITHINSPAN?",
    "LIKELY|UNLIKELY PEOPLE FUTURESPAN?",
    "HIGH|LOW RISK",
    "HIGH|LOW CHURN",
    "RISK HIGH|LOW",
    "RISK Q|QPCT",
    "HIGH|LOW PEOPLE RISK",
    "QPCT RISK",
    "PEOPLE RISK HIGH|LOW",
)
def _churn(m: Match) -> Made:
    if m.has("PEOPLE") and m.said("PEOPLE") not in ("流失", "churned", "lapsed", "lost", "lapse"):
        return None
    days = _ahead(m)
    return probable(m, "churn_28d") if days == 28 else None


@rule("LIKELY FUTURESPAN EVENT Q", "FUTURESPAN LIKELY EVENT Q", "LIKELY EVENT Q FUTURESPAN")
def _expected_to_spend(m: Match) -> Made:
    kind, held = m.get("Q")
    fits = m.get("EVENT") == "spend" and m.get("FUTURESPAN") == 28 and kind in ("money", "bare")
    return is_("spend_28d", held) if fits and re.match("预|expect|predict", m.said("LIKELY")) else None


@rule(
    "LIKELY FUTURESPAN|WITHINSPAN LIKELY|UNLIKELY EVENT OBJ?",
    "FUTURESPAN LIKELY|UNLIKELY? EVENT OBJ?",
    "FUTURESPAN|WITHINSPAN LIKELY|UNLIKELY EVENT OBJ?",
    "LIKELY|UNLIKELY FUTURESPAN|WITHINSPAN? NEG? EVENT|BACK OBJ? FUTURESPAN|WITHINSPAN?",
    "FUTURESPAN? HIGH|LOW CHANCE FUTURESPAN|WITHINSPAN?",
    "FUTURESPAN? CHANCE HIGH|LOW",
    "FUTURESPAN|WITHINSPAN|SPAN? CHANCE BELONG|WAS? FUTURESPAN|WITHINSPAN? Q|QPCT FUTURESPAN?",
    "Q|QPCT CHANCE FUTURESPAN|WITHINSPAN?",
    "LIKELY|UNLIKELY BUYERS FUTURESPAN|WITHINSPAN?",
    "CHANCE FUTURESPAN|WITHINSPAN Q|QPCT|HIGH|LOW",
)
def _buying(m: Match) -> Made:
    if (m.has("EVENT") and m.get("EVENT") not in ("purchase", "spend")) or m.has("NEG"):
        return None
    if m.found[0][0] == "FUTURESPAN" and m.before is not None and "LIKELY" in m.before:
        return None  # 预计未来7天会: of the word before it
    days = _ahead(m)
    if (things := m.get("OBJ")) is not None:
        fits = len(things) == 1 and set(things[0]) == {"category"} and days in (28, 30) and m.has("LIKELY")
        return is_("next_categories", things[0]["category"]) if fits else None
    if days not in (7, 28) and days and re.match("预", m.said("LIKELY")) and m.has("FUTURESPAN", "WITHINSPAN"):
        return is_("days_to_next_order", {"at_most": days})
    return probable(m, f"purchase_{days}d") if days in (7, 28) else None


@rule("EXPECTED Q FUTURESPAN?", "FUTURESPAN? EXPECTED Q", "EXPECTED FUTURESPAN Q")
def _expected(m: Match) -> Made:
    kind, held = m.get("Q")
    return is_("spend_28d", held) if kind in ("money", "bare") and (m.get("FUTURESPAN") or 28) == 28 else None


@rule("ORDERS EXPECTED|LIKELY FUTURESPAN|WITHINSPAN", "LIKELY ORDERS FUTURESPAN|WITHINSPAN")
def _next_order(m: Match) -> Made:
    """An order expected within three days."""
    fits = m.said("LIKELY") in ("expected", "predicted", "expected to") or m.has("EXPECTED")
    days = _ahead(m)
    return is_("days_to_next_order", {"at_most": days}) if fits and days else None


@rule("USER PROBABILITY Q|QPCT", "USER Q|QPCT PROBABILITY")
def _with_probability(m: Match) -> Made:
    column = next(iter(m.get("USER").get("is", {})), "")
    return probable(m, column) if column.startswith(("purchase_", "churn_")) else None
