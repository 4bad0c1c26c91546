"""A night is held against what is usual on its weekday."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date, timedelta

import pytest

from jobs import tables
from jobs.checks import judge, suites, volume
from jobs.checks import run as checks
from jobs.errors import DataError
from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import BRONZE_EVENTS, LOADS
from tests.jobs.frames import DAY, bronze

GIVEN = suites.read_suite(BRONZE_EVENTS).volume


def night(home, since: date = DAY) -> Settings:
    return Settings(DAY, since, str(home), "shop", "", "test")


def enter(home, tonight: int, *before: int) -> Settings:
    """ops.loads with so many events, in two files, of tonight and of its weekday in the weeks before."""
    entries = [(DAY, tonight)] + [(DAY - timedelta(days=7 * k), n) for k, n in enumerate(before, start=1)]
    entries += [(DAY - timedelta(days=k), 1_000_000) for k in (1, 2, 3)]
    rows = [
        {"source": "shop", "kind": "events", "landed_ds": landed, "source_file": name, "loaded": loaded}
        for landed, n in entries
        for name, loaded in (("a", n - 1), ("b", 1))
    ]
    delta.replace_rows(rows, str(home), LOADS, "true")
    return night(home)


@pytest.mark.parametrize(
    ("tonight", "severity", "met"),
    [(19, "critical", False), (20, "warning", False), (49, "warning", False), (50, "warning", True),
     (200, "warning", True), (201, "warning", False)],
)  # fmt: skip
def test_a_small_part_is_critical_and_an_unusual_one_a_warning(tmp_path, tonight, severity, met):
    # The fifth week before counts no more.
    (found,) = volume.judge(enter(tmp_path, tonight, 90, 110, 100, 100, 9_000, 9_000), GIVEN)
    assert (found.severity, found.success) == (severity, met)
    assert found.observed == f"{tonight} events, {tonight}%"
    assert found.threshold.endswith("of 100, the median of 4 Thursdays before")


def test_nothing_is_usual_of_few_weeks_of_small_shops_and_of_ranges(tmp_path):
    assert volume.judge(enter(tmp_path / "few", 1, 100, 100), GIVEN) == []
    assert volume.judge(enter(tmp_path / "small", 1, 19, 19, 19), GIVEN) == []
    s = enter(tmp_path / "range", 1, 100, 100, 100)
    assert volume.judge(night(tmp_path / "range", DAY - timedelta(days=1)), GIVEN) == []
    assert len(volume.judge(s, GIVEN)) == 1


def test_a_small_part_of_the_usual_volume_stops_the_line(spark, tmp_path):
    s = enter(tmp_path, 2, 100, 100, 100)
    delta.replace_where(bronze(spark, {}, {"event_id": "e2"}), s.warehouse, BRONZE_EVENTS, f"ds = DATE'{DAY}'")
    with pytest.raises(DataError, match=r"bronze.events expect_usual_volume \(20% or more of 100"):
        checks.run(nullcontext(spark), s, ["bronze.events"])
    (stored,) = delta.rows(s.warehouse, tables.QUALITY_RESULTS, "expectation = 'expect_usual_volume'")
    assert (stored["severity"], stored["success"]) == ("critical", False)
    assert judge.load_suite(BRONZE_EVENTS).volume == GIVEN
