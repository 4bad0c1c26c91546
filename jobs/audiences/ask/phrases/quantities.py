"""How many, how much, and of what? `Q` is a kind (money, orders, times, days ..., bare) and a comparison."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from jobs.audiences.ask.phrases.pattern import Made, Match, Rules, into

RULES: Rules = []
rule = into(RULES)


def compared(m: Match, *kinds: str, per: Callable[[Any], Any] = lambda n: n) -> dict[str, Any] | None:
    found = [per(n) for n in m.all(*kinds)]
    if len(found) == 2:
        return {"between": found} if found[0] <= found[1] else None
    if m.has("ONLY"):
        how = m.get("CMP", "CMPPOST")
        return {how or "exactly": found[0]} if how in (None, "exactly", "at_most", "less_than") else None
    if found[0] == 0 and not m.has("CMP", "CMPPOST"):
        return {"exactly": found[0]}
    how = [kind for kind in m.all("CMP", "CMPPOST") if kind]
    if len(how) == 2 and how[0] != how[1]:
        return None
    return {how[0] if how else "at_least": found[0]}


@rule(
    "BETWEEN? MONEY TO|AND MONEY INBETWEEN?",
    "BETWEEN? NUM|MONEY TO|AND MONEY INBETWEEN?",
    "ONLY? CMP? MONEY CMPPOST?",
    "CURRENCY NUM TO NUM",
)
def _of_money(m: Match) -> Made:
    if len(m.all("MONEY", "NUM")) == 2 and m.has("AND") and not m.has("BETWEEN", "INBETWEEN"):
        return None
    held = compared(m, "NUM", "MONEY")
    return {"Q": ("money", held)} if held else None


@rule("CMP? NUM|NTIMES TIMESOVER CMPPOST?")
def _times_over(m: Match) -> Made:
    held = compared(m, "NUM", "NTIMES", per=lambda n: 100 * n)
    return {"QPCT": held} if held else None


@rule("CMP NUM ORDERS|TIMES|UNIT? AND|BUT CMP NUM ORDERS|TIMES|UNIT")
def _from_so_many_to(m: Match) -> Made:
    ends = {}
    for how, number in zip(m.all("CMP"), m.all("NUM"), strict=True):
        side = "low" if how in ("at_least", "more_than") else "high"
        ends[side] = number + {"more_than": 1, "less_than": -1}.get(how, 0)
    if ends.keys() != {"low", "high"} or ends["low"] > ends["high"] or "exactly" in m.all("CMP"):
        return None
    return {"Q": (m.all("ORDERS", "TIMES", "UNIT")[-1], {"between": [ends["low"], ends["high"]]})}


@rule("ORDERS BETWEEN NUM AND|TO NUM", "ORDERS CMP NUM", "ORDERS NUM CMPPOST")
def _orders_between(m: Match) -> Made:
    """As tables write it: orders > 10."""
    held = compared(m, "NUM")
    return {"Q": ("orders", held)} if held and (m.said("ORDERS").isascii() or m.said("ORDERS") == "订单") else None


@rule("ORDINAL NUM ORDERS", "ORD ORDERS")
def _so_many_by_then(m: Match) -> Made:
    """The second order, 第二单: two or more of them."""
    number = Decimal(m.get("NUM", "ORD"))
    return {"Q": ("orders", {"at_least": number}), "NTH": ""} if 2 <= number <= 100 else None


@rule("CMP? NUM AMONG|BELONG NUM", "CMP? NUM AMONG|BELONG NUM ORDERS")
def _so_many_of(m: Match) -> Made:
    """One in ten of their orders."""
    part, whole = m.all("NUM")
    if not 0 < part < whole or m.said("BELONG") not in ("", "in") or m.said("AMONG") not in ("", "out of"):
        return None
    if not (m.has("ORDERS") or (m.after and m.after.may("AMONG", "ORDERS"))):
        return None
    unit = {"unit": "orders"} if m.has("ORDERS") else {}
    return {"QPCT": {m.get("CMP") or "at_least": 100 * part / whole}} | unit


@rule(
    "BETWEEN NUM AND|TO NUM ORDERS|TIMES|UNIT|MEASURE INBETWEEN?",
    "NUM TO NUM ORDERS|TIMES|UNIT INBETWEEN?",
    "NUM OR NUM ORDERS|TIMES|UNIT",
    "BETWEEN? NUM ORDERS|TIMES|UNIT TO|AND NUM ORDERS|TIMES|UNIT INBETWEEN?",
    "ONLY? CMP? NUM CMPPOST? ORDERS|TIMES|UNIT CMPPOST?",
    "ONLY? CMP? NTIMES CMPPOST?",
)
def _counted(m: Match) -> Made:
    if m.before is not None and "TOP" in m.before and m.has("ORDERS"):
        return None  # the top 100 by orders
    if len(set(m.all("CMP", "CMPPOST"))) > 1:  # 至少3单以上 is one comparison
        return None
    if m.has("AND") and not m.has("BETWEEN", "INBETWEEN"):
        return None
    if m.has("OR") and m.all("NUM")[1] != m.all("NUM")[0] + 1:
        return None
    held, kinds = compared(m, "NUM", "NTIMES"), m.all("ORDERS", "UNIT", "TIMES")
    return {"Q": (kinds[0] if kinds else "times", held)} if held and len(set(kinds)) < 2 else None


@rule("EVENT? ONLY? CMP? NUM CMPPOST? OBJ ORDERS|TIMES|UNIT CMPPOST?", "EVENT? ONLY? CMP? NUM CMPPOST? OBJ EVENT")
def _counted_of(m: Match) -> Made:
    """At least two coffee orders; one beer purchase."""
    done = m.all("EVENT")
    noun = [token.said for kind, token in m.found if kind == "EVENT"][-1:] if m.found[-1][0] == "EVENT" else []
    number = next(token for kind, token in m.found if kind == "NUM")
    first = done[0] if m.found[0][0] == "EVENT" else done[-1] if noun else "purchase"
    if not number.said.isascii() or (noun and noun[0] not in ("purchase", "purchases", "view", "views", "order")):
        return None
    if len([1 for kind, _ in m.found if kind in ("CMP", "CMPPOST")]) > 1 or (m.before and m.before.may("TOP", "LAST")):
        return None
    if noun and len(done) > 1 and done[0] != done[1]:
        return None
    held = compared(m, "NUM")
    kind = m.get("ORDERS", "TIMES", "UNIT") or "times"
    return {"EVENT": first, "OBJ+": m.get("OBJ"), "Q+": (kind, held)} if held and first != "spend" else None


@rule("EVENT? NUM OBJ CMPPOST", "EVENT? ONLY? CMP? NUM CMPPOST? OBJ")
def _pieces_of(m: Match) -> Made:
    """At least ten yogurts."""
    number, thing = (next(token for kind, token in m.found if kind == one) for one in ("NUM", "OBJ"))
    plural = thing.said.isascii() and thing.said.endswith("s") and not thing.said.endswith("ss") and m.get("NUM") > 1
    after = m.after is not None and m.after.may(
        "ORDERS", "TIMES", "UNIT", "EVENT", "BUYERS", "MEASURE", "TUNIT", "OBJ", "AND", "OR", "TO", "BETWEEN"
    )
    before = m.before is not None and m.before.may(
        "TOP", "LAST", "THEPAST", "MOST", "AMONG", "CURRENCY", "BETWEEN", "TO"
    )
    last = [token for kind, token in m.found if kind in ("NUM", "CMPPOST") and token.end <= thing.start][-1]
    fits = number.said.isascii() and plural and thing.start - last.end < 2 and not after and not before
    fits &= m.get("EVENT") in (None, "purchase")
    held = compared(m, "NUM") if fits else None
    return {"EVENT": "purchase", "OBJ+": m.get("OBJ"), "Q+": ("pieces", held)} if held else None


@rule("PCTS INBETWEEN?")
def _between_percents(m: Match) -> Made:
    return {"QPCT": {"between": m.get("PCTS")}}


@rule("BETWEEN? PCT TO|AND PCT INBETWEEN?", "CMP? PCT CMPPOST?")
def _of_percent(m: Match) -> Made:
    if len(m.all("PCT")) == 2 and m.has("AND") and not m.has("BETWEEN", "INBETWEEN"):
        return None
    held = compared(m, "PCT")
    bare = not m.has("CMP", "CMPPOST", "TO", "AND")
    unit = next((token["unit"] for kind, token in m.found if kind == "PCT" and "unit" in token), None)
    return {"QPCT": held} | ({"PCT": m.get("PCT")} if bare else {}) | ({"unit": unit} if unit else {})


@rule("WAS OBJ NUM TIMESOVER CMPPOST?")
def _times_that_of(m: Match) -> Made:
    """咖啡的花费是茶的两倍以上"""
    if len(m.get("OBJ")) != 1:
        return None
    held = compared(m, "NUM", per=lambda n: 100 * n)
    to = {key: list(value) for key, value in m.get("OBJ")[0].items()}
    return {"QPCT": held, "THAN": "", "TO": to} if held else None


@rule("MEASURE CMP EVENT? OBJ MEASURE?")
def _more_than_that_of(m: Match) -> Made:
    """花在猫粮上的钱超过狗粮"""
    how = {"more_than": "more", "less_than": "less"}.get(m.get("CMP"))
    if how is None or len(m.get("OBJ")) != 1 or m.get("EVENT") not in (None, "spend"):
        return None
    to = {key: list(value) for key, value in m.get("OBJ")[0].items()}
    return {"MEASURE": m.get("MEASURE"), "COMPARED": how, "THAN": "", "TO": to}


@rule("COMPARED Q")
def _dropped_on(m: Match) -> Made:
    """Dropped 50 dollars on milk: spent them."""
    fits = m.said("COMPARED") == "dropped" and m.get("Q")[0] == "money" and not (m.before and m.before.may("MEASURE"))
    return {"EVENT": "spend", "Q+": m.get("Q")} if fits else None


@rule("COMPARED CMPPOST")
def _or_more(m: Match) -> Made:
    how = {"halved": {"at_most": 0.5}, "doubled": {"at_least": 2}}.get(m.get("COMPARED"))
    return {"COMPARED": how} if how and m.get("CMPPOST") == "at_least" else None


@rule("QPCT EVENT PRIORSPAN", "QPCT EVENT WINDOW? PRIOR")
def _of_what_they_did(m: Match) -> Made:
    prior = {"PRIORSPAN": m.get("PRIORSPAN")} if m.has("PRIORSPAN") else {"PRIOR": True}
    return {"QPCT": m.get("QPCT")} | prior if m.get("EVENT") in ("spend", "purchase") else None


@rule("Q UNIT")
def _of_different(m: Match) -> Made:
    """12 kinds of different products: the same said twice."""
    kind, held = m.get("Q")
    return {"Q": (kind, held)} if kind == m.get("UNIT") and "不同" in m.said("UNIT") else None


@rule("CMP? NUM CMPPOST SOMETHING", "CMP NUM SOMETHING")
def _so_many_products(m: Match) -> Made:
    return {"Q": ("products", compared(m, "NUM"))} if m.said("SOMETHING") == "商品" else None


@rule("SAVED Q DISCOUNTED?")
def _saved(m: Match) -> Made:
    return (
        {"EVENT": "purchase", "Q+": m.get("Q"), "MEASURE+": "discount_money"}
        if m.get("Q")[0] in ("money", "bare")
        else None
    )


@rule("DISCOUNTED Q", "Q DISCOUNTED")
def _discounts(m: Match) -> Made:
    """So much money off."""
    fits = m.get("Q")[0] == "money" and m.said("DISCOUNTED") in ("discount", "discounts", "优惠", "折扣")
    return {"EVENT": "purchase", "Q+": m.get("Q"), "MEASURE+": "discount_money"} if fits else None


@rule("EVENT? Q OFF DISCOUNTED?")
def _money_off(m: Match) -> Made:
    """Over 25 dollars off."""
    fits = m.get("Q")[0] == "money" and m.get("EVENT") in (None, "purchase")
    return {"EVENT": "purchase", "Q+": m.get("Q"), "MEASURE+": "discount_money"} if fits else None


@rule("SAVED")
def _favourited(m: Match) -> Made:
    return {"EVENT": "favourite"} if m.said("SAVED").startswith("save") else None


@rule("Q TUNIT", "NUM TUNIT")
def _a_week(m: Match) -> Made:
    """So many a week."""
    a = m.found[1][1].start - m.found[0][1].end == len(" a ")
    kind = "Q" if m.has("Q") else "NUM"
    return {kind: m.get(kind), "EACHCAL": m.get("TUNIT")} if a and m.get("TUNIT") in ("day", "week", "month") else None


@rule("COMPARED ORDERS|UNIT|MEASURE", "MOST ORDERS|UNIT")
def _more_of_what(m: Match) -> Made:
    measure = {"MEASURE": m.get("ORDERS", "UNIT", "MEASURE")}
    if m.has("MOST"):
        return {"MOST": ""} | measure
    return (
        {"COMPARED": m.get("COMPARED"), "MEASURE": measure["MEASURE"]}
        if m.get("COMPARED") in ("more", "less")
        else None
    )


@rule("COMPARED")
def _how_often(m: Match) -> Made:
    return {"COMPARED": m.get("COMPARED"), "MEASURE": "orders"} if re.search(r"\boften", m.said("COMPARED")) else None


@rule("CMP AGGREGATE", "EVENT CMP AGGREGATE")
def _one_or_more(m: Match) -> Made:
    """Made at least one purchase."""
    fits = m.get("CMP") == "at_least" and m.said("AGGREGATE") == "one purchase" and m.get("EVENT") in (None, "purchase")
    priced = m.after is not None and m.after.may("Q", "MONEY", "CMP", "WORTH")
    return {"EVENT": "purchase", "Q+": ("orders", {"at_least": Decimal(1)})} if fits and not priced else None


@rule("NEG AGGREGATE")
def _not_a_single(m: Match) -> Made:
    return {"NEG": m.get("NEG"), "NEG+": "purchase"} if "single purchase" in m.said("AGGREGATE") else None


@rule("NEG SINGLEORDER")
def _no_order(m: Match) -> Made:
    return {"NEG": m.get("NEG"), "NEG+": "purchase"} if m.said("SINGLEORDER") == "a single order" else None


@rule("NEG ANY? SINGLE OBJ EVENT|ORDERS?")
def _not_a_single_pack(m: Match) -> Made:
    return {"NEG": m.get("NEG"), "NEG+": "purchase", "OBJ+": m.get("OBJ")}


@rule("NEG ANY? SINGLE EVENT|ORDERS")
def _not_a_single_one(m: Match) -> Made:
    said = m.get("EVENT") or "purchase"
    return {"NEG": m.get("NEG"), "NEG+": "purchase" if said == "spend" else said}


@rule("EVENT PERMONTH? Q PERMONTH? SINGLEORDER PERMONTH?", "PERMONTH EVENT Q SINGLEORDER")
def _an_order(m: Match) -> Made:
    """Spent less than 20 per order: the average order."""
    fits = m.get("EVENT") == "spend" and m.get("Q")[0] in ("money", "bare")
    each = re.match(r"(?:per|an?|each|every) ", m.said("SINGLEORDER")) and not m.said("SINGLEORDER").startswith(
        "a single"
    )
    return {"COLUMN": "basket_value", "Q": m.get("Q")} if fits and each else None


@rule("ORDERS Q", "Q Q", "SINGLEORDER EVENT? Q")
def _of_one_order(m: Match) -> Made:
    """What one order came to: nothing counts by the order."""
    kinds = [kind for kind, _ in m.all("Q")]
    amount = (
        kinds == ["money"]
        if m.has("ORDERS")
        else kinds in (["orders", "money"], ["money", "times"]) or m.has("SINGLEORDER")
    )
    return {"UNSAID": True} if amount else None


@rule("SINGLEORDER EVENT? Q", "EVENT SINGLEORDER Q", "Q EVENT Q")
def _pieces_at_once(m: Match) -> Made:
    """一次买三盒以上: of one line of an order."""
    *first, (kind, held) = m.all("Q")
    once = m.has("SINGLEORDER") or (first == [("times", {"at_least": 1})] and m.said("Q") in ("一 次", "1 次"))
    fits = once and kind == "pieces" and m.get("EVENT") in (None, "purchase")
    return {"EVENT": "purchase", "QUANTITY+": held} if fits else None


@rule("Q NEG EVENT?")
def _not_one(m: Match) -> Made:
    kind, held = m.get("Q")
    if held != {"at_least": 1} or kind not in ("orders", "times") or not re.match("一|1", m.said("Q")):
        return None
    said = m.get("EVENT") or "purchase"
    open_ = {"ELIDED": True} if re.match("买|购买|b[uo]", m.said("EVENT")) else {}  # of what, another clause may say
    return {"NEG": m.get("NEG"), "NEG+": "purchase" if said == "spend" else said} | open_


@rule("BETWEEN? NUM TO|AND NUM EVENT", "NUM EVENT CMPPOST", "CMP? NUM CMPPOST? EVENT")
def _noun(m: Match) -> Made:
    number = [token for kind, token in m.found if kind == "NUM"][-1]
    done = next(token for kind, token in m.found if kind == "EVENT")
    if not m.has("CMPPOST") and done.start - number.end > 1:
        return None  # the top 50 by views
    if not re.search(r"s$|次$", m.said("EVENT")) or m.said("EVENT") in ("buys", "spends", "pays"):
        return None
    if m.has("AND") and not m.has("BETWEEN"):
        return None
    held = compared(m, "NUM")
    return {"EVENT": m.get("EVENT"), "Q+": ("times", held)} if held else None


@rule("COLUMN CMP SPAN BUT|AND? CMP SPAN")
def _days_from_to(m: Match) -> Made:
    """距上次消费已满40天但不足100天"""
    (low, first), (high, second) = zip(m.all("CMP"), m.all("SPAN"), strict=True)
    ends = {low: first[0], high: second[0]}
    days = "days" in m.get("COLUMN") and first[1] == second[1] == "day" and first[0] < second[0]
    fits = low in ("at_least", "more_than") and high in ("at_most", "less_than")
    return {"COLUMN": m.get("COLUMN"), "Q": ("bare", ends)} if days and fits else None


@rule("COLUMN CMP? SPAN CMPPOST?", "COLUMN SPANS")
def _days_since(m: Match) -> Made:
    spans, column = [m.get("SPANS")] if m.has("SPANS") else m.all("SPAN"), m.get("COLUMN")
    if "days" not in column or spans[0][-1] != "day":
        return None
    held = {"between": list(spans[0][:2])} if m.has("SPANS") else compared(m, "SPAN", per=lambda span: span[0])
    return {"COLUMN": column, "Q": ("bare", held)} if held else None


@rule("CMP? NUM CMPPOST TUNIT", "CMP SPAN CMPPOST?", "SPAN CMPPOST", "ONLY SPAN", "SPANS")
def _of_days(m: Match) -> Made:
    if m.has("SPANS"):
        low, high, unit = m.get("SPANS")
        return {"QSPAN": ({"between": [low, high]}, unit)}
    if m.has("NUM"):
        return None if m.has("CMP") else {"QSPAN": (compared(m, "NUM"), m.get("TUNIT"))}
    held = compared(m, "SPAN", per=lambda span: span[0])
    return {"QSPAN": (held, m.get("SPAN")[1])} if held else None
