"""Tables that were written by an earlier contract, whose money had two decimals: found, refused, and written anew."""

from __future__ import annotations

import re

from deltalake import DeltaTable
from pyspark.sql import SparkSession

from jobs.errors import UsageError
from jobs.lake import delta
from jobs.tables import ALL, BRONZE_EVENTS, PUBLISHED, Table

_DECIMAL = re.compile(r"decimal\(\d+,\d+\)")


def _decimals(types: dict[str, str]) -> dict[str, list[str]]:
    """By column, the decimals in the text of its type."""
    kinds = {name: _DECIMAL.findall(text.replace(" ", "")) for name, text in types.items()}
    return {name: found for name, found in kinds.items() if found}


def other_decimals(warehouse: str, table: Table) -> dict[str, list[str]]:
    """By column, the decimals of a table that are not the contract's; none where it is not there."""
    if not delta.exists(warehouse, table):
        return {}
    wanted = _decimals({column.name: column.type for column in table.columns})
    fields = DeltaTable(table.path(warehouse)).schema().fields
    stored = _decimals({field.name: field.to_json() for field in fields})
    return {name: found for name, found in stored.items() if name in wanted and found != wanted[name]}


def require(warehouse: str) -> None:
    """UsageError where the warehouse is of an earlier contract: bronze.events is migrated last."""
    if found := other_decimals(warehouse, BRONZE_EVENTS):
        name, (kind, *_) = next(iter(found.items()))
        raise UsageError(
            f"expected money of four decimals in {warehouse}, found {kind} in {BRONZE_EVENTS.full_name}.{name}; once, "
            f"while no night runs: python -m jobs migrate --warehouse {warehouse}"
        )


def migrate(spark: SparkSession, warehouse: str) -> list[str]:
    """Write the tables of other decimals anew, bronze.events last; their names. Killed, it goes on where it stood."""
    tables = [table for table in (*ALL, *(table.staged() for table in PUBLISHED)) if table is not BRONZE_EVENTS]
    done = []
    for table in (*tables, BRONZE_EVENTS):
        if other_decimals(warehouse, table):
            delta.retype(spark, warehouse, table)
            done.append(table.full_name)
    return done
