"""How often, and in which rhythm, where another clause says of what?"""

from __future__ import annotations

from jobs.audiences.ask.frames import Frame
from jobs.audiences.ask.reader.completed.clause import Clause, End


def is_bare(frame: Frame) -> bool:
    """Whether it says a number and no unit."""
    return frame.slots.get("Q", ("",))[0] == "bare"


def like_before(frame: Frame, before: Frame) -> None:
    """At least 3 orders in May, and 5 in June: the unit, and what is counted, are those before."""
    frame.events, frame.spend = before.events, before.spend
    frame.things = frame.things if frame.things.names else before.things
    frame.windows = frame.windows or list(before.windows)
    frame.slots["Q"] = (before.slots["Q"][0], frame.slots["Q"][1])


def of_before(frame: Frame, before: Frame) -> End:
    """Viewed phones, at least 3: so many times."""
    before.slots["Q"] = ("times", frame.slots["Q"][1])
    before.windows = before.windows or frame.windows
    before.tokens += frame.tokens
    return End.TAKEN


def so_often(frame: Frame, before: Frame | None) -> bool:
    """Whether "but not more than twice" counts what stands before."""
    counted = frame.slots.keys() == {"Q"} and frame.slots["Q"][0] == "times" and frame.link in ("BUT", "COMMA")
    return counted and before is not None and before.acts and bool(before.things.names and not frame.things.names)


def came_back_never(clause: Clause) -> None:
    """First bought in May and never came back: one order."""
    frame, before = clause.frame, clause.before
    once = "BACK" in frame.slots and clause.denied and not frame.windows and "BREAKSPAN" not in frame.slots
    if once and before is not None and "FIRST" in before.slots:
        frame.neg, frame.slots = None, {"Q": ("orders", {"exactly": 1})}


def rhythm(clause: Clause) -> End | None:
    """Buys regularly, every 30 days: one rhythm."""
    frame, before = clause.frame, clause.before
    implied = frame.slots.pop("implied", None)
    told = implied and frame.slots.keys() & {"EVERY", "OVERDUE"} and not clause.named
    if told and before is not None and before.slots.keys() <= {"REGULAR", "EACHCAL", "Q", "EVERY"}:
        kept = {key: value for key, value in before.slots.items() if key == "EVERY"}
        before.slots.clear()
        before.slots |= kept | frame.slots
        return End.TAKEN
    if "EVERY" in frame.slots:
        frame.slots.pop("Q", None)
    return None
