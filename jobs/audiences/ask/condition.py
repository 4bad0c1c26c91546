"""Which condition is a clause?"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from jobs.audiences.ask.frames import ANYTHING, Frame, NotSaidError, Rule, simple, where, window_of
from jobs.audiences.ask.vague import vague
from jobs.audiences.rule.parts import Window


def condition(frame: Frame, choice: dict[int, int], ds: date) -> Rule:
    """What the clause says, with a choice among the things that a name may be; NotSaidError where no rule says it."""
    if not frame.events and not frame.things.names and not frame.acts:
        raise NotSaidError("expected something that was done beside it")
    picked = [names[choice.get(id(names), 0)] for names in frame.things.names]
    if len(picked) > 1 and frame.things.how == "all" and "not_things" not in frame.slots:
        return {"all": [_one(frame, thing, ds) for thing in picked]}
    fields = sorted({key for thing in picked for key in thing})
    if len(fields) > 1 and len(picked) > 1:
        return {"any": [_one(frame, thing, ds) for thing in picked]}
    merged = {key: [v for thing in picked for v in thing[key]] for key in fields}
    return _one(frame, merged, ds)


def _types(frame: Frame) -> Any:
    types = frame.events or ("purchase",)
    if types == ("any",):
        return ANYTHING
    return types[0] if len(types) == 1 else list(types)


def _measured(frame: Frame, thing: Rule, default: str = "") -> Rule:
    """did, where, in, and what is counted by a measure that the clause names."""
    did: Rule = {"did": _types(frame)}
    if narrowed := where(frame, thing):
        did["where"] = narrowed
    if (window := window_of(frame)) and window != {"ever": True}:
        did["in"] = window
    measure = frame.slots.get("MEASURE") or frame.slots.get("unit") or default
    if measure in ("money", "net"):
        did["sum"] = "amount"
    elif measure == "discount_money":
        did["sum"] = "discount"
    elif measure == "orders" and did["did"] != "purchase":
        pass
    elif measure in ("orders", "days", "products", "categories", "pieces"):
        did["count"] = measure
    elif measure == "active_days":
        did |= {"did": ANYTHING, "count": "days"}
    elif measure in ("views", "searches", "carts"):
        did["did"] = {"views": "view", "searches": "search", "carts": "cart"}[measure]
    if "NETOF" in frame.slots or measure == "net":
        did["refunds"] = "net"
    return did


_NARROWING = {"DISCOUNTED", "FULLPRICE", "HOURLIST", "WEEKDAYLIST", "PRICE", "QUANTITY", "NARROW", "QUERY"}
_NEUTRAL = {"NOWADAYS", "PRIOR", "before", "PCT", "unit", "not_things", "WAS"}
_OF_DID = {"Q", "MEASURE", "AGGREGATE", "NETOF", "OFTEN"}
# The kinds of conditions by the part of a clause that makes one, in the order in which they are looked for; and what
# else of a clause each can say.
_USED: dict[str, set[str]] = {
    "compared": {"COMPARED", "THAN", "PRIORSPAN", "QPCT", "MEASURE", "NETOF", "TO"},
    "TOPN": {"MEASURE", "NETOF", "among", "MOST", "HEAVY"},
    "HEAVY": {"MEASURE", "NETOF"},
    "SHARE": {"QPCT", "MEASURE", "NETOF"},
    "EXCLUSIVE": set(),
    "FIRST": {"FIRSTBUY", "OF"},
    "LASTBUY": {"LASTONE", "OF"},
    "BACK": {"BREAK", "BREAKSPAN", "break"},
    "OVERDUE": {"REGULAR"},
    "EVERY": {"REGULAR", "EACHCAL", "BREAK"},
    "EACHCAL": {"REGULAR", "FORMERLY", *_OF_DID},
    "STOPPED": {"FORMERLY", "OFTEN"},
    "FORMERLY": {"OFTEN"},
}


def _one(frame: Frame, thing: Rule, ds: date) -> Rule:
    slots, types = frame.slots, _types(frame)
    if slots.get("SAME") in ("it", "any"):
        slots = {key: value for key, value in slots.items() if key != "SAME"}
        frame = replace(frame, slots=slots)
    if "SAME" in slots and "Q" in slots:
        return _repeated(frame, thing)
    if slots.keys() & {"DISCOUNTED", "FULLPRICE"} and set(frame.events) & {"view", "click", "search", "favourite"}:
        raise NotSaidError("expected a purchase: nothing else has a discount")
    kind = next((kind for kind in _USED if kind in slots), "did")
    if stray := sorted(slots.keys() - _USED.get(kind, _OF_DID) - {kind} - _NARROWING - _NEUTRAL):
        raise NotSaidError(f"no rule says this together: {', '.join(stray).lower()}")
    numbers = vague().numbers
    narrowed = {"where": found} if (found := where(frame, thing)) else {}
    window = window_of(frame)
    within = {"in": window} if window else {}
    if "compared" in slots:
        return _compared(frame, thing)
    if "TOPN" in slots or "HEAVY" in slots:
        spent = "" if frame.events and frame.events[0] not in ("purchase", "any") else "money"
        ranked = _measured(frame, thing, spent)
        many = slots.get("TOPN") or {"percent": numbers.heavy_percent}
        return {"top": ranked} | many | ({"among": slots["among"]} if "among" in slots else {})
    if "SHARE" in slots:
        if types == "purchase" and not (frame.spend or slots.keys() & {"MEASURE", "unit"}) and frame.tokens:
            bought = [token.said for token in frame.tokens if "EVENT" in token]
            if bought and not re.search("单|order", bought[0]):
                raise NotSaidError("expected a share of what: of the money, or of the orders")
            slots = slots | ({"unit": "orders"} if bought else {})
            frame = replace(frame, slots=slots)
        measured = _measured(frame, thing, "money" if types == "purchase" else "")
        if not narrowed:
            raise NotSaidError("expected what the share is of: a category, weekends, a discount")
        held = {how: [v / 100 for v in n] if isinstance(n, list) else n / 100 for how, n in slots["QPCT"].items()}
        return {"share": measured} | held
    if "EXCLUSIVE" in slots:
        if not narrowed:
            raise NotSaidError("expected what alone it was")
        return {"share": {"did": types} | narrowed | within, "at_least": 1}
    if "FIRST" in slots or "LASTBUY" in slots:
        key = "first" if "FIRST" in slots else "last"
        how = narrowed and narrowed["where"].keys() <= {"discount", "hour", "weekday"}  # 首单用了券
        was = {"was": narrowed["where"]} if narrowed and ("WAS" in slots or (how and key == "first")) else {}
        if not was and not window:
            if narrowed and key == "last":
                was, narrowed = {"was": narrowed["where"]}, {}
            else:
                raise NotSaidError(f"expected when the {key} one was, or what it was of")
        if was:
            narrowed = {"where": {k: simple(v) for k, v in slots["OF"].items()}} if "OF" in slots else {}
        return {key: types} | narrowed | was | within
    if "BACK" in slots:
        days = slots.get("break") or slots.get("BREAKSPAN") or numbers.break_days
        return {"again": "purchase" if types == ANYTHING else types} | narrowed | {
            "after_days": days, "in": window or {"last_days": numbers.back_days}
        }  # fmt: skip
    if "OVERDUE" in slots:
        overdue = slots["OVERDUE"] or numbers.overdue
        return {"stopped": types} | narrowed | {"overdue": overdue} | within
    if "EVERY" in slots:
        return {"regularly": types} | narrowed | {"every": {"between": slots["EVERY"]}} | within
    if "EACHCAL" in slots:
        return _every(frame, thing, ds)
    if "STOPPED" in slots or "FORMERLY" in slots:
        return _stopped(frame, thing)
    return _did(frame, thing)


def _did(frame: Frame, thing: Rule) -> Rule:
    slots = frame.slots
    did = _measured(frame, thing)
    if "OFTEN" in slots:
        said = dict(slots["OFTEN"])
        window = did.get("in") or said.pop("in", None)
        said.pop("in", None)
        return did | said | ({"in": window} if window else {})
    if "Q" not in slots:
        for key in ("sum",):
            did.pop(key, None)
        if frame.spend or slots.get("MEASURE") not in ("money", "net", None):
            did.pop("count", None)
        return did
    kind, held = slots["Q"]
    purchase = did["did"] == "purchase"
    if kind == "bare":
        if not (slots.get("MEASURE") or frame.spend):
            raise NotSaidError("expected of what so many: orders, times, money, days")
        kind = slots.get("MEASURE") or "money"
    if kind == "times" and did["did"] == ANYTHING:
        raise NotSaidError("expected of what so many: days, orders, views")
    if kind == "times":
        kind = "orders" if purchase else "events"
        kind = "days" if slots.get("MEASURE") == "days" else kind
    if kind == "active_days":
        return did | held
    if kind in ("money", "net", "discount_money"):
        if slots.get("MEASURE") == "discount_money":
            kind = "discount_money"
        did.pop("count", None)
        if "AGGREGATE" in slots:
            did.pop("sum", None)
            return did | {slots["AGGREGATE"]: "amount"} | held
        return did | {"sum": "discount" if kind == "discount_money" else "amount"} | held
    did.pop("sum", None)
    if kind == "orders" and not purchase:
        did["did"] = "purchase"
    if kind in ("events", "views", "searches", "carts"):
        did.pop("count", None)
        return _none(did | held)
    return _none(did | {"count": kind} | held)


def _none(did: Rule) -> Rule:
    """Nothing at all, in plain words."""
    return did | {"none": True} if did.get("exactly") == 0 and did.pop("exactly") == 0 else did


def _in_each_quarter(frame: Frame, thing: Rule, ds: date) -> Rule:
    """Every quarter of a year, or of days that are said, each by itself; the one that goes on, too."""
    first, last = Window.model_validate(window_of(frame)).days(ds)
    begin, each = date(first.year, first.month - (first.month - 1) % 3, 1), []
    while begin <= min(last, ds):
        after = date(begin.year + (begin.month == 10), (begin.month + 2) % 12 + 1, 1)
        each.append({"between": [max(begin, first), min(after - timedelta(days=1), last, ds)]})
        begin = after
    if not 2 <= len(each) <= 8:
        raise NotSaidError("expected several quarters, every one of which counts")
    slots = {key: value for key, value in frame.slots.items() if key not in ("EACHCAL", "REGULAR")}
    return {"all": [_one(replace(frame, windows=[window], slots=slots), thing, ds) for window in each]}


def _every(frame: Frame, thing: Rule, ds: date) -> Rule:
    """Every month, week or day: of the window where one is said."""
    unit, numbers = frame.slots["EACHCAL"], vague().numbers
    said = window_of(frame)
    if unit == "day" and said and set(said) == {"between"}:
        first, last = said["between"]
        slots = {k: v for k, v in frame.slots.items() if k not in ("EACHCAL", "REGULAR")}
        return _did(replace(frame, slots=slots), thing) | {"count": "days", "at_least": (last - first).days + 1}
    if unit == "quarter" and (said is None or not (set(said) == {"between"} or said.get("current") == "year")):
        raise NotSaidError("expected of which year every quarter")
    if unit == "quarter":
        return _in_each_quarter(frame, thing, ds)
    if unit == "month" and said == {"current": "year"}:
        said = {"between": [date(ds.year, 1, 1), ds.replace(day=1) - timedelta(days=1)]}  # of the months that are over
    key, per, usual = {"month": ("last_months", 30, numbers.months), "week": ("last_weeks", 7, numbers.weeks),
                       "day": ("last_days", 1, 0)}[unit]  # fmt: skip
    skip = frame.slots.get("before")
    if said is None:
        if not usual:
            raise NotSaidError("expected of how many days every one")
        period: Rule = {key: usual}
    elif set(said) == {"last_days"}:
        period = {key: max(1, said["last_days"] // per)}
    elif set(said) - {"each"} == {key}:
        period = dict(said)
    elif unit == "month" and said == {"current": "year"} and ds.month > 1:
        period = {key: ds.month - 1}  # that are over
    elif unit == "month" and (months := _whole_months(said, ds)):
        period = months
    elif set(said) == {key, "at_least_in"}:
        return _one(replace(frame, slots={k: v for k, v in frame.slots.items() if k != "EACHCAL"}), thing, date.min)
    else:
        raise NotSaidError(f"expected a number of {unit}s, every one of which counts")
    period |= {"skip": -(-skip // per)} if skip else {}
    plain = replace(
        frame,
        windows=[period | {"each": True}],
        slots={k: v for k, v in frame.slots.items() if k not in ("EACHCAL", "REGULAR")},
    )
    return _one(plain, thing, date.min)


def _whole_months(window: Rule, ds: date) -> Rule | None:
    """Days from the first of a month to the last of one as months that are over: each month from June to October."""
    if set(window) != {"between"}:
        return None
    first, last = window["between"]
    after = last + timedelta(days=1)
    if first.day != 1 or after.day != 1 or after > ds.replace(day=1):
        return None
    skip = _months(ds) - _months(after)
    return {"last_months": _months(after) - _months(first)} | ({"skip": skip} if skip else {})


def _months(day: date) -> int:
    return 12 * day.year + day.month


def _stopped(frame: Frame, thing: Rule) -> Rule:
    """Has done so before, and not in the last days."""
    days = vague().numbers.stopped_days
    if (said := window_of(frame)) and set(said) == {"last_days"}:
        days = said["last_days"]
    elif said:
        raise NotSaidError("expected no days beside it; say: not since then")
    slots = {k: v for k, v in frame.slots.items() if k not in ("STOPPED", "FORMERLY", "OFTEN")}
    before = _did(replace(frame, windows=[], slots=slots), thing)
    if "OFTEN" in frame.slots:
        before |= {k: v for k, v in frame.slots["OFTEN"].items() if k != "in"}
    after = {"did": before["did"]} | ({"where": before["where"]} if "where" in before else {})
    return {"all": [before, {"not": after | {"in": {"last_days": days}}}]}


def _compared(frame: Frame, thing: Rule) -> Rule:
    """One window against another: the one that the clause names, or as many days before."""
    how, other = frame.slots["compared"], frame.slots.get("PRIORSPAN")
    windows = [dict(one) for one in frame.windows]
    first = windows[0] if windows else {"last_days": other or vague().numbers.compared_days}
    told = frame.spend or frame.slots.keys() & {"MEASURE", "unit"} or _types(frame) != "purchase"
    if not told and (thing or any(token.may("EVENT", "ORDERS", "UNIT", "TIMES") for token in frame.tokens)):
        raise NotSaidError("expected more or less of what: money, orders, pieces")
    measured = _measured(replace(frame, windows=[first]), thing, "money" if _types(frame) == "purchase" else "")
    if "TO" in frame.slots:
        return {"compared": measured, "to": {"where": where(frame, frame.slots["TO"])}} | how
    if len(windows) > 1:
        second = windows[1] if windows[1] != first else None
        if second is None and set(first) == {"last_days"}:
            second = {"last_days": first["last_days"], "skip": first["last_days"]}
        if second is None:
            raise NotSaidError("expected two windows to compare, found one twice")
    elif set(first) == {"last_days"}:
        second = {"last_days": other or first["last_days"], "skip": first["last_days"]}
    elif set(first) in ({"last_months"}, {"last_weeks"}) and other is None:
        key = next(iter(first))
        second = {key: first[key], "skip": first[key]}
    elif first.get("current") in ("month", "week") and other is None:
        second = {f"last_{first['current']}s": 1}
    else:
        raise NotSaidError("expected the days that it is compared with")
    return {"compared": measured, "to": {"in": second}} | how


def _repeated(frame: Frame, thing: Rule) -> Rule:
    """The same product so many times, one after the other."""
    kind, held = frame.slots["Q"]
    times = held.get("at_least", 0)
    if kind not in ("times", "orders") or set(held) != {"at_least"} or not 2 <= times <= 8:
        raise NotSaidError("expected the same product at least 2 to 8 times")
    narrowed, window = where(frame, thing), window_of(frame)
    step = {"did": _types(frame)} | ({"where": narrowed} if narrowed else {})
    return {"then": [step] * int(times), "same": frame.slots["SAME"]} | ({"in": window} if window else {})
