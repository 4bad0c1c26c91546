"""The waiting room of a night: what is staged there is checked, then moved to gold by `publish`."""

from __future__ import annotations

from pyspark.sql import DataFrame

from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import USER_FEATURES, Table

# One task for a million users holds the sorts of all their joins at once, more than a driver of 4 GB has.
USERS_A_FILE = 250_000


def put(frame: DataFrame, s: Settings, table: Table) -> None:
    """Stage the night's rows of a table, a file for each USERS_A_FILE of its users at most."""
    users = delta.count(s.warehouse, USER_FEATURES, f"ds = DATE'{s.ds}'")
    frame = delta.in_files(frame, users, USERS_A_FILE)
    delta.replace_where(frame, s.warehouse, table.staged(), f"ds = DATE'{s.ds}'")


def put_rows(rows: list[dict], s: Settings, table: Table) -> None:
    """Stage the night's few rows of a table, less their stamps."""
    stamped = [row | {"ds": s.ds, "run_id": s.run_id} for row in rows]
    delta.replace_rows(stamped, s.warehouse, table.staged(), f"ds = '{s.ds}'")
