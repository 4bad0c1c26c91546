"""erase: users leave the warehouse for good, and a scan proves it (docs/privacy.md).

In this order, so that a killed run can be run again with the same ids and ends in the same state, and readers of the
manifest always find the versions that it names:
1. who they are is written to ops.erasures, by a keyed hash: from now on no load takes them in;
2. their rows are deleted, in the waiting room and the quarantine too;
3. the manifests of published nights name the versions without them;
4. old files and old logs go, and with them all that older versions told;
5. every file is read and looked through. Only a scan without a find ends the erasure.
Every step asks the tables what is left to do, none what an earlier step did.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.erasure import scan as erasure_scan
from jobs.erasure.scan import Find, Scan, Wanted
from jobs.errors import DataError, UsageError
from jobs.lake import delta, erasures, pages, sql
from jobs.settings import Settings
from jobs.sources import privacy, spec
from jobs.sources.spec import PRODUCT_FIELDS, Source
from jobs.tables import (
    AUDIENCE_MEMBERS,
    BRONZE_EVENTS,
    BRONZE_PRODUCTS,
    BRONZE_USERS,
    BY_NAME,
    ERASURES,
    LOADS,
    PUBLISHED,
    QUARANTINE,
    RUNS,
    SILVER_PRODUCTS,
    USER_COLUMN,
    USER_SEGMENTS,
    Table,
)

_SHOWN = 20  # finds in a message
# Users' ids stand in these beside those of USER_COLUMN: in texts, and in what else is known of a product.
_BESIDE = (QUARANTINE, BRONZE_PRODUCTS, SILVER_PRODUCTS)


def known_sources(s: Settings) -> list[Source]:
    """The mappings of everything that was ever loaded. One that is gone cannot say which of its columns hold ids."""
    found = []
    for row in delta.rows(s.warehouse, LOADS, "true", "DISTINCT source"):
        try:
            found.append(spec.load(row["source"]))
        except UsageError as error:
            print(f"warning: the columns of {row['source']} are not known: {error}")
    return found


def _home() -> Path:
    """Where a local run keeps its snapshots and MLflow, as dags/_house.py has it."""
    return Path(os.environ.get("HUAXIANG_HOME") or Path(__file__).resolve().parents[2] / ".run")


def touched_tables(s: Settings) -> list[Table]:
    """The written tables in which a user's id may stand."""
    names = [*USER_COLUMN, *(table.full_name for table in _BESIDE)]
    return [BY_NAME[name] for name in names if delta.exists(s.warehouse, BY_NAME[name])]


def _quarantined(spark: SparkSession, s: Settings, ids: list[str], names: set[str]) -> tuple[DataFrame, Counter]:
    """What tells the users' texts in the quarantine, and how many rows each of them has there."""
    chosen = spark.createDataFrame(erasure_scan.quarantined(ids, names), "user_id string, pattern string, word string")
    refused = delta.read_or_empty(spark, s.warehouse, QUARANTINE).alias("t")
    found = refused.join(F.broadcast(chosen).alias("s"), F.expr(erasure_scan.QUARANTINED)).groupBy("s.user_id").count()
    return chosen, Counter({row["user_id"]: row["count"] for row in found.collect()})


def _present(s: Settings, ids: list[str]) -> dict[str, Counter]:
    """How many rows each of the users has, by table, where anybody of them has any."""
    found = {}
    for name, column in USER_COLUMN.items():
        rows = delta.rows(s.warehouse, BY_NAME[name], f"{column} IN ({delta.listed(ids)})", column)
        if rows:
            found[name] = Counter(row[column] for row in rows)
    return found


def _last_seen(s: Settings, ids: list[str]) -> dict[str, dict]:
    """Where the users were on the last published night: night, segment_id, audiences; nothing of who was not in it."""
    night = max((row["ds"] for row in delta.rows(s.warehouse, RUNS, "true", "DISTINCT ds")), default=None)
    theirs = f"user_id IN ({delta.listed(ids)})"
    members = delta.rows(s.warehouse, USER_SEGMENTS, theirs, "user_id, ds, segment_id")
    inside = delta.rows(s.warehouse, AUDIENCE_MEMBERS, theirs, "user_id, ds, audience_id")
    found: dict[str, dict] = {}
    for row in (*members, *inside):
        if row["ds"] == night:
            of = found.setdefault(row["user_id"], {"night": night, "segment_id": None, "audiences": []})
            if "segment_id" in row:
                of["segment_id"] = row["segment_id"]
            else:
                of["audiences"] = sorted({*of["audiences"], row["audience_id"]})
    return found


def begin(s: Settings, ids: list[str], present: dict[str, Counter], secret: bytes) -> None:
    """Write the users to ops.erasures, as not done. What an erasure that was not ended knew of them is kept."""
    seen = _last_seen(s, ids)
    before = {row["subject"]: row for row in delta.rows(s.warehouse, ERASURES, "true")}
    rows = []
    for one in ids:
        subject = erasures.subject(one, secret)
        old = before.get(subject, {})
        counts = {name: of[one] for name, of in present.items() if of[one]}
        told = dict(old.get("deleted") or ())
        # Of an erasure that was killed some rows are still there; after one that was done, all are new.
        both = {n: max(told.get(n, 0), c) if not old.get("done_at") else told.get(n, 0) + c for n, c in counts.items()}
        rows.append(old | {
            "subject": subject, "key_check": erasures.key_check(secret), "ds": old.get("ds", s.ds), "done_at": None,
            "deleted": sorted((told | both).items()), "run_id": s.run_id,
            "table_versions": list(old.get("table_versions") or ()),
        } | seen.get(one, {}))  # fmt: skip
    _store(s, rows)


def _store(s: Settings, rows: list[dict]) -> None:
    subjects = delta.listed(row["subject"] for row in rows)
    delta.replace_rows(rows, s.warehouse, ERASURES, f"subject IN ({subjects})")


def back_to_the_published(s: Settings) -> None:
    """Take back what a killed `publish` wrote: the manifests are about to name the newest versions."""
    named = sql.manifest(s.warehouse)
    for table in PUBLISHED:
        version = named.get(table.full_name)
        if version is not None and delta.version(s.warehouse, table) != version:
            delta.restore(s.warehouse, table, version)


def delete(spark: SparkSession, s: Settings, ids: list[str], known: list[Source]) -> None:
    """Delete the users' rows everywhere; of products that were read from their events, what only those told."""
    users = spark.createDataFrame([(one,) for one in ids], "user_id string")
    for name in _present(s, ids):
        delta.remove(s.warehouse, BY_NAME[name], users, f"t.`{USER_COLUMN[name]}` = s.user_id")
    for table in touched_tables(s):
        if table.deletion_vectors:  # what nights replaced before is marked, and still there
            delta.purge(spark, s.warehouse, table)
    texts, refused = _quarantined(spark, s, ids, _names(known))
    if refused:
        delta.remove(s.warehouse, QUARANTINE, texts, erasure_scan.QUARANTINED)
    kept = {"attributes": f"map_filter(t.attributes, (name, value) -> name IN ({delta.quoted(PRODUCT_FIELDS)}))"}
    for source in known:
        for column in source.events.fields["user_id"].columns if source.products_are_in_events else ():
            on = f"try_element_at(t.attributes, {delta.quoted([column])}) = s.user_id"
            for table in (BRONZE_PRODUCTS, SILVER_PRODUCTS):
                if delta.exists(s.warehouse, table):
                    delta.remove(s.warehouse, table, users, on, instead=kept)


def _names(known: list[Source]) -> set[str]:
    return {column for source in known for column in source.user_columns}


def keep_accounts(spark: SparkSession, s: Settings) -> None:
    """ops.loads says of each file what bronze and the quarantine hold of it; what is gone counts as suppressed."""
    rows = delta.rows(s.warehouse, LOADS, "true")
    held: Counter = Counter()
    for kind, table in (("events", BRONZE_EVENTS), ("users", BRONZE_USERS)):
        by = ["source", "source_file", "landed_ds"]
        for row in delta.read_or_empty(spark, s.warehouse, table).groupBy(*by).count().collect():
            held["loaded", kind, row["source"], row["source_file"], row["landed_ds"]] = row["count"]
    refused = delta.read_or_empty(spark, s.warehouse, QUARANTINE).where("stage = 'collect'")
    for row in refused.groupBy("source", "kind", "source_file", F.col("ds").alias("landed_ds")).count().collect():
        held["quarantined", row["kind"], row["source"], row["source_file"], row["landed_ds"]] = row["count"]
    changed = False
    for what, kinds in (("loaded", ("events", "users")), ("quarantined", ("events", "users", "products"))):
        of_file: dict[tuple, list[dict]] = {}
        for row in rows:
            if row["kind"] in kinds:
                of_file.setdefault((what, row["kind"], row["source"], row["source_file"]), []).append(row)
        for file, entries in of_file.items():
            changed |= _move(entries, what, {key[4]: n for key, n in held.items() if key[:4] == file})
    if changed:
        delta.replace_rows(rows, s.warehouse, LOADS, "true")


def _move(entries: list[dict], what: str, held: dict) -> bool:
    """Move the records of a file that are no more there (`held`: those that are, by day of delivery) from `what` to
    suppressed. Released records lie under another day than their file's: the file as a whole decides.
    """
    gone = sum(row[what] for row in entries) - sum(held.values())
    moved = gone > 0
    for most in (lambda row: row[what] - held.get(row["landed_ds"], 0), lambda row: row[what]):
        for row in entries:
            part = max(0, min(gone, most(row), row[what]))
            row[what], row["suppressed"] = row[what] - part, (row.get("suppressed") or 0) + part
            gone -= part
    return moved


def name_versions(s: Settings, versions: dict[str, int]) -> None:
    """Let the manifest of every published night name these versions of the tables: its own rows are in them, less the
    erased.
    """
    runs = delta.rows(s.warehouse, RUNS, "true")
    for row in runs:
        told = dict(row["table_versions"])
        row["table_versions"] = list((told | {name: v for name, v in versions.items() if name in told}).items())
        row["definitions"] = list(dict(row.get("definitions") or ()).items())
    if runs:
        delta.replace_rows(runs, s.warehouse, RUNS, "true")


def bury(s: Settings, tables: list[Table]) -> dict[str, int]:
    """Delete old files and old logs of the tables; returns their versions. Readers of the manifest find at any moment
    what it names.
    """
    for table in tables:
        delta.sweep(s.warehouse, table)
    versions = {table.full_name: delta.checkpoint(s.warehouse, table) for table in tables}
    name_versions(s, versions)
    for table in tables:
        delta.forget_before(s.warehouse, table, versions[table.full_name])
    return versions


def _snapshots(s: Settings) -> list[Path]:
    """The trainings' snapshots that were taken from this warehouse (see ml/snapshot.py)."""
    said = {
        path: json.loads(path.read_text(encoding="utf-8")) for path in (_home() / "snapshots").glob("*/snapshot.json")
    }
    return sorted(path.parent for path, what in said.items() if what.get("warehouse") == s.warehouse)


def drop_snapshots(s: Settings, wanted: Wanted) -> None:
    """Delete the trainings' snapshots that name an erased user: the versions that they were taken from are gone too."""
    for folder in _snapshots(s):
        if erasure_scan.scan(str(folder), wanted).finds:
            shutil.rmtree(folder)
            print(f"deleted the snapshot {folder}: it named an erased user; take a new one to train on")


def prove(s: Settings, wanted: Wanted) -> Scan:
    """Look through the warehouse, its pages, and what a local run keeps of trainings."""
    beside = [pages.local_folder(s.warehouse), *_snapshots(s), _home() / "mlflow"]
    inside = Path(s.warehouse.removeprefix("file://"))
    places = [s.warehouse, *(str(path) for path in beside if path.is_dir() and inside not in path.parents)]
    found = [erasure_scan.scan(place, wanted) for place in places]
    finds = tuple(
        Find(find.whose, f"{place.rstrip('/')}/{find.file}", find.place)
        for place, scan in zip(places, found, strict=True) for find in scan.finds
    )  # fmt: skip
    return Scan(sum(scan.files for scan in found), sum(scan.bytes for scan in found), finds)


def _still_there(finds: tuple[Find, ...], wanted: Wanted, secret: bytes) -> str:
    shown = [
        f"{find.file}, {find.place} (subject {erasures.subject(wanted.ids[find.whose], secret)[:12]})"
        for find in finds[:_SHOWN]
    ]
    more = f"; and {len(finds) - _SHOWN} more" if len(finds) > _SHOWN else ""
    return (
        f"expected the ids nowhere, found them in {len(finds)} places: {'; '.join(shown)}{more}. Run erase again when "
        f"no night runs; what a killed write left goes {delta.UNKNOWN_HOURS} hours after it; delete other files by hand"
    )


def certificate(ids: list[str], deleted: dict[str, int], versions: dict[str, int], scan: Scan) -> str:
    """What was done, or was when they were erased, as a small table."""
    rows = [(name, f"{deleted.get(name, 0):,}", versions.get(name)) for name in sorted({*deleted, *versions})]
    lines = [f"{len(ids):,} users erased 已删除用户"]
    if rows:
        lines.append(sql.as_table(("table 表", "rows deleted 删除行数", "version 版本"), rows))
    lines.append(f"scanned 扫描: {scan.files:,} files, {scan.bytes:,} bytes; finds 残留: {len(scan.finds)}")
    if plain := sum(map(erasure_scan.is_plain, ids)):
        lines.append(f"{plain:,} ids are ordinary numbers or words: looked for where a user's id can stand")
    lines.append("not touched: the landing folder, which is the shop's; backups 未处理：商家的落地文件与备份")
    return "\n".join(lines)


def run(spark: SparkSession, s: Settings, ids: list[str], verify: bool = False) -> str:
    """Erase users and prove it, or with `verify` only look for them; DataError names each place where one still is.
    UsageError without the shop's key.
    """
    secret = privacy.key("an erased user is remembered by a keyed hash of his id")
    erasures.suppressed(s)  # another key than that of earlier erasures is refused
    known = known_sources(s)
    wanted = Wanted(ids, _names(known))
    if not verify:
        _, refused = _quarantined(spark, s, ids, _names(known))
        present = _present(s, ids)
        begin(s, ids, present | ({QUARANTINE.full_name: refused} if refused else {}), secret)
        back_to_the_published(s)
        delete(spark, s, ids, known)
        keep_accounts(spark, s)
        tables = touched_tables(s)
        newest = {table.full_name: delta.version(s.warehouse, table) for table in (*tables, *PUBLISHED)}
        name_versions(s, {name: version for name, version in newest.items() if version is not None})
        versions = bury(s, tables)
        drop_snapshots(s, wanted)
    scan = prove(s, wanted)
    subjects = {erasures.subject(one, secret): k for k, one in enumerate(ids)}
    rows = [row for row in delta.rows(s.warehouse, ERASURES, "true") if row["subject"] in subjects]
    if not verify:
        for row in rows:
            finds = sum(find.whose == subjects[row["subject"]] for find in scan.finds)
            row |= {"table_versions": list(versions.items()), "files": scan.files, "bytes": scan.bytes, "finds": finds,
                    "deleted": list(dict(row["deleted"]).items()),
                    "done_at": None if finds else datetime.now(UTC)}  # fmt: skip
        _store(s, rows)
    if scan.finds:
        raise DataError(_still_there(scan.finds, wanted, secret))
    deleted = sum((Counter(dict(row["deleted"])) for row in rows), Counter())
    last = dict(rows[0]["table_versions"]) if rows else {}
    return certificate(ids, deleted, last, scan)
