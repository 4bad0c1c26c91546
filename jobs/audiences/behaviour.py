"""What the rules of a book ask beside profiles, joined to the rows that they are asked of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.audiences.book import Book
from jobs.audiences.rule.answers import Sources, Thresholds, with_facts
from jobs.audiences.rule.facts import Asked
from jobs.audiences.rule.selection import Logs
from jobs.audiences.rule.truth import Questions, truth
from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import (
    AUDIENCE_CHANGES,
    BRONZE_EVENTS,
    RECOMMENDATIONS,
    RUNS,
    SEGMENT_CHANGES,
    SEGMENTS,
    SILVER_EVENTS,
    SILVER_PRODUCTS,
    SILVER_REFUNDS,
    USER_FEATURES,
    USER_SEGMENTS,
)


def questions(books: Iterable[Book], ds: date, known: date) -> Questions:
    """What the rules of all books need to know as of the night of ds from what was known on `known`."""
    asked = Questions(Asked(ds, known), inside=lambda _: F.lit(False))
    for book in books:
        for audience in book:
            if (rule := book[audience].rule) is not None:
                truth(rule, asked)
    return asked


def with_behaviour(
    spark: SparkSession, s: Settings, rows: DataFrame, books: Iterable[Book], ds: date, *,
    late: DataFrame | None = None, ranked: DataFrame | None = None,
) -> DataFrame:  # fmt: skip
    """`rows` (user_id, and the columns of a profile) with all that `members.evaluate` asks of them as of ds; see
    `answered`.
    """
    return answered(spark, s, rows, questions(books, ds, s.ds), late=late, ranked=ranked)


def answered(
    spark: SparkSession, s: Settings, rows: DataFrame, q: Questions, *,
    late: DataFrame | None = None, ranked: DataFrame | None = None,
) -> DataFrame:  # fmt: skip
    """`rows` with a column for each question.

    ranked: the rows of everybody, who say who is on top, where `rows` are of some: then only events of those are read;
    late: rows of user_features in place of those of the night.
    """
    if not q.needed:
        return rows
    sources = sources_of(spark, s, q)
    if late is not None:
        sources = replace(sources, features=late)
    some = sources if ranked is None else replace(sources, logs=sources.logs.of(rows.select("user_id")))
    found = with_facts(rows, q, some)
    if not q.tops:
        return found
    if ranked is None:
        return Thresholds.of(found.where("here") if "here" in found.columns else found, q).on(found)
    ranks = q.of_tops()
    pool = with_facts(ranked, ranks, sources)
    return Thresholds.of(pool.where("here") if "here" in pool.columns else pool, ranks).on(found)


def sources_of(spark: SparkSession, s: Settings, q: Questions) -> Sources:
    """The tables as of the night of the questions: what nights publish, of those before it."""
    ds = q.ds
    read = {table: delta.read_or_empty(spark, s.warehouse, table) for table in (
        SILVER_EVENTS, SILVER_PRODUCTS, SILVER_REFUNDS, BRONZE_EVENTS, USER_FEATURES, AUDIENCE_CHANGES, SEGMENT_CHANGES
    )}  # fmt: skip
    logs = Logs(read[SILVER_EVENTS], read[SILVER_PRODUCTS], read[SILVER_REFUNDS], read[BRONZE_EVENTS])
    before = f"ds < DATE'{ds}'"
    return Sources(
        logs, read[USER_FEATURES].where(f"ds = DATE'{ds}'"), read[AUDIENCE_CHANGES].where(before),
        _moves(spark, s, before) if q.moved else read[SEGMENT_CHANGES],
        _suggestions(spark, s, ds, logs.products) if q.suggested else read[SEGMENT_CHANGES],
        _segments(spark, s, read[SEGMENT_CHANGES], ds) if q.segment_since else None,
    )  # fmt: skip


def _moves(spark: SparkSession, s: Settings, before: str) -> DataFrame:
    """Rows of gold.segment_changes with the name of the segment that they lead from."""
    changes = delta.read_or_empty(spark, s.warehouse, SEGMENT_CHANGES).where(before)
    names = delta.read_or_empty(spark, s.warehouse, SEGMENTS).select(
        F.col("segment_id").alias("from_segment_id"), F.col("ds").alias("previous_ds"),
        F.col("segment_name").alias("from_name"),
    )  # fmt: skip
    return changes.where("from_segment_id IS NOT NULL").join(names, ["from_segment_id", "previous_ds"], "left")


def _segments(spark: SparkSession, s: Settings, changes: DataFrame, ds: date) -> DataFrame:
    """One row a user whom a night before ds has in a segment: _last_segment, and _last_segment_ds, since when. Who
    never entered nor moved was there on the first night, which has no changes.
    """
    last = changes.where(F.col("ds") < F.lit(ds)).groupBy("user_id").agg(
        F.max(F.struct("ds", F.col("to_segment_id").alias("segment"))).alias("last")
    )  # fmt: skip
    found = delta.rows(s.warehouse, RUNS, f"ds < '{ds}'", "min(ds) AS first, max(ds) AS newest")
    published = found[0] if found else {"first": None, "newest": None}
    there = delta.read_or_empty(spark, s.warehouse, USER_SEGMENTS).where(F.col("ds") == F.lit(published["newest"]))
    rows = there.select("user_id", "segment_id").join(last, "user_id", "left")
    return rows.select(
        "user_id", F.coalesce("last.segment", "segment_id").alias("_last_segment"),
        F.coalesce(F.col("last.ds"), F.lit(published["first"])).alias("_last_segment_ds"),
    )  # fmt: skip


def _suggestions(spark: SparkSession, s: Settings, ds: date, products: DataFrame) -> DataFrame:
    """What the newest night before ds suggested."""
    rows = delta.read_or_empty(spark, s.warehouse, RECOMMENDATIONS).where(f"ds < DATE'{ds}'")
    newest = rows.agg(F.max("ds")).first()[0]
    return with_products(rows.where(F.col("ds") == F.lit(newest)) if newest else rows.limit(0), products)


def with_products(suggestions: DataFrame, products: DataFrame) -> DataFrame:
    """Rows of gold.recommendations with what narrows events by their product."""
    facts = products.select(
        "product_id", "title", "department", "brand", F.col("attributes").alias("product_attributes"),
        F.array_compact(F.concat(F.array("department", "category"), "category_path")).alias("categories"),
    )  # fmt: skip
    rows = suggestions.select("user_id", "rank", "product_id").join(facts, "product_id", "left")
    return rows.withColumn("event_type", F.lit("suggestion"))
