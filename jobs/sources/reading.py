"""Delivered files -> one row a record, whatever their format: see `read_records`."""

from __future__ import annotations

import csv
import io as texts
from collections.abc import Callable
from functools import reduce

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, NumericType, StructType, TimestampType

from jobs.sources import privacy
from jobs.sources.landing import File
from jobs.sources.spec import Feed

_HEADER_BYTES = 1 << 16


def read_records(spark: SparkSession, files: list[File], feed: Feed) -> DataFrame:
    """One row a record of the files: raw, record, source_file, landed_ds, written_ds. See jobs/collect/fields.py."""
    if feed.format == "jsonl":
        lines = spark.read.text([file.spark_path for file in files]).where(F.trim("value") != "")
        frame = lines.withColumns({"raw": F.col("value"), "record": F.from_json("value", "map<string,string>")})
    else:
        frame = _read_columns(spark, files, feed)
    stray = F.raise_error(F.concat(F.lit("read a file that was not listed: "), "uri")).cast("string")
    known = spark.createDataFrame(
        [(f.spark_name, f.name, f.landed_ds, f.modified_at.date() if f.modified_at else None) for f in files],
        "uri string, source_file string, landed_ds date, written_ds date",
    )
    frame = frame.select("raw", "record", F.col("_metadata.file_path").alias("uri"))
    frame = privacy.protect(_exploded(frame, feed.explode) if feed.explode else frame, feed)
    return frame.join(F.broadcast(known), "uri", "left").select(
        "raw", "record", F.coalesce("source_file", stray).alias("source_file"), "landed_ds", "written_ds"
    )


_BROKEN = "_corrupt_record"


def _read_columns(spark: SparkSession, files: list[File], feed: Feed) -> DataFrame:
    """CSV or Parquet as raw, record (a struct) and _metadata. Files whose columns differ are read apart, each by its
    own, and put together by name: Spark would read all of them by the first one's.
    """
    shape: Callable[[File, Feed], tuple] = _parquet_shape if feed.format == "parquet" else _csv_shape
    kinds: dict[tuple, list[File]] = {}
    for file in files:
        kinds.setdefault(shape(file, feed), []).append(file)
    parts = []
    for group in kinds.values():
        paths = [file.spark_path for file in group]
        parts.append(spark.read.parquet(*paths) if feed.format == "parquet" else _read_csv(spark, group, feed))
    types: dict[str, set[DataType | None]] = {}
    for part in parts:
        held = {field.name: field.dataType for field in part.schema if field.name != _BROKEN}
        for name in {*held, *types}:
            types.setdefault(name, set()).add(held.get(name))
    # A number stays one where every file has it as the same type; all else is text, as it would be in a CSV.
    columns = {name: len(found) == 1 and isinstance(next(iter(found)), NumericType) for name, found in types.items()}
    each = [as_records(part, columns).select("raw", "record", "_metadata") for part in parts]
    return reduce(DataFrame.unionByName, each)


def _parquet_shape(file: File, feed: Feed) -> tuple:
    try:
        with file.open() as stream:
            schema = pq.read_schema(stream)
    except (pa.ArrowInvalid, OSError):
        return ()  # no Parquet file: Spark's error names it
    return tuple((field.name, str(field.type)) for field in schema)


def _csv_shape(file: File, feed: Feed) -> tuple:
    if feed.columns:
        return tuple(feed.columns)
    with file.open(unpack=True) as stream:
        head = stream.read(_HEADER_BYTES).decode(feed.encoding, errors="ignore").lstrip("\ufeff")
    return tuple(next(csv.reader(texts.StringIO(head), delimiter=feed.delimiter), ()))


def _read_csv(spark: SparkSession, files: list[File], feed: Feed) -> DataFrame:
    options = {"header": not feed.columns, "sep": feed.delimiter, "encoding": feed.encoding, "enforceSchema": False}
    paths = [file.spark_path for file in files]
    header = feed.columns or spark.read.options(**options).csv(paths[0]).columns
    schema = ", ".join(f"`{name}` string" for name in [*header, _BROKEN])
    return spark.read.options(**options, columnNameOfCorruptRecord=_BROKEN).schema(schema).csv(paths)


def as_records(table: DataFrame, columns: dict[str, bool] | None = None) -> DataFrame:
    """`table` with `record`, a struct of its columns, and `raw`, the text of a line that is no record, else null.

    `columns` says of each column to be there whether it stays a number; None: those of the table, numbers stay.
    """
    types = {field.name: field.dataType for field in table.schema if field.name != _BROKEN}
    columns = columns or {name: isinstance(kind, NumericType) for name, kind in types.items()}
    held = [_held(name, types.get(name), number).alias(name) for name, number in sorted(columns.items())]
    if _BROKEN not in table.columns:
        return table.withColumns({"record": F.struct(*held), "raw": F.lit(None).cast("string")})
    record = F.when(F.col(_BROKEN).isNull(), F.struct(*held))
    return table.withColumns({"record": record, "raw": F.col(_BROKEN)})


def _held(name: str, kind: DataType | None, number: bool) -> Column:
    """A number as it is; else text: a list or an object as JSON, an instant with its zone, the session's, UTC."""
    value = F.lit(None) if kind is None else F.col(f"`{name}`")
    if number:
        return value
    if isinstance(kind, (ArrayType, MapType, StructType)):
        return F.to_json(value)
    text = value.cast("string")
    return F.concat(text, F.lit("Z")) if isinstance(kind, TimestampType) else text


def _exploded(frame: DataFrame, column: str) -> DataFrame:
    """One row an object of the JSON list in `column`; a record without such a list stays one row."""

    def named(key: Column, _: Column) -> Column:
        return F.concat(F.lit(f"{column}."), key)

    items = F.from_json(F.col("record").getItem(column), "array<map<string,string>>")
    beside = F.map_filter("record", lambda key, _: key != column)
    place = F.create_map(F.lit(f"{column}.position"), F.col("position").cast("string"))
    each = frame.select("*", F.posexplode_outer(items).alias("position", "item"))
    whole = F.map_concat(beside, F.transform_keys("item", named), place)
    each = each.withColumn("record", F.when(F.col("item").isNotNull(), whole).otherwise(F.col("record")))
    return each.select(F.when(F.col("item").isNotNull(), F.to_json("record")).otherwise(F.col("raw")).alias("raw"),
                       "record", "uri")  # fmt: skip
