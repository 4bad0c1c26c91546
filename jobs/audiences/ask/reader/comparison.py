"""What is a number of a clause compared with: another window, a limit, a column of a profile?"""

from __future__ import annotations

import re
from typing import Any

from jobs.audiences.ask.frames import Frame, NotSaidError, Rule, window_of
from jobs.audiences.rule.measures import USER_FIELDS


def comparison(frame: Frame) -> None:
    """How many times another window."""
    slots = frame.slots
    said = slots.get("COMPARED")
    part = slots.get("PCT")
    two = len(frame.windows) == 2 and "QPCT" in slots and not slots.keys() & {"TOPN", "SHARE"}
    if (
        said is None
        and "THAN" not in slots
        and not two
        and not (slots.keys() & {"PRIORSPAN", "PRIOR"} and "QPCT" in slots)
    ):
        return
    beside = slots.keys() & {"THAN", "PRIORSPAN", "PRIOR"} or len(frame.windows) == 2
    if said in ("more", "less") and not beside:
        raise NotSaidError("expected than what: more than in the 30 days before")
    frame.events = frame.events or ("purchase",)
    by = None if part is None else part / 100
    if isinstance(said, dict):
        how = said
    elif said == "halved":
        how = {"less_than": 0.5}
    elif said == "doubled":
        how = {"at_least": 2}
    elif said in ("more", "less") and by is not None and _of_the_other(frame):
        how = {"more_than" if said == "more" else "less_than": by}
    elif said in ("up", "more"):
        how = {"more_than": 1} if by is None else {"at_least": 1 + by}
    elif said in ("down", "less"):
        how = {"less_than": 1} if by is None else {"at_most": 1 - by}
    elif "QPCT" in slots:
        held = slots["QPCT"]
        if "PCT" in slots and slots["PCT"] < 100 and "CMP" not in slots:
            raise NotSaidError("expected at most, or at least, so much of it")
        if "CMP" in slots:
            held = {slots.pop("CMP"): next(iter(held.values()))}
        how = {key: value / 100 for key, value in held.items() if not isinstance(value, list)}
    else:
        raise NotSaidError("expected how the two compare: more, less, half of it")
    if said is not None and by is None and "QPCT" in slots:
        key, value = next(iter(slots["QPCT"].items()))
        if isinstance(value, list) or said not in ("up", "more", "down", "less"):
            raise NotSaidError("expected how the two compare: more, less, half of it")
        grew = said in ("up", "more")
        turned = {"at_least": "at_most", "more_than": "less_than", "at_most": "at_least", "less_than": "more_than"}
        how = {key if grew else turned.get(key, key): 1 + value / 100 if grew else 1 - value / 100}
    if frame.events == ("any",) and not slots.keys() & {"MEASURE", "unit"}:
        raise NotSaidError("expected what is counted of the visits: orders, days")
    slots["compared"] = how
    if "MEASURE" not in slots and any("ORDERS" in token for token in frame.tokens):
        slots.setdefault("unit", "orders")
    slots.pop("Q", None)
    slots.pop("SHARE", None)


def _of_the_other(frame: Frame) -> bool:
    """低于之前90天的一半: a part of the other number, and not by so much."""
    than = next((token for token in frame.tokens if "COMPARED" in token and "THAN" in token), None)
    part = next((token for token in frame.tokens if "PCT" in token or "QPCT" in token), None)
    return than is not None and part is not None and part.start > than.end and not than.said.isascii()


def narrowed(frame: Frame) -> None:
    """A comparison that stands apart from its number, and columns of a profile."""
    slots = frame.slots
    if "NUM" in slots:
        if "Q" in slots or not (frame.spend or slots.get("MEASURE") or "COLUMN" in slots or "AGGREGATE" in slots):
            raise NotSaidError("expected of what so many: orders, times, money, days")
        slots["Q"] = ("bare", {"at_least": slots.pop("NUM")})
    if "CMP" in slots:
        key = next((key for key in ("Q", "QPCT") if key in slots), None)
        held = slots[key][1] if key == "Q" else slots.get("QPCT")
        if held is None or set(held) != {"at_least"} or any("STATED" in token for token in frame.tokens):
            raise NotSaidError("expected a number to compare with")
        turned = {slots.pop("CMP"): held["at_least"]}
        slots[key] = (slots["Q"][0], turned) if key == "Q" else turned
    if slots.get("MEASURE") == "orders" and frame.events and "purchase" not in frame.events:
        if not any(re.search("次数|频次", token.said) for token in frame.tokens if "MEASURE" in token):
            raise NotSaidError("expected one thing that is counted: orders, or events of another kind")
        slots.pop("MEASURE")  # how often, of whatever was done
        slots["Q"] = ("times", slots["Q"][1]) if slots.get("Q", ("",))[0] == "bare" else slots.get("Q")
        slots = {key: value for key, value in slots.items() if value is not None}
        frame.slots = slots
    ordered = any(re.match("下|成交|order", token.said) for token in frame.tokens if "EVENT" in token)
    if ordered and slots.get("Q", ("",))[0] == "bare" and not frame.spend and "MEASURE" not in slots:
        slots["Q"] = ("times", slots["Q"][1])
    if "EXCLUSIVE" in slots and "Q" in slots and set(slots["Q"][1]) == {"at_least"}:
        if any("STATED" in token for token in frame.tokens):
            raise NotSaidError("expected either only so many, or so many and more")
        slots.pop("EXCLUSIVE")
        slots["Q"] = (slots["Q"][0], {"exactly": slots["Q"][1]["at_least"]})
    if "COLUMN" in slots:
        frame.users.append(_column(frame))
        slots.clear()
        frame.events, frame.windows, frame.used = (), [], frame.windows


def _column(frame: Frame) -> Rule:
    """A test of a column of gold.user_features: of its window, where the sentence names one."""
    stem, slots = frame.slots["COLUMN"], frame.slots
    held = (
        {how: _hundredth(n) for how, n in slots["QPCT"].items()} if "QPCT" in slots else slots.get("Q", ("", None))[1]
    )
    if held is None:
        raise NotSaidError("expected a number that it is held against")
    if frame.things.names:
        raise NotSaidError("expected it of all that a user does, not of a thing")
    windows = sorted(
        int(name.removeprefix(f"{stem}_")[:-1]) for name in USER_FIELDS if re.fullmatch(rf"{stem}_\d+d", name)
    )
    if not windows:
        return {"is": {stem: held}}
    said = window_of(frame)
    days = windows[-1] if said is None else said.get("last_days")
    if days not in windows or (said is not None and set(said) != {"last_days"}):
        raise NotSaidError(f"expected it of the last {', '.join(map(str, windows))} days")
    return {"is": {f"{stem}_{days}d": held}}


def _hundredth(number: Any) -> Any:
    return [n / 100 for n in number] if isinstance(number, list) else number / 100
