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
from pyspark.sql.types import NumericType

from jobs import privacy
from jobs.landing import File
from jobs.sources import Feed

_HEADER_BYTES = 1 << 16


def read_records(spark: SparkSession, files: list[File], feed: Feed) -> DataFrame:
    """One row a record of the files: raw, record, source_file, landed_ds, written_ds. See jobs/records.py."""
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


def _read_columns(spark: SparkSession, files: list[File], feed: Feed) -> DataFrame:
    """CSV or Parquet as raw, record (a struct) and _metadata. Files whose columns differ are read apart, each by its
    own, and put together by name: Spark would read all of them by the first one's.
    """
    kinds: dict[tuple, list[File]] = {}
    shape: Callable[[File, Feed], tuple] = _parquet_shape if feed.format == "parquet" else _csv_shape
    for file in files:
        kinds.setdefault(shape(file, feed), []).append(file)
    parts = []
    for group in kinds.values():
        paths = [file.spark_path for file in group]
        parts.append(spark.read.parquet(*paths) if feed.format == "parquet" else _read_csv(spark, group, feed))
    types = [{field.name: field.dataType for field in part.schema} for part in parts]
    names = sorted({name for each in types for name in each} - {_BROKEN})
    # A number stays one where every file has it as the same type; all else is text, as it would be in a CSV.
    numbers = {
        name for name in names
        if isinstance(types[0].get(name), NumericType) and all(each.get(name) == types[0][name] for each in types)
    }  # fmt: skip
    return reduce(DataFrame.unionByName, [_as_records(part, names, numbers) for part in parts])


_BROKEN = "_corrupt_record"


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
    with file.open() as stream:
        head = stream.read(_HEADER_BYTES).decode(feed.encoding, errors="ignore").lstrip("\ufeff")
    return tuple(next(csv.reader(texts.StringIO(head), delimiter=feed.delimiter), ()))


def _read_csv(spark: SparkSession, files: list[File], feed: Feed) -> DataFrame:
    options = {"header": not feed.columns, "sep": feed.delimiter, "encoding": feed.encoding, "enforceSchema": False}
    paths = [file.spark_path for file in files]
    header = feed.columns or spark.read.options(**options).csv(paths[0]).columns
    schema = ", ".join(f"`{name}` string" for name in [*header, _BROKEN])
    return spark.read.options(**options, columnNameOfCorruptRecord=_BROKEN).schema(schema).csv(paths)


def _as_records(table: DataFrame, names: list[str], numbers: set[str]) -> DataFrame:
    types = {field.name: field.dataType for field in table.schema}

    def held(name: str) -> Column:
        column = F.col(f"`{name}`") if name in types else F.lit(None)
        if name in numbers:
            return column
        nested = name in types and types[name].typeName() in ("struct", "array", "map")
        return F.to_json(column) if nested else column.cast("string")

    record = F.struct(*[held(name).alias(name) for name in names])
    raw, whole = F.to_json("record"), F.col(f"`{_BROKEN}`").isNull() if _BROKEN in types else None
    if whole is None:
        return table.select(record.alias("record"), "_metadata").withColumn("raw", raw)
    frame = table.select(F.when(whole, record).alias("record"), F.col(_BROKEN).alias("broken"), "_metadata")
    return frame.select("record", F.coalesce("broken", raw).alias("raw"), "_metadata")


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
