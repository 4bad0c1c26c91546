"""The products of the made-up shop: a number says all of a product, so that events need no join to know its price.

A product's number is ((leaf * ranks) + rank) * 4 + tier: leaf of the category tree, popularity rank within the leaf
(0 sells most), price tier (0 budget to 3 luxury).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.chance import Chance, at

TIERS = (0.6, 1.0, 1.8, 3.6)  # times the leaf's usual price
_PRIME = 9_999_991  # below it, a multiplication scatters numbers without two meeting


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf of the category tree."""

    department: str
    category: str
    name: str
    name_zh: str
    price: int


@cache
def words() -> dict:
    return yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


@cache
def leaves() -> tuple[Leaf, ...]:
    """All leaves: equally many a department and a category."""
    return tuple(
        Leaf(department, category, *leaf)
        for department, one in words().items()
        for category, inner in one["categories"].items()
        for leaf in inner
    )


def departments() -> list[str]:
    return list(words())


def leaves_a_department() -> int:
    return len(leaves()) // len(words())


def ranks(products: int) -> int:
    """Ranks a leaf for about so many products: each leaf has equally many, in four tiers."""
    return max(1, round(products / (len(leaves()) * len(TIERS))))


def size(products: int) -> int:
    """How many products there are when about so many were asked for."""
    return ranks(products) * len(leaves()) * len(TIERS)


def sku(number: Column) -> Column:
    """The product's id as the shop writes it; does not betray its number."""
    return F.concat(F.lit("S"), F.lpad(((number.cast("bigint") + 1) * 7_368_787 % _PRIME).cast("string"), 7, "0"))


def price(chance: Chance, number: Column, leaf: Column, tier: Column) -> Column:
    """List price of one piece in cents: around the leaf's price times the tier's factor, ending in .90."""
    usual = at([float(leaf.price) for leaf in leaves()], leaf) * at(list(TIERS), tier)
    return F.floor(usual * (0.8 + 0.4 * chance.draw("price", number))).cast("int") * 100 + 90


def build(spark: SparkSession, chance: Chance, products: int) -> DataFrame:
    """One row a product: sku, title, category (path by `/`), brand, price."""
    a_leaf = ranks(products) * len(TIERS)
    numbers = spark.range(size(products)).select(F.col("id").cast("int").alias("number"))
    number, leaf, tier, house = (F.col(name) for name in ("number", "leaf", "tier", "department"))
    frame = numbers.withColumns({"leaf": F.floor(number / a_leaf).cast("int"), "tier": number % len(TIERS)})
    frame = frame.withColumn("department", F.floor(leaf / leaves_a_department()).cast("int"))
    # Brands stand from the dearest to the cheapest, three that write English, then three that write Chinese.
    dear = F.least(F.floor((3 - tier) / 1.5 + chance.draw("brand", number)), F.lit(2)).cast("int")
    frame = frame.withColumn("chinese", chance.happens(0.5, "language", number))
    frame = frame.withColumn("brand", at(_flat("brands"), house * 6 + dear + F.when(F.col("chinese"), 3).otherwise(0)))

    def word(kind: str, language: int) -> Column:
        place = house * 5 + chance.whole(5, kind, number)
        return at([pair[language] for pair in _flat(kind)], place)

    english = F.concat_ws(" ", "brand", word("adjectives", 0), at([one.name for one in leaves()], leaf))
    chinese = F.concat(F.col("brand"), word("adjectives", 1), at([one.name_zh for one in leaves()], leaf))
    title = F.when(F.col("chinese"), F.concat_ws(" ", chinese, word("variants", 1))).otherwise(
        F.concat_ws(", ", english, word("variants", 0))
    )
    path = [f"{one.department}/{one.category}/{one.name}" for one in leaves()]
    return frame.select(
        sku(number).alias("sku"), title.alias("title"), at(path, leaf).alias("category"), "brand",
        (price(chance, number, leaf, tier) / 100).cast("decimal(12,2)").alias("price"),
    )  # fmt: skip


def _flat(kind: str) -> list:
    return [item for one in words().values() for item in one[kind]]
