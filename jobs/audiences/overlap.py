"""How much the audiences of a night overlap: every pair."""

from __future__ import annotations

from itertools import combinations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def pairs(members: DataFrame, column: str) -> dict[tuple[str, str], int]:
    """Users by pair of audiences that they are in, the first by name first; pairs without a user are left out.

    members: one row a user, `column` an array of audiences, in one order. Pairs are made within a row, one for all
    users who are in the same audiences: nothing is joined.
    """
    alike = members.where(F.size(column) > 1).groupBy(column).agg(F.count("*").alias("users"))
    each = alike.select("users", F.explode(column).alias("one"), column)
    both = each.select("users", "one", F.explode(column).alias("other")).where("one < other")
    return {(row["one"], row["other"]): row["users"]
            for row in both.groupBy("one", "other").agg(F.sum("users").alias("users")).collect()}  # fmt: skip


def rows(sizes: dict[str, int], both: dict[tuple[str, str], int]) -> list[dict]:
    """Rows of gold.audience_overlap less the stamps: every pair of the audiences of `sizes`, also where nobody is in
    both.
    """
    return [row(one, other, sizes, both.get((one, other), 0)) for one, other in combinations(sorted(sizes), 2)]


def row(one: str, other: str, sizes: dict[str, int], both: int) -> dict:
    """Jaccard (1912): users in both / users in either."""
    either, smaller = sizes[one] + sizes[other] - both, min(sizes[one], sizes[other])
    return {
        "audience_id": one, "other_id": other, "size": sizes[one], "other_size": sizes[other], "both": both,
        "jaccard": both / either if either else None, "share_of_smaller": both / smaller if smaller else None,
    }  # fmt: skip


def with_one(sizes: dict[str, int], both: dict[tuple[str, str], int], one: str) -> list[dict]:
    """Rows of one audience with each other, most alike first."""
    pairs_of_one = [tuple(sorted((one, other))) for other in sizes if other != one]
    return sorted((row(*pair, sizes, both.get(pair, 0)) for pair in pairs_of_one), key=lambda r: -(r["jaccard"] or 0))
