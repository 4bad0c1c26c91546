"""Which clauses share a window?"""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

from jobs.audiences.ask.frames import Frame, Rule
from jobs.audiences.ask.phrases import days_of
from jobs.audiences.ask.reader.sentence import Sentence


def between(windows: list[Rule]) -> list[Rule]:
    """After one day and before another are the days between."""
    if len(windows) != 2 or {*windows[0], *windows[1]} != {"after", "before"}:
        return windows
    both = windows[0] | windows[1]
    days = [both["after"] + timedelta(days=1), both["before"] - timedelta(days=1)]
    return [{"between": days}] if days[0] <= days[1] else windows


def opened(frames: list[Frame]) -> None:
    """ "Within 30 days" of the first clause is a window: no step stands before it."""
    first, later = frames[0], frames[1] if len(frames) > 1 else None
    if "WITHINSPAN" not in first.slots or "AGAIN" in first.slots or (later and later.link == "AFTER"):
        return
    if days := days_of(first.slots["WITHINSPAN"]):
        first.slots.pop("WITHINSPAN")
        first.windows.append({"last_days": days})
        first.first |= bool(first.tokens) and "WITHINSPAN" in first.tokens[0]


def in_each(sentence: Sentence, frames: list[Frame]) -> None:
    """Days in a list before what was done in them: 9月或10月买过牛奶."""
    for place in reversed(range(len(frames) - 1)):
        days, done = frames[place], frames[place + 1]
        only = days.windows and not (days.acts or days.things.names or days.users or days.slots or days.neg)
        listed = done.link in ("AND", "OR") or (done.link == "COMMA" and "都" in sentence.plain)
        if only and listed and done.acts and len(done.windows) == 1 and done.neg is None and not done.users:
            days.events, days.things, days.spend = done.events, done.things, done.spend
            days.slots, days.first = dict(done.slots), False


def merged(frames: list[Frame]) -> list[Frame]:
    """Before one day, but after another: of one clause, whose window they are together."""
    found: list[Frame] = []
    for frame in frames:
        only = frame.windows and not (frame.acts or frame.things.names or frame.users or frame.slots)
        before = found[-1] if found else None
        if before and only and frame.neg is None and before.acts and frame.link in ("AND", "BUT", "COMMA"):
            both = between([*before.windows, *frame.windows])
            if len(both) == 1 and len(before.windows) == 1:
                before.windows, before.tokens = both, [*before.tokens, *frame.tokens]
                continue
        found.append(frame)
    return found


def behind(sentence: Sentence, acts: list[Frame]) -> None:
    """The window behind several clauses: of all that were not done; of all counts of one verb; behind two verbs
    of both, or of the second alone.
    """
    _of_either(sentence, acts)
    last = acts[-1] if acts else Frame()
    before = [one for one in acts[:-1] if not one.windows and one.neg != "never"]
    priced = () if sentence.chinese else ("FULLPRICE", "DISCOUNTED")
    said = any(token.may("EVENT", "ORDERS", "OBJ", "Q", "NEG", *priced) for token in last.tokens)  # more than days
    also = False
    if len(acts) < 2 or not last.windows or last.first or {"ever": True} in last.windows or not said:
        return
    if last.neg is not None:
        shared = before if all(one.neg == "" for one in acts) and len(before) == len(acts) - 1 else []
        two = len(acts) == 2 and before and before[0].neg is None and last.link in ("BUT", "AND", "TIGHT")
        plain = two and not before[0].slots.keys() - {"Q", "QUERY"} and last.neg == "" and last.slots.keys() <= {"SAME"}
        plain = plain and not any("BUYERS" in token for token in before[0].tokens)  # buyers of X who did not buy Y
        counts = not any("EVENT" in t for one in acts for t in one.tokens if "DISCOUNTED" not in one.slots)
        listed = counts and last.neg == "" and len(before) == len(acts) - 1 and last.link in ("AND", "COMMA")
        listed = listed and not any("BUYERS" in token for one in before for token in one.tokens)
        plain = plain or listed  # 8 orders, 40 a basket and no coupon in 90 days
        if plain and not sentence.chinese and (listed or any("EVENT" in token for token in last.tokens)):
            shared = before if sentence.pick("window behind", [True, False]) else []
    elif "Q" in last.slots and last.link in ("AND", "COMMA", "OR") and not any("EVENT" in t for t in last.tokens):
        shared = [one for one in before if "Q" in one.slots and one.neg is None]
        if len(shared) < len(before) and sentence.pick("window behind", [True, False]):
            shared = before
    elif (
        (last.link in ("AND", "BUT") or (also := any(t.said.startswith("又") for t in last.tokens)))
        and len(acts) == 2
        and before
        and before[0].slots.keys() <= {"Q", "QUERY", "HOURLIST", "WEEKDAYLIST", "DISCOUNTED", "FULLPRICE", "NARROW"}
        and last.slots.keys() <= {"Q", "QUERY", "DISCOUNTED", "FULLPRICE", "NARROW", "MEASURE"}
    ):
        sums = [token.start for token in last.tokens if "Q" in token]
        verb = any("EVENT" in t and not (sums and sums[0] < t.start) for t in last.tokens)  # not: 150 dollars spent
        verb |= any(re.match("used? |redeem", t.said) for t in last.tokens)
        shared = before if not verb or also or sentence.pick("window behind", [True, False]) else []
    else:
        shared = []
    for one in shared:
        one.windows = list(last.windows)


def _of_either(sentence: Sentence, acts: list[Frame]) -> None:
    """The window behind "viewed A or bought B": of both where "either" is said, else two readings."""
    for frame, other in pairwise(acts):
        if frame.either and frame.windows and not _trails(frame) and other.link == "OR" and not other.windows:
            other.windows = list(frame.windows)  # in those 60 days either spent 300 or ordered 10 times
    for place, frame in enumerate(acts):
        if not place or frame.link != "OR" or frame.first or not frame.windows or not _trails(frame):
            continue
        first = next(k for k in range(place - 1, -1, -1) if k == 0 or acts[k].link != "OR")
        group = [one for one in acts[first:place] if not one.windows and one.neg != "never"]
        if not group:
            continue
        either = any(one.either for one in acts[first : place + 1])
        if either or sentence.pick("window behind either", [True, False]):
            for one in group:
                one.windows = list(frame.windows)


def _trails(frame: Frame) -> bool:
    """Whether the window of a clause stands behind its verb."""
    verbs = [token.start for token in frame.tokens if "EVENT" in token]
    return bool(verbs) and any(t.start > verbs[0] for t in frame.tokens if t.may("WINDOW", "RECENTLY", "WINDOW+"))


def one_verb(frame: Frame, before: Frame) -> bool:
    """Whether the window behind a clause without a verb is that of the one before, too."""
    if before.neg == "never" or frame.neg == "never" or before.slots.keys() & {"EACHCAL", "TOPN", "FIRST", "LASTBUY"}:
        return False
    return frame.link in ("AND", "OR", "COMMA", "TIGHT", "BUT")
