"""Who a warehouse is: the row of ops.warehouse, written by its first run.

A table, not a file beside the tables: its first commit is atomic wherever Delta is, and it goes where the tables go.
"""

from __future__ import annotations

import secrets

import pyarrow as pa

from jobs.lake import delta
from jobs.tables import WAREHOUSE

_SCHEMA = pa.schema([("warehouse_id", pa.string())])


def warehouse_id(warehouse: str) -> str | None:
    """None before the first run, and in a warehouse that was written before warehouses had ids."""
    found = delta.rows(warehouse, WAREHOUSE, "true", "warehouse_id")
    return found[0]["warehouse_id"] if found else None


@delta.until_it_wins
def identify(warehouse: str) -> str:
    """The id, made up where there is none. Of two first runs at a time, the one that comes second takes the other's."""
    if (found := warehouse_id(warehouse)) is None:
        found = secrets.token_hex(6)
        delta.create(WAREHOUSE.path(warehouse), pa.Table.from_pylist([{"warehouse_id": found}], _SCHEMA))
    return found
