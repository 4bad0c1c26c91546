"""The titles of all products -> columns of words and attributes; each new title is read once, by `title_words`."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.clean import title_words

_READ = "title string, title_tokens array<string>, title_attributes map<string,string>"


def with_title_facts(products: DataFrame, previous: DataFrame) -> DataFrame:
    """`products` with title_tokens and title_attributes (null without a title): see jobs/clean/title_words.py.

    `previous` are rows of silver.products: a title that stands there was read before and is not read again.
    """
    read = previous.where("title IS NOT NULL AND title_tokens IS NOT NULL")
    # By one product's id, because Sail counts the memory of a list that an aggregate keeps as that of all beside it.
    one = read.groupBy("title").agg(F.min("product_id").alias("product_id"))
    known = read.join(one, ["title", "product_id"], "left_semi").select("title", "title_tokens", "title_attributes")
    fresh = products.select("title").where("title IS NOT NULL").distinct().join(known, "title", "left_anti")
    return products.join(known.unionByName(fresh.mapInArrow(_read, _READ)), "title", "left")


def _read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    schema = pa.schema([("title", pa.string()), ("title_tokens", pa.list_(pa.string())),
                        ("title_attributes", pa.map_(pa.string(), pa.string()))])  # fmt: skip
    for batch in batches:
        titles = batch.column("title").to_pylist()
        words = [title_words.tokens(title) for title in titles]
        stated = [list(title_words.attributes(title).items()) for title in titles]
        columns = [pa.array(values, field.type) for values, field in zip((titles, words, stated), schema, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
