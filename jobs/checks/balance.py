"""Whether each record of bronze is in silver, or was refused with a reason (by ops.cleaned)."""

from __future__ import annotations

from jobs.checks.results import Result
from jobs.checks.suites import Severity
from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import CLEANED

_SHOWN = 3  # days


def judge(s: Settings, severity: Severity | None) -> list[Result]:
    """One result of the days that the run cleaned, those of late records among them; it fails where none was counted.
    None where none is asked for.
    """
    if severity is None:
        return []
    ranges = (delta.ds_range(s.since, s.ds, column) for column in ("ds", "night"))
    rows = delta.rows(s.warehouse, CLEANED, f"({' OR '.join(ranges)}) ORDER BY ds")
    lost = [abs(row["in_bronze"] - row["in_silver"] - row["refused"]) for row in rows]
    wrong = [f"{row['ds']}: {_in_words([row])}" for row, number in zip(rows, lost, strict=True) if number]
    observed = "; ".join(wrong[:_SHOWN]) + (f"; and {len(wrong) - _SHOWN} more days" if len(wrong) > _SHOWN else "")
    observed = observed or (f"{len(rows)} days: {_in_words(rows)}" if rows else "no day that was counted; run clean")
    met, expected = bool(rows) and not wrong, "bronze = silver + refused"
    return [Result("expect_bronze_in_silver", None, severity, met, observed, expected, sum(lost))]


def _in_words(rows: list[dict]) -> str:
    bronze, silver, refused = (sum(row[name] for row in rows) for name in ("in_bronze", "in_silver", "refused"))
    return f"{bronze:,} in bronze, {silver:,} in silver, {refused:,} refused"
