"""Words for categories that are numbers, from the titles of their products."""

from __future__ import annotations

from collections.abc import Collection

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

WORDS, PRODUCTS = 2, 2  # words of a label, and products of the category that must have each


def words_of_titles(products: DataFrame, codes: Collection[str]) -> dict[str, str]:
    """For categories that are numbers: the words that most of their products' titles have.

    products: category and title_tokens of silver.products.
    """
    if not codes:
        return {}
    tokens = products.where(F.col("category").isin(sorted(codes))).select(
        "category", F.explode(F.array_distinct("title_tokens")).alias("word")
    )
    counted = tokens.where(F.length("word") > 1).groupBy("category", "word").agg(F.count("*").alias("products"))
    counted = counted.where(~F.col("word").rlike(r"^[0-9]+\z") & (F.col("products") >= PRODUCTS))
    rank = F.row_number().over(Window.partitionBy("category").orderBy(F.desc("products"), "word"))
    rows = counted.withColumn("rank", rank).where(F.col("rank") <= WORDS).orderBy("category", "rank").collect()
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["category"], []).append(row["word"])
    return {category: " ".join(words) for category, words in found.items()}
