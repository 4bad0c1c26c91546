"""What Delta's writer in Sail leaves to its caller: who may write, what may be written, and the care of old files.

Sail commits without a look at what others committed in between, takes rows outside the slice that it replaces, writes
down which columns are never null, and neither compacts nor sweeps: delta-rs does the last two.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pyarrow as pa
from deltalake import DeltaTable, Field, Schema, write_deltalake
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import _parse_datatype_string

from jobs.errors import UsageError
from jobs.lake import engine, turns
from jobs.lake.engine import sail
from jobs.lake.engine.paths import of_engine
from jobs.tables import Table

# Bytes of a file at which the writer begins another one, and up to which small ones are put together: rows of a log
# come sorted by day, so that a file holds few days, and what replaces a late record's day writes few others anew.
FILE = 8 << 20


def arrow_schema(table: Table) -> pa.Schema:
    """The contract's columns as Arrow types; each may be null."""
    return to_arrow_schema(_parse_datatype_string(table.ddl), timezone="UTC")


@contextmanager
def one_writer(path: str) -> Iterator[None]:
    """Nobody else of this machine writes the table meanwhile."""
    with turns.alone(path) if engine.is_sail() else nullcontext():
        yield


def created(path: str, table: Table, configuration: dict[str, str]) -> None:
    """The table as it is before its first row, and a column that the contract has got since."""
    wanted = Schema.from_arrow(arrow_schema(table))
    if not DeltaTable.is_deltatable(path):
        DeltaTable.create(
            path, wanted, mode="ignore", partition_by=list(table.partition_by), configuration=configuration
        )
        return
    there = DeltaTable(path)
    stored = {field.name for field in there.schema().fields}
    new: list[Field] = [field for field in wanted.fields if field.name not in stored]
    if new:
        there.alter.add_columns(new)


def fitted(frame: DataFrame, path: str, table: Table, slice_: str | None = None) -> DataFrame:
    """`frame`, which has the columns of the contract, with those of the table that stands, in its order; the others are
    null. Its query fails where a row is outside the slice that the predicate `slice_` describes.

    The frame itself is not asked for its columns, for which Sail reads the whole plan each time.
    """
    stored = frame.sparkSession.read.format("delta").load(of_engine(path)).schema
    there = set(table.column_names)
    columns = [
        F.col(f"`{field.name}`") if field.name in there else F.lit(None).cast(field.dataType).alias(field.name)
        for field in stored
    ]
    if slice_ is not None:
        # In a column, not in a filter: filters are moved below those that the frame was made by.
        # With chance in it, so that it is asked of rows, and not of the plan where all of their columns are constants.
        reason = F.concat(F.lit(f"expected rows of the slice {slice_} alone, found another ("), F.rand(), F.lit(")"))
        refused = F.raise_error(reason).cast(stored[0].dataType)
        columns[0] = F.when(F.expr(slice_), columns[0]).otherwise(refused).alias(stored[0].name)
    return frame.select(*columns)


def replace(
    frame: DataFrame, path: str, table: Table, predicate: str, configuration: dict[str, str], goes: str | None = None
) -> None:
    """The slice that `predicate` describes becomes `frame`, in one commit; the table is made on first use. With `goes`,
    a part of the slice, `frame` takes the place of that part, and all else stays.
    """
    created(path, table, configuration)
    frame = fitted(frame, path, table, predicate)
    predicate = goes or predicate
    if _is_free(frame.sparkSession, path, predicate):
        _writer(frame).mode("append").save(of_engine(path))
    elif any("<" in column.type for column in table.columns):
        # Sail unites the rows that stay in a file with the new ones, and knows the elements of a stored list or map by
        # other names than those of a computed one.
        with tempfile.TemporaryDirectory(dir=sail.scratch()) as folder:
            frame.write.format("delta").save(folder)
            try:
                _replaced(frame.sparkSession.read.format("delta").load(folder), path, predicate)
            except AnalysisException as error:
                if "same data type per column" not in str(error):
                    raise
                # Files that delta-rs wrote, of few rows: it puts the new ones in.
                rows = DeltaTable(folder).to_pyarrow_table()
                write_deltalake(path, rows, mode="overwrite", predicate=predicate)
    else:
        _replaced(frame, path, predicate)


def _is_free(spark: SparkSession, path: str, predicate: str) -> bool:
    """Whether no row stands in the slice: a new night's, most of all. Then there is nothing to write anew."""
    return not DeltaTable(path).file_uris() or (
        spark.read.format("delta").load(of_engine(path)).where(predicate).select(F.lit(1)).limit(1).isEmpty()
    )


def append(frame: DataFrame, path: str, table: Table, configuration: dict[str, str]) -> None:
    """The rows of `frame` beside those that are there, in one commit; the table is made on first use."""
    created(path, table, configuration)
    _writer(fitted(frame, path, table)).mode("append").save(of_engine(path))


def overwrite(frame: DataFrame, path: str, table: Table, configuration: dict[str, str]) -> None:
    """The table becomes `frame`, in one commit."""
    created(path, table, configuration)
    fitted(frame, path, table).write.format("delta").mode("overwrite").save(of_engine(path))


def retype(frame: DataFrame, path: str, table: Table) -> None:
    """The table becomes `frame`, whose types are others, in one commit: Sail changes no schema, delta-rs does."""
    without_marks(path, table)
    with tempfile.TemporaryDirectory(dir=sail.scratch()) as folder:
        frame.write.format("delta").mode("append").save(folder)
        rows = DeltaTable(folder).to_pyarrow_dataset().scanner(batch_readahead=2, fragment_readahead=1).to_reader()
        write_deltalake(path, rows, mode="overwrite", schema_mode="overwrite", partition_by=list(table.partition_by))


def _replaced(frame: DataFrame, path: str, predicate: str) -> None:
    _writer(frame).mode("overwrite").option("replaceWhere", predicate).save(of_engine(path))


def _writer(frame: DataFrame) -> DataFrameWriter:
    return frame.write.format("delta").option("target_file_size", str(FILE))


def has_marks(path: str) -> bool:
    """Whether rows may be marked as deleted beside their file (by Apache Spark), which delta-rs does not know."""
    return "deletionVectors" in (DeltaTable(path).protocol().reader_features or ())


def without_marks(path: str, table: Table) -> DeltaTable:
    """The table as delta-rs opens it; UsageError where rows of it are marked, before anything is changed."""
    if has_marks(path):
        raise UsageError(
            f"expected {table.full_name} without deletion vectors, found them: Apache Spark wrote it, and it alone "
            "keeps such a table; run this verb with HUAXIANG_ENGINE=spark"
        )
    return DeltaTable(path)


def compact(path: str, table: Table) -> None:
    """Put small files together; nothing is committed where there is nothing to do."""
    without_marks(path, table).optimize.compact(target_size=FILE)


def vacuum(path: str, table: Table, hours: int) -> None:
    """Delete the files that no version of the last `hours` needs."""
    without_marks(path, table).vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
