"""Reads, writes tables of jobs/tables by deltalake and Arrow: pinned versions, streamed batches, one partition."""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import TableNotFoundError
from pyarrow.dataset import ParquetFileFragment

from jobs.tables import Table
from ml.common.cli import UsageError

# Rows of gold.user_sequences are up to 256 events wide: 8,192 of them keep a batch near 100 MB.
BATCH_ROWS = 8_192
_SIMPLE = {
    "string": pa.string(), "date": pa.date32(), "int": pa.int32(), "bigint": pa.int64(), "double": pa.float64(),
    "float": pa.float32(), "boolean": pa.bool_(), "timestamp": pa.timestamp("us", tz="UTC"),
}  # fmt: skip


def arrow_type(ddl: str) -> pa.DataType:
    """The Arrow type of a Spark DDL type as used in jobs/tables; structs of simple types."""
    if ddl in _SIMPLE:
        return _SIMPLE[ddl]
    if match := re.fullmatch(r"decimal\((\d+),(\d+)\)", ddl):
        return pa.decimal128(int(match[1]), int(match[2]))
    if match := re.fullmatch(r"array<(.+)>", ddl):
        return pa.list_(pa.field("element", arrow_type(match[1])))
    if match := re.fullmatch(r"map<(\w+),(.+)>", ddl):
        return pa.map_(arrow_type(match[1]), arrow_type(match[2]))
    if match := re.fullmatch(r"struct<([\w:,]+)>", ddl):
        fields = (field.split(":") for field in match[1].split(","))
        return pa.struct([(name, _SIMPLE[type_]) for name, type_ in fields])
    raise ValueError(f"expected a type of {sorted(_SIMPLE)}, decimal, array, map or struct; found {ddl!r}")


def arrow_schema(table: Table) -> pa.Schema:
    return pa.schema([(column.name, arrow_type(column.type)) for column in table.columns])


def exists(table: Table, warehouse: str) -> bool:
    return DeltaTable.is_deltatable(table.path(warehouse))


def open_table(table: Table, warehouse: str, version: int | None = None) -> DeltaTable:
    """The Delta table, at a version or the newest. Raises UsageError where there is none."""
    path = table.path(warehouse)
    try:
        return DeltaTable(path, version=version)
    except (TableNotFoundError, FileNotFoundError):
        at = "" if version is None else f" at version {version}"
        raise UsageError(
            f"expected the Delta table {table.full_name}{at} at {path}, found none; run the jobs that write it "
            "(`python -m jobs --help`) or check --warehouse"
        ) from None


def read_batches(
    opened: DeltaTable, columns: list[str], ds: datetime.date | None = None, also: pc.Expression | None = None
) -> Iterator[pa.RecordBatch]:
    """Batches of at most BATCH_ROWS rows, in the order of the table's files; `ds` keeps one partition, `also` those of
    its rows that it is true for. A column that the contract has got since the table was written is left out.

    The files are opened at once, not with the first batch: inside a streamed write delta-rs could not.
    """
    rows = opened.to_pyarrow_dataset()
    scanner = rows.scanner(
        columns=_there(columns, rows.schema),
        filter=_where(ds, also),
        batch_size=BATCH_ROWS,
        batch_readahead=2,
        fragment_readahead=1,
    )
    return scanner.to_batches()


def _where(ds: datetime.date | None, also: pc.Expression | None) -> pc.Expression | None:
    of_day = None if ds is None else pc.field("ds") == pa.scalar(ds)
    return of_day if also is None else also if of_day is None else of_day & also


def _there(columns: list[str], schema: pa.Schema) -> list[str]:
    return [name for name in columns if name in schema.names]


def row_groups(opened: DeltaTable, ds: datetime.date) -> list[ParquetFileFragment]:
    """The row groups of one partition, by path of the file, then place in it: each can be read without the others."""
    files = sorted(
        opened.to_pyarrow_dataset().get_fragments(pc.field("ds") == pa.scalar(ds)), key=lambda file: file.path
    )
    return [group for file in files for group in file.split_by_row_group()]


def read_row_group(group: ParquetFileFragment, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Batches of at most BATCH_ROWS rows of a row group; columns as in `read_batches`."""
    return group.scanner(
        columns=_there(columns, group.physical_schema), batch_size=BATCH_ROWS, batch_readahead=2
    ).to_batches()


def read(
    opened: DeltaTable, columns: list[str], ds: datetime.date | None = None, also: pc.Expression | None = None
) -> pa.Table:
    return opened.to_pyarrow_dataset().to_table(columns=columns, filter=_where(ds, also))


def count(opened: DeltaTable, ds: datetime.date) -> int:
    """Rows of one partition."""
    return opened.to_pyarrow_dataset().count_rows(_where(ds, None))


def select(table: Table, warehouse: str, columns: list[str], where: str) -> Iterator[pa.RecordBatch]:
    """Batches of the newest version, in no order; `where` is SQL. For tables with deletion vectors too."""
    query = QueryBuilder().register("t", open_table(table, warehouse))
    rows = query.execute(f"SELECT {', '.join(columns)} FROM t WHERE {where}")
    types = arrow_schema(table)  # the query's texts are views
    schema = pa.schema([types.field(name) for name in columns])
    return (batch.cast(schema) for batch in pa.RecordBatchReader.from_stream(rows))


def batch(table: Table, columns: Mapping[str, pa.Array], stamp: Mapping[str, object]) -> pa.RecordBatch:
    """Rows of a table: of its columns, and one value in all rows of each of `stamp`. Other columns are left out."""
    schema, rows = arrow_schema(table), len(next(iter(columns.values())))
    same = {name: pa.repeat(pa.scalar(value, schema.field(name).type), rows) for name, value in stamp.items()}
    whole = {**columns, **same}
    return pa.RecordBatch.from_arrays(
        [whole[name].cast(schema.field(name).type) for name in schema.names], schema=schema
    )


def started(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch] | None:
    """The same, the first one read already; None where there is none.

    What they are read from is opened by then: inside a streamed write delta-rs could not open it.
    """
    first = next(batches, None)
    return None if first is None else itertools.chain([first], batches)


def write_partition(table: Table, warehouse: str, value: str, batches: Iterable[pa.RecordBatch]) -> None:
    """Replaces one partition (the table's only partition column = `value`) by streamed batches, in one commit."""
    (column,) = table.partition_by
    quoted = value.replace("'", "''")
    # merge: a column that the contract has got since the table was created.
    merge = {"schema_mode": "merge"} if exists(table, warehouse) else {}
    write_deltalake(
        table.path(warehouse),
        pa.RecordBatchReader.from_batches(arrow_schema(table), batches),
        partition_by=[column],
        mode="overwrite",
        predicate=f"{column} = '{quoted}'",
        **merge,
    )


def write_rows(table: Table, warehouse: str, value: str, rows: list[dict]) -> None:
    """Replaces one partition by few rows."""
    write_partition(table, warehouse, value, [pa.RecordBatch.from_pylist(rows, arrow_schema(table))])
