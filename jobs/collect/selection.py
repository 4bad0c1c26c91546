"""Which records a mapping leaves out."""

from __future__ import annotations

from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.collect import fields
from jobs.sources.spec import Feed


def is_ignored(feed: Feed) -> Column:
    """True for a record that `where` or `ignore` leaves out. Reads the columns of `fields.with_texts`."""
    left = [~_is_one_of(column, values) for column, values in feed.where.items()]
    left += [_is_one_of(column, values) for column, values in feed.ignore.items()]
    return F.col("record").isNotNull() & reduce(or_, left) if left else F.lit(False)


def _is_one_of(column: str, values: tuple[str, ...]) -> Column:
    """In any case; 1.0 is 1, as which a program writes a flag that some records lack."""
    said, known = F.lower(F.coalesce(fields.text(column), F.lit(""))), [value.lower() for value in values]
    whole = F.when(said.endswith(".0"), F.left(said, F.length(said) - 2)).otherwise(said)
    return said.isin(known) | whole.isin(known)
