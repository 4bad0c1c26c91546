"""Personal data: columns that a source declares as `pii` are hashed with the shop's key, or dropped, at the door."""

from __future__ import annotations

import re
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.lake import keys
from jobs.lake.engine import columns
from jobs.sources import cells
from jobs.sources.layout import Layout
from jobs.sources.spec import Feed


def _without(text: Column, fields: list[str]) -> Column:
    """A JSON object without some of its fields, in whatever case; null where the text is none, because then nobody
    knows what it is.
    """
    personal = [name.lower() for name in fields]
    kept = F.map_filter(columns.json_object(text), lambda name, _: ~_plain(name).isin(personal))
    return F.to_json(kept)


def _plain(name: Column) -> Column:
    """A name in lower case, without what nobody sees around it."""
    return F.lower(F.trim(name, F.lit(cells.BLANK)))


def protect(records: DataFrame, feed: Feed) -> DataFrame:
    """`records` without a personal value in the clear, also not in `raw`: that is made from the record, and a text
    that is no record is withheld (it stands in its file, which the row names).
    """
    if not feed.pii:
        return records
    layout = Layout.of(records)
    hashed = [column for column, what in feed.pii.items() if what == "hash"]
    secret = keys.key() if hashed else b""
    inside: dict[str, list[str]] = {}
    for column in feed.pii:
        head, _, nested = column.partition(".")
        if nested:
            inside.setdefault(head, []).append(nested)
    anew = {column: keys.keyed_hash(cells.said(layout, column, feed), secret) for column in hashed}
    anew |= {head: _without(layout.text(head), names) for head, names in inside.items() if layout.has(head)}
    kept = _of_struct(layout, feed, anew) if layout.types else _of_map(feed, list(inside), anew)
    withheld = F.concat(F.lit("withheld, it may hold personal data: "), F.length("raw").cast("string"),
                        F.lit(" characters"))  # fmt: skip
    own = F.lit(None).cast("string") if layout.types else F.to_json("record")
    return records.withColumn("record", F.when(F.col("record").isNotNull(), kept)).withColumn(
        "raw", F.when(F.col("record").isNotNull(), own).otherwise(withheld)
    )


def _of_map(feed: Feed, heads: list[str], anew: dict[str, Column]) -> Column:
    """The record with `anew`, and without what is called as a personal column, in whatever case, or stood in one."""
    personal = [column.lower() for column in feed.pii]

    def is_kept(name: Column, _: Column) -> Column:
        plain = _plain(name)
        inside = [plain.startswith(f"{column}.") for column in personal]
        return ~(name.isin(heads) | reduce(or_, inside, plain.isin(personal)))

    kept = F.map_filter("record", is_kept)
    pairs = [part for name, value in anew.items() for part in (F.lit(name), value)]
    if not pairs:
        return kept
    return F.map_concat(kept, F.map_filter(F.create_map(*pairs), lambda _, value: value.isNotNull()))


def _of_struct(layout: Layout, feed: Feed, anew: dict[str, Column]) -> Column:
    """The same; of a CSV, a second column of the name too, which is called name_2."""
    personal = re.compile(f"({'|'.join(map(re.escape, feed.pii))})" + r"(_\d+|\..*)?", re.IGNORECASE)
    kept = [name for name in layout.types if not personal.fullmatch(cells.seen(name)) and name not in anew]
    fields = [F.col("record").getField(name).alias(name) for name in kept]
    return F.struct(*fields, *[value.alias(name) for name, value in anew.items()])
