"""What a record leaves to the one above it: see `filled_down`."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.sources import cells
from jobs.sources.layout import Layout
from jobs.sources.spec import Feed


def filled_down(records: DataFrame, feed: Feed) -> DataFrame:
    """`records` with what an earlier record of the same file and group says, in the columns of `fill_down` where a
    later one is empty.
    """
    for group, columns in feed.fill_down.items():
        layout = Layout.of(records)
        above = Window.partitionBy("source_file", layout.text(group)).orderBy("line")
        above = above.rowsBetween(Window.unboundedPreceding, Window.currentRow)
        known = {name: cells.trimmed(layout.text(name)) for name in columns}
        filled = {
            name: F.when(layout.text(group).isNull(), value).otherwise(F.last(value, ignorenulls=True).over(above))
            for name, value in known.items()
        }
        record = _of_struct(layout, filled) if layout.types else _of_map(filled)
        records = records.withColumn("filled", F.when(F.col("record").isNotNull(), record))
        records = records.drop("record").withColumnRenamed("filled", "record")
        if not layout.types:  # the text of a refused record is what is read again when it is released
            written = F.when(F.col("record").isNotNull(), F.to_json("record")).otherwise(F.col("raw"))
            records = records.withColumn("raw", written)
    return records


def _of_struct(layout: Layout, filled: dict[str, Column]) -> Column:
    return F.struct(*[filled.get(name, F.col("record").getField(name)).alias(name) for name in layout.types or ()])


def _of_map(filled: dict[str, Column]) -> Column:
    kept = F.map_filter("record", lambda name, _: ~name.isin(list(filled)))
    pairs = F.create_map(*[part for name, value in filled.items() for part in (F.lit(name), value)])
    return F.map_concat(kept, F.map_filter(pairs, lambda _, value: value.isNotNull()))
