"""The conditions of a rule, typed: a tree of `all`, `any` and `not` over what a user did and is.

A condition is named by the one key that no other has. What each says, docs/rules.md tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_serializer, model_validator

from jobs.audiences.rule.measures import ANY, Columns, Measure, Types, Where
from jobs.audiences.rule.parts import EVER, Comparison, Number, Part, Span, Window
from jobs.conf import nearest

DEEPEST = 16  # levels of a rule: an engine takes no expression of any depth
PRODUCT_FIELDS = ("product", "category", "department", "brand", "title", "product_attributes")


class Did(Measure, Comparison):
    """He did something so often, so much: without a comparison once or more. In each period of the window where
    that says each.
    """

    @model_validator(mode="after")
    def _a_comparison(self) -> Did:
        if not self.bounds and self.how[0] != "count":
            raise ValueError(f"expected what the {self.how[0]} is held against, such as at_least")
        return self

    @property
    def held(self) -> Comparison:
        return self if self.bounds else Comparison(at_least=1)


class _Edge(Part):
    where: Where = ANY
    was: Where = ANY
    in_: Window = Field(EVER, alias="in")

    @model_validator(mode="after")
    def _something(self) -> _Edge:
        if not self.was and self.in_ == EVER:
            raise ValueError("expected was (what it was of), in (when it was), or both")
        return self


class First(_Edge):
    """His first such event ever was in the window, and was of a kind; of several at one time any."""

    first: Types


class Last(_Edge):
    """The same of his last one up to ds."""

    last: Types


class Again(Part):
    """A day with such an event in the window, after_days or more after the day of the one before."""

    again: Types
    where: Where = ANY
    after_days: int = Field(ge=1)
    in_: Window = Field(EVER, alias="in")


class Regularly(Part):
    """Such events on `times` days of the window or more, and an interval between them (the middle one) of `every`
    days.
    """

    regularly: Types
    where: Where = ANY
    times: int = Field(3, ge=2)
    every: Comparison = Comparison()
    in_: Window = Field(EVER, alias="in")


class Stopped(Part):
    """He did it regularly, and more days than `overdue` times his own interval have passed since the last time."""

    stopped: Types
    where: Where = ANY
    times: int = Field(3, ge=2)
    every: Comparison = Comparison()
    overdue: Number = Field(2, gt=0, validate_default=True)
    in_: Window = Field(EVER, alias="in")


class Step(Part):
    """A step of `then`: something done, at most `within` after the one before, or something not done."""

    did: Types | None = None
    not_: Types | None = Field(None, alias="not")
    where: Where = ANY
    within: Span | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Step:
        if (self.did is None) == (self.not_ is None):
            raise ValueError("expected a step to say did or not")
        return self

    @property
    def types(self) -> tuple[str, ...]:
        return self.did or self.not_ or ()


class Then(Part):
    """Steps in order, each later than the one before: equal times are no order. What was done lies in the window."""

    then: tuple[Step, ...] = Field(min_length=2)
    same: tuple[Literal["product", "category", "brand", "session", "day"], ...] = ()
    within: Span | None = None
    in_: Window = Field(EVER, alias="in")

    @model_validator(mode="before")
    @classmethod
    def _one_same(cls, said: Any) -> Any:
        return said | {"same": [said["same"]]} if isinstance(said, dict) and isinstance(said.get("same"), str) else said

    @model_validator(mode="after")
    def _order(self) -> Then:
        done = [step for step in self.then if step.did]
        if not done:
            raise ValueError("expected a step that was done, found not alone; say not: {did: ...}")
        if done[0].within:
            raise ValueError("expected within at the second step that was done: it is the time since the one before")
        for step, after in zip(self.then, self.then[1:], strict=False):
            if step.not_ and after.not_:
                raise ValueError("expected a step that was done between two that were not")
        if any(step.not_ and step.within for step in self.then[1:-1]):
            raise ValueError("expected within at a not that is the first or the last step alone")
        return self


class Compared(Comparison):
    """A number of a user against so many times another: the same in another window, or narrowed otherwise. Holds
    for nobody of whom the other is 0 or nothing.
    """

    compared: Measure
    to: Measure

    @model_validator(mode="before")
    @classmethod
    def _what_differs(cls, said: Any) -> Any:
        if isinstance(said, dict) and isinstance(said.get("compared"), dict) and isinstance(said.get("to"), dict):
            return said | {"to": said["compared"] | said["to"]}
        return said

    @field_serializer("to")
    def _whole(self, to: Measure) -> dict[str, Any]:
        return to.model_dump(mode="json", by_alias=True, exclude_none=True)

    @model_validator(mode="after")
    def _a_comparison(self) -> Compared:
        if not self.bounds:
            raise ValueError("expected a number of times, such as less_than: 0.5")
        return self


class Share(Comparison):
    """What part of a number its narrowed events make: of all events of the types in the window, or those of `of`."""

    share: Measure
    of: Where = ANY

    @model_validator(mode="after")
    def _a_part(self) -> Share:
        if not self.bounds:
            raise ValueError("expected what the share is held against, such as at_least: 0.4")
        if self.share.how[0] not in ("count", "sum"):
            raise ValueError(f"expected a count or a sum, found {self.share.how[0]}, of which there are no shares")
        return self

    @property
    def whole(self) -> Measure:
        return self.share.model_copy(update={"where": self.of})


class Top(Part):
    """Among the highest by a number: `percent` of the users, or so many `users`; ties with the last are in, who has
    nothing is not. among: who is ranked.
    """

    top: Measure
    percent: Number | None = Field(None, gt=0, le=100)
    users: int | None = Field(None, ge=1)
    among: Condition | None = None

    @model_validator(mode="after")
    def _how_many(self) -> Top:
        if (self.percent is None) == (self.users is None):
            raise ValueError("expected either percent or users")
        if self.among is not None and (stray := [c for c in walk(self.among) if isinstance(c, Top | Audience)]):
            raise ValueError(f"among: expected no top and no audience, found {key_of(stray[0])}")
        return self


class Is(Part):
    """Columns of gold.user_profiles and gold.user_features; all of them."""

    is_: Columns = Field(alias="is")


class Audience(Part):
    """In an audience tonight; since: of his entry."""

    audience: str
    since: Window = EVER


class Segment(Part):
    """In a segment tonight, by name or id; since: of the night on which he came into it."""

    segment: str | int
    since: Window = EVER


class Left(Part):
    """He left an audience in the window, by a change of a night before this one, whether or not he came back."""

    left: str
    in_: Window = Field(EVER, alias="in")


class MovedFrom(Part):
    """A segment, by name or id, that he moved away from in the window, by a change of a night before this one."""

    moved_from: str | int
    in_: Window = Field(EVER, alias="in")


class Suggested(Part):
    """A product that is suggested to him (gold.recommendations of the last published night) is such."""

    suggested: Where
    within_first: int = Field(10, ge=1)

    @model_validator(mode="after")
    def _of_products(self) -> Suggested:
        if stray := [name for name in self.suggested if name.split(".")[0] not in PRODUCT_FIELDS]:
            raise ValueError(f"suggested: expected {', '.join(PRODUCT_FIELDS)}, found {stray[0]}")
        return self


class AllOf(Part):
    all: tuple[Condition, ...] = Field(min_length=1)


class AnyOf(Part):
    any: tuple[Condition, ...] = Field(min_length=1)


class Not(Part):
    not_: Condition = Field(alias="not")


KINDS: dict[str, type[Part]] = {
    "all": AllOf, "any": AnyOf, "not": Not, "did": Did, "first": First, "last": Last, "again": Again,
    "regularly": Regularly, "stopped": Stopped, "then": Then, "compared": Compared, "share": Share, "top": Top,
    "is": Is, "audience": Audience, "segment": Segment, "left": Left, "moved_from": MovedFrom,
    "suggested": Suggested,
}  # fmt: skip


def key_of(said: Any) -> str | None:
    """The key that names the kind of a condition."""
    if isinstance(said, dict):
        return next((key for key in KINDS if key in said), None)
    return next((key for key, kind in KINDS.items() if type(said) is kind), None)


def _known(said: Any) -> Any:
    if key_of(said) is None:
        found = next(iter(said), None) if isinstance(said, dict) else said
        raise ValueError(f"expected a condition, found {found!r}{nearest(str(found), KINDS, 'one of')}")
    return said


Condition = Annotated[
    Annotated[AllOf, Tag("all")] | Annotated[AnyOf, Tag("any")] | Annotated[Not, Tag("not")]
    | Annotated[Did, Tag("did")] | Annotated[First, Tag("first")] | Annotated[Last, Tag("last")]
    | Annotated[Again, Tag("again")]
    | Annotated[Regularly, Tag("regularly")] | Annotated[Stopped, Tag("stopped")] | Annotated[Then, Tag("then")]
    | Annotated[Compared, Tag("compared")] | Annotated[Share, Tag("share")] | Annotated[Top, Tag("top")]
    | Annotated[Is, Tag("is")] | Annotated[Audience, Tag("audience")] | Annotated[Left, Tag("left")]
    | Annotated[Segment, Tag("segment")] | Annotated[MovedFrom, Tag("moved_from")]
    | Annotated[Suggested, Tag("suggested")],
    Discriminator(key_of), BeforeValidator(_known),
]  # fmt: skip

for _kind in (Top, AllOf, AnyOf, Not):
    _kind.model_rebuild()


def children(condition: Part) -> tuple[Part, ...]:
    if isinstance(condition, AllOf):
        return condition.all
    if isinstance(condition, AnyOf):
        return condition.any
    return (condition.not_,) if isinstance(condition, Not) else ()


def walk(condition: Part) -> Iterator[Part]:
    """The condition and all in it, those that a top is among as well."""
    yield condition
    within = (condition.among,) if isinstance(condition, Top) and condition.among is not None else children(condition)
    for one in within:
        yield from walk(one)


def depth(condition: Part) -> int:
    """How many conditions lie within each other at most."""
    within = (condition.among,) if isinstance(condition, Top) and condition.among is not None else children(condition)
    return 1 + max((depth(one) for one in within), default=0)
