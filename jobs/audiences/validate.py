"""Whether the definitions of audiences hold before a night is spent on them: predicates, as the engine analyses them,
and the examples that stand beside them. What a predicate may have: jobs/lake/expressions.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.audiences import examples as examples_of
from jobs.audiences import members, names
from jobs.audiences.behaviour import questions, with_products
from jobs.audiences.book import Book
from jobs.audiences.examples import Example
from jobs.audiences.rule.answers import Sources, Thresholds, with_facts
from jobs.audiences.rule.selection import Logs
from jobs.errors import DataError, UsageError
from jobs.lake.expressions import condition
from jobs.settings import Settings
from jobs.tables import (
    AUDIENCE_CHANGES,
    BRONZE_EVENTS,
    RECOMMENDATIONS,
    SEGMENT_CHANGES,
    SILVER_EVENTS,
    SILVER_PRODUCTS,
    SILVER_REFUNDS,
    USER_PROFILES,
)

# What Spark says of a value, and not of the predicate.
_ON_A_ROW = ("CAST_INVALID", "CAST_OVERFLOW", "DIVIDE_BY_ZERO", "ARITHMETIC", "NUMERIC_VALUE", "INVALID_ARRAY_INDEX",
             "REMAINDER_BY_ZERO")  # fmt: skip


def validate(spark: SparkSession, book: Book, *, examples: bool = True) -> None:
    """Hold every predicate and, once those are good, example of the book; UsageError names each that is wrong."""
    people = spark.createDataFrame([], USER_PROFILES.ddl)
    found = []
    for one in book:
        try:
            _ = people.where(condition(book[one].where, USER_PROFILES)).schema if book[one].where else None
        except PySparkException as error:
            found.append(f"audience {one}: where: {_first_line(error)}")
    if not found and examples:
        found = disobeyed(spark, book)
    if found:
        raise UsageError("; ".join(found))


def _first_line(error: PySparkException) -> str:
    return next(line for line in str(error).splitlines() if line).split(" SQLSTATE")[0]


def disobeyed(spark: SparkSession, book: Book) -> list[str]:
    """The examples that come out otherwise than they say, each as a sentence.

    Those of all audiences are asked together; of one that ranks users, its examples alone are the whole shop.
    """
    told = Book({one: book[one] for one in book if not book.reads_vectors(one)})
    asked: dict[tuple[date, str], dict[str, Example]] = {}
    for one in told:
        shop = one if told.holds_users_together(one) else ""
        for kind, listed in (("match", book[one].examples.match), ("no_match", book[one].examples.no_match)):
            for number, row in enumerate(listed, start=1):
                asked.setdefault((book[one].examples.ds, shop), {})[f"{one} {kind} {number}"] = row
    plain = Book({one: told[one] for one in told if not told.holds_users_together(one)})
    said = []
    for (ds, shop), rows in sorted(asked.items()):
        try:
            inside = _inside(spark, told.with_needs({shop}) if shop else plain, rows, ds)
        except PySparkException as error:
            return [f"examples: expected values of the columns' types; {_first_line(error)}"]
        for label, row in rows.items():
            one, kind, which = label.split(" ")
            if (one in inside[label]) != (kind == "match"):
                place = "in" if kind == "match" else "not in"
                said.append(
                    f"audience {one}: examples.{kind} {which}: expected {_shown(row)} to be {place} it; it is otherwise"
                )
    return said


def _shown(example: Example) -> str:
    events = [event.model_dump(mode="json", exclude_defaults=True) for event in example.events]
    return str(example.columns | ({"events": events} if events else {}))


def _inside(spark: SparkSession, book: Book, rows: dict[str, Example], ds: date) -> dict[str, set[str]]:
    """The audiences that each example is in, by its label."""
    profiles, features = examples_of.people(spark, rows)
    profiles = members.alone(profiles)
    q = questions([book], ds, ds)
    if q.needed:
        log = [event.row(label, k, ds) for label, row in rows.items() for k, event in enumerate(row.events)]
        products = examples_of.frame(spark, SILVER_PRODUCTS, [])
        logs = Logs(
            examples_of.frame(spark, SILVER_EVENTS, log), products, examples_of.frame(spark, SILVER_REFUNDS, []),
            examples_of.frame(spark, BRONZE_EVENTS, [e | {"event_id": e["event_id"].split(":", 1)[1]} for e in log]),
        )  # fmt: skip
        changes = examples_of.frame(spark, AUDIENCE_CHANGES, [])
        moves = examples_of.frame(spark, SEGMENT_CHANGES, []).withColumn("from_name", F.lit(None).cast("string"))
        suggestions = with_products(examples_of.frame(spark, RECOMMENDATIONS, []), products)
        nowhere = profiles.select(
            "user_id",
            F.lit(None).cast("int").alias("_last_segment"),
            F.lit(None).cast("date").alias("_last_segment_ds"),
        )
        profiles = with_facts(profiles, q, Sources(logs, features, changes, moves, suggestions, nowhere))
        profiles = Thresholds.of(profiles, q).on(profiles)
    answers = members.evaluate(profiles, book, "now", ds=ds).select("user_id", "now").collect()
    return {row["user_id"]: set(row["now"]) for row in answers}


@contextmanager
def computed() -> Iterator[None]:
    """DataError in place of a stack trace where a good predicate meets a row that it cannot be computed for."""
    try:
        yield
    except PySparkException as error:
        if (error.getCondition() or "").startswith(_ON_A_ROW):
            raise DataError(
                f"a predicate of an audience cannot be computed for every user: {error.getCondition()}; write "
                "try_divide, try_cast or try_element_at there"
            ) from None
        raise


def run(spark: SparkSession, s: Settings) -> str:
    """Hold conf/audiences; UsageError (exit 2) says what is wrong where, before the night spends anything."""
    book = Book.load()
    validate(spark, book)
    examples = sum(len(book[one].examples.match) + len(book[one].examples.no_match) for one in book)
    warnings = names.unknown(spark, s, book, names.newest_people(spark, s))
    return "\n".join([f"{len(book)} audiences, {examples} examples hold", *[f"warning: {one}" for one in warnings]])
