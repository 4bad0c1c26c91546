"""What does a clause leave to be told by what it stands beside?"""

from __future__ import annotations

import re
from dataclasses import replace

from jobs.audiences.ask.frames import Frame, NotSaidError, Rule
from jobs.audiences.ask.phrases import days_of
from jobs.audiences.ask.reader.comparison import comparison, narrowed
from jobs.audiences.ask.reader.groups import band
from jobs.audiences.ask.reader.sentence import Sentence
from jobs.audiences.ask.reader.windows import between

_MOST_LISTED = 6  # things of which so many are asked for


def resolved(sentence: Sentence, said: Frame, frames: list[Frame], place: int) -> Frame:
    """The clause, its words placed: of its window, its quantity, its test of a user."""
    frame = replace(
        said, tokens=list(said.tokens), slots=dict(said.slots), users=list(said.users), windows=list(said.windows)
    )
    slots, before = frame.slots, frames[place - 1] if place else None
    elsewhen = before is not None and before.windows and frame.windows and before.windows != frame.windows
    if frame.any_of and slots.get("CMP") == "at_least" and "Q" not in slots:
        slots.pop("CMP")  # at least one of them
    if frame.things.names and any("NTH" in token for token in frame.tokens):
        raise NotSaidError("expected the first order, or the last: no other is told apart")
    if (
        "BACK" in slots
        and "BREAKSPAN" not in slots
        and before is not None
        and before.neg is not None
        and frame.link == "BUT"
    ):
        raise NotSaidError("expected who came back after how many days")
    if slots.pop("listed", None) and slots.get("Q", ("",))[0] in ("products", "categories"):
        held, many = slots.pop("Q")[1], len(frame.things.names)
        if set(held) != {"at_least"} or not 1 <= held["at_least"] <= many <= _MOST_LISTED:
            raise NotSaidError("expected any of them, or all; say: A and B, or A and C")
        slots["of"] = int(held["at_least"])
    if "AGAIN" in slots and (frame.neg is not None or "BACK" in slots or elsewhen):
        slots.pop("AGAIN")
    said_ = [token.said for token in frame.tokens if "FULLPRICE" in token]
    if said_ and not (frame.events or frame.things.names) and re.match("没|未|不|无|no |without|with no", said_[0]):
        slots["DISCOUNTED"] = slots.pop("FULLPRICE")  # has used no coupon
        frame.neg = frame.neg or ""
    if "MOST" in slots and "TOPN" not in slots and slots.get("NUM", 0) >= 5:
        slots["TOPN"] = {"users": int(slots.pop("NUM"))}
    if "MOST" in slots and "TOPN" not in slots and "PCT" in slots:
        slots["TOPN"] = {"percent": slots.pop("PCT")}
        slots.pop("QPCT", None)
    ordered = any(re.match("下|成交|order", token.said) for token in frame.tokens if "EVENT" in token)
    if ordered and "TOPN" in slots and "MEASURE" not in slots:
        slots["MEASURE"] = "orders"
    if "MOST" in slots and "TOPN" not in slots:
        raise NotSaidError("expected how many are the most: top 10 %, top 100")
    if ("FIRST" in slots and frame.events) or "FIRSTBUY" in slots:
        slots["FIRST"] = True
    elif "FIRST" in slots:
        raise NotSaidError("expected what was done first")
    if "LASTONE" in slots and not frame.events and "WAS" in slots:
        frame.events = ("purchase",)
    if "LASTONE" in slots and frame.events:
        slots["LASTBUY"] = True
    if "TOPN" in slots and frame.things.names and any("BUYERS" in t and t["BUYERS"] != "spend" for t in frame.tokens):
        slots["of_buyers"] = True
    noun = len(frame.tokens) == 1 and "ORDERS" in frame.tokens[0] and not frame.windows
    if noun and frame.neg is None and before is not None and "TOPN" in before.slots:
        raise NotSaidError("expected in full by what else they rank")
    waited = before is not None and before.events in (("cart",), ("favourite",)) and not before.windows
    if frame.neg == "never" and frame.windows and not sentence.chinese:
        frame.neg = ""  # never in the last 60 days is not
    bare = not (frame.windows or frame.things.names or slots or frame.anything or sentence.chinese)
    if waited and before.events == ("cart",) and not before.things.names and frame.neg is not None and bare:
        frame.link = "THEN" if frame.events == ("purchase",) else frame.link  # put into the cart, but never bought
    if (
        "SPAN" in slots
        and frame.neg is not None
        and (frame.link == "THEN" or (frame.link == "TIGHT" and waited and sentence.chinese))
    ):  # put into the cart and not bought for so many days
        slots["WITHINSPAN"], frame.link = slots.pop("SPAN"), "THEN"
    if {"SPAN", "FORMERLY", "LASTBUY"} <= slots.keys() and (days := days_of(slots["SPAN"])):
        frame.windows.append({"before_days": days})  # 上次买是60天以前
        slots = frame.slots = {k: v for k, v in slots.items() if k not in ("SPAN", "FORMERLY", "WAS")}
    if "SPAN" in slots:
        _placed_span(frame)
    if "QSPAN" in slots:
        held, unit = slots.pop("QSPAN")
        counted = any("shopping" in token.said for token in frame.tokens if "QSPAN" in token) or "MEASURE" in slots
        how, number = next(iter(held.items()))
        long, days = how in ("at_least", "more_than"), None if how == "between" else days_of((number, unit))
        if "LASTBUY" in slots and days:
            ago = {"before_days": days + (how == "more_than")} if long else {"last_days": days}
            frame.windows.append(ago)
        elif frame.neg is not None and long and days:
            frame.windows.append({"last_days": days})
        elif unit == "day" and "Q" not in slots and frame.neg is None and (frame.events or counted):
            if not long and how != "between" and how != "exactly" and not (frame.windows or "MEASURE" in slots):
                raise NotSaidError("expected a window, such as the last 30 days, found a length of time alone")
            slots["Q"] = ("days", held)
        elif "BREAK" in slots or "BACK" in slots:
            slots["break"] = days_of((number, unit))
        else:
            raise NotSaidError("expected a window, such as the last 30 days, found a length of time alone")
    if "REGULAR" in slots and not slots.keys() & {"EVERY", "OVERDUE"}:
        slots.setdefault("EACHCAL", "month")
    bought_before = before is not None and before.events and before.neg is None
    if "WITHINSPAN" in slots and "BACK" in slots and bought_before and not sentence.chinese:
        raise NotSaidError("expected either how soon after it, or who came back; say: then bought it within 14 days")
    ended = slots.keys() & {"LASTBUY", "FIRST"} and "WITHINSPAN" in slots and frame.link not in ("THEN", "AFTER")
    if ended and not frame.windows and not sentence.chinese and (days := days_of(slots["WITHINSPAN"])):
        slots.pop("WITHINSPAN")  # last purchase within 7 days
        frame.windows.append({"last_days": days})
    if "WITHINSPAN" in slots and "BACK" in slots:
        days = days_of(slots.pop("WITHINSPAN"))
        frame.windows.append({"last_days": days})
    if isinstance(slots.get("COMPARED"), str) and slots["COMPARED"] == "doubled" and "CMP" in slots:
        slots["COMPARED"] = {slots.pop("CMP"): 2}
    if "PERMONTH" in slots:
        _monthly(frame)
    if "BREAK" in slots and not slots.keys() & {"BACK", "EVERY"}:
        raise NotSaidError("expected who came back after it")
    if "BAND" in slots:
        frame.users.append(band(sentence, *slots.pop("BAND")))
    if "PRIORSPAN" in slots and not slots.keys() & {"COMPARED", "THAN", "PCT", "QPCT"}:
        skip = next((w["last_days"] for w in (before.windows if before else ()) if set(w) == {"last_days"}), None)
        if skip is None and before is not None and before.neg is not None and "SPAN" in before.slots:
            skip = days_of(before.slots["SPAN"])  # no order in 45 days, and 10 in the 90 before that
        if skip is None:
            after = frames[place + 1] if place + 1 < len(frames) else None
            skip = next((w["last_days"] for w in (after.windows if after else ()) if set(w) == {"last_days"}), None)
        days = slots.pop("PRIORSPAN")
        if (whole := _period_before(before, days)) is None and skip is None:
            raise NotSaidError("expected before which days, in the clause before it")
        frame.windows.append(whole or {"last_days": days, "skip": skip})
    prior = next((token.said for token in frame.tokens if "PRIOR" in token), "")
    unit = 7 if "week" in prior else 30 if "month" in prior else 0
    beside = slots.keys() & {"COMPARED", "THAN", "PCT", "QPCT", "EACHCAL"} or frame.windows
    if "PRIOR" in slots and unit and not beside and (whole := _period_before(before, unit)):
        slots.pop("PRIOR")
        frame.windows.append(whole)
    undone = before is not None and before.neg is not None
    if "EACHCAL" in slots and ("PRIOR" in slots or ("FORMERLY" in slots and undone)):
        near = (before, frames[place + 1] if place + 1 < len(frames) else None)
        slots["before"] = next((days for other in near if other and (days := _days_in(other))), 0)
        if undone and slots.pop("FORMERLY", None) is not None and not frame.things.names and before is not None:
            frame.things = before.things
    alone = not (frame.events or frame.windows or frame.things.names or len(slots) > 1)
    aged = re.search("年纪|年龄|老年|老人|长辈|爷爷|奶奶|大爷|大妈|中年", sentence.plain)
    people = place == 0 or frame.link == "AMONG" or bool(before and (before.users or "BAND" in before.slots))
    people |= bool(frame.tokens and re.search(r"\b(is|are|be) $", sentence.plain[: frame.tokens[0].start]))
    person = alone and (aged if sentence.chinese else people)
    if slots.get("Q", ("",))[0] == "bare" and person:
        held = slots["Q"][1]
        if "age_band" in sentence.vocabulary.values and all(
            15 < n < 100 for n in held.values() if not isinstance(n, list)
        ):
            frame.users.append(band(sentence, "age_band", held))
            slots.pop("Q")
    if frame.idle and slots.keys() & {"TOPN", "COMPARED", "THAN"} and not slots.keys() & {"MEASURE", "unit"}:
        raise NotSaidError("expected the measure: number of products, orders, money")
    comparison(frame)
    if "COLUMN" in slots and not frame.windows:
        _of_the_days_behind(sentence, frame, frames[place + 1 :])
    if "COLUMN" in slots and not frame.windows and place and frames[0].first:
        frame.windows = list(frames[0].windows)  # of the days at the head
    narrowed(frame)
    people = any(re.search("buyer|买家", token.said) for token in frame.tokens)
    if people and slots.keys() & {"PCT", "QPCT"} and not slots.keys() & {"SHARE", "TOPN", "compared"}:
        raise NotSaidError("expected a share of what somebody buys, found one of people")
    if (
        "PCT" in slots and "SHARE" not in slots and "TOPN" not in slots and "compared" not in slots and frame.acts
    ) or "SHARE" in slots:
        slots["SHARE"] = True
        if "QPCT" not in slots:
            raise NotSaidError("expected a share, such as at least 40 %")
        frame.events = frame.events or ("purchase",)
    elif "QPCT" in slots and "TOPN" not in slots and "compared" not in slots:
        slots["SHARE"] = True
        frame.events = frame.events or ("purchase",)
    if "SHARE" in slots and "MEASURE" not in slots and any("ORDERS" in token for token in frame.tokens):
        slots.setdefault("unit", "orders")
    if "ELSE" in slots:
        raise NotSaidError("expected what else; say: only bought X")
    narrowed_ = slots.keys() & {"HOURLIST", "WEEKDAYLIST"}
    shoppers = re.search(r"\bshoppers?\b|买家", sentence.plain)
    if narrowed_ and shoppers and not (frame.events or frame.things.names) and len(frames) == 1:
        frame.events = ("purchase",)
    day = r"(?:周|星期|礼拜)[一二三四五六日天]"
    if "WEEKDAYLIST" in slots and re.search(rf"both (?:on )?\w+days? and|{day}[和与、]{day}都", sentence.plain):
        raise NotSaidError("expected each day by itself: bought on Saturdays, and bought on Sundays")
    running = any(re.search("连续|接连|row|consecutive|straight|running", token.said) for token in frame.tokens)
    if frame.neg is not None and running:
        frame.windows = [_whole(window) for window in frame.windows]
    if "EXCLUSIVE" in slots and not (frame.events or frame.things.names):
        frame.events = ("purchase",)
    if "compared" not in slots:
        frame.windows = [one for k, one in enumerate(frame.windows) if one not in frame.windows[:k]]
        frame.windows = between(frame.windows)
    if len(frame.windows) > 1 and "compared" not in slots:
        if {"ever": True} in frame.windows:
            frame.windows = [w for w in frame.windows if w != {"ever": True}]
        if len(frame.windows) > 1:
            raise NotSaidError("expected one window in a clause, found two")
    return frame


def _of_the_days_behind(sentence: Sentence, frame: Frame, after: list[Frame]) -> None:
    """A column before a count with days behind it: average order over 80 and 6 orders in the last 90 days."""
    later = next((one for one in after if one.windows), Frame())
    days = later.windows[0].get("last_days") if len(later.windows) == 1 and not later.first else None
    beside = (
        later.link in ("AND", "COMMA")
        and later.neg != "never"
        and (later.neg == "" or later.slots.keys() & {"Q", "FULLPRICE", "DISCOUNTED"})
    )
    if days and beside and sentence.pick("window behind", [True, False]):
        frame.windows = list(later.windows)


def _period_before(before: Frame | None, days: int) -> Rule | None:
    """The weeks or months before those of the clause before: last week, but not the week before."""
    for key, size in (("last_weeks", 7), ("last_months", 30)):
        if before is not None and len(before.windows) == 1 and set(before.windows[0]) == {key} and days % size == 0:
            return {key: days // size, "skip": before.windows[0][key]}
    return None


def _days_in(frame: Frame) -> int | None:
    """The last days that a clause speaks of."""
    span = frame.slots.get("SPAN")
    if "QSPAN" in frame.slots:
        held, unit = frame.slots["QSPAN"]
        span = (next(iter(held.values())), unit)
    told = days_of(span) if span and not isinstance(span[0], list) else None
    return next((window["last_days"] for window in frame.windows if "last_days" in window), told)


def _whole(window: Rule) -> Rule:
    """The days of consecutive weeks or months, in none of which it was done."""
    sizes = {"last_weeks": 7, "last_months": 30}
    size = next((key for key in sizes if key in window and window.get("each")), None)
    return {"last_days": sizes[size] * window[size]} if size else window


def _monthly(frame: Frame) -> None:
    """An average a month or week: so many times it in the whole window."""
    kind, held = frame.slots.get("Q", ("", {}))
    days = frame.windows[0].get("last_days", 0) if len(frame.windows) == 1 else 0
    said = next(token.said for token in frame.tokens if "PERMONTH" in token)
    each = frame.slots.pop("EACHCAL", "month" if re.search("month|月", said) else "week" if "周" in said else "")
    size = {"month": 30, "week": 7}.get(each, 0)
    if kind in ("products", "categories"):
        raise NotSaidError("expected an average of what adds up: orders, money, pieces")
    if not (size and days) or days % size or any(isinstance(n, list) for n in held.values()) or not held:
        raise NotSaidError("expected an average of months or weeks, such as the last 6 months")
    frame.slots.pop("PERMONTH")
    frame.slots["Q"] = (kind, {how: n * (days // size) for how, n in held.items()})


def _placed_span(frame: Frame) -> None:
    slots, days = frame.slots, days_of(frame.slots["SPAN"])
    span = slots.pop("SPAN")
    if frame.neg is None and any("SPAN" in t and re.match("(one|a) |一 ?[周天月年个]", t.said) for t in frame.tokens):
        raise NotSaidError("expected a window, such as the last 7 days, found a length of time alone")
    if frame.neg is None and not frame.windows and slots.get("Q") == ("times", {"at_least": 1}) and frame.events:
        raise NotSaidError("expected a window, such as the last 14 days, or how often: about every month")
    if slots.keys() & {"BACK", "BREAK"}:
        slots["break"] = days
    elif days and (frame.neg is not None or (not frame.windows and (span[1] != "day" or span[0] >= 7))):
        frame.windows.append({"last_days": days})
    elif "Q" not in slots and span[1] == "day" and (slots.keys() & {"MEASURE"} or frame.events):
        slots["Q"] = ("days", {"at_least": span[0]})
    else:
        raise NotSaidError("expected a window, such as the last 30 days, found a length of time alone")
