"""The category path of a product, from root to leaf, as the text of a JSON list."""

from __future__ import annotations

import re

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.collect import fields
from jobs.sources import cells
from jobs.sources.mapping import FieldSpec

_LIST = r"(?s)^\[.*\]\z"


def path(spec: FieldSpec) -> Column:
    """Of columns, of a text cut by `split`, of a JSON list or the first of a list of lists; any other text is a path of
    one. Parts are trimmed, empty ones left out; null where nothing is left. Reads the columns of `fields.with_texts`.
    """
    if spec.path:
        parts = F.array(*map(fields.text, spec.path))
    elif spec.split:
        parts = F.split(fields.text(spec.columns[0]), re.escape(spec.split))
    else:
        parts = _listed(fields.plain(spec))
    there = F.filter(F.transform(parts, cells.trimmed), lambda part: part.isNotNull())
    return F.when(F.size(there) > 0, F.to_json(there))


def _listed(text: Column) -> Column:
    outer = F.when(text.rlike(_LIST), F.from_json(text, "array<string>"))
    first = F.get(outer, F.lit(0))
    inner = F.when(first.rlike(_LIST), F.from_json(first, "array<string>"))
    return F.coalesce(inner, outer, F.array(text))
