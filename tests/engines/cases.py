"""What the table of expressions is written with: cases, values, one query for many, and how values are compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

NAN = float("nan")


class Case(NamedTuple):
    """An expression and the value that both engines give it. name: `function: edge`."""

    name: str
    asked: Column
    expected: Any

    @property
    def function(self) -> str:
        return self.name.split(":")[0]


def given(value: Any, kind: str | None = None) -> Column:
    """A literal (of the SQL type `kind`) that no planner can compute beforehand, so that rows are asked, as in a night.

    Of a frame with a column `id` that is 0 or more.
    """
    literal = F.lit(value) if kind is None else F.lit(value).cast(kind)
    return F.when(F.col("id") >= 0, literal)


def texts(*values: str | None) -> Column:
    """A list of texts."""
    return F.array(*[given(value, "string") for value in values])


def differences(cases: Sequence[Case], select: Callable[..., DataFrame]) -> dict[str, str]:
    """The cases whose value is another, by name. select: of a frame, `select` or `agg`; one query for all."""
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), f"two cases of one name: {sorted({n for n in names if names.count(n) > 1})}"
    values = select(*[case.asked.alias(f"c{k}") for k, case in enumerate(cases)]).first()
    return {
        case.name: f"expected {case.expected!r}, found {value!r}"
        for case, value in zip(cases, values, strict=True)
        if not same(case.expected, value)
    }


def same(expected: Any, value: Any) -> bool:
    """Equal, digits of decimals and types too; doubles to 14 digits, as logarithms of two libraries are. The order of a
    map's keys is not looked at: Apache Spark hands maps over without one.
    """
    if isinstance(expected, float) and isinstance(value, float):
        return math.isclose(expected, value, rel_tol=1e-14) or (math.isnan(expected) and math.isnan(value))
    if isinstance(expected, dict) and isinstance(value, dict):
        return expected.keys() == value.keys() and all(same(expected[key], value[key]) for key in expected)
    if isinstance(expected, (list, tuple)) and isinstance(value, (list, tuple)):
        return len(expected) == len(value) and all(map(same, expected, value))
    if isinstance(expected, Decimal) and isinstance(value, Decimal):
        return str(expected) == str(value)
    return type(expected) is type(value) and expected == value
