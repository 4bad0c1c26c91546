"""Whether a value passes a test, and a number a comparison: as columns that are true or false, never null."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import reduce
from operator import and_, eq, ge, gt, le, lt, or_
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.audiences.rule.parts import Comparison, Test
from jobs.lake.engine import columns

_SIGNS = {">=": ge, "<=": le, ">": gt, "<": lt, "=": eq}
NUMBER = "decimal(24,4)"  # sums of money and counts, so that products of them stay within 38 digits


def sure(condition: Column) -> Column:
    """The condition, false where it is null."""
    return F.coalesce(condition, F.lit(False))


def both(conditions: Iterable[Column]) -> Column:
    """Whether all of them hold."""
    return folded(and_, [F.lit(True), *conditions])


def any_of(conditions: Iterable[Column]) -> Column:
    """Whether one of them holds."""
    return folded(or_, conditions)


def folded(operator: Callable[[Column, Column], Column], columns: Iterable[Column]) -> Column:
    """Many columns put together, as a tree of little depth: a chain of dozens cannot be sent to an engine."""
    listed = list(columns)
    while len(listed) > 1:
        listed = [reduce(operator, listed[k : k + 2]) for k in range(0, len(listed), 2)]
    return listed[0]


def number(value: Decimal) -> Column:
    return F.lit(Decimal(format(value, "f")))


def within(day: Column, window: tuple[date | None, date]) -> Column:
    """Whether a day lies in the window."""
    first, last = window
    since = [day >= F.lit(first)] if first else []
    return both([*since, day <= F.lit(last)])


def passes(test: Test, value: Column, kind: str, ds: date, *, double: bool = False) -> Column:
    """Whether a value of a kind (parts.checked) passes; what is not known passes `known: false` alone."""
    known = F.size(value) > 0 if kind == "texts" else value.isNotNull()
    asked: list[Column] = []
    if test.is_:
        asked.append(_any_of(value, kind, test.is_, double))
    if test.not_:
        asked.append(~_any_of(value, kind, test.not_, double))
    if test.contains:
        asked.append(any_of([F.lower(value).contains(text.lower()) for text in test.contains]))
    if test.starts_with:
        asked.append(any_of([value.startswith(text) for text in test.starts_with]))
    if test.in_:
        asked.append(within(value, test.in_.days(ds)))
    if test.bounds:
        found = columns.number(value, "decimal(38,6)") if kind == "free" else value
        asked += [_SIGNS[sign](found, F.lit(float(n)) if double else number(n)) for sign, n in test.bounds]
    if test.known is False:
        return sure(~known) if not asked else F.lit(False)
    return sure(known & both(asked))


def _any_of(value: Column, kind: str, listed: tuple[Any, ...], double: bool) -> Column:
    if kind == "texts":
        return any_of([F.array_contains(value, text) for text in listed])
    if kind == "number":
        return any_of([value == (F.lit(float(one)) if double else number(Decimal(one))) for one in listed])
    return value.isin(*listed)


@dataclass(frozen=True, slots=True)
class Reading:
    """A number of a user as a fraction: `parts` by `pieces`, whole where pieces is null. Null: he has none."""

    parts: Column
    pieces: Column | None = None

    @property
    def value(self) -> Column:
        """The number itself: a double where it is an average."""
        if self.pieces is None:
            return self.parts
        return F.when(self.pieces > 0, self.parts.cast("double") / self.pieces)

    def held(self, against: Comparison) -> Column:
        pieces = F.lit(1) if self.pieces is None else self.pieces
        asked = [_SIGNS[sign](self.parts, n if self.pieces is None else n * pieces.cast("decimal(10,0)"))
                 for sign, n in ((sign, number(n)) for sign, n in against.bounds)]  # fmt: skip
        return sure((pieces > 0) & both(asked))

    def times(self, other: Reading, against: Comparison) -> Column:
        """Whether it is so many times `other`, which is more than nothing."""
        a, b = self.value, other.value
        if self.pieces is None and other.pieces is None:
            asked = [_SIGNS[sign](a, b * number(n)) for sign, n in against.bounds]
        else:
            asked = [_SIGNS[sign](a.cast("double"), b.cast("double") * float(n)) for sign, n in against.bounds]
        return sure((b > 0) & both(asked))
