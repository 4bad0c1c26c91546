"""collect: landing -> bronze. A record is loaded, already there, or quarantined with a reason; each is counted.

Records of users who were erased (ops.erasures) are left out before anything is written, and counted too.

A file is loaded once (jobs/collect/ledger.py). One that came after its night, or was corrected, is loaded by the next
night; its records count as delivered on the day of its name all the same, so that it does not matter which night that
is.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.collect import balance, counts, dedupe, doubts, drift, late, ledger, parse, refusals, states, streams
from jobs.collect.counts import Left
from jobs.collect.ledger import Due, Ledger
from jobs.collect.rules import load_rules
from jobs.errors import DataError
from jobs.lake import delta, engine, erasures, touched, turns
from jobs.lake.engine import frames, options
from jobs.lake.erasures import Suppressed
from jobs.settings import Settings
from jobs.sources import databases, globs, keys, landing, reading, shops
from jobs.sources.formats.parts import DatabaseError, UnreadableFileError
from jobs.sources.keys import Keys
from jobs.sources.landing import File
from jobs.sources.layout import Layout
from jobs.sources.spec import Feed, Source, load
from jobs.tables import BRONZE_EVENTS, BRONZE_PRODUCTS, BRONZE_USERS, QUARANTINE

TARGETS = {"events": BRONZE_EVENTS, "users": BRONZE_USERS, "products": BRONZE_PRODUCTS}


@dataclass(frozen=True, slots=True)
class Load:
    """What a run loads of one feed: the files of `due`, or tonight's state of a database's table (`due` is empty).

    `names` are those of the files or of the table in `source_file`, `slice_` the rows of bronze that they replace,
    `start` the first day of the shop's history here. `others` are known files that have records of changed ones too,
    and are not of this run. `in_turn`: bronze holds no file that was delivered after these; `known` is the last day
    that was delivered, of all that it holds.
    """

    source: Source
    keys: Keys
    kind: str
    feed: Feed
    due: list[Due]
    start: date
    names: list[str]
    slice_: str
    in_turn: bool
    known: date
    others: frozenset[str] = frozenset()


@turns.one_at_a_time("bronze")
def run(spark: SparkSession, s: Settings) -> str:
    """Load what is due of every feed of the source by ds; returns one line a person can read."""
    source, suppressed, lines = load(s.source), erasures.suppressed(s), []
    shops.require_days(s.warehouse, source)
    feeds = [(one, *item) for one in source.parts() for item in one.feeds().items()]
    for part, kind, feed in feeds:
        try:
            with options.changed(spark, options.STEP_BY_STEP):
                lines.append(_load_feed(spark, s, part, kind, suppressed))
        except UnreadableFileError as error:
            raise reading.unreadable(error) from None
        except (PySparkException, Py4JJavaError, DatabaseError) as error:
            if feed.jdbc and (reason := databases.explain(error, feed.jdbc)):
                raise reason from None  # the database's own words may name the user
            raise (reading.unreadable(error) or error) from error
    return "; ".join(lines)


def _load_feed(spark: SparkSession, s: Settings, source: Source, kind: str, suppressed: Suppressed | None) -> str:
    feed = source.feeds()[kind]
    called = f"{kind} [{feed.name}]" if feed.name else kind
    if feed.kafka:
        streams.drain(spark, feed.kafka, s.landing, s.ds, source, keys.joined(s.warehouse, source), suppressed)
    load = _plan(s, source, kind, feed)
    if load is None:
        return f"{called}: nothing delivered"
    if not load.due and not feed.jdbc:
        return f"{called}: nothing new, every file is loaded"
    records, left = left_out(_read(spark, s, load), source, load.keys, kind, suppressed)
    before = _stored(spark, s, load.due) if kind == "events" else None
    if load.others:
        _set_aside(s, load)
    with ExitStack() as cached:
        frame, replaced = _classified(spark, s, load, records, before, cached)
        rows = counts.by_file(frame, s.since, s.ds, parse.beside(feed, Layout.of(records)))
        if feed.jdbc and not rows and not left and not feed.optional:
            raise DataError(f"{kind}: expected rows in {feed.jdbc.name} at {feed.jdbc.address}, found none")
        there = balance.in_files(spark, [d.file for d in load.due], feed, frame, rows, left) if load.due else {}
        _check(s, load, rows, records, frame)
        _write(spark, s, load, rows, frame, before, replaced)
        only = f"landed_ds = '{s.ds}'" if feed.jdbc else "true"
        written = balance.in_bronze(s, TARGETS[kind], load.names, only, rows)
        rows = counts.with_balance(counts.with_suppressed(rows, left, s.ds), there, written)
        ledger.enter(s, source, kind, load.due, rows)
    return f"{called}: {counts.in_words(rows, with_suppressed=bool(left))}"


def _plan(s: Settings, source: Source, kind: str, feed: Feed) -> Load | None:
    """What to load; None where the feed delivered nothing."""
    book = ledger.open_ledger(s, kind)
    due = [] if feed.jdbc else _due(s, kind, feed, book)
    if due is None:
        return None
    names = [feed.jdbc.name] if feed.jdbc else [d.file.name for d in due]
    slice_ = f"source = '{source.name}' AND source_file IN ({delta.quoted(names)})"
    if feed.jdbc:  # a table is read as it is tonight; what it was on other nights stays
        slice_ += f" AND landed_ds = DATE'{s.ds}'"
    own = keys.joined(s.warehouse, source)  # once there is something to load
    start, others = min(book.start or s.since, s.since), frozenset(ledger.repeating(book, due))
    known = book.last or s.ds
    return Load(source, own, kind, feed, due, start, names, slice_, ledger.in_turn(due, book), known, others)


def _set_aside(s: Settings, load: Load) -> None:
    """Leave the other files that have records of changed ones to the next night; a warning where they are gone."""
    there = {file.name for file in landing.list_files(s.landing, load.feed, date.min, date.max)}
    suffix = f" [{load.feed.name}]" if load.feed.name else ""
    gone = {name for name in load.others - there if name.endswith(suffix) and (suffix or not name.endswith("]"))}
    if gone:
        names = ", ".join(sorted(gone))
        print(
            f"warning: {load.kind}: {names} had records of files that changed, and is gone: what those no longer have "
            "is lost; deliver it again"
        )
    if later := load.others - gone:
        ledger.forget(s, load.kind, later)


def _due(s: Settings, kind: str, feed: Feed, book: Ledger) -> list[Due] | None:
    """The files to load; None where the feed delivered nothing, which only an optional one may."""
    files = landing.list_files(s.landing, feed, min(book.start or s.since, s.since), s.ds)
    due = ledger.due(files, book, feed, s)
    if any(file.landed_ds is None or file.landed_ds >= s.since for file in files):
        if missing := _missing_days(files, feed, s):
            print(f"warning: {kind}: no file for {missing} of {s.days}")
        return due
    if not feed.optional:
        raise not_delivered(s, kind, feed, f" for {s.days}")
    return due or None


def not_delivered(s: Settings, kind: str, feed: Feed, days: str) -> DataError:
    """What is said where a feed has no files, with those that there are."""
    there = landing.nearest(s.landing, feed, s.ds)
    return DataError(
        f"{kind}: expected files {' or '.join(feed.files)}{days} under {s.landing}, found none; not "
        f"delivered? There is {', '.join(there) or 'no file at all'}{globs.hint(there, feed.files)}"
    )


def _missing_days(files: list[File], feed: Feed, s: Settings) -> str:
    """The days of a range for which a feed of daily files has none, in words; `optional` ones come when they change."""
    if feed.optional or not feed.dated:
        return ""
    delivered, ranges = {file.landed_ds for file in files}, []
    for day in touched.between(s.since, s.ds):
        if day in delivered:
            continue
        if ranges and ranges[-1][1] + touched.ONE == day:
            ranges[-1][1] = day
        else:
            ranges.append([day, day])
    return ", ".join(str(first) if first == last else f"{first}..{last}" for first, last in ranges)


def _read(spark: SparkSession, s: Settings, load: Load) -> DataFrame:
    if load.feed.jdbc:
        return with_file_ds(databases.read_records(spark, load.feed, s.ds))
    return with_file_ds(reading.read_records(spark, [d.file for d in load.due], load.feed))


def with_file_ds(records: DataFrame) -> DataFrame:
    """`records` with `file_ds`, the day of their file; null where it has none."""
    return records.withColumn("file_ds", F.col("landed_ds"))


def left_out(
    records: DataFrame, source: Source, own: Keys, kind: str, suppressed: Suppressed | None
) -> tuple[DataFrame, Left]:
    """The records of users who were not erased, and how many of the others each file (by day of delivery) has."""
    if suppressed is None:
        return records, {}
    of_erased = suppressed.holds(F.col("user"))
    if kind == "events" and source.events.kafka:
        of_erased |= F.coalesce(F.map_contains_key("record", streams.BLANK), F.lit(False))
    unknown = F.col("record").isNull() & suppressed.named_in(F.col("raw"), own.user)
    marked = parse.with_user(records, source, own, kind).withColumn("suppressed", of_erased | unknown)
    left = frames.where(marked, F.col("suppressed")).groupBy("source_file", "landed_ds").count().collect()
    kept = frames.where(marked, ~F.col("suppressed")).drop("user", "suppressed")
    return kept, {(row["source_file"], row["landed_ds"]): row["count"] for row in left}


def _stored(spark: SparkSession, s: Settings, due: list[Due]) -> DataFrame | None:
    """What bronze.events holds of changed files: of those that are of one day of the run what happened on other days,
    of the rest all of it (see `dedupe.keep_landing`).
    """
    names = [d.file.name for d in due if d.changed]
    if not names or not delta.exists(s.warehouse, BRONZE_EVENTS):
        return None
    whole = [d.file.name for d in due if d.changed and (d.file.landed_ds is None or d.file.landed_ds <= s.since)]
    rows = delta.read(spark, s.warehouse, BRONZE_EVENTS).where(f"source = '{s.source}'")
    rows = rows.where(f"source_file IN ({delta.quoted(names)})")
    rows = rows.where(F.col("source_file").isin(whole) | F.expr(f"NOT ({delta.ds_range(s.since, s.ds)})"))
    return rows.select("source_file", "event_id", "ds", "user_id", "landed_ds", dedupe.content_hash().alias("content"))


def already_loaded(spark: SparkSession, s: Settings, parsed: DataFrame, slice_: str) -> DataFrame | None:
    """The rows of bronze.events, of the same event days, that other deliveries brought: never the whole history."""
    if not delta.exists(s.warehouse, BRONZE_EVENTS):
        return None
    days = [row["ds"] for row in parsed.where("reason IS NULL AND NOT ignored").select("ds").distinct().collect()]
    others = delta.read(spark, s.warehouse, BRONZE_EVENTS).where(delta.ds_list(days))
    return others.where(f"source = '{s.source}' AND NOT ({slice_})")


def _classified(
    spark: SparkSession, s: Settings, load: Load, records: DataFrame, before: DataFrame | None, cached: ExitStack
) -> tuple[DataFrame, DataFrame | None]:
    """One row a record, parsed, with `duplicate`; the rows of bronze that make way for them, where that can be: a feed
    with a `version` brings newer states, and a night out of turn the first delivery of what later ones brought again.
    `before` are rows of `_stored`.
    """
    frame = classified_alone(s, load, records, before, cached)
    frame, replaced = _held_against_bronze(spark, s, load, frame, cached)
    return (dedupe.duplicates_now(frame) if _keeps_landing(load, before) else frame), replaced


def _held_against_bronze(
    spark: SparkSession, s: Settings, load: Load, frame: DataFrame, cached: ExitStack
) -> tuple[DataFrame, DataFrame | None]:
    """`frame` of `classified_alone` with `duplicate` true also where bronze has the record, and what of bronze goes."""
    if load.kind != "events":
        return frame, None
    identity = dedupe.keys(load.kind, load.feed)
    if load.feed.version:
        loaded = states.stored(spark, s, frame, load.feed, load.slice_)
    else:
        loaded = already_loaded(spark, s, frame, load.slice_)
    if loaded is None:
        return frame, None
    if load.feed.version or not load.in_turn:
        stood = loaded.select(*states.COLUMNS).join(frame.select(*identity).distinct(), identity, "left_semi")
        stood = kept_until(cached, stood)
        frame = kept_until(cached, dedupe.mark_beaten(frame, stood, load.feed))
        return frame, kept_until(cached, dedupe.replaced(frame, stood, load.feed))
    if s.since != s.ds:
        return dedupe.mark_loaded(frame, identity, loaded), None
    # The records are few, and what they are held against is much.
    loaded = loaded.join(F.broadcast(frame.select(*identity)), identity, "left_semi")
    return kept_until(cached, dedupe.mark_loaded(frame, identity, loaded)), None


def _keeps_landing(load: Load, before: DataFrame | None) -> bool:
    """Whether records that stood in a file before keep the day on which they came: it has none in its name."""
    return before is not None and not load.feed.dated


def kept_until(cached: ExitStack, frame: DataFrame) -> DataFrame:
    """A frame that later passes read again, kept until `cached` is closed."""
    kept = frames.kept(frame)
    cached.callback(frames.free, kept)
    return kept


def classified_alone(
    s: Settings, load: Load, records: DataFrame, before: DataFrame | None, cached: ExitStack
) -> DataFrame:
    """`_classified` without a look at what bronze holds: `duplicate` is true within the load."""

    def parsed(keyed: DataFrame) -> DataFrame:
        frame = parse.parse(keyed, load.source, load.keys, load.kind, load.start, s.since, s.ds)
        return dedupe.keep_landing(frame, before) if _keeps_landing(load, before) else frame

    # Text is dear to parse. Columns Apache Spark reads again for less than it keeps them for, but in a small night.
    once = s.since == s.ds or load.feed.format == "jsonl" or engine.is_sail() or bool(load.feed.fill_down)
    identity, keyed = dedupe.keys(load.kind, load.feed), dedupe.with_key(records, load.source, load.kind, s.ds)
    if once:
        keyed = kept_until(cached, parsed(keyed))
    plain, few = dedupe.apart(keyed, kept_until(cached, dedupe.repeated_keys(keyed)))
    if not once:
        plain, few = parsed(plain), parsed(few)
    few = kept_until(cached, dedupe.one_of_each(dedupe.numbered(few, load.feed), load.feed, identity))
    alone = {"duplicate": F.lit(False), "counted": F.lit(None).cast("string"), "alone": F.lit(True)}
    return plain.withColumns(alone).unionByName(few)


def _check(s: Settings, load: Load, rows: list[dict], records: DataFrame, frame: DataFrame) -> None:
    """DataError where a file holds no records, or columns are gone or retyped; a warning where there are new ones."""
    drift.check_records(load.kind, rows, frame)
    drift.check_columns(load.feed, load.kind, rows, records)
    drift.check_types(load.kind, rows, frame)
    refusals.check(load.kind, load.feed, rows, frame, load_rules().refused)
    stood = None
    if load.kind == "events" and not load.feed.version and any(row["duplicates"] for row in rows):
        stood = already_loaded(frame.sparkSession, s, frame.where("duplicate"), load.slice_)
    for doubt in doubts.said(frame, load.feed, rows, stood):
        print(f"warning: {load.kind}: {doubt}")
    if doubt := drift.of_versions(load.feed, frame):
        print(f"warning: {load.kind}: {doubt}")
    if new := drift.new_columns(s, load.kind, load.feed, rows):
        print(f"warning: {load.kind}: new columns {', '.join(new)}, kept in attributes")


def _write(
    spark: SparkSession, s: Settings, load: Load, rows: list[dict], frame: DataFrame, before: DataFrame | None,
    replaced: DataFrame | None,
) -> None:  # fmt: skip
    """Refused records to ops.quarantine, what they change on other days to ops.restated, the good ones to bronze, where
    what they replace makes way.

    Each commit can be the last one of a run that is killed. So what is said of rows that will go (marks, counts) is
    written while they are there, in a way that the next run, of which the files are still due, does not do twice.
    """
    if any(row["quarantined"] for row in rows) or delta.exists(s.warehouse, QUARANTINE):
        _write_refused(s, load, frame)
    good = frame.where("reason IS NULL AND NOT ignored AND NOT outside AND NOT duplicate")
    if load.kind == "events":
        changes = _changes(s, load, good, rows, before)
        if replaced is not None:
            changes = changes.unionByName(late.restated(replaced, s, load.known))
        late.note_restated(changes, s)
    if load.kind == "products" and rows:
        sold = late.sold_without(good, s, min(row["landed_ds"] for row in rows))
        if sold is not None:
            late.note_restated(sold, s)
    if replaced is not None:
        states.count(replaced, s)
    stamp = {"source": F.lit(s.source), "run_id": F.lit(s.run_id), "ingested_at": F.current_timestamp()}
    delta.replace_where(good.withColumns(stamp), s.warehouse, TARGETS[load.kind], load.slice_)
    if load.kind == "events":
        came_late = {day for due in load.due for day in due.came_late}
        came_late |= {row["landed_ds"] for row in rows if row["late"]}
        came_late |= set() if replaced is None else set(states.late_landings(replaced))
        if came_late:
            late.note_lateness(spark, s, load.source.shop_zone, came_late, replaced)
    if replaced is not None:
        states.take_back(replaced, s)


def _write_refused(s: Settings, load: Load, frame: DataFrame) -> None:
    stamp = {"source": F.lit(s.source), "kind": F.lit(load.kind), "stage": F.lit("collect"), "run_id": F.lit(s.run_id)}
    refused = frame.where("reason IS NOT NULL").withColumns(stamp).withColumn("ds", F.col("landed_ds"))
    where = load.slice_.replace("landed_ds", "ds")
    delta.replace_where(refused, s.warehouse, QUARANTINE, f"{where} AND kind = '{load.kind}' AND stage = 'collect'")


def _changes(s: Settings, load: Load, good: DataFrame, rows: list[dict], before: DataFrame | None) -> DataFrame:
    """The users' days that the load changes, see `late.restated`; asked of the records only where there are any."""
    any_ = load.known > s.ds or before is not None or any(row["elsewhere"] for row in rows)
    return late.restated(late.changed(good if any_ else good.where("false"), before), s, load.known)
