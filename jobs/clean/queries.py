"""Search texts made comparable: widths, case and spaces folded. Plain columns, no Python."""

from __future__ import annotations

import unicodedata
from functools import cache

from pyspark.sql import Column
from pyspark.sql import functions as F


@cache
def _width_table() -> tuple[str, str]:
    """Characters and what Unicode's NFKC makes of them, where that is one character too: full-width letters, digits
    and punctuation, half-width katakana and hangul, the ideographic and other spaces, circled and superscript digits.
    """
    pairs = [(c, unicodedata.normalize("NFKC", c)) for c in map(chr, range(0x80, 0x20000))]
    folded = [(c, to) for c, to in pairs if len(to) == 1 and to != c]
    return "".join(c for c, _ in folded), "".join(to for _, to in folded)


def normalised_query(query: Column) -> Column:
    """A search text with widths folded, in lower case, single-spaced and trimmed; null where nothing is left.

    Traditional and simplified characters stay as they are. Folding is NFKC character by character: what NFKC makes
    several characters of (㎏, ﬁ) or composes (half-width kana with a voice mark) stays as well.
    """
    spaced = F.regexp_replace(F.lower(F.translate(query, *_width_table())), r"[\s\p{Z}\p{Cc}\u200b\ufeff]+", " ")
    return F.nullif(F.trim(spaced), F.lit(""))
