"""Expressions that the two engines would answer differently, written so that they answer the same."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F


def divided(part: Column | str, whole: Column | str) -> Column:
    """part / whole; null where `whole` is 0 or null. (Sail's `try_divide` knows whole numbers only.)

    A quotient of decimals has at least 6 digits behind the point, which Sail cuts and Apache Spark rounds later: cast
    it to 4 or fewer.
    """
    part, whole = (F.col(value) if isinstance(value, str) else value for value in (part, whole))
    return F.when(whole != 0, part / whole)


def number(value: Column, kind: str) -> Column:
    """A text or number as a decimal type; null where it is none or does not fit. (Sail's cast reads no exponents.)"""
    return F.coalesce(value.try_cast(kind), value.try_cast("double").try_cast(kind))


def weekday(day: Column) -> Column:
    """ISO weekday of a date, 1 = Monday to 7 = Sunday. (Sail's `weekday` of a Sunday is -1.)"""
    return F.pmod(F.weekday(day), F.lit(7)) + 1


def whole(value: Column) -> Column:
    """A double as the nearest bigint, halves away from zero: `rint` rounds them to even on one engine."""
    return (F.signum(value) * F.floor(F.abs(value) + 0.5)).cast("bigint")


def rounded(value: Column, digits: int) -> Column:
    """A double rounded half away from zero as people write it: 1.005 to two digits is 1.01, though the double is a bit
    less. As a decimal.
    """
    # By the shortest text that tells the double, which has no exponent here.
    written = F.when(F.abs(value) >= 1e-6, value.cast("string").cast("decimal(38,12)"))
    return F.round(F.coalesce(written, F.when(value.isNotNull(), F.lit(0).cast("decimal(38,12)"))), digits)
