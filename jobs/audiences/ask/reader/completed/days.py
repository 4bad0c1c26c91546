"""In which days, where another clause says them?"""

from __future__ import annotations

import re
from datetime import date, timedelta

from jobs.audiences.ask.frames import Frame, NotSaidError, Rule
from jobs.audiences.ask.reader.completed.clause import Clause, End
from jobs.audiences.ask.vague import vague


def head(frames: list[Frame]) -> Rule | None:
    """The window at the head of the sentence."""
    heads = ((frame.windows or frame.used) for frame in frames if frame.first and frame.link != "EXCEPT")
    return next((windows[0] for windows in heads if windows), None)


def of_a_state(clause: Clause) -> None:
    """... among renters in the last 90 days: the days are of what was done, not of what people are."""
    frame, before = clause.frame, clause.before
    if before is None or not frame.users or not frame.windows or frame.acts or clause.named or frame.neg:
        return
    if before.windows or frame.slots:
        raise NotSaidError("expected something that was done in that time")
    before.windows, frame.windows = frame.windows, []


def of_all_with_its_verb(clause: Clause) -> None:
    """One verb, and a window behind all that it is said of."""
    for one in reversed(clause.done):
        if one.windows or one.events != clause.frame.events:
            break
        one.windows = list(clause.frame.windows)


def alone(clause: Clause) -> End:
    """Days without anything that was done in them: of the clause before, or of all with its verb."""
    frame, done = clause.frame, clause.done
    if done and done[-1].events and not done[-1].windows and clause.after is None:
        undated = [one for one in done if one.acts and not one.windows and one.neg != "never"]
        verbs = {(one.events, one.spend) for one in undated}
        far = frame.comma and (len(verbs) < 2 or clause.is_open("window behind"))
        for one in undated:
            if far or one is done[-1]:
                one.windows = list(frame.windows)
        done[-1].tokens += frame.tokens
        return End.TAKEN
    if clause.after is not None and frame.first:
        return End.TAKEN
    raise NotSaidError("expected something that was done in that time")


def of_a_count(clause: Clause) -> None:
    """Bought milk in May, and at least 3 orders: in those days, or ever."""
    frame, before = clause.frame, clause.before
    linked = frame.link in ("AND", "COMMA", "TIGHT", "BUT")
    if before is None or not frame.slots.get("Q") or frame.windows or not linked or clause.named:
        return
    near = bool(before.windows) and "FIRST" not in before.slots
    near = near and (frame.link == "TIGHT" or (_loose(frame) and clause.is_open(("days", clause.place))))
    frame.windows = list(before.windows) if near and not before.first else []


def of_a_column(clause: Clause) -> None:
    """Average order in 28 days, and 8 orders: in the days of the column, or ever."""
    frame, done = clause.frame, clause.done
    beside = done[-1] if done and done[-1].used and clause.before is None else None
    if beside and frame.slots.keys() == {"Q"} and not frame.windows and frame.link in ("AND", "COMMA"):
        frame.windows = list(beside.used) if clause.is_open(("days", clause.place)) else []


def until_stopped(clause: Clause) -> None:
    """Used to buy each month, and not in the last 60 days: each month before these."""
    frame, before = clause.frame, clause.before
    if clause.denied and frame.windows and before is not None and "FORMERLY" in before.slots:
        before.slots.pop("FORMERLY")
        if "EACHCAL" in before.slots:
            before.slots["before"] = next((w["last_days"] for w in frame.windows if "last_days" in w), 0)


def nowadays(clause: Clause) -> None:
    """ "Not any more" is of the days in which one counts as stopped."""
    frame, before = clause.frame, clause.before
    if "NOWADAYS" in frame.slots and clause.denied and not frame.windows:
        frame.windows = [{"last_days": vague().numbers.stopped_days}]
        if before is not None and not clause.named:
            frame.things = before.things


def of_the_same(clause: Clause) -> None:
    """... and spent so much on it: in the days in which it was bought."""
    frame, before = clause.frame, clause.before
    if frame.slots.get("SAME") == "it" and "Q" in frame.slots and before and not clause.denied:
        frame.windows = frame.windows or list(before.windows)


def each_period(clause: Clause) -> None:
    """5000 in the last twelve months, shopped every month: of these, or of all."""
    frame, before = clause.frame, clause.before
    if "EACHCAL" not in frame.slots or frame.windows or clause.head or before is None or clause.denied:
        return
    days = len(before.windows) == 1 and set(before.windows[0]) == {"last_days"} and before.neg is None
    if days and clause.is_open(("each of", clause.place)):
        frame.windows = list(before.windows)


def of_the_head(clause: Clause) -> None:
    """The window at the head is of all clauses without one; what is not done, of the one before "but"."""
    frame, before = clause.frame, clause.before
    elsewhere = frame.neg == "never" or "PRIOR" in frame.slots or frame.link == "THEN" or "before" in frame.slots
    if frame.windows or elsewhere:
        return
    opener = next((one for one in clause.done if one.first and one.windows), None)
    undone = opener is not None and opener.neg is not None and not opener.things.names and not opener.slots
    if clause.head and not frame.first and not (undone and not clause.denied and frame.events == opener.events):
        frame.windows = [_in_all(clause.head) if clause.denied else clause.head]
    elif (
        clause.denied
        and before is not None
        and before.windows
        and before.neg is None
        and frame.link in ("BUT", "AND", "TIGHT", "COMMA")
        and not before.slots.keys() & {"FIRST", "LASTBUY", "TOPN", "compared"}
    ):
        frame.windows = [w for w in before.windows if not w.keys() & {"each", "at_least_in", "before_days"}]


def one_weekday(clause: Clause) -> None:
    """The last Saturday, where "bought on Saturday" without other days may be of it, or of any."""
    frame = clause.frame
    if (day := _one_day(clause)) and clause.is_open(("weekday", clause.place)):
        frame.windows = [{"between": [day, day]}]
        frame.slots = {key: value for key, value in frame.slots.items() if key != "WEEKDAYLIST"}


def _one_day(clause: Clause) -> date | None:
    frame = clause.frame
    days = frame.slots.get("WEEKDAYLIST", ())
    once = any(re.fullmatch(r"(on )?[a-z]+day", token.said) for token in frame.tokens if "WEEKDAYLIST" in token)
    plain = frame.slots.keys() <= {"WEEKDAYLIST", "Q", "DISCOUNTED", "FULLPRICE", "HOURLIST"} and not clause.denied
    if len(days) != 1 or not once or not plain or frame.windows or not frame.events:
        return None
    ds = clause.sentence.vocabulary.ds
    return ds - timedelta(days=(ds.isoweekday() - days[0]) % 7 or 7)


def _in_all(window: Rule) -> Rule:
    """The days of a window in periods, for what was done in none of them."""
    return {key: value for key, value in window.items() if key not in ("each", "at_least_in")}


def _loose(frame: Frame) -> bool:
    """Whether "but at least one order" leaves open in which days: in those before, or ever."""
    return frame.neg is None and not any("EVENT" in token for token in frame.tokens)
