"""A table of a database -> one row a record: see `read_records`. The same on both engines: the rows are read by
SQLAlchemy (jobs/sources/formats/table_rows.py), where the engine's partitions are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from jobs.errors import DataError, UsageError
from jobs.sources import privacy
from jobs.sources.formats.parts import DatabaseError
from jobs.sources.spec import Feed, Jdbc

if TYPE_CHECKING:
    from jobs.sources.formats.table_rows import Asked, Range


def read_records(spark: SparkSession, feed: Feed, ds: date) -> DataFrame:
    """One row a record of the feed's table as it is now: raw, record (a struct of texts), source_file, landed_ds and
    written_ds (= ds), fault (null).

    A database answers when it is asked, so its errors come from here and from whoever uses the rows: see `explain`.
    """
    from jobs.sources.formats import table_rows  # SQLAlchemy, which few loads need

    jdbc = feed.jdbc
    asked = _asked(jdbc, ds)
    names = sorted(table_rows.columns(asked))
    parts = [table_rows.Range()] if not jdbc.partition_column else _ranges(asked, jdbc, names)
    shape = StructType([StructField(f"c{k}", StringType()) for k in range(len(names))])
    listed = spark.createDataFrame([(k,) for k in range(len(parts))], "part int").repartition(len(parts))
    rows = listed.mapInArrow(partial(_batches, asked=asked, parts=parts, names=names), shape)
    record = F.struct(*[F.col(f"c{k}").alias(name) for k, name in enumerate(names)])
    records = rows.select(F.lit(None).cast("string").alias("raw"), record.alias("record"))
    of_table = {"source_file": F.lit(jdbc.name), "landed_ds": F.lit(ds), "written_ds": F.lit(ds)}
    return privacy.protect(records, feed).withColumns(of_table | {"fault": F.lit(None).cast("string")})


def _batches(
    listed: Iterator[pa.RecordBatch], asked: Asked, parts: list[Range], names: list[str]
) -> Iterator[pa.RecordBatch]:
    from jobs.sources.formats import table_rows

    for number in (number for batch in listed for number in batch.column(0).to_pylist()):
        for rows in table_rows.read(asked, parts[number], names):
            yield rows.rename_columns([f"c{k}" for k in range(len(names))])


def _asked(jdbc: Jdbc, ds: date) -> Asked:
    query = (jdbc.query or "").strip().rstrip(";").replace("{ds}", str(ds))
    from jobs.sources.formats.table_rows import Asked

    logins = [
        variable and _secret(what, variable)
        for what, variable in {"user": jdbc.user_env, "password": jdbc.password_env}.items()
    ]
    return Asked(jdbc.url, jdbc.table or f"(\n{query}\n) asked", *logins)


def _secret(what: str, variable: str) -> str:
    if not (value := os.environ.get(variable)):
        raise UsageError(f"expected the database's {what} in the environment variable {variable}, found it empty")
    return value


def _ranges(asked: Asked, jdbc: Jdbc, names: list[str]) -> list[Range]:
    """What is read side by side."""
    from jobs.sources.formats import table_rows

    if jdbc.partition_column not in names:
        raise UsageError(
            f"{jdbc.name}: expected the partition_column {jdbc.partition_column!r}, found {', '.join(names)}"
        )
    try:
        return table_rows.split(asked, jdbc.partition_column, jdbc.partitions)
    except TypeError as error:
        raise UsageError(
            f"{jdbc.name}: expected the partition_column {jdbc.partition_column!r} to hold whole numbers or days, "
            f"found {error}"
        ) from None


def explain(error: Exception, jdbc: Jdbc) -> Exception | None:
    """What a database said, without the login and the values that may stand in its words; None where it was not one.

    UsageError for a wrong login, table, column or query, DataError for a value that the query cannot convert,
    ConnectionError (worth a retry) for a database that does not answer.
    """
    # Where the JVM is ours, pyspark leaves the causes out of an error's text.
    found = DatabaseError.SAID.search(f"{error}\n{getattr(error, '_stackTrace', '')}")
    if found is None:
        return None
    kind, said = found.group(1), found.group(2).strip()
    where = f"{jdbc.name} at {jdbc.address}"
    if kind == "login":
        names = ", ".join(filter(None, (jdbc.user_env, jdbc.password_env))) or "user_env, password_env (not given)"
        return UsageError(f"{where}: the database refuses the login; expected a valid one in {names}")
    if kind == "driver":
        return UsageError(f"{where}: expected a driver for it, found none ({said}); install SQLAlchemy's for it")
    if kind == "question":
        return UsageError(f"{where}: the database cannot answer: {said}")
    if kind == "value":
        return DataError(f"{where}: a value is not what the query expects of it: {_masked(said)}")
    return ConnectionError(f"{where}: expected the database to answer, found: {_masked(said)}")


def _masked(said: str) -> str:
    return re.sub(r"""(["']).*\1|\(.*\)=\(.*\)""", "...", said)
