"""A rule as a column over a user's row: profile, features, and the facts of his events that `facts` answers.

While a rule is read, what it needs beside the profile is noted in `Questions`; equal parts of rules are asked once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from operator import add

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.audiences.rule import conditions as c
from jobs.audiences.rule.facts import Asked, named
from jobs.audiences.rule.measures import USER_FIELDS, Measure
from jobs.audiences.rule.parts import EVER, Part
from jobs.audiences.rule.values import Reading, any_of, both, folded, number, passes, sure, within
from jobs.tables import USER_FEATURES, USER_PROFILES

_DOUBLES = {column.name for table in (USER_FEATURES, USER_PROFILES) for column in table.columns
            if column.type == "double"}  # fmt: skip


@dataclass
class Questions:
    """What rules need to know of a user as of the night of ds.

    features: columns of gold.user_features that his profile lacks, as `_f_NAME`; tops: by the column of a threshold,
    its condition with what it ranks by and among whom; left, moved, suggested: by the column of the answer;
    segment_since: whether he must have `_last_segment` and `_last_segment_ds`, see `answers.Sources`.
    """

    asked: Asked
    inside: Callable[[str], Column]  # whether he is in an audience tonight
    features: set[str] = field(default_factory=set)
    tops: dict[str, tuple[c.Top, Column, Column]] = field(default_factory=dict)
    left: dict[str, c.Left] = field(default_factory=dict)
    moved: dict[str, c.MovedFrom] = field(default_factory=dict)
    suggested: dict[str, c.Suggested] = field(default_factory=dict)
    segment_since: bool = False

    @property
    def needed(self) -> bool:
        """Whether rows must have more than a profile."""
        beside = (self.features, self.tops, self.left, self.moved, self.suggested, self.segment_since)
        return self.asked.anything or any(beside)

    @property
    def ds(self) -> date:
        return self.asked.ds

    def of_tops(self) -> Questions:
        """What must be known of everybody, to tell who is on top."""
        q = Questions(Asked(self.asked.ds, self.asked.known), self.inside)
        for said, _, _ in self.tops.values():
            truth(said, q)
        return q

    def number(self, measure: Measure) -> Reading:
        return self.asked.number(measure, measure.in_.days(self.ds))


def truth(condition: Part, q: Questions) -> Column:
    """Whether a condition holds, never null."""
    return _TRUTHS[type(condition)](condition, q)


def _did(said: c.Did, q: Questions) -> Column:
    if said.in_.needed is None:
        return q.number(said).held(said.held)
    held = [q.asked.number(said, period).held(said.held).cast("int") for period in said.in_.periods(q.ds)]
    return folded(add, held) >= said.in_.needed


def ends_of(said: c.First | c.Last) -> tuple[str, tuple[str, ...]]:
    """(first or last, the types of events)."""
    return ("first", said.first) if isinstance(said, c.First) else ("last", said.last)


def _edge(said: c.First | c.Last, q: Questions) -> Column:
    which, types = ends_of(said)
    every = q.asked.pick(types, said.where)
    conditions = [within(q.asked.edge("ds", every, which), said.in_.days(q.ds))]
    if said.was:
        some = q.asked.pick(types, said.where, said.was)
        conditions.append(q.asked.edge("moment", every, which) == q.asked.edge("moment", some, which))
    return sure(both(conditions))


def _again(said: c.Again, q: Questions) -> Column:
    pick = q.asked.pick(said.again, said.where)
    return q.asked.returned(pick, said.in_.days(q.ds), said.after_days) > 0


def _habit(types: tuple[str, ...], said: c.Regularly | c.Stopped, q: Questions) -> tuple[Column, Column, Column]:
    """(whether he did it regularly, the middle interval, days since the last time)."""
    days, middle, last = q.asked.habit(q.asked.pick(types, said.where), said.in_.days(q.ds))
    return (days >= said.times) & Reading(middle).held(said.every), middle, F.date_diff(F.lit(q.ds), last)


def _regularly(said: c.Regularly, q: Questions) -> Column:
    return sure(_habit(said.regularly, said, q)[0])


def _stopped(said: c.Stopped, q: Questions) -> Column:
    regular, middle, since = _habit(said.stopped, said, q)
    return sure(regular & (since > middle * number(said.overdue)))


def _then(said: c.Then, q: Questions) -> Column:
    return q.asked.then(said) > 0


def _compared(said: c.Compared, q: Questions) -> Column:
    return q.number(said.compared).times(q.number(said.to), said)


def _share(said: c.Share, q: Questions) -> Column:
    return q.number(said.share).times(q.number(said.whole), said)


def _top(said: c.Top, q: Questions) -> Column:
    name, value = named("top", said), q.number(said.top).value
    among = F.lit(True) if said.among is None else truth(said.among, q)
    q.tops[name] = (said, value, among)
    return sure(among & (value > 0) & (value >= F.col(name)))


def _is(said: c.Is, q: Questions) -> Column:
    return both([
        passes(test, value_of(name, q), USER_FIELDS.get(name, "free"), q.ds, double=name in _DOUBLES)
        for name, test in said.is_.items()
    ])  # fmt: skip


def value_of(name: str, q: Questions) -> Column:
    """A column of a profile or of the features, or attributes.KEY."""
    column, _, key = name.partition(".")
    if key:
        return F.try_element_at(F.col(column), F.lit(key))
    if name in USER_PROFILES.column_names:
        return F.col(name)
    q.features.add(name)
    return F.col(f"_f_{name}")


def _audience(said: c.Audience, q: Questions) -> Column:
    since = F.coalesce(F.try_element_at("_since", F.lit(said.audience)), F.lit(q.ds))
    return q.inside(said.audience) & within(since, said.since.days(q.ds))


def in_segment(said: str | int) -> Column:
    """Whether a row is in a segment, by its id or one of its names."""
    if isinstance(said, int):
        return F.col("segment_id").eqNullSafe(said)
    return F.col("segment_name").eqNullSafe(said) | F.col("segment_name_zh").eqNullSafe(said)


def segment_since(q: Questions) -> Column:
    """The night on which a row came into its segment: this one, where the nights before left him elsewhere."""
    q.segment_since = True
    stayed = F.col("_last_segment").eqNullSafe(F.col("segment_id"))
    return F.when(stayed, F.col("_last_segment_ds")).otherwise(F.lit(q.ds))


def _segment(said: c.Segment, q: Questions) -> Column:
    inside = in_segment(said.segment)
    return inside if said.since == EVER else inside & within(segment_since(q), said.since.days(q.ds))


def _noted(kind: str, into: str) -> Callable[[Part, Questions], Column]:
    """A condition that a table beside answers: its column is true, or null."""

    def noted(said: Part, q: Questions) -> Column:
        name = named(kind, said)
        getattr(q, into)[name] = said
        return sure(F.col(name))

    return noted


_TRUTHS: dict[type, Callable[..., Column]] = {
    c.AllOf: lambda said, q: both([truth(one, q) for one in said.all]),
    c.AnyOf: lambda said, q: any_of([truth(one, q) for one in said.any]),
    c.Not: lambda said, q: ~truth(said.not_, q),
    c.Did: _did, c.First: _edge, c.Last: _edge, c.Again: _again, c.Regularly: _regularly, c.Stopped: _stopped,
    c.Then: _then, c.Compared: _compared, c.Share: _share, c.Top: _top, c.Is: _is, c.Audience: _audience,
    c.Segment: _segment, c.Left: _noted("left", "left"), c.MovedFrom: _noted("moved", "moved"),
    c.Suggested: _noted("sugg", "suggested"),
}  # fmt: skip
