"""How many users came to each segment, went from it and stayed, since the last published night."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

SUCCESSOR = 0.25  # of an ended segment's users, from which on where they went is a successor


@dataclass(frozen=True, slots=True)
class Flow:
    """Users by where they were and are: `users` of one previous_segment_id, segment_id (None: nowhere) and change."""

    old: int | None
    new: int | None
    change: str
    users: int
    quiet: int  # those of them of whom no event is new: none since the last night, and none that came late


def flows(changed: DataFrame, since: int) -> list[Flow]:
    """The flows of rows of `changes.with_changes` with inactive_days; since: days since the last night."""
    quiet = (F.coalesce(F.col("inactive_days"), F.lit(365)) >= since) & F.col("corrected_segment_id").isNull()
    rows = changed.groupBy("previous_segment_id", "segment_id", "change").agg(
        F.count("*").alias("users"), F.count_if(quiet).alias("quiet")
    )
    return [Flow(*row) for row in rows.collect()]


def came_and_went(flows: list[Flow], group: int) -> tuple[int, int]:
    """Users who came to a segment and went from it since the night before."""
    moved = [flow for flow in flows if flow.change != "stay"]
    return sum(f.users for f in moved if f.new == group), sum(f.users for f in moved if f.old == group)


def successors(flows: list[Flow], ended: int) -> list[int]:
    """Where at least SUCCESSOR of an ended segment's users went, most first."""
    into = sorted(
        ((f.users, f.new) for f in flows if f.old == ended and f.new is not None), key=lambda x: (-x[0], x[1])
    )
    return [group for users, group in into if users >= SUCCESSOR * sum(f.users for f in flows if f.old == ended)]


def steadiness(flows: list[Flow]) -> str:
    """How many users without a new event kept their segment, in words."""
    kept = sum(f.quiet for f in flows if f.change == "stay")
    quiet = kept + sum(f.quiet for f in flows if f.change == "move")
    return (
        f"of {quiet:,} users without a new event {kept / quiet:.2%} kept their segment" if quiet else "nobody was quiet"
    )
