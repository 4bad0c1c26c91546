"""The brand of a product whose record names none: another record's brand, found among the words of the title."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.clean.queries import normalised_query
from jobs.clean.rules import Titles

# Words of a title that are held against the brands at once; longer brands are not found.
_BRAND_WORDS = 4


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
    in_title = (
        bare.join(F.broadcast(brands), "key")
        .groupBy("product_id")
        .agg(F.min_by("found", F.struct("start", -F.col("words"))).alias("found"))
    )
    source = F.when(F.col("brand").isNotNull(), "record").when(F.col("found").isNotNull(), "title")
    return (
        products.join(in_title, "product_id", "left")
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
        def at(start: Column) -> Column:
            text = F.array_join(F.slice(words, start, length), " ")
            return F.struct(start.alias("start"), F.lit(length).alias("words"), text.alias("text"))

        return at

    def starting(length: int) -> Column:
        last = F.size(words) - (length - 1)
        return F.when(last >= 1, F.transform(F.sequence(F.lit(1), F.greatest(last, F.lit(1))), phrase(length)))

    each = F.array(*[starting(length) for length in range(1, _BRAND_WORDS + 1)])
    return F.flatten(F.filter(each, lambda phrases: phrases.isNotNull()))
