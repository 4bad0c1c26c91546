"""What was done, where a clause leaves it to the one before?"""

from __future__ import annotations

from jobs.audiences.ask.frames import Frame, NotSaidError, Things
from jobs.audiences.ask.reader.completed import counts, days, objects
from jobs.audiences.ask.reader.completed.clause import Clause, End
from jobs.audiences.ask.reader.windows import one_verb


def stopped(clause: Clause) -> End | None:
    """ "... and stopped" is said of what stands before."""
    frame, before = clause.frame, clause.before
    if "STOPPED" not in frame.slots or before is None or clause.named or (clause.own and not before.things.names):
        return None
    if not before.slots.keys() & {"FORMERLY", "STOPPED"}:
        before.slots["STOPPED"] = True
    return End.TAKEN


def repeated(clause: Clause) -> None:
    """Bought it, and again within 3 days."""
    frame, before = clause.frame, clause.before
    if "AGAIN" in frame.slots and "WITHINSPAN" in frame.slots and not clause.own and before is not None:
        frame.events = before.events
        frame.things = frame.things if clause.named else before.things


def whole(clause: Clause) -> End | None:
    """What people are, and what is left out by its name, take nothing from others."""
    frame = clause.frame
    if frame.users and not (frame.acts or frame.windows or clause.named):
        return End.WHOLE
    if frame.link == "EXCEPT" and not clause.own and clause.named:
        frame.slots["not_things"] = True
        return End.WHOLE
    return None


def checked(clause: Clause) -> None:
    """NotSaidError for a clause of which no other tells what was done."""
    frame, before = clause.frame, clause.before
    if clause.own:
        return
    if clause.denied and not (frame.windows or clause.named or frame.slots or frame.users):
        raise NotSaidError("expected what was not done")
    if frame.slots.keys() == {"SAME"} and frame.windows and not clause.denied:
        raise NotSaidError("expected one window for it, found two")  # one order, and it was in May
    if clause.denied and frame.slots.keys() == {"WITHINSPAN"} and before and before.link == "THEN":
        raise NotSaidError("expected what must not have happened within that time")


def of_another(clause: Clause) -> End | None:
    """The verb of a clause that has none: of the one before, or "bought"."""
    if clause.own:
        return None
    frame, before, after = clause.frame, clause.before, clause.after
    if before is not None and _goes_on(clause):
        return _as_before(clause, before)
    if frame.windows and not (frame.acts or clause.named or frame.users):
        return days.alone(clause)
    if counts.is_bare(frame) and before is not None and "Q" in before.slots and "MEASURE" not in frame.slots:
        counts.like_before(frame, before)
    elif counts.is_bare(frame) and before is not None and before.events != ("purchase",):
        return counts.of_before(frame, before)
    elif clause.named and after is not None and after.link == "THEN":
        frame.events = ("purchase",)
    elif not (frame.acts or frame.windows or clause.denied) and before is None and not _only_bought(clause):
        raise NotSaidError("expected what was done with it, such as: bought it")
    elif frame.acts or clause.named:
        _bought(clause)
    return None


def _only_bought(clause: Clause) -> bool:
    """Whether things are told apart by more than a name, in a shop that logs nothing but purchases."""
    more = bool(clause.later) or clause.place > 0 or len(clause.frame.things.names) > 1 or bool(clause.frame.slots)
    return clause.sentence.vocabulary.types == {"purchase"} and clause.named and more


def _goes_on(clause: Clause) -> bool:
    """Whether a clause only names things or days, or denies, and goes on with the verb before."""
    frame, before = clause.frame, clause.before
    dated = frame.windows and before is not None and before.windows and not clause.sentence.chinese
    late = not clause.denied and frame.link == "COMMA" and not clause.named and not frame.acts and not dated
    measured = frame.slots.keys() & {"Q", "TOPN", "HEAVY", "SHARE", "MEASURE", "compared"}
    return not late and not measured and bool(clause.named or frame.windows or clause.denied)


def _as_before(clause: Clause, before: Frame) -> End | None:
    frame = clause.frame
    if frame.link == "COMMA" and clause.after is None and objects.named_last(frame, clause.done):
        for one in clause.done:
            one.things = frame.things
        clause.done[-1].tokens += frame.tokens
        return End.TAKEN
    only_days = frame.windows and not (clause.named or frame.slots or frame.users or clause.denied)
    if only_days and before.link == "THEN" and not before.windows and frame.link in ("COMMA", "THEN"):
        before.windows = list(frame.windows)  # of the steps
        before.tokens += frame.tokens
        return End.TAKEN
    if only_days and before.windows and before.neg is None and frame.link in ("AND", "OR", "COMMA"):
        frame.slots, frame.spend = dict(before.slots), before.spend  # in October and in November
    frame.events = before.events
    if before.slots.keys() & {"SHARE", "compared"}:
        raise NotSaidError("expected in full what is not so")
    if "TOPN" in before.slots and not clause.named:
        frame.slots = before.slots | frame.slots
    if not clause.named and not frame.anything:
        frame.things = before.things
        narrow = ("DISCOUNTED", "FULLPRICE", "HOURLIST", "WEEKDAYLIST", "PRICE", "QUERY")
        frame.slots = {key: value for key, value in before.slots.items() if key in narrow} | frame.slots
    elif not clause.named:
        frame.events = ("purchase",) if before.events != ("any",) else before.events
    elif not frame.windows:
        frame.windows = list(before.windows)
    elif not before.windows and one_verb(frame, before) and frame.things.names != before.things.names:
        days.of_all_with_its_verb(clause)
    if frame.events == ("search",) and clause.named:
        said = [token.said for token in frame.tokens if "OBJ" in token]
        frame.things, frame.slots["QUERY"] = Things(), " ".join(said)
    return None


def _bought(clause: Clause) -> None:
    frame, before = clause.frame, clause.before
    narrowed = before.slots.keys() & {"HOURLIST", "WEEKDAYLIST"} if before else None
    if narrowed and frame.slots.keys() == {"MEASURE", "Q"} and not clause.named:
        raise NotSaidError("expected of what so much: say it beside those days or hours")
    objects.measured_of(clause)
    if counts.so_often(frame, before):
        frame.things, frame.windows = before.things, frame.windows or list(before.windows)
    kinds = (frame.slots.get("Q") or ("",))[0] == "products" and before is not None
    frame.events = before.events if kinds else ("purchase",)
    days.of_a_count(clause)
