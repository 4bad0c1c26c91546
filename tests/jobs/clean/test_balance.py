"""Each record of bronze is in silver or refused; a day of which that is not true stops the line."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from jobs.checks import run as checks
from jobs.clean import run as clean
from jobs.collect import run as collect
from jobs.errors import DataError
from jobs.lake import delta
from jobs.tables import CLEANED, QUALITY_RESULTS
from tests.jobs.collect.test_late import Shop, buy, day

NOTHING = "{},{},{},purchase,p1,0,0"  # is refused by clean
COUNTS = ("ds", "users", "in_bronze", "in_silver", "refused")


@pytest.fixture
def shop(spark, tmp_path, monkeypatch) -> Shop:
    """Night 0 is cleaned; night 1 brings two late records of u1, one of them bought nothing; night 2, which is
    collected before night 1 is cleaned, one of u2.
    """
    shop = Shop(spark, tmp_path, monkeypatch)
    first = [buy("1", "u1", "2024-03-01 10:00:00"), buy("2", "u2", "2024-03-01 11:00:00"),
             NOTHING.format("3", "u3", "2024-03-01 12:00:00")]  # fmt: skip
    second = [buy("4", "u2", "2024-03-02 10:00:00"), buy("5", "u1", "2024-03-01 20:00:00"),
              NOTHING.format("6", "u1", "2024-03-01 21:00:00")]  # fmt: skip
    third = [buy("7", "u3", "2024-03-03 10:00:00"), buy("8", "u2", "2024-03-01 22:00:00")]
    for n, rows in enumerate((first, second, third)):
        shop.put(f"{day(n)}/a.csv", *rows)
    shop.night(0)
    for n in (1, 2):
        shop.night(n, hops=(collect,))
    return shop


def check(shop: Shop, n: int) -> str:
    return checks.run(nullcontext(shop.spark), shop.settings(n), ["silver.events"])


def test_whole_days_and_those_of_late_records_are_counted_in_bronze_and_in_silver(shop):
    assert shop.rows(CLEANED, *COUNTS) == [(day(0), None, 3, 2, 1)]
    shop.night(1, hops=(clean,))
    assert shop.rows(CLEANED, *COUNTS) == [(day(0), 1, 3, 2, 1), (day(1), None, 1, 1, 0)]
    check(shop, 1)
    shop.night(2, hops=(clean,))
    assert shop.rows(CLEANED, *COUNTS) == [
        (day(0), 1, 2, 2, 0), (day(1), 1, 1, 1, 0), (day(2), None, 1, 1, 0)
    ]  # fmt: skip
    check(shop, 2)
    (met,) = delta.rows(shop.warehouse, QUALITY_RESULTS, f"expectation = 'expect_bronze_in_silver' AND ds = '{day(2)}'")
    assert (met["severity"], met["success"]) == ("critical", True)
    assert met["observed"] == "3 days: 4 in bronze, 4 in silver, 0 refused"


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("4", "2024-03-02: 1 in bronze, 0 in silver, 0 refused"),
        ("5", "2024-03-01: 3 in bronze, 1 in silver, 1 refused"),
    ],
)
def test_a_clean_that_drops_a_row_stops_the_line(shop, monkeypatch, lost, said):
    whole = clean.build

    def loses(*args):
        events, kept = whole(*args)
        return events.where(f"event_id != 'shop:{lost}'"), kept

    monkeypatch.setattr(clean, "build", loses)
    shop.night(1, hops=(clean,))
    with pytest.raises(DataError, match=rf"critical: silver\.events expect_bronze_in_silver .* found {said}"):
        check(shop, 1)


def test_a_night_that_was_not_counted_does_not_pass(shop):
    with pytest.raises(DataError, match="found no day that was counted; run clean"):
        check(shop, 1)
