"""Two warehouses held against each other: every table of the contracts, row by row."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from jobs import tables
from jobs.tables import Table

# What tells when and by which run a row was written, which version of a table an engine had made by then, or how many
# files of its the scan of an erasure read.
BY_THE_CLOCK = {
    "run_id",
    "ingested_at",
    "published_at",
    "started_at",
    "ended_at",
    "begun_at",
    "git_sha",
    "table_versions",
    "warehouse_id",
    "files",
    "bytes",
    "done_at",
}
SHOWN = 5  # differences of a table


def all_tables() -> list[Table]:
    """Every table of the contracts, the waiting room's with them."""
    return [*tables.ALL, *[table.staged() for table in tables.PUBLISHED]]


def differences(one: str, other: str) -> dict[str, list[str]]:
    """What differs between two warehouses, by table; a table that neither has is left out."""
    found = {table.full_name: _of_table(one, other, table) for table in all_tables()}
    return {name: said for name, said in found.items() if said}


def written(warehouse: str) -> dict[str, int]:
    """Rows of each table that is there."""
    counts = {table.full_name: _rows(warehouse, table) for table in all_tables()}
    return {name: len(rows) for name, rows in counts.items() if rows is not None}


def _rows(warehouse: str, table: Table) -> list[dict[str, Any]] | None:
    """The rows in the order of their keys, then of all they hold; None where there is no such table."""
    path = table.path(warehouse)
    if not DeltaTable.is_deltatable(path):
        return None
    there = {field.name for field in DeltaTable(path).schema().fields}
    columns = [name for name in table.column_names if name in there and name not in BY_THE_CLOCK]
    query = QueryBuilder().register("t", DeltaTable(path))
    listed = ", ".join(f'"{name}"' for name in columns)
    rows = pa.table(query.execute(f"SELECT {listed} FROM t").read_all()).to_pylist()
    keys = [name for name in table.keys if name in columns]
    return sorted(rows, key=lambda row: (*[repr(row[name]) for name in keys], repr(row)))


def _of_table(one: str, other: str, table: Table) -> list[str]:
    left, right = _rows(one, table), _rows(other, table)
    if left is None or right is None:
        return [] if left is right else [f"written only by {'the second' if left is None else 'the first'}"]
    if len(left) != len(right):
        return [f"{len(left)} and {len(right)} rows", *_unlike(table, left, right)]
    said = []
    for a, b in zip(left, right, strict=True):
        if a.keys() != b.keys():
            return [f"columns {sorted(a.keys() ^ b.keys())} on one side"]
        key = {name: a.get(name) for name in table.keys}
        said += [f"{key}: {name} is {a[name]!r} and {b[name]!r}" for name in a if not _same(a[name], b[name])]
    return said[:SHOWN] + ([f"and {len(said) - SHOWN} more"] if len(said) > SHOWN else [])


def _unlike(table: Table, left: Iterable[dict], right: Iterable[dict]) -> list[str]:
    """Some keys that only one side has."""
    sides = [
        {json.dumps([str(row.get(name)) for name in table.keys], ensure_ascii=False) for row in rows}
        for rows in (left, right)
    ]
    only = [f"only the first: {key}" for key in sorted(sides[0] - sides[1])]
    only += [f"only the second: {key}" for key in sorted(sides[1] - sides[0])]
    return only[:SHOWN]


def _same(a: Any, b: Any) -> bool:
    """Equal; floats to one part in 1e9. A map is a list of pairs here: its order counts. A record as JSON may spell a
    control character by u001f or u001F behind a backslash.
    """
    if isinstance(a, str) and isinstance(b, str) and a != b and a[:1] == b[:1] == "{":
        return json.loads(a) == json.loads(b)
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    return a == b
