"""A clause: what was done, to what, when, how often, and whether not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jobs.audiences.ask.phrases import days_of
from jobs.audiences.ask.token import Token

ANYTHING = ["view", "click", "search", "favourite", "cart", "uncart", "purchase", "refund"]
BROWSED = {"view", "click", "favourite", "cart"}
Rule = dict[str, Any]


class NotSaidError(Exception):
    """A clause that no rule says; the reason, for people."""


@dataclass(frozen=True, slots=True)
class Things:
    """What narrows the events of a clause: alternatives of each name; together by any, or all of them. joins: the
    words between them.
    """

    names: tuple[tuple[Rule, ...], ...] = ()
    how: str = "any"
    joins: tuple[str | None, ...] = ()

    @property
    def mixed(self) -> bool:
        return {"AND", "OR"} <= set(self.joins)


@dataclass
class Frame:
    """The parts of a clause as they are found, each a value by its kind."""

    tokens: list[Token] = field(default_factory=list)
    neg: str | None = None  # "" or never
    events: tuple[str, ...] = ()
    spend: bool = False
    things: Things = Things()
    slots: dict[str, Any] = field(default_factory=dict)
    users: list[Rule] = field(default_factory=list)  # conditions that stand for themselves
    windows: list[Rule] = field(default_factory=list)
    used: list[Rule] = field(default_factory=list)  # windows that a column took
    first: bool = False  # its window stands at the head of the sentence
    link: str = "AND"  # to the clause before
    comma: bool = False  # before it
    either: bool = False
    added: bool = False  # behind "and those who": to people of another kind
    any_of: bool = False  # one of what is listed
    idle: bool = False  # a word for products that counts nothing
    borrowed: bool = False  # its things are those of the clause before
    terse: bool = False  # goes on behind commas
    anything: bool = False  # "nothing": of all things, whatever stands before

    @property
    def acts(self) -> bool:
        """Whether it says that something was done."""
        return bool(self.events) or bool(
            self.slots.keys() & {"Q", "TOPN", "HEAVY", "OFTEN", "DISCOUNTED", "FULLPRICE", "SHARE", "COMPARED"}
        )

    @property
    def empty(self) -> bool:
        return not (self.tokens or self.users)

    @property
    def bare(self) -> bool:
        """Whether it is an event and nothing else, of which the next clause may say what of."""
        last = self.tokens[-1] if self.tokens else None
        return last is not None and "EVENT" in last and not (self.things.names or self.slots or self.users)


def simple(values: list) -> Any:
    return values[0] if len(values) == 1 else values


def where(frame: Frame, things: Rule) -> Rule:
    """The fields that narrow the events."""
    found: Rule = {key: simple(value) if isinstance(value, list) else value for key, value in things.items()}
    if "DISCOUNTED" in frame.slots:
        found["discount"] = {"more_than": 0}
    if "FULLPRICE" in frame.slots:
        found["discount"] = {"exactly": 0}
    if "HOURLIST" in frame.slots:
        found["hour"] = frame.slots["HOURLIST"]
    if "WEEKDAYLIST" in frame.slots:
        found["weekday"] = frame.slots["WEEKDAYLIST"]
    if "PRICE" in frame.slots:
        found["price"] = frame.slots["PRICE"]
    if "QUANTITY" in frame.slots:
        found["quantity"] = frame.slots["QUANTITY"]
    if "NARROW" in frame.slots:
        found |= frame.slots["NARROW"]
    if "QUERY" in frame.slots:
        found["query"] = {"contains": frame.slots["QUERY"]}
    return found


def window_of(frame: Frame) -> Rule | None:
    if not frame.windows:
        return None
    said = dict(frame.windows[0])
    if "before_days" in said:
        return {"last_days": 3660, "skip": said["before_days"]}
    return said


def within_of(frame: Frame) -> Rule | None:
    """The time limit of a step."""
    if (span := frame.slots.get("WITHINSPAN")) is None:
        return None
    if span[1] == "hour":
        return {"hours": span[0]}
    return {"days": days} if (days := days_of(span)) else None
