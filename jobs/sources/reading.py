"""Delivered files -> one row a record, whatever their format: see `read_records`. The same on both engines: the bytes
are read by Arrow (jobs/sources/formats), where the engine's partitions are.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_type
from pyspark.sql.types import DateType, LongType, MapType, StringType, StructField, StructType

from jobs.errors import DataError
from jobs.sources import privacy
from jobs.sources.formats import csv_rows, json_lines, parquet_rows, texts
from jobs.sources.formats.parts import Part, UnreadableFileError, named, split_text
from jobs.sources.landing import File
from jobs.sources.spec import Feed

MOST_BYTES = 64 << 20  # of a text that one task reads, where it may be split
MOST_ROWS = 1 << 20  # of a Parquet file that one task reads

_PARTS = (
    "path string, start bigint, stop bigint, line bigint, columns array<string>, "
    "source_file string, landed_ds date, written_ds date"
)
_OF_FILE = {"source_file": pa.string(), "landed_ds": pa.date32(), "written_ds": pa.date32()}
_FAILED = re.compile(rf"{UnreadableFileError.EXPECTED} ([^\n]+)")

Read = Callable[[Part], Iterator[pa.RecordBatch]]


def read_records(spark: SparkSession, files: list[File], feed: Feed) -> DataFrame:
    """One row a record of the files: raw, record, source_file, landed_ds, written_ds, line. See jobs/collect/fields.py.

    DataError for a file that cannot be read; where only its end is broken, the query that uses the rows fails: see
    `unreadable`.
    """
    read = {"jsonl": _read_lines, "csv": _read_csv, "parquet": _read_parquet}[feed.format]
    try:
        frame = read(spark, files, feed)
    except UnreadableFileError as error:
        raise unreadable(error) from error
    frame = privacy.protect(frame, feed)
    return frame.select("raw", "record", "source_file", "landed_ds", "written_ds", "line")


def with_objects(texts: DataFrame) -> DataFrame:
    """`texts` (raw and more) with `record`, what raw says as a JSON object: as JSON lines are read, null where it is
    none.
    """
    shape = StructType([*texts.schema, StructField("record", MapType(StringType(), StringType()))])
    return texts.mapInArrow(_objects, shape)


def _objects(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch.append_column("record", json_lines.objects(batch.column("raw").cast(pa.string())))


def unreadable(error: Exception) -> DataError | None:
    """A DataError that names the file, where a query failed at reading one; else None."""
    found = _FAILED.search(str(error))
    if found is None:
        return None
    return DataError(
        f"{UnreadableFileError.EXPECTED} {found.group(1).strip()}. Nothing of this load was written; fix the file or "
        "move it out of the landing folder, then run again"
    )


def _read_lines(spark: SparkSession, files: list[File], feed: Feed) -> DataFrame:
    most = MOST_BYTES if texts.may_be_cut(feed.encoding) else sys.maxsize
    parts = {file: split_text(file.path, file.size, most) for file in files}
    read = partial(json_lines.read, encoding=feed.encoding, explode=feed.explode)
    rows = _rows(spark, parts, read, [pa.field("record", pa.map_(pa.string(), pa.string()))])
    # What was taken out of a list has no line of its own.
    return rows.withColumn("record", F.col("c0")).withColumn("raw", F.coalesce("raw", F.to_json("c0")))


def _read_csv(spark: SparkSession, files: list[File], feed: Feed) -> DataFrame:
    """Each file by its own columns, put together by name; `record` is null for a row that does not fit them."""
    most = MOST_BYTES if texts.may_be_cut(feed.encoding) else sys.maxsize
    parts: dict[File, list[Part]] = {}
    for file in files:
        columns = feed.columns or csv_rows.header(file.path, feed.encoding, feed.delimiter)
        if columns:  # else the file is empty
            parts[file] = csv_rows.split(file.path, file.size, most, tuple(columns))
    names = sorted({name for of_file in parts.values() for part in of_file for name in part.columns})
    fields = [pa.field(name, pa.string()) for name in names]
    read = partial(
        csv_rows.read, encoding=feed.encoding, delimiter=feed.delimiter, has_header=not feed.columns, wanted=names
    )
    return _with_record(_rows(spark, parts, read, fields), names)


def _read_parquet(spark: SparkSession, files: list[File], feed: Feed) -> DataFrame:
    """A number stays one where every file has it as the same type; all else is text, as it would be in a CSV."""
    parts = {file: parquet_rows.split(file.path, MOST_ROWS) for file in files}
    schemas = [parquet_rows.schema(file.path) for file in files]
    names = sorted({name for schema in schemas for name in schema.names})
    kinds = {name: {schema.field(name).type if name in schema.names else None for schema in schemas} for name in names}
    alike = {name: next(iter(found)) for name, found in kinds.items() if len(found) == 1}
    fields = [pa.field(name, alike.get(name, pa.string())) for name in names]
    return _with_record(_rows(spark, parts, partial(parquet_rows.read, wanted=pa.schema(fields)), fields), names)


def _rows(spark: SparkSession, parts: dict[File, list[Part]], read: Read, fields: list[pa.Field]) -> DataFrame:
    """raw, line, a column c0, c1, .. for each of `fields` (a name of a file may be any text), and the row's file."""
    listed = [
        (part.path, part.start, part.stop, part.line, list(part.columns), file.name, file.landed_ds,
         file.modified_at.date() if file.modified_at else None)
        for file, of_file in parts.items() for part in of_file
    ]  # fmt: skip
    columns = [StructField(f"c{k}", from_arrow_type(field.type)) for k, field in enumerate(fields)]
    shape = StructType([
        StructField("raw", StringType()), StructField("line", LongType()), *columns,
        StructField("source_file", StringType()), StructField("landed_ds", DateType()),
        StructField("written_ds", DateType()),
    ])  # fmt: skip
    tasks = max(1, min(len(listed), int(spark.conf.get("spark.sql.shuffle.partitions"))))
    frame = spark.createDataFrame(listed, _PARTS).repartition(tasks)
    return frame.mapInArrow(partial(_batches, read=read, names=shape.fieldNames()), shape)


def _batches(listed: Iterator[pa.RecordBatch], read: Read, names: list[str]) -> Iterator[pa.RecordBatch]:
    for row in (row for batch in listed for row in batch.to_pylist()):
        part = Part(row["path"], row["start"], row["stop"], row["line"], tuple(row["columns"]))
        of_file = [pa.scalar(row[name], kind) for name, kind in _OF_FILE.items()]
        with named(part.path):
            for batch in read(part):
                beside = [pa.repeat(value, batch.num_rows) for value in of_file]
                yield pa.RecordBatch.from_arrays([*batch.columns, *beside], names)


def _with_record(rows: DataFrame, names: list[str]) -> DataFrame:
    """`rows` with `record`, a struct of `names`; null where `raw` is a text that is none."""
    record = F.struct(*[F.col(f"c{k}").alias(name) for k, name in enumerate(names)])
    return rows.withColumn("record", F.when(F.col("raw").isNull(), record))
