"""A text (or a number) of the source as an instant.

A local time is shifted by the field's zone. One that daylight saving skips counts as an hour later, one that comes
twice as the first of the two.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.lake.engine import columns
from jobs.sources import months, patterns
from jobs.sources.mapping import FieldSpec

_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_DAY_MS = 86_400_000
# Halves of a day as people write them: what both engines read, and what stands for it.
_HALVES = {"AM": "上午|午前|오전|[aA]\\. ?[mM]\\.", "PM": "下午|午後|오후|[pP]\\. ?[mM]\\."}
_EXCEL = date(1899, 12, 30)  # number 0 of its days, as they are numbered since March 1900


def instant(value: Column, spec: FieldSpec) -> Column:
    """`value` by the first of the field's formats that reads it; null where none does."""
    read = [_read(value, name, spec) for name in spec.format or ("iso",)]
    return F.coalesce(*read) if len(read) > 1 else read[0]


def _read(value: Column, name: str, spec: FieldSpec) -> Column:
    if name in patterns.EPOCHS:
        return _epoch(value, name)
    if name in ("excel", "days"):
        return _of_zone(_counted(value, _EXCEL if name == "excel" else spec.from_), spec)
    text = value.cast("string")
    if name == "iso":
        read = columns.time(text, None)
        return read if spec.zone == "UTC" else F.when(columns.is_local(text), _of_zone(read, spec)).otherwise(read)
    text = F.translate(text, "\u00a0\u202f", "  ")  # which some programs write before AM
    # Some pad numbers: `Jun  1 2026  2:05PM`.
    text = F.when(text.contains("  "), F.regexp_replace(text, " {2,}", " ")).otherwise(text)
    name = re.sub(" {2,}", " ", name)
    if "a" in re.sub("'[^']*'", "", name):
        for half, written in _HALVES.items():
            text = F.regexp_replace(text, written, half)
    ways = []
    for pattern, has_zone in patterns.variants(name):
        read = _by_pattern(text, pattern, spec)
        ways.append(read if has_zone else _of_zone(read, spec))
    return F.coalesce(*ways) if len(ways) > 1 else ways[0]


def _of_zone(local: Column, spec: FieldSpec) -> Column:
    return local if spec.zone == "UTC" else F.to_utc_timestamp(local, spec.zone)


def _by_pattern(text: Column, pattern: str, spec: FieldSpec) -> Column:
    if behind := patterns.without_weekday(pattern):
        text, pattern = F.regexp_replace(text, r"^[^ ,.]+\.?", ""), behind
    if spec.year:
        text, pattern = F.concat(F.lit(f"{spec.year} "), text), f"yyyy {pattern}"
    read = columns.time(text, pattern)
    return F.coalesce(read, _by_month(text, pattern)) if "MMM" in pattern else read


def _by_month(text: Column, pattern: str) -> Column:
    """`text` by a pattern with the name of a month, which no engine reads in any language but its own."""
    for english, shape in months.SHAPES.items():
        text = F.regexp_replace(text, shape, english)
    return columns.time(text, months.short(pattern))


def _epoch(value: Column, name: str) -> Column:
    """Since 1970-01-01 UTC; digits behind the microsecond are cut."""
    parts = columns.number(value.cast("string"), "decimal(28,9)")
    if name == "epoch_ns":
        return _at(parts * F.lit(Decimal("0.001")))
    # Nearly all are whole numbers, which are quicker to read.
    whole = F.try_multiply(value.cast("string").try_cast("bigint"), F.lit(_EPOCHS[name]))
    return F.coalesce(F.timestamp_micros(whole), _at(parts * F.lit(Decimal(_EPOCHS[name]))))


def _at(micros: Column) -> Column:
    return F.when(F.abs(micros) < F.lit(Decimal(2**63)), F.timestamp_micros(F.floor(micros).cast("bigint")))


def _counted(value: Column, start: date) -> Column:
    """Days, with a fraction, since a day: to the millisecond, because a program for sheets cuts the fraction."""
    days = columns.number(value.cast("string"), "decimal(24,12)")
    millis = F.floor(days * F.lit(Decimal(_DAY_MS)) + F.lit(Decimal("0.5"))).cast("bigint")
    before = (start - date(1970, 1, 1)).days * _DAY_MS
    return F.when(F.abs(days) < 10_000_000, F.timestamp_micros((millis + F.lit(before)) * 1000))
