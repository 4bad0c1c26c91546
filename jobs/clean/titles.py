"""Product titles -> structure: words, attributes, and the brand where the record names none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.clean import title_words
from jobs.clean.rules import Titles
from jobs.clean.text import normalised_query

_READ = "title string, title_tokens array<string>, title_attributes map<string,string>"
# Words of a title that are held against the brands at once; longer brands are not found.
_BRAND_WORDS = 4


def with_title_facts(products: DataFrame, previous: DataFrame) -> DataFrame:
    """`products` with title_tokens and title_attributes (null without a title): see jobs/clean/title_words.py.

    `previous` are rows of silver.products: a title that stands there was read before and is not read again.
    """
    known = previous.where("title IS NOT NULL AND title_tokens IS NOT NULL").select(
        "title", "title_tokens", "title_attributes"
    )
    known = known.dropDuplicates(["title"])
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


def with_brands(products: DataFrame, rules: Titles) -> DataFrame:
    """`products` with brand_source (record, title; null without a brand), and with brand found in the title where the
    record names none: a brand that `rules.brand_products` records name, as whole words; the earliest, then the longest.

    Reads product_id, brand, title_tokens.
    """
    brands = products.where("brand IS NOT NULL").groupBy(_key(F.col("brand")).alias("key"), "brand").count()
    # A brand that is written in several ways is filled in as most records write it.
    brands = brands.groupBy("key").agg(
        F.sum("count").alias("products"), F.max(F.struct("count", "brand")).getField("brand").alias("found")
    )
    brands = brands.where((F.col("products") >= rules.brand_products) & F.col("key").rlike(r"\p{L}"))
    brands = brands.where(F.length("key") >= 2).select("key", "found")

    bare = products.where("brand IS NULL").select("product_id", F.explode(_phrases()).alias("phrase"))
    bare = bare.select("product_id", "phrase.start", "phrase.words", _joined(F.col("phrase.text")).alias("key"))
    found = (
        bare.join(F.broadcast(brands), "key")
        .groupBy("product_id")
        .agg(F.min_by("found", F.struct("start", -F.col("words"))).alias("found"))
    )
    source = F.when(F.col("brand").isNotNull(), "record").when(F.col("found").isNotNull(), "title")
    return (
        products.join(found, "product_id", "left")
        .withColumn("brand_source", source)
        .withColumn("brand", F.coalesce("brand", "found"))
        .drop("found")
    )


def _joined(words: Column) -> Column:
    """Words beside Chinese lose their space, so that it does not matter where a run of Chinese was cut."""
    before = F.regexp_replace(words, r"(\p{IsHan}) ", "$1")  # one of the two engines has no look-around
    return F.regexp_replace(before, r" (\p{IsHan})", "$1")


def _key(brand: Column) -> Column:
    return _joined(F.trim(F.regexp_replace(normalised_query(brand), r"[^\p{L}\p{N}]+", " ")))


def _phrases() -> Column:
    """Every run of 1 to _BRAND_WORDS words of title_tokens: array of start, words, text."""
    words = F.col("title_tokens")

    def phrase(length: int) -> Callable[[Column], Column]:
        def of(start: Column) -> Column:
            text = F.array_join(F.slice(words, start, length), " ")
            return F.struct(start.alias("start"), F.lit(length).alias("words"), text.alias("text"))

        return of

    def starting(length: int) -> Column:
        last = F.size(words) - (length - 1)
        return F.when(last >= 1, F.transform(F.sequence(F.lit(1), F.greatest(last, F.lit(1))), phrase(length)))

    each = F.array(*[starting(length) for length in range(1, _BRAND_WORDS + 1)])
    return F.flatten(F.filter(each, lambda phrases: phrases.isNotNull()))
