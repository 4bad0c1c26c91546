"""sql: a query over the Delta tables through DuckDB, without a JVM.

What was published is read at the versions that the newest row of ops.runs names, so that half a run is never seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError

from jobs import tables
from jobs.errors import UsageError

_NAME = re.compile(r"\b(bronze|silver|gold|ops|staged)\.(\w+)\b")
_PUBLISHED = {table.full_name for table in tables.PUBLISHED}


def _open(warehouse: str, table: tables.Table, version: int | None = None) -> DeltaTable:
    try:
        return DeltaTable(table.path(warehouse), version=version)
    except TableNotFoundError:
        raise UsageError(f"no table {table.full_name} in {warehouse}; has a night run yet?") from None


@dataclass(frozen=True)
class Rows:
    """A table with deletion vectors, which an Arrow dataset of it would not know of: read anew by each scan."""

    opened: DeltaTable
    columns: list[str]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        found = QueryBuilder().register("t", self.opened)
        return found.execute(f"SELECT {', '.join(self.columns)} FROM t").__arrow_c_stream__(requested_schema)


def _named(query: str, columns: list[str]) -> list[str]:
    """The columns that the query may read: DuckDB does not tell a stream which ones it wants."""
    if "*" in re.sub(r"count\s*\(\s*\*\s*\)", "", query, flags=re.IGNORECASE):
        return columns
    words = {word.lower() for word in re.findall(r"\w+", query)}
    return [name for name in columns if name.lower() in words] or columns[:1]


def scannable(warehouse: str, table: tables.Table, version: int | None = None, query: str = "*") -> object:
    """The table as DuckDB scans it, with the columns at least that `query` names."""
    opened = _open(warehouse, table, version)
    if not table.deletion_vectors:
        return opened.to_pyarrow_dataset()
    return Rows(opened, _named(query, [field.name for field in opened.schema().fields]))


def manifest(warehouse: str) -> dict[str, int]:
    """Table versions of the newest published night; nothing where none is."""
    try:
        runs = DeltaTable(tables.RUNS.path(warehouse)).to_pyarrow_table(columns=["published_at", "table_versions"])
    except TableNotFoundError:
        return {}
    rows = runs.sort_by([("published_at", "descending")]).slice(0, 1).to_pylist()
    return dict(rows[0]["table_versions"]) if rows else {}


def connect(warehouse: str, query: str) -> duckdb.DuckDBPyConnection:
    """A connection in which the tables that `query` names stand as `layer.table`."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    versions = None
    for layer, name in sorted(set(_NAME.findall(query))):
        try:
            table = tables.table(f"{layer}.{name}")
        except KeyError as error:
            raise UsageError(error.args[0]) from None
        if versions is None and table.full_name in _PUBLISHED:
            versions = manifest(warehouse)
        version = (versions or {}).get(table.full_name) if table.full_name in _PUBLISHED else None
        connection.register(f"{layer}__{name}", scannable(warehouse, table, version, query))
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {layer}")
        connection.execute(f"CREATE VIEW {layer}.{name} AS SELECT * FROM {layer}__{name}")
    return connection


def run(query: str, warehouse: str, form: str) -> str:
    """The answer as a text table, CSV or JSON lines; UsageError with DuckDB's own words where the query is wrong."""
    try:
        answer = connect(warehouse, query).sql(query)
        if answer is None:
            return ""
        if form == "table":
            return as_table(answer.columns, answer.limit(1000).fetchall())
        frame = answer.df()
    except duckdb.Error as error:
        raise UsageError(f"the query failed: {error}") from None
    if form == "csv":
        return frame.to_csv(index=False).rstrip("\n")
    return frame.to_json(orient="records", lines=True, force_ascii=False, date_format="iso").rstrip("\n")


def as_table(columns: Iterable[str], rows: Iterable[tuple]) -> str:
    """Rows as a text table."""
    # rich knows that a Chinese character is two columns wide; DuckDB's own table does not.
    from rich.console import Console
    from rich.table import Table as Grid

    grid = Grid(*map(str, columns))
    for row in rows:
        grid.add_row(*["" if value is None else str(value) for value in row])
    console = Console(width=None)
    with console.capture() as captured:
        console.print(grid)
    return captured.get().rstrip("\n")
