"""The rows that rules are asked of, with all that `Questions` notes: facts of events, features, moves, thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from math import ceil

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.audiences.rule import facts
from jobs.audiences.rule.conditions import Top
from jobs.audiences.rule.selection import Logs, matches
from jobs.audiences.rule.truth import Questions
from jobs.audiences.rule.values import any_of, number, within
from jobs.lake.engine import frames


@dataclass(frozen=True, slots=True)
class Sources:
    """What the questions are answered from.

    features: rows of gold.user_features of the night; exits: rows of gold.audience_changes; moves: of
    gold.segment_changes, with the name of the segment they lead from; suggestions: of gold.recommendations with the
    fields of their product, as `selection.selected` names them; segments: one row a user with the segment that he was
    in last (_last_segment) and the night since which he was (_last_segment_ds). All but the features of nights before.
    """

    logs: Logs
    features: DataFrame
    exits: DataFrame
    moves: DataFrame
    suggestions: DataFrame
    segments: DataFrame | None = None


def with_facts(rows: DataFrame, q: Questions, sources: Sources) -> DataFrame:
    """`rows` (user_id) with a column for each question but those of `Thresholds`."""
    found = [*_marks(q, sources), *facts.answered(q.asked, sources.logs)]
    found += [sources.segments] if q.segment_since else []
    if q.features:
        features = [F.col(name).alias(f"_f_{name}") for name in sorted(q.features)]
        found.append(sources.features.select("user_id", *features))
    if not found:
        return rows
    # Kept without the rest of a profile, which has many columns more.
    users = rows.select("user_id")
    answers = frames.kept(reduce(lambda frame, one: frame.join(one, "user_id", "left"), found, users))
    return rows.join(answers, "user_id", "left")


def _marks(q: Questions, sources: Sources) -> list[DataFrame]:
    """Frames of one row a user, with a column that is true where a table beside says so."""
    marks: list[tuple[DataFrame, dict[str, Column]]] = []
    if q.left:
        marks.append((sources.exits.where(F.col("change") == "exit"), {
            name: (F.col("audience_id") == said.left) & within(F.col("ds"), said.in_.days(q.ds))
            for name, said in q.left.items()
        }))  # fmt: skip
    if q.moved:
        marks.append((sources.moves, {
            name: (F.col("from_segment_id" if isinstance(said.moved_from, int) else "from_name") == said.moved_from)
            & within(F.col("ds"), said.in_.days(q.ds))
            for name, said in q.moved.items()
        }))  # fmt: skip
    if q.suggested:
        marks.append((sources.suggestions, {
            name: matches(("suggestion",), list(said.suggested.items()), q.ds) & (F.col("rank") <= said.within_first)
            for name, said in q.suggested.items()
        }))  # fmt: skip
    return [
        frame.where(any_of(flags.values())).groupBy("user_id").agg(
            *[F.max(flag).alias(name) for name, flag in flags.items()]
        ) for frame, flags in marks
    ]  # fmt: skip


@dataclass(slots=True)
class Thresholds:
    """Values from which on a user is on top, by the column of `Questions.tops`; null where nobody has any."""

    values: dict[str, Column] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: DataFrame, q: Questions) -> Thresholds:
        """rows: of all users, with their facts."""
        if not q.tops:
            return cls()
        counts = rows.agg(*[F.count_if(among).alias(name) for name, (_, _, among) in q.tops.items()]).first()
        found = {}
        for name, (said, value, among) in q.tops.items():
            many = how_many(said, counts[name])
            kind = "double" if said.top.how[0] == "average" else "decimal(24,4)"
            best = rows.where(among & (value > 0)).select(value.alias("value")).orderBy(F.desc("value")).limit(many)
            found[name] = best.agg(F.min("value").alias("value")).first()["value"]
            found[name] = F.lit(found[name]).cast(kind) if isinstance(found[name], float) else _exact(found[name], kind)
        return cls(found)

    def on(self, rows: DataFrame) -> DataFrame:
        return rows.withColumns(self.values) if self.values else rows


def how_many(top: Top, users: int) -> int:
    """The users on top, ties aside: a part of one more counts whole."""
    return top.users or ceil(Fraction(top.percent or 0) * users / 100)


def _exact(value: Decimal | None, kind: str) -> Column:
    return F.lit(None).cast(kind) if value is None else number(value)
