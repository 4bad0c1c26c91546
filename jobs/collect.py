"""collect: landing -> bronze. A record is loaded, already there, or quarantined with a reason; each is counted."""

from __future__ import annotations

import re
from difflib import get_close_matches
from urllib.parse import unquote

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.storagelevel import StorageLevel

from jobs import io, records
from jobs.errors import DataError
from jobs.landing import File, list_files
from jobs.settings import Settings
from jobs.sources import Feed, Source, load
from jobs.tables import BRONZE_EVENTS, BRONZE_PRODUCTS, BRONZE_USERS, LOADS, QUARANTINE

_TARGETS = {"events": BRONZE_EVENTS, "users": BRONZE_USERS, "products": BRONZE_PRODUCTS}


def read_records(spark: SparkSession, files: list[File], feed: Feed) -> DataFrame:
    """One row a record of the files: raw, record, source_file, landed_ds. See jobs/records.py."""
    uris = [file.spark_path for file in files]
    if feed.format == "jsonl":
        lines = spark.read.text(uris).where(F.trim("value") != "")
        frame = lines.withColumns({"raw": F.col("value"), "record": F.from_json("value", "map<string,string>")})
    else:
        table = spark.read.parquet(*uris) if feed.format == "parquet" else _read_csv(spark, uris, feed)
        names = [name for name in table.columns if name != "_corrupt_record"]
        entries = [F.struct(F.lit(n).alias("key"), F.col(f"`{n}`").cast("string").alias("value")) for n in names]
        frame = table.withColumn("record", F.map_from_entries(F.array(*entries)))
        frame = frame.withColumn("raw", F.to_json("record"))
        if "_corrupt_record" in table.columns:
            whole = F.col("_corrupt_record").isNull()
            frame = frame.withColumns(
                {"raw": F.when(whole, F.col("raw")).otherwise(F.col("_corrupt_record")),
                 "record": F.when(whole, F.col("record"))}
            )  # fmt: skip
    stray = F.raise_error(F.concat(F.lit("read a file that was not listed: "), "uri")).cast("string")
    known = spark.createDataFrame(
        [(file.spark_name, file.name, file.landed_ds) for file in files],
        "uri string, source_file string, landed_ds date",
    )
    return (
        frame.select("raw", "record", F.col("_metadata.file_path").alias("uri"))
        .join(F.broadcast(known), "uri", "left")
        .select("raw", "record", F.coalesce("source_file", stray).alias("source_file"), "landed_ds")
    )


def _read_csv(spark: SparkSession, uris: list[str], feed: Feed) -> DataFrame:
    options = {"header": True, "sep": feed.delimiter, "encoding": feed.encoding, "enforceSchema": False}
    header = spark.read.options(**options).csv(uris[0]).columns
    schema = ", ".join(f"`{name}` string" for name in [*header, "_corrupt_record"])
    return spark.read.options(**options, columnNameOfCorruptRecord="_corrupt_record").schema(schema).csv(uris)


def _unreadable(error: Exception) -> DataError | None:
    """A DataError that names the file, where Spark failed at reading one."""
    found = re.search(r"FAILED_READ_FILE\S*\] Encountered error while reading file (\S+?)\.? ", str(error) + " ")
    if found is None:
        return None
    causes = re.findall(r"Caused by: [\w.$]+: ([^\n]+)", str(error)) or ["no cause given"]
    return DataError(
        f"expected a readable file, found {unquote(found.group(1))}: {causes[-1].strip()}. Nothing of this load was "
        "written; fix the file or move it out of the landing folder, then run again"
    )


def _check_columns(feed: Feed, kind: str, counts: list, raw: DataFrame) -> None:
    """DataError where a column that the mapping names stands in no record at all."""
    seen = 0
    for row in counts:
        seen |= row["seen"]
    gone = [column for k, column in enumerate(sorted(feed.mapped_columns)) if not seen >> k & 1]
    if not counts or not gone:
        return
    have = [r[0] for r in raw.select(F.explode(F.map_keys("record"))).distinct().limit(200).collect()]
    if not have:
        return  # no line is a record: each is quarantined with its reason
    near = {column: get_close_matches(column, have, n=1) for column in gone}
    named = ", ".join(f"{c!r}" + (f" (nearest: {n[0]!r})" if n else "") for c, n in near.items())
    rows = sum(row["rows_in"] for row in counts)
    raise DataError(
        f"{kind}: expected column {named} as the mapping says, found it in none of {rows:,} records, which have "
        f"{', '.join(sorted(have))}; the source changed or the mapping is wrong. Nothing of this load was written"
    )


def _already_loaded(spark: SparkSession, s: Settings, kind: str, parsed: DataFrame, slice_: str) -> DataFrame | None:
    """The rows of bronze, of the same event days, that other deliveries brought: never the whole history."""
    if kind != "events" or not io.exists(s.warehouse, BRONZE_EVENTS):
        return None
    days = [row["ds"] for row in parsed.where("reason IS NULL").select("ds").distinct().collect()]
    others = io.read(spark, s.warehouse, BRONZE_EVENTS).where(io.ds_list(days))
    return others.where(f"source = '{s.source}' AND NOT ({slice_})")


def _load_kind(spark: SparkSession, s: Settings, source: Source, kind: str, feed: Feed) -> dict[str, int]:
    files = list_files(s.landing, feed, s.since, s.ds)
    if not files:
        if feed.optional:
            return {}
        raise DataError(
            f"{kind}: expected files {feed.files} for {s.days} under {s.landing}, found none; not delivered?"
        )
    raw = read_records(spark, files, feed)
    slice_ = f"source = '{source.name}' AND {io.ds_range(s.since, s.ds, 'landed_ds')}"
    if kind == "events":
        parsed, keys = records.parse_events(raw, source, s.since, s.ds), ["event_id", "ds"]
    else:
        parsed, keys = records.parse_dimension(raw, feed, s.ds), ["id", "landed_ds"]
    parsed = parsed.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        repeated = records.repeated_keys(parsed, keys)
        loaded = _already_loaded(spark, s, kind, parsed, slice_)
        frame = records.mark_duplicates(parsed, keys, None if repeated.isEmpty() else repeated, loaded)
        counts = records.count_by_file(frame).collect()
        _check_columns(feed, kind, counts, raw)
        _write(spark, s, source, kind, frame, counts, slice_)
    finally:
        parsed.unpersist()
    return {n: sum(row[n] for row in counts) for n in ("rows_in", "loaded", "duplicates", "quarantined", "outside")}


def _write(spark: SparkSession, s: Settings, source: Source, kind: str, frame: DataFrame, counts: list, slice_: str):
    stamp = {"source": F.lit(source.name), "kind": F.lit(kind), "stage": F.lit("collect"), "run_id": F.lit(s.run_id)}
    refused = frame.where("reason IS NOT NULL").withColumns(stamp).withColumn("ds", F.col("landed_ds"))
    of_kind = f"source = '{source.name}' AND kind = '{kind}'"
    if any(row["quarantined"] for row in counts) or io.exists(s.warehouse, QUARANTINE):
        where = f"{of_kind} AND stage = 'collect' AND {io.ds_range(s.since, s.ds)}"
        io.replace_where(refused, s.warehouse, QUARANTINE, where)
    fields = ("landed_ds", "rows_in", "loaded", "duplicates", "quarantined", "outside", "late")
    loads = [
        {"source": source.name, "kind": kind, "run_id": s.run_id}
        | {name: row[name] for name in ("source_file", *fields)}
        for row in counts
    ]
    landed = f"landed_ds >= '{s.since}' AND landed_ds <= '{s.ds}'"
    io.replace_rows(loads, s.warehouse, LOADS, f"{of_kind} AND {landed}")
    good = frame.where("reason IS NULL AND NOT outside AND NOT duplicate").withColumns(stamp)
    good = good.withColumn("ingested_at", F.current_timestamp())
    io.replace_where(good, s.warehouse, _TARGETS[kind], slice_)


def run(spark: SparkSession, s: Settings) -> str:
    """Load the days since..ds of every feed of the source; returns one line a person can read."""
    source = load(s.source)
    lines = []
    for kind, feed in source.feeds().items():
        try:
            counts = _load_kind(spark, s, source, kind, feed)
        except (PySparkException, Py4JJavaError) as error:
            raise (_unreadable(error) or error) from error
        if counts:
            lines.append(f"{kind}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
        else:
            lines.append(f"{kind}: nothing delivered")
    return "; ".join(lines)
