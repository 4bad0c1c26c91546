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

from jobs import databases, io, records, streams
from jobs.errors import DataError
from jobs.landing import list_files
from jobs.reading import read_records
from jobs.settings import Settings
from jobs.sources import Feed, Source, load
from jobs.tables import BRONZE_EVENTS, BRONZE_PRODUCTS, BRONZE_USERS, LOADS, QUALITY_RESULTS, QUARANTINE

_TARGETS = {"events": BRONZE_EVENTS, "users": BRONZE_USERS, "products": BRONZE_PRODUCTS}

# Below as many records, a wrong one is a wrong record and not a retyped column.
RETYPED_FROM = 20
_BAD = r"bad_(\w+): (\w+) from column (.+?) is "  # how jobs/records.py begins such a reason
_WORDS = {"time": "times", "money": "amounts of money", "count": "whole numbers"}


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


def _check_types(kind: str, counts: list, frame: DataFrame) -> None:
    """DataError where most records of a load cannot be read for one and the same column: it was retyped."""
    rows, refused = sum(row["rows_in"] for row in counts), sum(row["quarantined"] for row in counts)
    if rows < RETYPED_FROM or refused <= rows / 2:
        return
    what = F.regexp_extract("reason", _BAD, 0)
    worst = frame.where("reason IS NOT NULL").groupBy(what.alias("what")).count().where("what != ''")
    for row in worst.orderBy(F.desc("count")).limit(1).collect():
        if row["count"] > rows / 2:
            expected, field, column = re.fullmatch(_BAD, row["what"]).groups()
            raise DataError(
                f"{kind}: expected column {column!r} to hold {_WORDS[expected]} (our {field}), found something else in "
                f"{row['count']:,} of {rows:,} records; the source retyped it or the mapping is wrong. Nothing of this "
                "load was written"
            )


def _new_columns(spark: SparkSession, s: Settings, source: Source, kind: str, feed: Feed, counts: list) -> list[str]:
    """Columns that the mapping does not name and no earlier load of the feed brought; a warning in ops.quality_results.

    They are kept in `attributes`, so nothing is lost; the shop should know that its source has changed.
    """
    if not io.exists(s.warehouse, LOADS):
        return []
    ours = set() if kind == "events" else set(feed.fields)
    earlier = io.read(spark, s.warehouse, LOADS).where(f"source = '{source.name}' AND kind = '{kind}'")
    before = earlier.where(f"NOT ({io.ds_range(s.since, s.ds, 'landed_ds')})").where("columns IS NOT NULL")
    before = before.select("columns").distinct().collect()
    if not before:
        return []
    new = sorted({c for row in counts for c in row["columns"]} - ours - {c for row in before for c in row["columns"]})
    result = {
        "table": f"landing.{source.name}.{kind}", "ds": s.ds, "expectation": "expect_no_new_column", "run_id": s.run_id,
        "severity": "warning", "success": not new, "observed": f"new: {', '.join(new)}" if new else "none",
        "threshold": "columns of earlier loads", "unexpected_count": len(new), "column": None,
    }  # fmt: skip
    same = f"ds = '{s.ds}' AND \"table\" = '{result['table']}'"
    io.replace_rows([result], s.warehouse, QUALITY_RESULTS, same)
    return new


def _already_loaded(spark: SparkSession, s: Settings, kind: str, parsed: DataFrame, slice_: str) -> DataFrame | None:
    """The rows of bronze, of the same event days, that other deliveries brought: never the whole history."""
    if kind != "events" or not io.exists(s.warehouse, BRONZE_EVENTS):
        return None
    days = [row["ds"] for row in parsed.where("reason IS NULL").select("ds").distinct().collect()]
    others = io.read(spark, s.warehouse, BRONZE_EVENTS).where(io.ds_list(days))
    return others.where(f"source = '{s.source}' AND NOT ({slice_})")


def _load_kind(spark: SparkSession, s: Settings, source: Source, kind: str, feed: Feed) -> dict[str, int]:
    if feed.kafka:
        streams.drain(spark, feed.kafka, s.landing, s.ds)
    files = [] if feed.jdbc else list_files(s.landing, feed, s.since, s.ds)
    if not files and not feed.jdbc:
        if feed.optional:
            return {}
        raise DataError(
            f"{kind}: expected files {feed.files} for {s.days} under {s.landing}, found none; not delivered?"
        )
    raw = databases.read_records(spark, feed, s.ds) if feed.jdbc else read_records(spark, files, feed)
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
        if feed.jdbc and not counts and not feed.optional:
            raise DataError(f"{kind}: expected rows in {feed.jdbc.name} at {feed.jdbc.address}, found none")
        _check_columns(feed, kind, counts, raw)
        _check_types(kind, counts, frame)
        if new := _new_columns(spark, s, source, kind, feed, counts):
            print(f"warning: {kind}: new columns {', '.join(new)}, kept in attributes")
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
    fields = ("landed_ds", "rows_in", "loaded", "duplicates", "quarantined", "outside", "late", "columns")
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
            if feed.jdbc and (reason := databases.explain(error, feed.jdbc)):
                raise reason from None  # the database's own words may name the user
            if feed.kafka and (reason := streams.explain(error, feed.kafka)):
                raise reason from error
            raise (_unreadable(error) or error) from error
        if counts:
            lines.append(f"{kind}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
        else:
            lines.append(f"{kind}: nothing delivered")
    return "; ".join(lines)
