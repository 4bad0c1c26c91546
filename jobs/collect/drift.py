"""What a delivery must be: files of records, whose columns are there, of their type, and known; see the checks."""

from __future__ import annotations

import re
from collections import Counter
from difflib import get_close_matches

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.collect import fields
from jobs.collect.counts import NO_RECORD
from jobs.collect.reasons import UNREADABLE
from jobs.errors import DataError
from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources import names
from jobs.sources.formats import json_lists
from jobs.sources.spec import Feed
from jobs.tables import LOADS, QUALITY_RESULTS

# Below as many records, a wrong one is a wrong record and not a retyped column.
RETYPED_FROM = 20
_SLIP = 0.8  # how alike two names are of which one is a slip of the pen
_WORDS = {"time": "times", "money": "amounts of money", "count": "whole numbers"}


def check_columns(feed: Feed, kind: str, counts: list[dict], raw: DataFrame) -> None:
    """DataError where a column that the mapping names stands in no record at all, and no record can be loaded without
    it, or a column that the mapping does not name is called nearly so; a warning where it is another one.

    Files with a header were held against the mapping before (jobs/sources/names.py).
    """
    seen = 0
    for row in counts:
        seen |= row["seen"]
    gone = [column for k, column in enumerate(sorted(feed.mapped_columns)) if not seen >> k & 1]
    gone = [column for column in gone if column not in feed.optional_columns]
    if not counts or not gone:
        return
    keys = F.map_keys(F.from_json(F.to_json("record"), "map<string,string>"))
    columns = [row[0] for row in raw.limit(10_000).select(F.explode(keys)).distinct().limit(200).collect()]
    if not columns:
        return  # no line is a record: each is quarantined with its reason
    if feed.explode and json_lists.head(feed.explode) not in map(json_lists.head, columns):
        gone.append(feed.explode)
    unnamed = sorted(set(columns) - feed.mapped_columns)
    alike = [column.casefold() for column in unnamed]
    needed = [c for c in gone if feed.jdbc or c in feed.key_columns or get_close_matches(c.casefold(), alike, 1, _SLIP)]
    rows = sum(row["rows_in"] for row in counts)
    if needed:
        raise DataError(
            f"{kind}: expected column {names.in_words(needed, unnamed)} as the mapping says, found it in none of "
            f"{rows:,} records, which have {', '.join(sorted(columns))}; the source changed or the mapping is wrong "
            "(optional: true at a field that records may lack). Nothing of this load was written"
        )
    print(f"warning: {kind}: none of {rows:,} records has {', '.join(gone)}; say optional: true where that is no news")


def check_records(kind: str, counts: list[dict], frame: DataFrame) -> None:
    """DataError where most of a file's text is no record: the mapping says another format than the file has."""
    rows, none = Counter(), Counter()
    for row in counts:
        rows[row["source_file"]] += row["rows_in"]
        none[row["source_file"]] += row["no_record"]
    for file in sorted(rows):
        if rows[file] >= RETYPED_FROM and none[file] > rows[file] / 2:
            refused = frame.where((F.col("source_file") == file) & F.col("reason").startswith(NO_RECORD))
            reason = refused.groupBy("reason").count().orderBy(F.desc("count"), "reason").first()["reason"]
            raise DataError(
                f"{kind}: expected records in {file}, found {none[file]:,} of {rows[file]:,} to be none "
                f"({reason.removeprefix(NO_RECORD)}); the mapping says another format, dialect or encoding than the "
                "file has, or the file is broken. Nothing of this load was written"
            )


def check_types(kind: str, counts: list[dict], frame: DataFrame) -> None:
    """DataError where most records of a load cannot be read for one and the same column: it was retyped."""
    rows, refused = sum(row["rows_in"] for row in counts), sum(row["quarantined"] for row in counts)
    if rows < RETYPED_FROM or refused <= rows / 2:
        return
    start = F.regexp_extract("reason", UNREADABLE, 0)
    worst = frame.where("reason IS NOT NULL").groupBy(start.alias("start")).count().where("start != ''")
    for row in worst.orderBy(F.desc("count")).limit(1).collect():
        if row["count"] > rows / 2:
            expected, field, column = re.fullmatch(UNREADABLE, row["start"]).groups()
            such = frame.where(F.contains("reason", F.lit(row["start"]))).agg(F.min("reason")).first()[0]
            such = such.partition(row["start"])[2].partition(";")[0]
            raise DataError(
                f"{kind}: expected column {column!r} to hold {_WORDS[expected]} (our {field}), found something else in "
                f"{row['count']:,} of {rows:,} records, such as {such}; the source retyped it or the mapping is wrong. "
                "Nothing of this load was written"
            )


def _suffix(source_file: str) -> str:
    """How the name of a file says of which of `more_events` it is: see landing.list_files; else nothing."""
    found = re.search(r" \[[a-z][a-z0-9_]*\]\Z", source_file)
    return found.group() if found else ""


def of_versions(feed: Feed, frame: DataFrame) -> str | None:
    """A doubt, for people, where no record that can be loaded says which state it is, or one does so in a text."""
    if feed.version is None or feed.version.column is None:
        return None
    column, as_text = feed.version.column, F.when(F.startswith("version", F.lit(fields.AS_TEXT)), F.col("version"))
    good = frame.where("reason IS NULL AND NOT ignored")
    records, known, texts, text = good.agg(F.count("*"), F.count("version"), F.count(as_text), F.min(as_text)).first()
    if records and not known:
        return f"none of {records:,} records has {column}, by which the newest counts; the later delivery does"
    if not texts:
        return None
    such = text.removeprefix(fields.AS_TEXT).rpartition(" ")[0]
    return (
        f"{texts:,} of {records:,} records have in {column} what is neither a number nor a time, such as {such!r}: "
        f"texts compare letter by letter; version: {{column: {column}, format: ..}} says how a time is written"
    )


def new_columns(s: Settings, kind: str, feed: Feed, counts: list[dict]) -> list[str]:
    """Columns that the mapping does not name and no earlier load of the feed brought; a warning in ops.quality_results.

    They are kept in `attributes`, so nothing is lost; the shop should know that its source has changed.
    """
    ours = set() if kind == "events" else set(feed.fields)
    files, mine = {row["source_file"] for row in counts}, f" [{feed.name}]" if feed.name else ""
    earlier = delta.rows(s.warehouse, LOADS, f"source = '{s.source}' AND kind = '{kind}'")
    earlier = [row for row in earlier if _suffix(row["source_file"]) == mine]
    before = [row["columns"] for row in earlier if row["source_file"] not in files and row.get("columns") is not None]
    if not before:
        return []
    new = sorted({c for row in counts for c in row["columns"]} - ours - {c for columns in before for c in columns})
    result = {
        "table": f"landing.{s.source}.{kind}{mine}", "ds": s.ds,
        "expectation": "expect_no_new_column", "run_id": s.run_id,
        "severity": "warning", "success": not new, "observed": f"new: {', '.join(new)}" if new else "none",
        "threshold": "columns of earlier loads", "unexpected_count": len(new), "column": None,
    }  # fmt: skip
    same = f"ds = '{s.ds}' AND \"table\" = '{result['table']}'"
    delta.replace_rows([result], s.warehouse, QUALITY_RESULTS, same)
    return new
