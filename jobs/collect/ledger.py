"""Which delivered files are due: new to bronze, or changed since they were loaded. ops.loads is the ledger."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date
from itertools import groupby

from jobs.collect import counts
from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources.landing import File
from jobs.sources.spec import Feed, Source
from jobs.tables import LOADS


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger says of a file: its bytes' SHA-256 and size, when it was last changed, by which mapping it was
    read, how many of its records are older than the history that was asked for then, on which days some came late, the
    last day of its delivery, and which files its duplicates repeat.
    """

    digest: str | None
    size: int | None
    modified_us: int | None
    mapping: str | None
    outside: int
    came_late: frozenset[date]
    landed_ds: date
    repeats: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The files of one feed that bronze holds, by name, and the first day of delivery among them."""

    files: dict[str, Known]
    start: date | None

    @property
    def last(self) -> date | None:
        """The last day of delivery."""
        return max((file.landed_ds for file in self.files.values()), default=None)


@dataclass(frozen=True, slots=True)
class Due:
    """A file to load. `changed`: bronze holds an earlier state of it, of which records came late on `came_late`;
    `repeats`: it is the same, and has records of a changed one.
    """

    file: File
    changed: bool
    digest: str
    came_late: frozenset[date] = frozenset()
    repeats: bool = False


def mapping_of(feed: Feed) -> str:
    """A short name of how the feed is read; another mapping has another. What it leaves as it is does not count."""
    return hashlib.sha256(feed.model_dump_json(exclude_defaults=True).encode()).hexdigest()[:16]


def open_ledger(s: Settings, kind: str) -> Ledger:
    """What ops.loads says of a feed of the source."""
    rows = delta.rows(s.warehouse, LOADS, f"source = '{s.source}' AND kind = '{kind}'")
    files: dict[str, Known] = {}
    for name, entries in groupby(sorted(rows, key=lambda row: row["source_file"]), lambda row: row["source_file"]):
        same = list(entries)
        row = same[0]
        files[name] = Known(
            row.get("digest"), row.get("size"), row.get("modified_us"), row.get("mapping"),
            sum(row["outside"] for row in same), frozenset(row["landed_ds"] for row in same if row["late"]),
            max(row["landed_ds"] for row in same), frozenset(file for row in same for file in row.get("repeats") or ()),
        )  # fmt: skip
    return Ledger(files, min((row["landed_ds"] for row in rows), default=None))


def _microseconds(file: File) -> int | None:
    return int(file.modified_at.astimezone(UTC).timestamp() * 1_000_000) if file.modified_at else None


def looks(file: File, digest: str, feed: Feed) -> dict[str, object]:
    """The columns of ops.loads by which the file is known again."""
    return {"digest": digest, "size": file.size, "modified_us": _microseconds(file), "mapping": mapping_of(feed)}


def due(files: list[File], ledger: Ledger, feed: Feed, s: Settings) -> list[Due]:
    """The files that must be loaded, oldest first.

    A file of since..ds is due where it is new, its bytes changed, or its mapping did; an older one (it came after its
    night, or was corrected) where it is new or its bytes changed. With `again` every file of since..ds is due. So are
    the files that repeat records of such a one: what it no longer has, they bring, as of the day on which they came.
    """
    mapping, todo = mapping_of(feed), []
    for file in files:
        known = ledger.files.get(file.name)
        asked = file.landed_ds is None or file.landed_ds >= s.since
        if known is None:
            todo.append(Due(file, False, file.digest()))
            continue
        looks_same = known.digest and (known.size, known.modified_us) == (file.size, _microseconds(file))
        digest = known.digest if looks_same else file.digest()
        reread = asked and (s.again or known.mapping != mapping)
        older_days = (
            file.landed_ds is None and known.outside > 0 and ledger.start is not None and s.since < ledger.start
        )
        if digest != known.digest or reread or older_days:
            todo.append(Due(file, True, digest, known.came_late))
    also = repeating(ledger, todo)
    for file in files:
        known = ledger.files.get(file.name)
        if file.name in also and known.landed_ds <= s.ds:
            todo.append(Due(file, True, known.digest, known.came_late, repeats=True))
    return todo


def in_turn(due: list[Due], ledger: Ledger) -> bool:
    """Whether no file is known that was delivered after one of those that are due (files of any days have no turn)."""
    dated = [(one.file.landed_ds, one.file.name) for one in due if one.file.landed_ds]
    mine = {one.file.name for one in due}
    known = [(one.landed_ds, name) for name, one in ledger.files.items() if name not in mine]
    return not dated or not known or min(dated) > max(known)


def repeating(ledger: Ledger, due: list[Due]) -> set[str]:
    """The known files that are not due and have duplicates of records of a changed file that is."""
    changed, mine = {d.file.name for d in due if d.changed and not d.repeats}, {d.file.name for d in due}
    return {name for name, known in ledger.files.items() if name not in mine and known.repeats & changed}


def forget(s: Settings, kind: str, files: Collection[str]) -> None:
    """Make files due in the next night that reads their days."""
    same = f"source = '{s.source}' AND kind = '{kind}' AND source_file IN ({delta.listed(files)})"
    entries = [entry | {"digest": None} for entry in delta.rows(s.warehouse, LOADS, same)]
    delta.replace_rows(entries, s.warehouse, LOADS, same)


def replace(s: Settings, kind: str, replaced: list[dict], held: dict[str, int]) -> None:
    """Write `as_duplicates` to ops.loads. `held` is how many records of each file bronze holds, those that are replaced
    among them: of a file of which that is more than were loaded, they were counted before (the run was killed then).
    """
    names = delta.listed({row["source_file"] for row in replaced})
    same = f"source = '{s.source}' AND kind = '{kind}' AND source_file IN ({names})"
    entries, loaded = delta.rows(s.warehouse, LOADS, same), Counter[str]()
    for entry in entries:
        loaded[entry["source_file"]] += entry["loaded"]
    as_duplicates(entries, [row for row in replaced if loaded[row["source_file"]] >= held[row["source_file"]]])
    if entries:
        delta.replace_rows(entries, s.warehouse, LOADS, same)


def as_duplicates(entries: list[dict], replaced: list[dict]) -> None:
    """Count loaded records of `entries`, rows of ops.loads, as duplicates: newer states replace them. `replaced` has
    source_file, landed_ds, records, late, repeats.
    """
    for row in replaced:
        of_file = [entry for entry in entries if entry["source_file"] == row["source_file"]]
        # A released record counts as delivered on another day than that of its file's entry.
        of_day = [entry for entry in of_file if entry["landed_ds"] == row["landed_ds"]] or of_file
        for entry in of_day[:1]:
            entry["loaded"] -= row["records"]
            entry["duplicates"] += row["records"]
            entry["late"] = max(0, entry["late"] - row["late"])
            add_repeats(entry, row["repeats"])


def add_repeats(entry: dict, files: Iterable[str]) -> None:
    """Add files to the `repeats` of an entry."""
    entry["repeats"] = sorted({*(entry.get("repeats") or ()), *files} - {entry["source_file"]})


def enter(s: Settings, source: Source, kind: str, due: list[Due], rows: list[dict]) -> None:
    """The files and their counts (`rows`, of `counts`) into ops.loads, last of all, so that a killed run finds its
    files still due; an empty file is entered too.
    """
    feed = source.feeds()[kind]
    known_by = {d.file.name: looks(d.file, d.digest, feed) for d in due}
    counted = {row["source_file"] for row in rows}
    empty = [counts.nothing(d.file.name, d.file.landed_ds or s.ds) for d in due if d.file.name not in counted]
    stamp = {"source": s.source, "kind": kind, "run_id": s.run_id, "released": 0, "zone": source.shop_zone}
    stamp["night"] = s.ds if feed.dated else None
    entries = [row | stamp | known_by.get(row["source_file"], {}) for row in [*rows, *empty]]
    names = delta.listed([feed.jdbc.name] if feed.jdbc else known_by)
    same = f"source = '{s.source}' AND kind = '{kind}' AND source_file IN ({names})"
    same += f" AND landed_ds = '{s.ds}'" if feed.jdbc else ""
    delta.replace_rows(entries, s.warehouse, LOADS, same)
