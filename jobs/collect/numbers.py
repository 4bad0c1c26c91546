"""A text (or a number) of the source as a decimal: as programs write it, as people write it, as the mapping says."""

from __future__ import annotations

import re

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.lake.engine import columns
from jobs.sources.mapping import FieldSpec

# What has more digits before the point is something else, such as a bar code; sums of what fits do fit their columns.
DECIMALS = {"money": "decimal(15,4)", "count": "decimal(11,4)"}
MOST = 100_000_000_000  # money of a line
_WIDE = "decimal(28,8)"
_NEGATIVE = r"^\((.*)\)\z|^([^-]*[0-9.]) ?-\z|^\u2212(.*)\z"


def number(value: Column, spec: FieldSpec, kind: str, is_number: bool) -> Column:
    """`value` as a decimal of the kind (money, count), null where it is none."""
    wanted = DECIMALS[kind]
    grows = spec.scale != 1 or spec.units
    read = _WIDE if grows else wanted
    found = value.try_cast(read) if is_number else _with_units(value, spec, read)
    found = found * F.lit(spec.scale) if spec.scale != 1 else found
    return found.try_cast(wanted) if grows else found


def _with_units(text: Column, spec: FieldSpec, kind: str) -> Column:
    """1.2万 as 12000, where `units` says so."""
    if spec.sign:
        signs = "|".join(map(re.escape, spec.sign))
        text = F.regexp_replace(text, rf"^([-(]?) ?(?:{signs}) ?|[ \u00a0\u202f]?(?:{signs})([-)]?)\z", "$1$2")
    found = _of_text(text, spec, kind)
    for unit in sorted(spec.units, key=len):  # of two that fit, the longer one counts
        number = _of_text(F.regexp_replace(text, rf"[ \u00a0\u202f]?{re.escape(unit)}\z", ""), spec, kind)
        found = F.when(text.endswith(unit), (number * F.lit(spec.units[unit])).try_cast(kind)).otherwise(found)
    return found


def _of_text(text: Column, spec: FieldSpec, kind: str) -> Column:
    if (spec.decimal, spec.thousands) == (".", ""):
        return columns.number(_negative(text), kind)
    text = _negative(text)
    between = " \u00a0\u202f" if spec.thousands == " " else spec.thousands
    # Groups of three; of two before the last, as India writes them.
    grouped = rf"|[0-9]{{1,3}}([{between}][0-9]{{2,3}})*[{between}][0-9]{{3}}" if between else ""
    fits = text.rlike(rf"^[+-]?([0-9]+{grouped})?([{spec.decimal}][0-9]*)?\z")
    # `translate` leaves out what it has no other character for.
    return columns.number(F.when(fits, F.translate(text, spec.decimal + between, ".")), kind)


def _negative(text: Column) -> Column:
    """(1.50), 1.50- and a minus of typographers as -1.50."""
    may_be = text.startswith("(") | text.endswith("-") | text.startswith("\u2212")
    return F.when(may_be, F.regexp_replace(text, _NEGATIVE, "-$1$2$3")).otherwise(text)
