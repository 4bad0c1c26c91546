"""What ops.erasures says of users who are erased: written before anything is deleted, done when the proof is."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from jobs.erasure.scan import Scan
from jobs.lake import delta, erasures
from jobs.settings import Settings
from jobs.tables import AUDIENCE_MEMBERS, ERASURES, RUNS, USER_SEGMENTS


def _last_seen(s: Settings, ids: list[str]) -> dict[str, dict]:
    """Where the users were on the last published night: night, segment_id, audiences; nothing of who was not in it."""
    night = max((row["ds"] for row in delta.rows(s.warehouse, RUNS, "true", "DISTINCT ds")), default=None)
    theirs = f"user_id IN ({delta.listed(ids)})"
    members = delta.rows(s.warehouse, USER_SEGMENTS, theirs, "user_id, ds, segment_id")
    inside = delta.rows(s.warehouse, AUDIENCE_MEMBERS, theirs, "user_id, ds, audience_id")
    seen: dict[str, dict] = {}
    for row in (*members, *inside):
        if row["ds"] == night:
            place = seen.setdefault(row["user_id"], {"night": night, "segment_id": None, "audiences": []})
            if "segment_id" in row:
                place["segment_id"] = row["segment_id"]
            else:
                place["audiences"] = sorted({*place["audiences"], row["audience_id"]})
    return seen


def begin(s: Settings, ids: list[str], present: dict[str, Counter], secret: bytes) -> None:
    """Write the users as not done, with the rows of theirs that are there (`present`: by table).

    What an erasure that was not ended knew of them is kept.
    """
    seen = _last_seen(s, ids)
    before = {row["subject"]: row for row in delta.rows(s.warehouse, ERASURES, "true")}
    rows = []
    for user in ids:
        subject = erasures.subject(user, secret)
        old = before.get(subject, {})
        counts = {name: of_table[user] for name, of_table in present.items() if of_table[user]}
        earlier = dict(old.get("deleted") or ())
        # Of an erasure that was killed some rows are still there; after one that was done, all are new.
        together = sum if old.get("done_at") else max
        both = {name: together((earlier.get(name, 0), count)) for name, count in counts.items()}
        if old and not old.get("done_at"):  # some of the tables that tell it may be without him by now
            seen.pop(user, None)
        rows.append(old | {
            "subject": subject, "key_check": erasures.key_check(secret), "ds": old.get("ds", s.ds), "done_at": None,
            "deleted": sorted((earlier | both).items()), "run_id": s.run_id,
            "table_versions": list(old.get("table_versions") or ()),
        } | seen.get(user, {}))  # fmt: skip
    _store(s, rows)


def rows_of(s: Settings, subjects: dict[str, int]) -> list[dict]:
    """The rows of these subjects."""
    return [row for row in delta.rows(s.warehouse, ERASURES, "true") if row["subject"] in subjects]


def end(s: Settings, subjects: dict[str, int], versions: dict[str, int], scan: Scan) -> list[dict]:
    """Write down what was found, and return it; done is who was found nowhere.

    subjects: with their places in the ids of the scan; versions: of the tables that are left.
    """
    rows = rows_of(s, subjects)
    for row in rows:
        finds = sum(find.whose == subjects[row["subject"]] for find in scan.finds)
        row |= {"table_versions": list(versions.items()), "files": scan.files, "bytes": scan.bytes, "finds": finds,
                "deleted": list(dict(row["deleted"]).items()),
                "done_at": None if finds else datetime.now(UTC)}  # fmt: skip
    _store(s, rows)
    return rows


def _store(s: Settings, rows: list[dict]) -> None:
    subjects = delta.listed(row["subject"] for row in rows)
    delta.replace_rows(rows, s.warehouse, ERASURES, f"subject IN ({subjects})")
