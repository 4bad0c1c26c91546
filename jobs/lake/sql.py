"""sql: a query over the Delta tables through DuckDB, without a JVM.

What was published is read at the versions that the newest row of ops.runs names, so that half a run is never seen.
A query is read before (jobs/lake/queries.py), and DuckDB is locked: no files, no network, no settings.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError

from jobs import tables
from jobs.errors import UsageError
from jobs.lake import answers, queries

SHOWN = 1000  # rows of a text table
_PUBLISHED = {table.full_name for table in tables.PUBLISHED}


def _open(warehouse: str, table: tables.Table, version: int | None = None) -> DeltaTable:
    try:
        return DeltaTable(table.path(warehouse), version=version)
    except TableNotFoundError:
        raise UsageError(
            f"no table {table.full_name} in {warehouse}; has {_writer(table)} run to its end yet?"
        ) from None


def _writer(table: tables.Table) -> str:
    """Which verb leaves the table, in words."""
    first = next((verb for verb, left in tables.STANDING.items() if table in left), None)
    return f"`{first}`" if first else "a night"


@dataclass(frozen=True)
class Rows:
    """A table with deletion vectors, which an Arrow dataset of it would not know of: read anew by each scan."""

    opened: DeltaTable
    columns: list[str]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        found = QueryBuilder().register("t", self.opened)
        return found.execute(f"SELECT {', '.join(self.columns)} FROM t").__arrow_c_stream__(requested_schema)


def scannable(
    warehouse: str, table: tables.Table, version: int | None = None, query: queries.Query | None = None
) -> object:
    """The table as DuckDB scans it, with the columns at least that `query` reads."""
    opened = _open(warehouse, table, version)
    if not table.deletion_vectors:
        return opened.to_pyarrow_dataset()
    # DuckDB does not tell a stream which columns it wants.
    columns = [field.name for field in opened.schema().fields]
    return Rows(opened, query.names(columns) if query else columns)


def manifest(warehouse: str) -> dict[str, int]:
    """Table versions of the newest published night; nothing where none is."""
    try:
        runs = DeltaTable(tables.RUNS.path(warehouse)).to_pyarrow_table(columns=["published_at", "table_versions"])
    except TableNotFoundError:
        return {}
    rows = runs.sort_by([("published_at", "descending")]).slice(0, 1).to_pylist()
    return dict(rows[0]["table_versions"]) if rows else {}


def connect(warehouse: str, query: str) -> duckdb.DuckDBPyConnection:
    """A connection that reads the tables of `query` as `layer.table`, and nothing else; UsageError where the query is
    anything but one SELECT over tables of the contract.
    """
    read = queries.parse(query)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    versions = manifest(warehouse) if _PUBLISHED & {table.full_name for table in read.tables} else {}
    for table in read.tables:
        version = versions.get(table.full_name) if table.full_name in _PUBLISHED else None
        connection.register(f"{table.layer}__{table.name}", scannable(warehouse, table, version, read))
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.layer}")
        connection.execute(f"CREATE VIEW {table.full_name} AS SELECT * FROM {table.layer}__{table.name}")
    _lock(connection)
    if [statement.type for statement in connection.extract_statements(query)] != [duckdb.StatementType.SELECT]:
        raise UsageError("the query failed: expected one SELECT, found what is another statement to DuckDB")
    return connection


def _lock(connection: duckdb.DuckDBPyConnection) -> None:
    """Nothing but what is registered can be read, nothing written, nothing of this set again."""
    settings = {
        "memory_limit": "'50%'",
        "threads": min(4, os.cpu_count() or 1),
        "temp_directory": f"'{tempfile.gettempdir()}/huaxiang-sql-{os.getpid()}'",
        "python_enable_replacements": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "enable_external_access": "false",
        "lock_configuration": "true",
    }
    for name, value in settings.items():
        connection.execute(f"SET {name} = {value}")


def run(query: str, warehouse: str, form: str, out: Path | None = None) -> str:
    """The answer as a text table of SHOWN rows at most, as CSV or JSON lines, or in the file `out`; UsageError with
    DuckDB's own words where the query is wrong.
    """
    if out is not None:
        answers.hold_name(out)
    try:
        connection = connect(warehouse, query)
        if out is not None:
            return f"{answers.write(connection, query, out):,} rows in {out}"
        if form == "table":
            return _first_rows(connection, query)
        if form == "csv":
            return answers.csv_text(connection, query)
        return answers.json_text(connection, query)
    except duckdb.Error as error:
        raise UsageError(f"the query failed: {error}") from None


def _first_rows(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    answer = connection.sql(query)
    rows = answer.limit(SHOWN + 1).fetchall()
    text = as_table(answer.columns, rows[:SHOWN])
    if len(rows) <= SHOWN:
        return text
    [(count,)] = answer.count("*").fetchall()
    return f"{text}\n{SHOWN:,} of {count:,} rows; --out FILE.csv, .parquet or .xlsx writes all of them"


def as_table(columns: Iterable[str], rows: Iterable[tuple]) -> str:
    """Rows as a text table."""
    # rich knows that a Chinese character is two columns wide; DuckDB's own table does not.
    from rich.console import Console
    from rich.table import Table as Grid

    grid = Grid(*map(str, columns))
    for row in rows:
        grid.add_row(*["" if value is None else str(value) for value in row])
    # A file or a pipe has room for all columns.
    console = Console(width=None if sys.stdout.isatty() else 100_000)
    with console.capture() as captured:
        console.print(grid)
    return captured.get().rstrip("\n")
