"""What rules ask of users' events, each thing once, and one row a user with all of it: in a pass for the numbers, one
for the intervals, and one for each sequence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.audiences.rule import sequences
from jobs.audiences.rule.conditions import Then
from jobs.audiences.rule.measures import EVENT_FIELDS, Measure
from jobs.audiences.rule.parts import Part, Test
from jobs.audiences.rule.selection import OF_PRODUCTS, Logs, column, columns_of, selected
from jobs.audiences.rule.values import NUMBER, Reading, any_of, both, passes, within
from jobs.lake.engine import frames

_AT_ONCE = 12  # sequences in one plan
_THINGS = {"orders": "session_id", "days": "ds", "products": "product_id", "categories": "own_category"}
Days = tuple[date | None, date]


def named(kind: str, *said: Any) -> str:
    """The column of something asked: the same where the same is asked."""
    parts = [part.said() if isinstance(part, Part) else part for part in said]
    text = json.dumps(parts, sort_keys=True, default=str)
    return f"_{kind}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"


@dataclass
class Asked:
    """All that is asked of users' events as of the night of ds, as they were known on `known`."""

    ds: date
    known: date
    picks: dict[str, Column] = field(default_factory=dict)  # whether an event is one that is asked for
    sums: dict[str, Column] = field(default_factory=dict)  # aggregates of a user's events with picks
    things: dict[str, dict[str, Column]] = field(default_factory=dict)  # by column: of which different ones are counted
    returns: dict[str, tuple[str, Days, int]] = field(default_factory=dict)  # pick, window, days of a break
    habits: dict[str, tuple[str, Days]] = field(default_factory=dict)  # pick, window
    thens: dict[str, Then] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)  # of events, that picks are told by
    values: set[str] = field(default_factory=set)  # of events, that are counted, summed, or the same
    of_products: dict[str, tuple[str, Test]] = field(default_factory=dict)  # whether a product passes a test
    types: set[str] = field(default_factory=set)
    since: list[date | None] = field(default_factory=list)

    def pick(self, types: Iterable[str], *wheres: dict[str, Test]) -> str:
        """Events of one of the types that pass the tests of all `wheres`."""
        listed, tests = sorted(types), [(name, where[name]) for where in wheres for name in sorted(where)]
        pick = named("p", listed, *[part for test in tests for part in test])
        if pick not in self.picks:
            passed = [self._passes(name, test) for name, test in tests]
            self.picks[pick] = both([F.col("event_type").isin(*listed), *passed])
            self.types |= set(listed)
        return pick

    def _passes(self, field: str, test: Test) -> Column:
        """What is known of a product is asked of products, once each, and not of every event."""
        if field.partition(".")[0] not in OF_PRODUCTS:
            self.fields.add(field)
            return passes(test, column(field), EVENT_FIELDS.get(field, "free"), self.ds)
        name = named("q", field, test)
        self.of_products[name] = (field, test)
        if field != "category":
            return F.coalesce(F.col(name), F.lit(test.known is False and test.model_fields_set == {"known"}))
        self.fields |= {"department", "own_category"}
        own = F.array_compact(F.array("department", "own_category"))
        return F.coalesce(F.col(name), passes(test, own, "texts", self.ds))

    def number(self, measure: Measure, days: Days) -> Reading:
        """The measure over some days (not those of its own window)."""
        pick = self.pick(measure.did, measure.where)
        self.since.append(days[0])
        flag = F.col(pick) & within(F.col("ds"), days)
        how, what = measure.how
        pieces, money = F.coalesce("quantity", F.lit(1)), F.col("quantity" if what == "pieces" else what)
        if measure.refunds != "counted":
            self.values.add("refunds")
            back = F.coalesce("returned_pieces", F.lit(0))
            self.values.add("quantity")
            flag = flag & ((back == 0) if measure.refunds == "left_out" else (back < pieces))
            if measure.refunds == "net":
                pieces = pieces - back
                if what == "amount":
                    money = F.greatest(F.col("amount") - F.coalesce("returned_amount", F.lit(0)), F.lit(0))
                elif what == "quantity":
                    money = pieces
        name = named("n", pick, how, what, days, measure.refunds)
        read = {"orders": "session", "products": "product", "categories": "own_category", "pieces": "quantity"}
        self.values |= {read[what]} if what in read else set() if what in ("events", "days") else {what}

        if how == "count":
            if what in _THINGS:
                self.things.setdefault(_THINGS[what], {})[name] = flag
            else:
                self.sums[name] = (F.count_if(flag) if what == "events" else F.sum(F.when(flag, pieces))).cast(NUMBER)
            return Reading(F.coalesce(F.col(name), F.lit(0).cast(NUMBER)))
        if how in ("sum", "average"):
            self.sums[name] = F.sum(F.when(flag, money)).cast(NUMBER)
            parts = F.coalesce(F.col(name), F.lit(0).cast(NUMBER))
            if how == "sum":
                return Reading(parts)
            self.sums[f"{name}_n"] = F.count(F.when(flag, money))
            return Reading(parts, F.coalesce(F.col(f"{name}_n"), F.lit(0)))
        self.sums[name] = (F.min if how == "smallest" else F.max)(F.when(flag, money)).cast(NUMBER)
        return Reading(F.col(name))

    def edge(self, what: str, pick: str, end: str) -> Column:
        """The least or greatest moment or ds (`what`) of the picked events; null where there are none."""
        self.since.append(None)
        name = named("e", what, pick, end)
        self.sums[name] = (F.min if end == "first" else F.max)(F.when(F.col(pick), F.col(what)))
        return F.col(name)

    def returned(self, pick: str, days: Days, after: int) -> Column:
        """On how many days of the window with picked events the one before, whenever it was, is `after` days off or
        more.
        """
        self.since.append(None)
        name = named("r", pick, days, after)
        self.returns[name] = (pick, days, after)
        return F.coalesce(F.col(name), F.lit(0))

    def habit(self, pick: str, days: Days) -> tuple[Column, Column, Column]:
        """Of the days with picked events: how many there are in the window, the middle interval between those (null:
        none; of an even number the smaller of the two in the middle), and the last day in it.
        """
        self.since.append(None)
        name = named("h", pick, days)
        self.habits[name] = (pick, days)
        return F.coalesce(F.col(f"{name}_days"), F.lit(0)), F.col(f"{name}_middle"), F.col(f"{name}_last")

    def then(self, condition: Then) -> Column:
        """How many events of its first step begin it."""
        self.since.append(None)
        for step in condition.then:
            self.pick(step.types, step.where)
        self.values |= {"own_category" if key == "category" else key for key in condition.same if key != "day"}
        name = named("t", condition)
        self.thens[name] = condition
        return F.coalesce(F.col(name), F.lit(0))

    @property
    def anything(self) -> bool:
        return bool(self.sums or self.things or self.returns or self.habits or self.thens)


def answered(asked: Asked, logs: Logs) -> list[DataFrame]:
    """Frames of one row a user with events that matter: user_id and, all together, what was asked."""
    if not asked.anything:
        return []
    since = None if None in asked.since else min(day for day in asked.since if day)
    fields = asked.fields | asked.values
    events = selected(logs, fields, asked.of_products, asked.types, since, asked.ds, asked.known)
    events = events.withColumns(asked.picks).where(any_of([F.col(pick) for pick in asked.picks]))
    events = events.select("user_id", "ds", "moment", "local_hour", *columns_of(asked.values), *asked.picks)
    intervals = bool(asked.returns or asked.habits)
    readers = bool(asked.sums) + len(asked.things) + intervals + len(asked.thens)
    once = frames.kept(events) if readers > 1 else events
    found = [_different(once, thing, flags) for thing, flags in asked.things.items()]
    if intervals:
        found.append(_intervals(once, asked.returns, asked.habits))
    found += [_side_by_side(some) for some in _chunks(_begun(once, asked))]
    if asked.sums:
        found.append(once.groupBy("user_id").agg(*[value.alias(name) for name, value in asked.sums.items()]))
    return found


def _begun(events: DataFrame, asked: Asked) -> dict[str, DataFrame]:
    """By sequence: one row a user for whom it holds. Those of the same things are looked for among the same rows."""
    steps = {name: [asked.pick(step.types, step.where) for step in then.then] for name, then in asked.thens.items()}
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, then in asked.thens.items():
        groups.setdefault(tuple(sorted(then.same)), []).append(name)
    found = {}
    for same, names in groups.items():
        rows = sequences.possible(events, same, {name: (asked.thens[name], steps[name]) for name in names})
        rows = frames.kept(rows) if len(names) > 1 else rows
        found |= {name: sequences.begun(rows.where(name), asked.thens[name], steps[name], asked.ds) for name in names}
    return found


def _different(events: DataFrame, thing: str, flags: dict[str, Column]) -> DataFrame:
    """One row a user: of each flag how many different things have an event with it. By two sums, for an engine keeps a
    set for each user and flag where distinct ones are counted.
    """
    each = events.where(F.col(thing).isNotNull() & any_of(flags.values())).groupBy("user_id", thing)
    seen = each.agg(*[F.max(flag).alias(name) for name, flag in flags.items()])
    return seen.groupBy("user_id").agg(*[F.count_if(F.col(name)).cast(NUMBER).alias(name) for name in flags])


def _chunks(begun: dict[str, DataFrame]) -> list[dict[str, DataFrame]]:
    """So many at a time as one plan can hold in memory."""
    names = list(begun)
    return [{name: begun[name] for name in names[k : k + _AT_ONCE]} for k in range(0, len(names), _AT_ONCE)]


def _side_by_side(begun: dict[str, DataFrame]) -> DataFrame:
    """One row a user with a column for each of the frames of one number."""
    rows = frames.union([frame.withColumn("name", F.lit(name)) for name, frame in begun.items()])
    numbers = {name: F.max(F.when(F.col("name") == name, F.col("begun"))) for name in begun}
    by_user = rows.groupBy("user_id").agg(*[number.alias(name) for name, number in numbers.items()])
    return frames.kept(by_user) if len(begun) == _AT_ONCE else by_user


def _intervals(
    events: DataFrame, returns: dict[str, tuple[str, Days, int]], habits: dict[str, tuple[str, Days]]
) -> DataFrame:  # fmt: skip
    """One row a user with the numbers of `Asked.returned` and `Asked.habit`."""
    picks = sorted({pick for pick, *_ in [*returns.values(), *habits.values()]})
    listed = F.array_compact(F.array(*[F.when(F.col(pick), F.lit(k)) for k, pick in enumerate(picks)]))
    days = events.select("user_id", "ds", F.explode(listed).alias("pick")).distinct()
    order = Window.partitionBy("user_id", "pick").orderBy("ds")
    days = days.withColumn("gap", F.date_diff("ds", F.lag("ds").over(order)))
    columns = []
    for name, (pick, window, after) in returns.items():
        inside = (F.col("pick") == picks.index(pick)) & within(F.col("ds"), window)
        columns.append(F.count_if(inside & (F.col("gap") >= after)).alias(name))
    for name, (pick, window) in habits.items():
        inside = (F.col("pick") == picks.index(pick)) & within(F.col("ds"), window)
        # The gap of the first day in the window begins before it.
        between = inside & within(F.date_sub("ds", F.col("gap")), window)
        gaps_inside = F.sort_array(F.collect_list(F.when(between, F.col("gap"))))
        middle = F.try_element_at(gaps_inside, F.floor((F.size(gaps_inside) + 1) / 2).cast("int"))
        columns += [
            F.count_if(inside).alias(f"{name}_days"),
            F.when(F.size(gaps_inside) > 0, middle).alias(f"{name}_middle"),
            F.max(F.when(inside, F.col("ds"))).alias(f"{name}_last"),
        ]
    return days.groupBy("user_id").agg(*columns)
