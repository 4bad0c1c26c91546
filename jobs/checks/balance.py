"""Whether each record of bronze is in silver, or was refused with a reason (by ops.cleaned)."""

from __future__ import annotations

from jobs.checks.results import Result
from jobs.checks.suites import Severity
from jobs.lake import delta, touched
from jobs.settings import Settings
from jobs.tables import CLEANED

_SHOWN = 3  # days


def judge(s: Settings, severity: Severity | None) -> list[Result]:
    """One result of the days that the run cleaned, those of late records among them; none where none is asked for. A
    day of since..ds of which nothing was counted does not pass.
    """
    if severity is None:
        return []
    ranges = (delta.ds_range(s.since, s.ds, column) for column in ("ds", "night"))
    rows = delta.rows(s.warehouse, CLEANED, f"({' OR '.join(ranges)}) ORDER BY ds")
    known = {row["ds"] for row in rows}
    unknown = [f"{day}: not counted, run clean" for day in touched.between(s.since, s.ds) if day not in known]
    lost = {row["ds"]: row["in_bronze"] - row["in_silver"] - row["refused"] for row in rows}
    wrong = unknown + [f"{row['ds']}: {_in_words([row])}" for row in rows if lost[row["ds"]]]
    observed = "; ".join(wrong[:_SHOWN]) if wrong else f"{len(rows)} days: {_in_words(rows)}"
    observed += f"; and {len(wrong) - _SHOWN} more days" if len(wrong) > _SHOWN else ""
    unexpected = sum(map(abs, lost.values()))
    return [
        Result("expect_bronze_in_silver", None, severity, not wrong, observed, "bronze = silver + refused", unexpected)
    ]


def _in_words(rows: list[dict]) -> str:
    bronze, silver, refused = (sum(row[name] for row in rows) for name in ("in_bronze", "in_silver", "refused"))
    return f"{bronze:,} in bronze, {silver:,} in silver, {refused:,} refused"
