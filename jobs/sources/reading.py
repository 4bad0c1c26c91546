"""Delivered files -> one row a record, whatever their format: see `read_records`. The same on both engines: the bytes
are read by Arrow (jobs/sources/formats), where the engine's partitions are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_type
from pyspark.sql.types import DateType, LongType, MapType, StringType, StructField, StructType

from jobs.errors import DataError
from jobs.sources import filling, names, partitions, privacy
from jobs.sources.dialect import Dialect
from jobs.sources.formats import csv_rows, json_lines, json_lists, parquet_rows
from jobs.sources.formats.parts import LINE, OWN, RAW, Part, UnreadableFileError, named
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


def read_records(spark: SparkSession, files: list[File], feed: Feed, first: int | None = None) -> DataFrame:
    """One row a record of the files: raw, record, source_file, landed_ds, written_ds, line, and fault, what is wrong
    with one that cannot be read (see jobs/collect/fields.py). `first`: so many of each file alone, from its start.

    DataError for a file that cannot be read, or has not the columns of the mapping; where only its end is broken, the
    query that uses the rows fails: see `unreadable`.
    """
    read = {"jsonl": _read_lines, "csv": _read_csv, "parquet": _read_parquet}[feed.format]
    frame = filling.filled_down(privacy.protect(read(spark, files, feed, first), feed), feed)
    return frame.select("raw", "record", "source_file", "landed_ds", "written_ds", "line", "fault")


def count_records(spark: SparkSession, files: list[File], feed: Feed) -> dict[str, int]:
    """How many records each file has, by name: counted in its bytes, apart from `read_records`. Where a list is
    exploded, those that hold it.
    """
    count = partial(_count, feed=feed)
    tasks = max(1, min(len(files), int(spark.conf.get("spark.sql.shuffle.partitions"))))
    listed = spark.createDataFrame([(file.name, file.path) for file in files], "name string, path string")
    counted = listed.repartition(tasks).mapInArrow(partial(_counts, count=count), "name string, records bigint")
    return {row["name"]: row["records"] for row in counted.collect()}


def _counts(listed: Iterator[pa.RecordBatch], count: Callable[[str], int]) -> Iterator[pa.RecordBatch]:
    for batch in listed:
        records = []
        for path in batch.column("path").to_pylist():
            with named(path):
                records.append(count(path))
        yield pa.RecordBatch.from_arrays([batch.column("name"), pa.array(records, pa.int64())], ["name", "records"])


def _count(path: str, feed: Feed) -> int:
    if feed.format == "jsonl":
        return json_lines.count(path, feed.encoding)
    if feed.format == "parquet":
        return parquet_rows.count(path)
    dialect = _dialect(feed)
    columns = names.as_mapped(csv_rows.header(path, dialect), feed)
    return csv_rows.count(path, dialect, tuple(columns)) if columns else 0


def _dialect(feed: Feed) -> Dialect:
    return Dialect(**{name: getattr(feed, name) for name in Dialect.model_fields})


def with_objects(texts: DataFrame, feed: Feed) -> DataFrame:
    """`texts` (raw and more) with `record`, what raw says as a JSON object: as JSON lines are read, null where it is
    none.
    """
    shape = StructType([*texts.schema, StructField("record", MapType(StringType(), StringType()))])
    return texts.mapInArrow(partial(_objects, paths=_paths(feed)), shape)


def _objects(batches: Iterator[pa.RecordBatch], paths: list[str]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch.append_column("record", json_lines.objects(batch.column("raw").cast(pa.string()), paths))


def _paths(feed: Feed) -> list[str]:
    """The columns that may lead through a list."""
    return sorted(filter(json_lists.is_path, {*feed.asked_columns, *feed.pii}))


def unreadable(error: Exception) -> DataError | None:
    """A DataError that names the file, where a query failed at reading one; else None."""
    found = _FAILED.search(str(error))
    if found is None:
        return None
    return DataError(
        f"{UnreadableFileError.EXPECTED} {found.group(1).strip()}. Nothing of this load was written; fix the file or "
        "move it out of the landing folder, then run again"
    )


def _of_folders(files: list[File], feed: Feed) -> set[str]:
    """The columns that the mapping asks for and the folders of some file say; a path is in the clear everywhere."""
    return (feed.asked_columns - set(feed.pii)) & {name for file in files for name in partitions.values(file.name)}


def _read_lines(spark: SparkSession, files: list[File], feed: Feed, first: int | None) -> DataFrame:
    parts: dict[File, list[Part]] = {}
    for file in files:
        with named(file.path):
            parts[file] = json_lines.split(file.path, file.size, _most_bytes(file, first), feed.encoding)
    read = partial(json_lines.read, encoding=feed.encoding, explode=feed.explode, paths=_paths(feed))
    fields = [pa.field("record", pa.map_(pa.string(), pa.string()))]
    rows = _rows(spark, parts, _from_start(read, first), fields, _of_folders(files, feed))
    # What was taken out of a list has no line of its own.
    return rows.withColumn("record", F.col("c0")).withColumn("raw", F.coalesce("raw", F.to_json("c0")))


def _read_csv(spark: SparkSession, files: list[File], feed: Feed, first: int | None) -> DataFrame:
    """Each file by its own columns, put together by name; `record` is null for a row that does not fit them."""
    dialect, of_folders = _dialect(feed), _of_folders(files, feed)
    parts: dict[File, list[Part]] = {}
    for file in files:
        columns = names.as_mapped(csv_rows.header(file.path, dialect), feed)
        if columns:  # else the file is empty
            names.check(file.name, [*columns, *of_folders & partitions.values(file.name).keys()], feed)
            parts[file] = csv_rows.split(file.path, file.size, _most_bytes(file, first), dialect, tuple(columns))
    wanted = sorted({name for of_file in parts.values() for part in of_file for name in part.columns} | of_folders)
    fields = [pa.field(name, pa.string()) for name in wanted]
    read = _from_start(partial(csv_rows.read, dialect=dialect, wanted=wanted), first)
    return _with_record(*_with_paths(spark, parts, read, fields, feed, of_folders))


def _read_parquet(spark: SparkSession, files: list[File], feed: Feed, first: int | None) -> DataFrame:
    """A number stays one where every file has it as the same type; all else is text, as it would be in a CSV."""
    parts: dict[File, list[Part]] = {}
    of_folders = _of_folders(files, feed)
    kinds: dict[str, set] = {name: {pa.string()} for name in of_folders}
    for file in files:
        schema = parquet_rows.schema(file.path, feed.explode)
        if columns := names.as_mapped(schema.names, feed):  # else the file is empty
            names.check(file.name, [*columns, *of_folders & partitions.values(file.name).keys()], feed)
            parts[file] = parquet_rows.split(file.path, first or MOST_ROWS, tuple(columns))[: 1 if first else None]
            for name, kind in zip(columns, schema.types, strict=True):
                kinds.setdefault(name, set()).add(kind)
    common = {name for name in kinds if all(name in part.columns for of_file in parts.values() for part in of_file)}
    fields = [
        pa.field(name, next(iter(kinds[name])) if len(kinds[name]) == 1 and name in common else pa.string())
        for name in sorted(kinds)
    ]
    read = _from_start(partial(parquet_rows.read, explode=feed.explode, wanted=pa.schema(fields)), first)
    return _with_record(*_with_paths(spark, parts, read, fields, feed, of_folders))


def _most_bytes(file: File, first: int | None) -> int:
    """Bytes of a text that one task reads; all of it, where its start alone is asked for."""
    return MOST_BYTES if first is None else file.size


def _from_start(read: Read, first: int | None) -> Read:
    return read if first is None else partial(_first_of, read=read, first=first)


def _first_of(part: Part, read: Read, first: int) -> Iterator[pa.RecordBatch]:
    for batch in read(part):
        if batch.num_rows > first:  # the broken records of a batch stand at its end
            batch = batch.take(pc.sort_indices(batch.column(LINE)).slice(0, first))
        yield batch
        first -= batch.num_rows
        if not first:
            return


def _with_paths(
    spark: SparkSession, parts: dict[File, list[Part]], read: Read, fields: list[pa.Field], feed: Feed,
    of_folders: set[str],
) -> tuple[DataFrame, list[str]]:  # fmt: skip
    """`_rows` of columns, and of what texts among them have at a path through a list; the names of both."""
    texts = {field.name for field in fields if field.type == pa.string()}
    paths = {path: json_lists.head(path) for path in _paths(feed) if path not in texts}
    paths = {path: head for path, head in paths.items() if head in texts}
    found = [*fields, *[pa.field(path, pa.string()) for path in paths]]
    rows = _rows(spark, parts, partial(_looked_up, read=read, paths=paths), found, of_folders)
    return rows, [field.name for field in found]


def _looked_up(part: Part, read: Read, paths: dict[str, str]) -> Iterator[pa.RecordBatch]:
    for batch in read(part):
        for path, head in paths.items():
            at = OWN + batch.schema.names[OWN:].index(head)
            batch = batch.append_column(path, json_lines.at_path(batch.column(at), path))
        yield batch


def _rows(
    spark: SparkSession, parts: dict[File, list[Part]], read: Read, fields: list[pa.Field], of_folders: set[str]
) -> DataFrame:
    """raw, line, fault, a column c0, c1, .. for each of `fields` (a file's names may be any text), the row's file.
    `of_folders`: the columns, or keys, that a file has from its folders where it has none of its own.
    """
    listed = [
        (part.path, part.start, part.stop, part.line, list(part.columns), file.name, file.landed_ds,
         file.modified_at.date() if file.modified_at else None)
        for file, of_file in parts.items() for part in of_file
    ]  # fmt: skip
    columns = [StructField(f"c{k}", from_arrow_type(field.type)) for k, field in enumerate(fields)]
    shape = StructType([
        StructField("raw", StringType()), StructField("line", LongType()), StructField("fault", StringType()), *columns,
        StructField("source_file", StringType()), StructField("landed_ds", DateType()),
        StructField("written_ds", DateType()),
    ])  # fmt: skip
    tasks = max(1, min(len(listed), int(spark.conf.get("spark.sql.shuffle.partitions"))))
    frame = spark.createDataFrame(listed, _PARTS).repartition(tasks)
    at = {field.name: OWN + k for k, field in enumerate(fields) if field.name in of_folders}
    told = partial(_with_folders, of_folders=of_folders, at=at)
    return frame.mapInArrow(partial(_batches, read=read, told=told, names=shape.fieldNames()), shape)


def _with_folders(
    batch: pa.RecordBatch, part: Part, file: str, of_folders: set[str], at: dict[str, int]
) -> pa.RecordBatch:
    """`batch` with what the folders of its file say: in columns, whose places are `at`, or in its records."""
    said = {name: value for name, value in partitions.values(file).items() if name in of_folders}
    said = {name: value for name, value in said.items() if name not in part.columns}
    if at or not said:
        return partitions.filled(batch, at, said)
    records = partitions.with_keys(batch.column(OWN), said)
    # Their line does not say all of them: who releases one must find it in its text.
    raw = pc.if_else(records.is_valid(), pa.scalar(None, pa.string()), batch.column(RAW).cast(pa.string()))
    return batch.set_column(OWN, batch.schema.field(OWN), records).set_column(RAW, batch.schema.field(RAW), raw)


def _batches(
    listed: Iterator[pa.RecordBatch], read: Read, told: Callable[..., pa.RecordBatch], names: list[str]
) -> Iterator[pa.RecordBatch]:
    for row in (row for batch in listed for row in batch.to_pylist()):
        part = Part(row["path"], row["start"], row["stop"], row["line"], tuple(row["columns"]))
        of_file = [pa.scalar(row[name], kind) for name, kind in _OF_FILE.items()]
        with named(part.path):
            for batch in (told(batch, part, row["source_file"]) for batch in read(part)):
                beside = [pa.repeat(value, batch.num_rows) for value in of_file]
                yield pa.RecordBatch.from_arrays([*batch.columns, *beside], names)


def _with_record(rows: DataFrame, names: list[str]) -> DataFrame:
    """`rows` with `record`, a struct of `names`; null where `raw` is a text that is none."""
    record = F.struct(*[F.col(f"c{k}").alias(name) for k, name in enumerate(names)])
    return rows.withColumn("record", F.when(F.col("raw").isNull(), record))
