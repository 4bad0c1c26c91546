"""Who a warehouse is, and which of its sources share their ids: the row of ops.warehouse, written by its first load.

A table, not a file beside the tables: its first commit is atomic wherever Delta is, and it goes where the tables go.
"""

from __future__ import annotations

import secrets

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake

from jobs.errors import UsageError
from jobs.lake import delta
from jobs.tables import BRONZE_EVENTS, BRONZE_PRODUCTS, BRONZE_USERS, LOADS, WAREHOUSE

_SCHEMA = pa.schema([("warehouse_id", pa.string()), ("namespaces", pa.map_(pa.string(), pa.string()))])
_IDS = ((BRONZE_USERS, "id"), (BRONZE_PRODUCTS, "id"), (BRONZE_EVENTS, "user_id"), (BRONZE_EVENTS, "product_id"))


def _row(warehouse: str) -> dict:
    return next(iter(delta.rows(warehouse, WAREHOUSE, "true")), {})


def warehouse_id(warehouse: str) -> str | None:
    """None before the first load, and in a warehouse that was written before warehouses had ids."""
    return _row(warehouse).get("warehouse_id")


def namespaces(warehouse: str) -> dict[str, str]:
    """The namespace of each source that was loaded; "" for ids that stay as they are.

    So are those of all sources of a warehouse that was written before there were namespaces.
    """
    if (known := _row(warehouse).get("namespaces")) is not None:
        return dict(known)
    return {row["source"]: "" for row in delta.rows(warehouse, LOADS, "true", "DISTINCT source")}


@delta.until_it_wins
def join(warehouse: str, source: str, declared: str | None) -> str:
    """The namespace of a source: as `declared` by its mapping; else none for the first source of a warehouse, and its
    name for any other. Kept from its first load on: of two loads at a time, the second one to commit asks again.

    UsageError where the mapping says another one than before, or where ids of others would be taken for its own.
    """
    path, exists = WAREHOUSE.path(warehouse), delta.exists(warehouse, WAREHOUSE)
    opened, row, known = DeltaTable(path) if exists else None, _row(warehouse), namespaces(warehouse)
    chosen = known.get(source, (source if known else "") if declared is None else declared)
    if declared not in (None, chosen):
        raise UsageError(
            f"expected namespace {chosen!r} of the source {source}, under which its ids are in {warehouse}, found "
            f"{declared!r} in its mapping; take it back, or load the source into a new warehouse"
        )
    if row.get("namespaces") is not None and source in known:
        return chosen
    if chosen and chosen not in known.values():
        _nobody_begins_with(warehouse, f"{chosen}:", source)
    who, spaces = row.get("warehouse_id") or secrets.token_hex(6), known | {source: chosen}
    rows = pa.Table.from_pylist([{"warehouse_id": who, "namespaces": list(spaces.items())}], _SCHEMA)
    if opened is None:
        delta.create(path, rows)
    else:
        once = CommitProperties(max_commit_retries=0)
        write_deltalake(opened, rows, mode="overwrite", schema_mode="overwrite", commit_properties=once)
    return chosen


def _nobody_begins_with(warehouse: str, prefix: str, source: str) -> None:
    for table, column in _IDS:
        if found := delta.count(warehouse, table, f"starts_with({column}, '{prefix}')"):
            raise UsageError(
                f"expected no id in {table.full_name} that begins with {prefix}, which is to tell the ids of {source} "
                f"from those of other sources, found {found:,} rows; give {source} a namespace of another name"
            )
