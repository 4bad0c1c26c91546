"""Which users does a word for people mean, and in which days?"""

from __future__ import annotations

from jobs.audiences.ask.phrases.chances import probable
from jobs.audiences.ask.phrases.lengths import days_of, recent
from jobs.audiences.ask.phrases.pattern import Made, Match, Rules, into, is_

RULES: Rules = []
rule = into(RULES)


@rule("PEOPLE OBJ", "OBJ PEOPLE")
def _repeat_buyers(m: Match) -> Made:
    back = ("回头客", "老客", "老客户") if m.found[0][0] == "OBJ" else ("复购", "repeat buyers", "repeat customers")
    if m.found[0][0] == "OBJ" and m.before and "EVENT" in m.before:
        return None  # 买过茶的老客
    if m.said("PEOPLE") not in back or (m.before and "WITHINSPAN" in m.before):
        return None
    return {"EVENT": "purchase", "OBJ+": m.get("OBJ"), "Q+": ("orders", {"at_least": 2})}


@rule("PEOPLE OBJ")
def _spenders_on(m: Match) -> Made:
    """Big spenders on make-up: by what they spend on it."""
    fits = m.said("PEOPLE") in ("big spender", "big spenders")
    return {"EVENT": "spend", "OBJ+": m.get("OBJ"), "HEAVY+": True} if fits else None


@rule("PEOPLE OBJ BUYERS")
def _lapsed_buyers(m: Match) -> Made:
    """Lapsed coffee buyers: who buys no coffee any more, or nothing."""
    rule_, things = m.get("PEOPLE"), m.get("OBJ")
    parts = rule_.get("all", ())
    if len(things) != 1 or len(parts) != 2 or parts[0] != {"did": "purchase"}:
        return None
    bought = {"did": "purchase", "where": {k: v[0] if len(v) == 1 else v for k, v in things[0].items()}}
    no_more = {"all": [bought, {"not": bought | {"in": parts[1]["not"]["in"]}}]}
    return {"USER": {"PICK": [no_more, {"all": [bought, *parts[1:]]}]}}


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
    "PEOPLE COMMA WINDOW",
)
def _active(m: Match) -> Made:
    """Words for who is here, or not, of other days than theirs."""
    said = m.said("PEOPLE")
    if m.has("COMMA") and m.after is not None:
        return None
    if m.found[0][0] == "WINDOW" and m.before is None and m.after is not None and "AMONGEND" in m.after:
        return None  # 近90天老客中: the days of all that follows
    window = m.get("WINDOW")
    follows = m.after is not None and m.after.may("NEG", "NEGANY", "EVENT", "EACHCAL", "Q", "ONLY", "OBJ", "FIRSTBUY")
    if m.found[0][0] == "PEOPLE" and not said.isascii() and follows and said != "活跃":
        return None  # the days are of what follows
    if m.has("QSPAN") and set(m.get("PEOPLE")) == {"then", "same"}:
        undone = _undone_for(m.get("PEOPLE"), *m.get("QSPAN"))
        return {"USER": undone} if undone else None
    if m.has("QSPAN") and said not in ("active", "活跃"):
        held, unit = m.get("QSPAN")
        how, number = next(iter(held.items()))
        window = recent(days_of((number, unit)) if how in ("at_least", "more_than") else None)
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
    if window and set(rule_) in ({"first", "in"}, {"then", "same"}):
        return {"USER": rule_ | {"in": window}}
    return None


def _undone_for(rule_: dict, held: dict, unit: str) -> dict | None:
    """加购未付款超48小时: not within that time."""
    how, number = next(iter(held.items()))
    if how not in ("at_least", "more_than") or not (unit == "hour" or days_of((number, unit))):
        return None
    limit = {"hours": number} if unit == "hour" else {"days": days_of((number, unit))}
    *steps, last = rule_["then"]
    return rule_ | {"then": [*steps, last | {"within": limit}]}


@rule("RISK")
def _at_risk(m: Match) -> Made:
    return (
        probable(m, "churn_28d")
        if m.said("RISK").startswith(("at risk", "有", "将", "即", "快", "濒", "潜", "容易", "易"))
        else None
    )


@rule("CONSENT", "REFUSED")
def _consent(m: Match) -> Made:
    return is_("marketing_consent", m.has("CONSENT"))
