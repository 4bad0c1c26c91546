"""Whether the definitions of audiences hold before a night is spent on them: predicates, as the engine analyses them,
and the examples that stand beside them. What a predicate may have: jobs/lake/expressions.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.audiences import members
from jobs.audiences.book import Book
from jobs.errors import DataError, UsageError
from jobs.lake.expressions import condition
from jobs.settings import Settings
from jobs.tables import USER_PROFILES

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
    """The examples that come out otherwise than they say, each as a sentence."""
    asked = [
        (f"{one} {kind} {number}", row)
        for one in book
        for kind, rows in (("match", book[one].examples.match), ("no_match", book[one].examples.no_match))
        for number, row in enumerate(rows, start=1)
    ]
    if not asked:
        return []
    texts = [(label, json.dumps(row | {"user_id": label}, default=str)) for label, row in asked]
    rows = spark.createDataFrame(texts, "label string, text string").select(
        F.from_json("text", USER_PROFILES.ddl, {"mode": "FAILFAST"}).alias("row")
    )
    plain = Book({one: book[one] for one in book if not book.reads_vectors(one)})
    people = members.alone(rows.select("row.*"))
    try:
        answers = members.evaluate(people, plain, "now").select("user_id", "now").collect()
    except PySparkException as error:
        return [f"examples: expected values of the columns' types; {_first_line(error)}"]
    inside = {row["user_id"]: set(row["now"]) for row in answers}
    said = []
    for label, row in asked:
        one, kind, number = label.split(" ")
        if one in plain and (one in inside[label]) != (kind == "match"):
            place = "in" if kind == "match" else "not in"
            said.append(f"audience {one}: examples.{kind} {number}: expected {row} to be {place} it; it is otherwise")
    return said


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
    return f"{len(book)} audiences, {examples} examples hold"
