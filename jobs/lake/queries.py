"""Queries that people write in SQL, for `jobs sql`: one SELECT over the tables of the contract.

Read before DuckDB sees it, so that whatever else is asked for is said in one line. What holds where this is mistaken:
DuckDB itself, which is locked (jobs/lake/sql.py).
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import SqlglotError

from jobs import tables
from jobs.errors import UsageError

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of what is refused here

# Functions that may stand behind FROM: they read nothing but their arguments.
_IN_FROM = ("generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest")
# Functions that read or change what is around the query.
_REFUSED = re.compile(
    r"read_\w+|\w+_scan(_dumb)?|sniff_\w+|parquet_\w+|glob|getenv|query|query_table|duckdb_\w+|pragma_\w+|which_secret"
    r"|current_setting|current_query\w*|getvariable|setseed|setval|nextval|currval|sleep_ms|pg_sleep|write_log"
    r"|json_(de)?serialize_\w+|json_execute_\w+|copy_database|import_database"
)
_STATEMENTS = (
    exp.DML | exp.DDL | exp.Command | exp.Describe | exp.Summarize | exp.Show | exp.Pragma | exp.Set | exp.Into
)


class _QuerySql(DuckDB):
    """DuckDB's SQL, in which a call keeps the name that was written."""

    class Parser(DuckDB.Parser):
        FUNCTIONS: ClassVar[dict] = {}


@dataclass(frozen=True)
class Query:
    """A query that was read, and the tables that it reads, each once."""

    text: str
    tree: exp.Query
    tables: tuple[tables.Table, ...]

    def names(self, columns: list[str]) -> list[str]:
        """Those of a table's columns that the query may read; one where it only counts rows."""
        if self._reads_whole_rows():
            return columns
        words = {identifier.name.lower() for identifier in self.tree.find_all(exp.Identifier)}
        return [name for name in columns if name.lower() in words] or columns[:1]

    def _reads_whole_rows(self) -> bool:
        """Whether it has *, or another way to a column without its name: by pattern, place or row."""
        rows = {node.alias_or_name.lower() for node in self.tree.find_all(exp.Table)}
        return any(
            (isinstance(node, exp.Star) and not _calls(node.parent, "count"))
            or isinstance(node, exp.PositionalColumn | exp.Pivot)
            or _calls(node, "columns")
            or (isinstance(node, exp.TableAlias) and node.columns)
            or (isinstance(node, exp.Join) and node.method == "NATURAL")
            or (isinstance(node, exp.Column) and node.name.lower() in rows)
            for node in self.tree.walk()
        )


def _calls(node: exp.Expression | None, name: str) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() == name


def parse(text: str) -> Query:
    """The query; UsageError in one line where it is anything but one SELECT over tables of the contract."""
    try:
        parsed = sqlglot.parse(text, dialect=_QuerySql)
    except SqlglotError as error:
        raise UsageError(f"the query failed: {_said(text, error)}") from None
    except RecursionError:
        raise UsageError("the query failed: expected brackets within each other a few deep, found too many") from None
    statements = [tree for tree in parsed if tree is not None and not isinstance(tree, exp.Semicolon)]
    if len(statements) != 1:
        raise UsageError(f"the query failed: expected one SELECT, found {len(statements)} statements")
    tree = statements[0]
    if not isinstance(tree, exp.Query):
        raise UsageError(f"the query failed: expected one SELECT, found {_first_word(text)}")
    if other := tree.find(*_STATEMENTS.__args__):
        raise UsageError(f"the query failed: expected one SELECT, found {other.key.upper()} within it")
    _hold_functions(tree)
    return Query(text, tree, _tables(tree))


def _said(text: str, error: SqlglotError) -> str:
    """DuckDB's own words where it cannot read the query either."""
    try:
        duckdb.connect().extract_statements(text)
    except duckdb.Error as own:
        return str(own).splitlines()[0]
    place = (getattr(error, "errors", None) or [{}])[-1]
    return f"expected SQL as sqlglot reads it, found another at line {place.get('line')}, column {place.get('col')}"


def _first_word(text: str) -> str:
    return next(iter(text.split()), "nothing").upper()


def _hold_functions(tree: exp.Query) -> None:
    for call in tree.find_all(exp.Anonymous):
        name = call.name.lower()
        if isinstance(call.parent, exp.Table | exp.Lateral) and name not in _IN_FROM:
            listed = f"a table or one of {', '.join(_IN_FROM)}"
            raise UsageError(f"the query failed: expected {listed} behind FROM, found {name}(...)")
        if _REFUSED.fullmatch(name):
            raise UsageError(f"the query failed: expected functions of the query's own values, found {name}(...)")


def _tables(tree: exp.Query) -> tuple[tables.Table, ...]:
    within = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    found: dict[str, tables.Table] = {}
    for node in tree.find_all(exp.Table):
        if isinstance(node.this, exp.Anonymous) or (not node.db and node.name.lower() in within):
            continue
        name = ".".join(part.name for part in node.parts)
        if name.lower() not in tables.BY_NAME or len(node.parts) != 2:
            raise UsageError(f"no table {name!r}; {_nearest(name)}")
        found[name.lower()] = tables.table(name.lower())
    return tuple(found.values())


def _nearest(name: str) -> str:
    bare = name.lower().rsplit(".", 1)[-1]
    near = [full for full in tables.BY_NAME if full.split(".")[1] == bare] or get_close_matches(
        name, tables.BY_NAME, n=3
    )
    return f"nearest: {', '.join(near)}" if near else f"there are {', '.join(sorted(tables.BY_NAME))}"
