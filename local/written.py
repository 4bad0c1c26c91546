"""What a night left behind: rows of each table, segments and their sizes. Read with deltalake, without a JVM."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError
from rich.console import Console
from rich.table import Table

from jobs import tables


def rows_of(path: str, ds: str) -> tuple[int, int | None] | None:
    """(rows, rows of the night or None where the table is not cut by day), from the Delta log where it knows them."""
    try:
        table = DeltaTable(path)
    except TableNotFoundError:
        return None
    if "deletionVectors" in (table.protocol().reader_features or []):
        counted = QueryBuilder().register("t", table).execute("SELECT count(*) AS rows FROM t")
        return pa.table(counted.read_all())["rows"][0].as_py(), None
    files = table.get_add_actions(flatten=True)
    rows = [count or 0 for count in files["num_records"].to_pylist()]
    if "ds" not in table.metadata().partition_columns:
        return sum(rows), None
    days = files["partition.ds"].to_pylist()
    return sum(rows), sum(count for count, day in zip(rows, days, strict=True) if str(day) == ds)


def show(console: Console, warehouse: str, ds: str) -> None:
    """Print what is published, and the night's segments."""
    listing = Table("table", "rows", f"of {ds}", "meaning", "", box=None, header_style="bold", pad_edge=False)
    for column in (1, 2):
        listing.columns[column].justify = "right"
    for table in tables.ALL:
        if counted := rows_of(table.path(warehouse), ds):
            total, of_night = counted
            night = "" if of_night is None else f"{of_night:,}"
            listing.add_row(table.full_name, f"{total:,}", night, table.meaning, table.zh)
    console.print(listing)
    if rows_of(tables.SEGMENTS.path(warehouse), ds):
        console.print(segments(warehouse, ds))


def segments(warehouse: str, ds: str) -> Table:
    night = [("ds", "=", date.fromisoformat(ds))]
    columns = ["segment_id", "segment_name", "segment_name_zh", "size", "share"]
    frame = DeltaTable(tables.SEGMENTS.path(warehouse)).to_pandas(filters=night, columns=columns)
    listing = Table("segment", "name", "人群", "users", "share", box=None, header_style="bold", pad_edge=False)
    for column in (0, 3, 4):
        listing.columns[column].justify = "right"
    for segment in frame[frame["size"] > 0].sort_values("size", ascending=False).itertuples():
        share = f"{segment.share:.1%}"
        listing.add_row(
            str(segment.segment_id), segment.segment_name, segment.segment_name_zh, f"{segment.size:,}", share
        )
    return listing
