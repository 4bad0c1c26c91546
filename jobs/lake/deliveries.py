"""Which files a night loaded beside those of its own days: they came after their night, or were corrected."""

from __future__ import annotations

from datetime import date

from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import LOADS


def of_other_days(s: Settings, kind: str) -> list[dict]:
    """source_file and landed_ds of the files of days before since..ds that nights of since..ds loaded."""
    return _loaded(s, kind, f"night >= '{s.since}' AND night <= '{s.ds}' AND landed_ds < '{s.since}'")


def days_after(s: Settings, kind: str, night: date) -> list[date]:
    """The days by `night` of which files were loaded after it."""
    return sorted({row["landed_ds"] for row in _loaded(s, kind, f"night > '{night}' AND landed_ds <= '{night}'")})


def delivered(s: Settings, kind: str) -> str:
    """The rows of bronze that nights of since..ds loaded, or that are of their days, as a predicate."""
    where = delta.ds_range(s.since, s.ds, "landed_ds")
    files = {row["source_file"] for row in of_other_days(s, kind)}
    return f"(({where}) OR source_file IN ({delta.quoted(sorted(files))}))" if files else where


def _loaded(s: Settings, kind: str, where: str) -> list[dict]:
    if not delta.has_column(s.warehouse, LOADS, "night"):
        return []  # a warehouse of before: there the night stood in place of the day
    return delta.rows(s.warehouse, LOADS, f"kind = '{kind}' AND {where}", "source_file, landed_ds")
