"""Delivered files -> one row a record, whatever their format: see `read_records`."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StructField, StructType, TimestampType

from jobs import privacy
from jobs.landing import File
from jobs.sources import Feed


def read_records(spark: SparkSession, files: list[File], feed: Feed) -> DataFrame:
    """One row a record of the files: raw, record, source_file, landed_ds. See jobs/records.py."""
    paths = [file.spark_path for file in files]
    if feed.format == "jsonl":
        lines = spark.read.text(paths).where(F.trim("value") != "")
        frame = lines.withColumns({"raw": F.col("value"), "record": F.from_json("value", "map<string,string>")})
    else:
        table = spark.read.parquet(*paths) if feed.format == "parquet" else _read_csv(spark, paths, feed)
        frame = as_records(table)
    stray = F.raise_error(F.concat(F.lit("read a file that was not listed: "), "uri")).cast("string")
    known = spark.createDataFrame(
        [(file.spark_name, file.name, file.landed_ds) for file in files],
        "uri string, source_file string, landed_ds date",
    )
    frame = frame.select("raw", "record", F.col("_metadata.file_path").alias("uri"))
    frame = privacy.protect(_exploded(frame, feed.explode) if feed.explode else frame, feed)
    return frame.join(F.broadcast(known), "uri", "left").select(
        "raw", "record", F.coalesce("source_file", stray).alias("source_file"), "landed_ds"
    )


def _read_csv(spark: SparkSession, paths: list[str], feed: Feed) -> DataFrame:
    options = {"header": not feed.columns, "sep": feed.delimiter, "encoding": feed.encoding, "enforceSchema": False}
    header = feed.columns or spark.read.options(**options).csv(paths[0]).columns
    schema = ", ".join(f"`{name}` string" for name in [*header, "_corrupt_record"])
    return spark.read.options(**options, columnNameOfCorruptRecord="_corrupt_record").schema(schema).csv(paths)


def as_records(table: DataFrame) -> DataFrame:
    """`table` with `record`, its columns as texts, and `raw`, the same as JSON."""
    fields = [field for field in table.schema if field.name != "_corrupt_record"]
    entries = [F.struct(F.lit(field.name).alias("key"), _as_text(field).alias("value")) for field in fields]
    frame = table.withColumn("record", F.map_from_entries(F.array(*entries)))
    frame = frame.withColumn("raw", F.to_json("record"))
    if "_corrupt_record" not in table.columns:
        return frame
    whole = F.col("_corrupt_record").isNull()
    return frame.withColumns(
        {"raw": F.when(whole, F.col("raw")).otherwise(F.col("_corrupt_record")),
         "record": F.when(whole, F.col("record"))}
    )  # fmt: skip


def _as_text(field: StructField) -> Column:
    """A list or an object as JSON; an instant with its zone, which is the session's, UTC."""
    value = F.col(f"`{field.name}`")
    if isinstance(field.dataType, (ArrayType, MapType, StructType)):
        return F.to_json(value)
    text = value.cast("string")
    return F.concat(text, F.lit("Z")) if isinstance(field.dataType, TimestampType) else text


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
