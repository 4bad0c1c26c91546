"""The rows that audiences are asked of: profiles, with where their users were before and whom they are like."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.audiences import lookalike
from jobs.audiences.book import Book
from jobs.audiences.members import evaluate, has, kept_out, last_members, recent_entries
from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import USER_EMBEDDINGS


def with_last_night(spark: SparkSession, s: Settings, people: DataFrame, book: Book, night: date | None) -> DataFrame:
    """`people`, and who is gone since (`here` is false), with what an evaluation reads beside a profile."""
    before = last_members(spark, s, night)
    rows = people.withColumn("here", F.lit(True)).join(before, "user_id", "full")
    rows = rows.join(recent_entries(spark, s, book), "user_id", "left")
    return rows.withColumns(
        {"here": F.coalesce("here", F.lit(False)), "_alike": F.lit(None).cast("map<string,double>")}
    )


def with_lookalikes(
    spark: SparkSession, s: Settings, rows: DataFrame, book: Book, wanted: Collection[str]
) -> tuple[DataFrame, dict[str, lookalike.Found]]:
    """`rows` with `_alike`, and what was found of each lookalike of `wanted`."""
    if not wanted:
        return rows, {}
    seeds = book.with_needs({need for audience in wanted for need in book[audience].needs})
    vectors = delta.read(spark, s.warehouse, USER_EMBEDDINGS).where(f"ds = DATE'{s.ds}'").select("user_id", "embedding")
    seeded = evaluate(rows.where("here"), seeds, "seeded", ds=s.ds).join(vectors, "user_id")
    found = {}
    for audience in sorted(wanted):
        reason = kept_out(audience, book[audience], lambda other: has("seeded", other))
        seed = has("seeded", book[audience].lookalike.seed)
        candidates = seeded.select("user_id", "embedding", seed.alias("seed"), reason.isNull().alias("free"))
        found[audience] = lookalike.find(candidates, book[audience].lookalike.size)
    made = [f.members.withColumn("audience_id", F.lit(a)) for a, f in found.items() if f.members is not None]
    if not made:
        return rows, found
    pair = F.struct("audience_id", "similarity")
    alike = reduce(DataFrame.unionByName, made).groupBy("user_id")
    alike = alike.agg(F.map_from_entries(F.array_sort(F.collect_list(pair))).alias("_alike"))
    return rows.drop("_alike").join(alike, "user_id", "left"), found
