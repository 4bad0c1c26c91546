"""collect: landing -> bronze. A record is loaded, already there, or quarantined with a reason; each is counted.

Records of users who were erased (ops.erasures) are left out before anything is written, and counted too.

A file is loaded once (jobs/collect/ledger.py). One that came after its night, or was corrected, is loaded by the next
night.
"""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import unquote

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.storagelevel import StorageLevel

from jobs.collect import drift, late, ledger, records, streams
from jobs.collect.ledger import Due, Ledger
from jobs.errors import DataError
from jobs.lake import delta, erasures
from jobs.lake.erasures import Suppressed
from jobs.settings import Settings
from jobs.sources import databases
from jobs.sources.landing import list_files
from jobs.sources.layout import Layout
from jobs.sources.reading import read_records
from jobs.sources.spec import Feed, Source, load
from jobs.tables import BRONZE_EVENTS, BRONZE_PRODUCTS, BRONZE_USERS, LOADS, QUARANTINE

TARGETS = {"events": BRONZE_EVENTS, "users": BRONZE_USERS, "products": BRONZE_PRODUCTS}
KEYS = {"events": ["event_id", "ds"], "users": ["id", "landed_ds"], "products": ["id", "landed_ds"]}
_COUNTS = ("rows_in", "loaded", "duplicates", "quarantined", "outside", "late", "suppressed")


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


def already_loaded(spark: SparkSession, s: Settings, parsed: DataFrame, slice_: str) -> DataFrame | None:
    """The rows of bronze.events, of the same event days, that other deliveries brought: never the whole history."""
    if not delta.exists(s.warehouse, BRONZE_EVENTS):
        return None
    days = [row["ds"] for row in parsed.where("reason IS NULL").select("ds").distinct().collect()]
    others = delta.read(spark, s.warehouse, BRONZE_EVENTS).where(delta.ds_list(days))
    return others.where(f"source = '{s.source}' AND NOT ({slice_})")


def _stored(spark: SparkSession, s: Settings, due: list[Due]) -> DataFrame | None:
    """What bronze.events holds of changed files that are not of one day of the run: see `records.keep_landing`."""
    names = [d.file.name for d in due if d.changed and (d.file.landed_ds is None or d.file.landed_ds == s.since)]
    if not names or not delta.exists(s.warehouse, BRONZE_EVENTS):
        return None
    rows = delta.read(spark, s.warehouse, BRONZE_EVENTS).where(f"source = '{s.source}'")
    rows = rows.where(f"source_file IN ({delta.quoted(names)})")
    return rows.select("event_id", "ds", "user_id", "landed_ds", "source_file", records.content_hash().alias("content"))


def _due(s: Settings, kind: str, feed: Feed, book: Ledger) -> list[Due] | None:
    """The files to load; None where the feed delivered nothing, which only an optional one may."""
    found = list_files(s.landing, feed, min(book.start or s.since, s.since), s.ds)
    due = ledger.due(found, book, feed, s)
    if any(file.landed_ds is None or file.landed_ds >= s.since for file in found):
        return due
    if not feed.optional:
        raise DataError(
            f"{kind}: expected files {feed.files} for {s.days} under {s.landing}, found none; not delivered?"
        )
    return due or None


def left_out(
    raw: DataFrame, source: Source, kind: str, suppressed: Suppressed | None
) -> tuple[DataFrame, dict[tuple[str, date | None], int]]:
    """The records of users who were not erased, and how many of the others each file (by day of delivery) has."""
    if suppressed is None:
        return raw, {}
    known = suppressed.holds(F.col("user"))
    if kind == "events" and source.events.kafka:
        known |= F.coalesce(F.map_contains_key("record", streams.BLANK), F.lit(False))
    unknown = F.col("record").isNull() & suppressed.named_in(F.col("raw"))
    marked = records.with_user(raw, source, kind).withColumn("suppressed", known | unknown)
    found = marked.where("suppressed").groupBy("source_file", "landed_ds").count().collect()
    kept = marked.where("NOT suppressed").drop("user", "suppressed")
    return kept, {(row["source_file"], row["landed_ds"]): row["count"] for row in found}


def _with_left_out(counts: list[dict], out: dict[tuple[str, date | None], int], s: Settings) -> list[dict]:
    """`counts` with the suppressed records, which are among rows_in; those of a file of any days count on ds."""
    rows = {(row["source_file"], row["landed_ds"]): row | {"suppressed": 0} for row in counts}
    for (name, landed), number in out.items():
        at = (name, landed or s.ds)
        none = dict.fromkeys(_COUNTS, 0) | {"source_file": name, "landed_ds": at[1], "columns": []}
        row = rows.setdefault(at, none)
        rows[at] = row | {"suppressed": row["suppressed"] + number, "rows_in": row["rows_in"] + number}
    return list(rows.values())


def _load_kind(
    spark: SparkSession, s: Settings, source: Source, kind: str, feed: Feed, suppressed: Suppressed | None
) -> str:
    if feed.kafka:
        streams.drain(spark, feed.kafka, s.landing, s.ds, source, suppressed)
    book = ledger.open_ledger(s, kind)
    due = [] if feed.jdbc else _due(s, kind, feed, book)
    if not due and not feed.jdbc:
        return f"{kind}: nothing delivered" if due is None else f"{kind}: nothing new, every file is loaded"
    names = [feed.jdbc.name] if feed.jdbc else [d.file.name for d in due]
    slice_ = f"source = '{source.name}' AND source_file IN ({delta.quoted(names)})"
    if feed.jdbc:  # a table is read as it is tonight; what it was on other nights stays
        raw, slice_ = databases.read_records(spark, feed, s.ds), f"{slice_} AND landed_ds = DATE'{s.ds}'"
    else:
        raw = read_records(spark, [d.file for d in due], feed)
    raw, out = left_out(raw, source, kind, suppressed)
    before = _stored(spark, s, due) if kind == "events" else None

    def parse(keyed: DataFrame) -> DataFrame:
        if kind != "events":
            return records.parse_dimension(keyed, feed, s.ds)
        parsed = records.parse_events(keyed, source, min(book.start or s.since, s.since), s.since, s.ds)
        return parsed if before is None else records.keep_landing(parsed, before)

    # Text is dear to parse, columns are cheap to read again: only the first is kept over the passes, and small nights.
    kept = parse(records.with_key(raw, feed, kind)) if feed.format == "jsonl" or s.since == s.ds else None
    all_ = records.with_key(raw, feed, kind) if kept is None else kept.persist(StorageLevel.MEMORY_AND_DISK)
    repeated, few, marked = records.repeated_keys(all_).persist(), None, None
    try:
        plain, few = (part if kept is not None else parse(part) for part in records.apart(all_, repeated))
        few = records.first_of_each(few, KEYS[kind]).persist(StorageLevel.MEMORY_AND_DISK)
        frame = plain.withColumn("duplicate", F.lit(False)).unionByName(few)
        if kind == "events" and (loaded := already_loaded(spark, s, frame, slice_)) is not None:
            if kept is None:
                frame = records.mark_loaded(frame, KEYS[kind], loaded)
            else:  # the records are few, and what they are held against is much
                loaded = loaded.join(F.broadcast(frame.select(*KEYS[kind])), KEYS[kind], "left_semi")
                marked = records.mark_loaded(frame, KEYS[kind], loaded).persist(StorageLevel.MEMORY_AND_DISK)
                frame = marked
        named = records.beside(feed, Layout.of(raw))
        counts = [row.asDict() for row in records.count_by_file(frame, s.since, s.ds, named is not None).collect()]
        if named is not None:
            counts = [c | {"columns": [n for k, n in enumerate(named) if c["beside"] >> k & 1]} for c in counts]
        if feed.jdbc and not counts and not out and not feed.optional:
            raise DataError(f"{kind}: expected rows in {feed.jdbc.name} at {feed.jdbc.address}, found none")
        drift.check_columns(feed, kind, counts, raw)
        drift.check_types(kind, counts, frame)
        if new := drift.new_columns(s, kind, feed, counts):
            print(f"warning: {kind}: new columns {', '.join(new)}, kept in attributes")
        if any(row["quarantined"] for row in counts) or delta.exists(s.warehouse, QUARANTINE):
            _write_refused(s, kind, frame, slice_)
        good = frame.where("reason IS NULL AND NOT outside AND NOT duplicate")
        if kind == "events":
            late.note_restated(_changes(s, good, counts, before), s, names)
        stamp = {"source": F.lit(s.source), "run_id": F.lit(s.run_id), "ingested_at": F.current_timestamp()}
        delta.replace_where(good.withColumns(stamp), s.warehouse, TARGETS[kind], slice_)
        if kind == "events" and any(row["late"] for row in counts):
            late.note_lateness(spark, s)
        counts = _with_left_out(counts, out, s)
        _enter(s, kind, feed, due, counts)
    finally:
        for cached in (repeated, few, kept, marked):
            if cached is not None:
                cached.unpersist()
    sums = {name: sum(row[name] for row in counts) for name in _COUNTS if name != "suppressed" or out}
    return f"{kind}: " + ", ".join(f"{name} {count:,}" for name, count in sums.items())


def _write_refused(s: Settings, kind: str, frame: DataFrame, slice_: str) -> None:
    stamp = {"source": F.lit(s.source), "kind": F.lit(kind), "stage": F.lit("collect"), "run_id": F.lit(s.run_id)}
    refused = frame.where("reason IS NOT NULL").withColumns(stamp).withColumn("ds", F.col("landed_ds"))
    where = slice_.replace("landed_ds", "ds")
    delta.replace_where(refused, s.warehouse, QUARANTINE, f"{where} AND kind = '{kind}' AND stage = 'collect'")


def _changes(s: Settings, good: DataFrame, counts: list[dict], before: DataFrame | None) -> DataFrame:
    """The users' days outside since..ds that the load changes; asked of the records only where there are any."""
    changes = late.other_days(good if any(row["elsewhere"] for row in counts) else good.where("false"), s)
    return changes if before is None else changes.unionByName(late.taken_back(before, good, s))


def _enter(s: Settings, kind: str, feed: Feed, due: list[Due], counts: list[dict]) -> None:
    """The files and their counts into ops.loads, last of all, so that a killed run finds its files still due; an empty
    file is entered too.
    """
    looks = {d.file.name: ledger.looks(d.file, d.digest, feed) for d in due}
    empty = [
        dict.fromkeys(_COUNTS, 0) | {"source_file": d.file.name, "landed_ds": d.file.landed_ds or s.ds, "columns": []}
        for d in due
        if d.file.name not in {row["source_file"] for row in counts}
    ]
    stamp = {"source": s.source, "kind": kind, "run_id": s.run_id, "released": 0}
    rows = [row | stamp | looks.get(row["source_file"], {}) for row in [*counts, *empty]]
    names = delta.listed([feed.jdbc.name] if feed.jdbc else looks)
    same = f"source = '{s.source}' AND kind = '{kind}' AND source_file IN ({names})"
    same += f" AND landed_ds = '{s.ds}'" if feed.jdbc else ""
    delta.replace_rows(rows, s.warehouse, LOADS, same)


def run(spark: SparkSession, s: Settings) -> str:
    """Load what is due of every feed of the source by ds; returns one line a person can read."""
    source, suppressed, lines = load(s.source), erasures.suppressed(s), []
    for kind, feed in source.feeds().items():
        try:
            lines.append(_load_kind(spark, s, source, kind, feed, suppressed))
        except (PySparkException, Py4JJavaError) as error:
            if feed.jdbc and (reason := databases.explain(error, feed.jdbc)):
                raise reason from None  # the database's own words may name the user
            if feed.kafka and (reason := streams.explain(error, feed.kafka)):
                raise reason from error
            raise (_unreadable(error) or error) from error
    return "; ".join(lines)
