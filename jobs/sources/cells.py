"""What one column of a record says: its text without what nobody sees, or nothing."""

from __future__ import annotations

import unicodedata

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.lake.engine import columns
from jobs.sources.layout import Layout
from jobs.sources.spec import Feed

# White space of all scripts, NUL and other controls, and characters without a width.
BLANK = "".join(map(chr, (
    *range(0x21), 0x7F, *range(0x80, 0xA1), 0xAD, 0x034F, 0x061C, 0x115F, 0x1160, 0x1680, 0x180E,
    *range(0x2000, 0x2010), *range(0x2028, 0x2030), *range(0x205F, 0x2070), 0x2800, 0x3000, 0x3164, 0xFEFF, 0xFFA0,
)))  # fmt: skip


def seen(text: str) -> str:
    """A name as people see it: without blanks and invisible characters at its ends, an accent one with its letter."""
    return unicodedata.normalize("NFC", text).strip(BLANK)


def trimmed(text: Column) -> Column:
    """A text without blanks and invisible characters at its ends; null where nothing else is in it."""
    return F.nullif(F.trim(text, F.lit(BLANK)), F.lit(""))


def said(layout: Layout, column: str, feed: Feed) -> Column:
    """The text of a column of the source as the mapping takes it: trimmed, `lower`, `whole`; null where it is empty or
    one of the feed's words for nothing.
    """
    text = trimmed(layout.text(column))
    text = F.lower(text) if column in feed.lower else text
    text = columns.without_fraction(text) if column in feed.whole else text
    words = feed.nulls(column)
    return F.when(~text.isin(list(words)), text) if words else text
