"""source try NAME: what a mapping makes of the first records of a day, by the same parse as `collect`; writes nothing.

No warehouse is asked, so a record is a duplicate of others of the sample alone, and the source is taken as the first of
its warehouse.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import date

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from jobs.collect import counts, doubts, drift, hints, parse
from jobs.collect import run as collect
from jobs.collect.ledger import Due
from jobs.lake.engine import columns, frames
from jobs.settings import Settings
from jobs.sources import landing, reading
from jobs.sources.formats.parts import UnreadableFileError
from jobs.sources.keys import Keys
from jobs.sources.landing import File
from jobs.sources.layout import Layout
from jobs.sources.spec import EVENT_FIELDS, Feed, Source, load

_RECORDS = 4_000  # of a feed
_FILES = 20  # at most, from which they are taken
_SHOWN = 10  # records
_OF_A_REASON = 5  # reasons that have a record among them, at most
_WIDEST = 40  # characters of a value
_COLUMNS = 16  # of the source
_NEVER = date(9999, 12, 31)


def run(spark: SparkSession, name: str, folder: str, ds: date | None) -> str:
    """Show what `name` makes of the files of ds, or of each feed's newest day; returns the last line.

    DataError where `collect` would end with one: a file that cannot be read, a column that is gone or retyped.
    """
    source, tried = load(name), []
    for part in source.parts():
        for kind, feed in part.feeds().items():
            called = f"{kind} [{feed.name}]" if feed.name else kind
            if feed.jdbc:
                tried.append(f"{called}: a database, not tried")
                continue
            try:
                tried.append(f"{called}: {_try(spark, part, kind, folder, ds)}")
            except UnreadableFileError as error:
                raise reading.unreadable(error) from None
            except (PySparkException, Py4JJavaError) as error:
                raise (reading.unreadable(error) or error) from error
    return "; ".join(tried)


def _try(spark: SparkSession, source: Source, kind: str, folder: str, ds: date | None) -> str:
    feed = source.feeds()[kind]
    every = landing.list_files(folder, feed, date.min, ds or _NEVER)
    files = _newest(every, ds)
    opened = source.shop_opened
    s = Settings(ds or _day(files), opened, "", source.name, folder, "try")
    if not files:
        if feed.optional:
            return "nothing delivered"
        raise collect.not_delivered(s, kind, feed, f" for {ds}" if ds else "")
    first = max(1, _RECORDS // len(files))
    due = [Due(file, False, "") for file in files]
    own = collect.Load(source, Keys(), kind, feed, due, opened, [file.name for file in files], "", True, s.ds)
    records = collect.with_file_ds(reading.read_records(spark, files, feed, first))
    with ExitStack() as cached:
        frame = collect.kept_until(cached, collect.classified_alone(s, own, records, None, cached))
        rows = counts.by_file(frame, s.since, s.ds, parse.beside(feed, Layout.of(records)))
        of_day = f" of {s.ds}" if feed.dated else ""
        print(f"{kind}: up to {_RECORDS:,} records of {', '.join(file.name for file in files)}{of_day}")
        _show(frame, records, feed, kind)
        _explain(frame, feed, rows)
        for hint in hints.said(records, feed) if kind == "events" else ():
            print(f"hint: {hint}")
        drift.check_records(kind, rows, frame)
        drift.check_columns(feed, kind, rows, records)
        drift.check_types(kind, rows, frame)
    return counts.in_words(rows, with_suppressed=False)


def _newest(files: list[File], ds: date | None) -> list[File]:
    """The files of a day, or of the newest one; of files of any days, the first ones."""
    days = [file.landed_ds for file in files if file.landed_ds]
    day = ds or max(days, default=None)
    return [file for file in files if file.landed_ds in (day, None)][:_FILES]


def _day(files: list[File]) -> date:
    """The night that would load them."""
    days = [file.landed_ds or (file.modified_at.date() if file.modified_at else date.today()) for file in files]
    return max(days, default=date.today())


def _becomes(row: Row) -> str:
    if row["reason"]:
        return f"refused: {row['reason']}"
    return next((name for name in ("ignored", "outside", "duplicate") if row[name]), "loaded")


def _show(frame: DataFrame, records: DataFrame, feed: Feed, kind: str) -> None:
    """Some records before and after, those refused for several reasons among them."""
    chosen = _chosen(frame.withColumn("event_time", F.col("event_time").cast("string")) if kind == "events" else frame)
    before = _before(records, chosen)
    asked = sorted(feed.asked_columns)
    names = dict.fromkeys(name for row in before for name in (*asked, *row) if name in row)
    shown = list(names)[:_COLUMNS]
    _table(["before", *shown], [(k, *[_short(row.get(name)) for name in shown]) for k, row in _numbered(before)])
    if len(names) > len(shown):
        print(f"and {len(names) - len(shown)} more columns: {', '.join(list(names)[_COLUMNS:])}")
    ours = [name for name in EVENT_FIELDS if name in feed.fields] if kind == "events" else ["id", *feed.fields]
    after = [_after(row, ours, kind) for row in chosen]
    more = ["ds"] if kind == "events" else []
    _table(["after", *ours, *more, "becomes"], [(k, *row) for k, row in _numbered(after)])


def _table(head: list[str], rows: list[tuple]) -> None:
    from jobs.lake import sql  # and DuckDB with it

    print(sql.as_table(head, rows))


def _numbered(rows: list) -> enumerate:
    return enumerate(rows, 1)


def _chosen(frame: DataFrame) -> list[Row]:
    """The records to show: one a reason, the most frequent first, and for the rest those that are not refused."""
    refused = frame.where("reason IS NOT NULL")
    short = F.regexp_extract("reason", "^[a-z_]+", 0)
    by_reason = refused.groupBy(short.alias("short")).agg(F.count("*").alias("n"), F.min("tie").alias("tie"))
    ties = [row["tie"] for row in by_reason.orderBy(F.desc("n"), "short").limit(_OF_A_REASON).collect()]
    bad = list(
        {row["tie"]: row for row in refused.where(F.col("tie").isin(ties)).limit(_SHOWN * 100).collect()}.values()
    )
    good: list[Row] = []
    for kind in ("NOT duplicate", "duplicate"):
        good += frame.where(f"reason IS NULL AND {kind}").limit(_SHOWN - len(bad) - len(good)).collect()
    return [*good, *bad]


def _before(records: DataFrame, chosen: list[Row]) -> list[dict]:
    """What stands in the source's columns of each of the chosen records; the text of one that is no record."""
    layout = Layout.of(records)
    record = F.col("record")
    written = columns.as_json(record, layout.types) if layout.types else F.to_json(record)
    wanted = F.col("tie").isin([row["tie"] for row in chosen])
    tied = frames.where(records.withColumns({"tie": parse.tie(layout), "written": written}), wanted)
    found = {row["tie"]: row["written"] for row in tied.where("written IS NOT NULL").select("tie", "written").collect()}
    return [json.loads(found[row["tie"]]) if row["tie"] in found else {"(text)": row["raw"]} for row in chosen]


def _after(row: Row, ours: list[str], kind: str) -> tuple:
    if kind == "events":
        return (*[_short(row[name]) for name in ours], row["ds"], _becomes(row))
    said = {"id": row["id"]} | dict(row["attributes"] or {})
    return (*[_short(said.get(name)) for name in ours], _becomes(row))


def _short(value: object) -> str | None:
    if value is None:
        return None
    text = f"{value.normalize():f}" if hasattr(value, "normalize") else str(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 2]}.."


def _explain(frame: DataFrame, feed: Feed, rows: list[dict]) -> None:
    """Counts of each reason, doubts, and columns that the mapping does not name."""
    short = F.regexp_extract("reason", "^[a-z_]+(: [a-z_]+ from column [^ ]+)?", 0)
    refused = frame.where("reason IS NOT NULL").groupBy(short.alias("reason"))
    found = refused.agg(F.count("*").alias("n"), F.min("reason").alias("such")).orderBy(F.desc("n"), "reason").collect()
    if found:
        _table(["records", "refused because", "such as"], [(f"{r['n']:,}", r["reason"], r["such"]) for r in found])
    for doubt in doubts.said(frame, feed, rows):
        print(f"warning: {doubt}")
    unmapped = sorted({name for row in rows for name in row["columns"] or ()} - set(feed.fields) - set(feed.pii))
    if unmapped:
        print(f"not mapped, kept in attributes: {', '.join(unmapped)}")
