"""Steps in order: from which events of a user's log does a `then` begin."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import reduce
from itertools import pairwise

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from jobs.audiences.rule.conditions import Then
from jobs.audiences.rule.parts import Span
from jobs.audiences.rule.values import any_of, both, sure, within

_HOUR = 3_600_000_000  # microseconds
_KEYS = {"product": "product_id", "category": "own_category", "brand": "brand", "session": "session_id", "day": "ds"}


def possible(events: DataFrame, same: Sequence[str], sequences: dict[str, tuple[Then, list[str]]]) -> DataFrame:
    """The rows that matter for sequences of the same things: of those users, and things, that have each step of one at
    all. A column by the name of each sequence says whether he is one of its.

    events: rows of `selection.selected` with a flag for each step, named by the list beside its sequence.
    """
    keys = ["user_id", *[_KEYS[key] for key in same]]
    done = {name: [pick for step, pick in zip(then.then, steps, strict=True) if step.did]
            for name, (then, steps) in sequences.items()}  # fmt: skip
    picks = {pick for name in done for pick in done[name]}
    known = reduce(lambda all_of, key: all_of & F.col(key).isNotNull(), keys, F.lit(True))
    seen = events.where(known & any_of([F.col(pick) for pick in sorted(picks)])).groupBy(*keys)
    seen = seen.agg(*[F.max(pick).alias(pick) for pick in sorted(picks)])
    flags = {name: both([F.col(pick) for pick in done[name]]) for name in done}
    seen = seen.select(*keys, *[flag.alias(name) for name, flag in flags.items()])
    steps = {pick for _, listed in sequences.values() for pick in listed}
    rows = events.where(any_of([F.col(pick) for pick in sorted(steps)]))
    rows = rows.select(*dict.fromkeys([*keys, "moment", "ds", "local_hour"]), *sorted(steps))
    return rows.join(seen.where(any_of([F.col(name) for name in flags])), keys)


def begun(events: DataFrame, then: Then, steps: list[str], ds: date) -> DataFrame:
    """One row a user for whom it holds: user_id, and `begun`, how many events begin it.

    events: rows of `possible` for it.

    From the last step backwards, each event learns how early the rest can end behind it: the least end among the next
    step's events later than itself and within the limit. So each step is a window over the log, and no pairs of events
    are made. A `not` between two steps: events are numbered by how many of the unwanted lie before them; the next event
    must have as many before it as this one has up to itself, which is the least number that any later one can have.
    """
    keys = [_KEYS[key] for key in then.same]
    rows = events.where(any_of([F.col(step) for step in steps]))
    order = Window.partitionBy("user_id", *keys).orderBy("moment")
    rows = rows.select(
        "user_id", *[key for key in keys if key != "ds"], "moment", "ds", "local_hour",
        *[F.col(step).alias(f"_is{number}") for number, step in enumerate(steps)],
    )  # fmt: skip
    done = [number for number, step in enumerate(then.then) if step.did]
    inside = within(F.col("ds"), then.in_.days(ds))
    last = done[-1]
    ends = sure(F.col(f"_is{last}") & inside)
    if last + 1 < len(then.then):
        ends = ends & _not_after(then.then[last + 1].within, f"_is{last + 1}", order, ds)
    rows = rows.withColumn("_end", F.when(ends, F.col("moment")))
    for number, after in reversed(list(pairwise(done))):
        later = _later(then.then[after].within, order)
        starts = sure(F.col(f"_is{number}") & inside)
        if after == number + 1:
            rows = rows.withColumn("_next", F.min("_end").over(later))
        else:
            unwanted = F.col(f"_is{number + 1}").cast("int")
            up_to = order.rangeBetween(Window.unboundedPreceding, Window.currentRow)
            rows = rows.withColumn("_upto", F.sum(unwanted).over(up_to))
            rows = rows.withColumn("_before", F.col("_upto") - F.sum(unwanted).over(order.rangeBetween(0, 0)))
            rows = rows.withColumn("_end", F.when(F.col("_end").isNotNull(), F.struct("_before", "_end")))
            rows = rows.withColumn("_least", F.min("_end").over(later))
            free = F.col("_least").isNotNull() & (F.col("_least._before") == F.col("_upto"))
            rows = rows.withColumn("_next", F.when(free, F.col("_least._end")))
        rows = rows.withColumn("_end", F.when(starts, F.col("_next")))
    begins = F.col("_end").isNotNull()
    if then.within:
        begins = begins & (F.col("_end") - F.col("moment") <= then.within.in_hours * _HOUR)
    if done[0] == 1:
        begins = begins & _not_before(then.then[0].within, "_is0", order)
    rows = rows.withColumn("_begins", sure(begins))
    return rows.where("_begins").groupBy("user_id").agg(F.count("*").alias("begun"))


def _later(limit: Span | None, order: WindowSpec) -> WindowSpec:
    return order.rangeBetween(1, limit.in_hours * _HOUR if limit else Window.unboundedFollowing)


def _not_after(limit: Span | None, unwanted: str, order: WindowSpec, ds: date) -> Column:
    """Nothing unwanted within the limit, which is over when ds is; without one, up to the end of ds."""
    none = F.coalesce(F.max(F.col(unwanted).cast("int")).over(_later(limit, order)), F.lit(0)) == 0
    if limit is None:
        return none
    days = F.floor((F.coalesce("local_hour", F.lit(0)) + limit.in_hours) / 24).cast("int")
    return none & (F.date_add("ds", days) <= F.lit(ds))


def _not_before(limit: Span | None, unwanted: str, order: WindowSpec) -> Column:
    first = -limit.in_hours * _HOUR if limit else Window.unboundedPreceding
    return F.coalesce(F.max(F.col(unwanted).cast("int")).over(order.rangeBetween(first, -1)), F.lit(0)) == 0
