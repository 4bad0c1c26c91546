"""A table of a database -> one row a record, read by Spark over JDBC: see `read_records`."""

from __future__ import annotations

import os
import re
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    DateType,
    DecimalType,
    IntegralType,
    MapType,
    NumericType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from jobs.errors import DataError, UsageError
from jobs.lake import engine
from jobs.sources import privacy
from jobs.sources.spec import Feed, Jdbc

_POSTGRES = {"driver": "org.postgresql.Driver", "tcpKeepAlive": "true"}  # a read ends where the other side has gone
_ROWS_A_FETCH = 10_000  # PostgreSQL's driver takes the whole table into memory where it is not told

# How a database's own word is known in what Spark says, in a JVM of ours and through Spark Connect.
_SAID = re.compile(r"(?:java\.sql\.SQL\w*Exception|org\.postgresql\.util\.PSQLException)[:)] *([^\n]+)")
_NO_DRIVER = re.compile(r"No suitable driver|ClassNotFoundException[:)] [\w.]*Driver")
_LOGIN = re.compile(r"authentication|password|role .* does not exist|no pg_hba|not permitted to log in")
_QUESTION = re.compile(r"does not exist|syntax error|permission denied|in the GROUP BY|is ambiguous|parse URL")
_VALUE = re.compile(r"invalid input|out of range|division by zero|cannot cast|invalid byte sequence|overflow")
_AWAY = re.compile(
    r"refused|attempt failed|timed? ?out|terminating|shutting down|starting up|too many|reserved for|I/O error|"
    r"has been closed|unknown host|no route",
    re.IGNORECASE,
)


def read_records(spark: SparkSession, feed: Feed, ds: date) -> DataFrame:
    """One row a record of the feed's table as it is now: raw, record, source_file, landed_ds and written_ds
    (= ds), fault (null).

    A database answers when it is asked, so Spark's errors come from here and from whoever uses the rows: see `explain`.
    """
    engine.needs_spark(f"read the database at {feed.jdbc.address}")
    jdbc = feed.jdbc
    options = _options(jdbc, ds)
    found = spark.read.format("jdbc").options(**options).load()
    read = spark.read.format("jdbc").options(**options)
    if jdbc.partition_column:
        read = read.options(**_ranges(spark, jdbc, options, found))
    if texts := [field.name for field in found.schema if _read_as_text(field) and field.name != jdbc.partition_column]:
        read = read.option("customSchema", ", ".join(f"`{name}` STRING" for name in texts))
    records = privacy.protect(as_records(read.load()).select("raw", "record"), feed)
    of_table = {"source_file": F.lit(jdbc.name), "landed_ds": F.lit(ds), "written_ds": F.lit(ds)}
    return records.withColumns(of_table | {"fault": F.lit(None).cast("string")})


def as_records(table: DataFrame) -> DataFrame:
    """`table` with `record`, a struct of its columns in which numbers stay, and `raw`, null."""
    held = [_held(field).alias(field.name) for field in sorted(table.schema, key=lambda field: field.name)]
    return table.withColumns({"record": F.struct(*held), "raw": F.lit(None).cast("string")})


def _held(field: StructField) -> Column:
    """A number as it is; else text: a list or an object as JSON, an instant with its zone, the session's, UTC."""
    value, kind = F.col(f"`{field.name}`"), field.dataType
    if isinstance(kind, NumericType):
        return value
    if isinstance(kind, (ArrayType, MapType, StructType)):
        return F.to_json(value)
    text = value.cast("string")
    return F.concat(text, F.lit("Z")) if isinstance(kind, TimestampType) else text


def _options(jdbc: Jdbc, ds: date) -> dict[str, str]:
    query = (jdbc.query or "").strip().rstrip(";").replace("{ds}", str(ds))
    options = {"url": jdbc.url, "dbtable": jdbc.table or f"(\n{query}\n) asked"}
    options |= {"fetchsize": str(_ROWS_A_FETCH), "preferTimestampNTZ": "true"}
    options |= _POSTGRES if jdbc.url.startswith("jdbc:postgresql:") else {}
    logins = {"user": jdbc.user_env, "password": jdbc.password_env}
    return options | {what: _secret(what, variable) for what, variable in logins.items() if variable}


def _secret(what: str, variable: str) -> str:
    if not (value := os.environ.get(variable)):
        raise UsageError(f"expected the database's {what} in the environment variable {variable}, found it empty")
    return value


def _read_as_text(field: StructField) -> bool:
    """Types that the database itself writes best: a number without a declared scale would come with 18 digits, a time
    without a zone through the zone of this machine.
    """
    return isinstance(field.dataType, (DecimalType, TimestampNTZType))


def _ranges(spark: SparkSession, jdbc: Jdbc, options: dict[str, str], found: DataFrame) -> dict[str, str]:
    """Spark's options for reading ranges of the partition column side by side; none where it holds no value."""
    column = next((field for field in found.schema if field.name == jdbc.partition_column), None)
    if column is None:
        raise UsageError(
            f"{jdbc.name}: expected the partition_column {jdbc.partition_column!r}, found {', '.join(found.columns)}"
        )
    whole = isinstance(column.dataType, DecimalType) and column.dataType.scale == 0
    if not whole and not isinstance(column.dataType, (IntegralType, DateType)):
        raise UsageError(
            f"{jdbc.name}: expected the partition_column {column.name!r} to hold whole numbers or days, "
            f"found {column.dataType.simpleString()}"
        )
    quoted = '"' + column.name.replace('"', '""') + '"'
    ends = f"(SELECT min({quoted}) AS first, max({quoted}) AS last FROM {options['dbtable']}) ends"
    first, last = spark.read.format("jdbc").options(**options | {"dbtable": ends}).load().first()
    if first is None:
        return {}
    ranges = {"partitionColumn": column.name, "numPartitions": str(jdbc.partitions)}
    return ranges | {"lowerBound": str(first), "upperBound": str(last)}


def explain(error: Exception, jdbc: Jdbc) -> Exception | None:
    """What a database said, without the login and the values that may stand in its words; None where it was not one.

    UsageError for a wrong login, table, column or query, DataError for a value that the query cannot convert,
    ConnectionError (worth a retry) for a database that does not answer, and for words that we do not know.
    """
    # Where the JVM is ours, pyspark leaves the causes out of an error's text.
    text = f"{error}\n{getattr(error, '_stackTrace', '')}"
    where = f"{jdbc.name} at {jdbc.address}"
    if _NO_DRIVER.search(text):
        return UsageError(f"{where}: expected a JDBC driver for it among the jars, found none; put its jar beside them")
    if (found := _SAID.search(text)) is None:
        return None
    said = found.group(1).strip()
    if _LOGIN.search(said):
        names = ", ".join(filter(None, (jdbc.user_env, jdbc.password_env))) or "user_env, password_env (not given)"
        return UsageError(f"{where}: the database refuses the login; expected a valid one in {names}")
    if _QUESTION.search(said):
        return UsageError(f"{where}: the database cannot answer: {said}")
    if _VALUE.search(said):
        return DataError(f"{where}: a value is not what the query expects of it: {_masked(said)}")
    if _AWAY.search(said):
        return ConnectionError(f"{where}: expected the database to answer, found: {_masked(said)}")
    return ConnectionError(f"{where}: the database gave up: {_masked(said)}")


def _masked(said: str) -> str:
    return re.sub(r"""(["']).*\1|\(.*\)=\(.*\)""", "...", said)
