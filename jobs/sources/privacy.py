"""Personal data: columns that a source declares as `pii` are hashed with the shop's key, or dropped, at the door."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.lake import keys
from jobs.lake.engine import columns
from jobs.sources.layout import Layout
from jobs.sources.spec import Feed


def _without(text: Column, fields: list[str]) -> Column:
    """A JSON object without some of its fields; null where the text is none, because then nobody knows what it is."""
    return F.to_json(F.map_filter(columns.json_object(text), lambda name, _: ~name.isin(fields)))


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
        if nested and not (layout.types and column in layout.types):
            inside.setdefault(head, []).append(nested)
    anew = {column: keys.keyed_hash(F.trim(layout.text(column)), secret) for column in hashed}
    anew |= {head: _without(layout.text(head), names) for head, names in inside.items() if layout.has(head)}
    kept = _of_struct(layout, feed, anew) if layout.types else _of_map([*feed.pii, *inside], anew)
    withheld = F.concat(F.lit("withheld, it may hold personal data: "), F.length("raw").cast("string"),
                        F.lit(" characters"))  # fmt: skip
    own = F.lit(None).cast("string") if layout.types else F.to_json("record")
    return records.withColumn("record", F.when(F.col("record").isNotNull(), kept)).withColumn(
        "raw", F.when(F.col("record").isNotNull(), own).otherwise(withheld)
    )


def _of_map(replaced: list[str], anew: dict[str, Column]) -> Column:
    kept = F.map_filter("record", lambda name, _: ~name.isin(replaced))
    pairs = [part for name, value in anew.items() for part in (F.lit(name), value)]
    if not pairs:
        return kept
    return F.map_concat(kept, F.map_filter(F.create_map(*pairs), lambda _, value: value.isNotNull()))


def _of_struct(layout: Layout, feed: Feed, anew: dict[str, Column]) -> Column:
    kept = [name for name in layout.types if name not in feed.pii and name not in anew]
    fields = [F.col("record").getField(name).alias(name) for name in kept]
    return F.struct(*fields, *[value.alias(name) for name, value in anew.items()])
