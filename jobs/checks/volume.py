"""How many records a night brought, against the usual number of its weekday (by ops.loads)."""

from __future__ import annotations

from datetime import timedelta
from statistics import median
from typing import Literal

from jobs.checks.results import Result
from jobs.checks.suites import Volume
from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import LOADS

_A_YEAR = timedelta(days=366)


def usual(s: Settings, given: Volume) -> tuple[float, int] | None:
    """The median of loaded events of the last such weekdays before the night, and of how many; None where too few are
    known, or the source is so small that chance rules.
    """
    loads = f"source = '{s.source}' AND kind = 'events' AND landed_ds < '{s.ds}' AND landed_ds >= '{s.ds - _A_YEAR}'"
    sums = delta.rows(s.warehouse, LOADS, f"{loads} GROUP BY landed_ds", "landed_ds, sum(loaded) AS events")
    known = sorted((row["landed_ds"], row["events"]) for row in sums if row["landed_ds"].weekday() == s.ds.weekday())
    last = [events for _, events in known[-given.days :]]
    if len(last) < given.least_days or median(last) < given.least_events:
        return None
    return median(last), len(last)


def judge(s: Settings, given: Volume | None) -> list[Result]:
    """One result: critical where that span is left, else a warning, met or not; none for a range of days, or where
    nothing is known to be usual.
    """
    if given is None or s.since != s.ds or (known := usual(s, given)) is None:
        return []
    middle, days = known
    here = f"source = '{s.source}' AND kind = 'events' AND landed_ds = '{s.ds}'"
    events = delta.rows(s.warehouse, LOADS, here, "coalesce(sum(loaded), 0) AS events")[0]["events"]
    share = events / middle
    severity: Literal["critical", "warning"] = "warning" if given.critical.holds(share) else "critical"
    span = given.warning if severity == "warning" else given.critical
    threshold = f"{span} of {middle:,.0f}, the median of {days} {s.ds:%A}s before"
    observed = f"{events:,} events, {share:.0%}"
    return [Result("expect_usual_volume", None, severity, span.holds(share), observed, threshold, None)]
