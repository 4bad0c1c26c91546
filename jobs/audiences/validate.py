"""Whether the definitions of audiences hold before a night is spent on them: predicates by Spark's own analysis, and
the examples that stand beside them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType

from jobs.audiences import members
from jobs.audiences.book import Book, nearest_column
from jobs.errors import DataError, UsageError
from jobs.settings import Settings
from jobs.tables import USER_PROFILES

_OF_MANY = "expected a condition on one user's row, found an aggregate or a window over many"
# What is no word of a predicate: texts in quotes, quoted names, comments.
_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", re.DOTALL)
_WINDOW = re.compile(r"\bover\s*\(", re.IGNORECASE)
_QUERY = re.compile(r"\b(select|values|table|with|lateral)\b|\|>", re.IGNORECASE)
# Another answer on the same night, another machine's answer, or code of somebody else.
_UNSTEADY = (
    "rand", "randn", "random", "randstr", "uniform", "uuid", "shuffle", "now", "current_date", "curdate",
    "current_timestamp", "current_time", "localtimestamp", "unix_timestamp", "current_timezone", "current_user",
    "session_user", "user", "current_database", "current_schema", "current_catalog", "version", "spark_partition_id",
    "monotonically_increasing_id", "input_file_name", "reflect", "try_reflect", "java_method",
)  # fmt: skip
_CALLED = re.compile(rf"\b({'|'.join(_UNSTEADY)})\s*\(|\b(current_\w+|localtimestamp)\b", re.IGNORECASE)
# What Spark says of a value, and not of the predicate.
_ON_A_ROW = ("CAST_INVALID", "CAST_OVERFLOW", "DIVIDE_BY_ZERO", "ARITHMETIC", "NUMERIC_VALUE", "INVALID_ARRAY_INDEX",
             "REMAINDER_BY_ZERO")  # fmt: skip
_CAST = re.compile(r"\bcast\s*\(|::", re.IGNORECASE)


def wrong(people: DataFrame, where: str) -> str | None:
    """What is wrong with a predicate over rows of gold.user_profiles (`people`); None where it is good."""
    words = _QUOTED.sub("''", where)
    if found := _QUERY.search(words):
        return f"expected a condition on one user's row, found a query ({found[0]})"
    if _WINDOW.search(words):
        return _OF_MANY
    if found := _CALLED.search(words):
        name = found[0].rstrip("( ")
        return f"expected the same answer whenever the night is run, found {name}; the night is the column ds"
    if found := _CAST.search(words):
        return f"expected try_cast, found {found[0].rstrip('( ')}, which ends the night at a value that does not fit"
    try:
        kind = people.where(F.expr(where)).select(F.expr(where).alias("holds")).schema["holds"].dataType
    except PySparkException as error:
        return _said(error, people.columns)
    return None if isinstance(kind, BooleanType) else f"expected a condition (boolean), found {kind.simpleString()}"


def _said(error: PySparkException, columns: list[str]) -> str:
    condition, told = error.getCondition() or "", error.getMessageParameters() or {}
    if condition.startswith("UNRESOLVED_COLUMN"):
        name = told.get("objectName", "").replace("`", "")
        return f"expected columns of gold.user_profiles, found {name!r}{nearest_column(name)}"
    if condition == "UNRESOLVED_ROUTINE":
        return f"expected a function of Spark SQL, found {told.get('routineName', '')}"
    if "filterExpression" in str(told) or condition.startswith(("INVALID_WHERE_CONDITION", "UNSUPPORTED_EXPR")):
        return _OF_MANY
    if condition == "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN":
        return f"expected a condition (boolean), found {told.get('type', 'another type').strip(chr(34)).lower()}"
    lines = [line for line in str(error).strip().splitlines() if line]
    return lines[0].split(" SQLSTATE")[0]


def validate(spark: SparkSession, book: Book, *, examples: bool = True) -> None:
    """Hold every predicate and, once those are good, example of the book; UsageError names each that is wrong."""
    people = spark.createDataFrame([], USER_PROFILES.ddl)
    found = [
        f"audience {one}: where: {said}"
        for one in book
        if (where := book[one].where) and (said := wrong(people, where))
    ]
    if not found and examples:
        found = disobeyed(spark, book)
    if found:
        raise UsageError("; ".join(found))


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
        return [f"examples: expected values of the columns' types; {_said(error, [])}"]
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
