"""Most of a delivery refused for one reason, days of a range that were not delivered, and why records stay refused."""

from __future__ import annotations

import pytest

from jobs.collect import refusals, release
from jobs.collect import run as collect
from jobs.errors import DataError
from jobs.lake import delta
from jobs.tables import BRONZE_EVENTS, LOADS
from tests.jobs.collect.test_late import buy, day, shop  # noqa: F401


def log(n: int, **kinds: int) -> list[str]:
    """Records of day n, so many of each event type."""
    return [
        buy(f"{kind}-{n}-{k}", "u", f"{day(n)}T10:00:00").replace("purchase", kind)
        for kind, records in kinds.items()
        for k in range(records)
    ]


def test_a_record_counts_once_a_rule(spark):
    said = ["a_rule: x; another", "a_rule: y; a_rule: z", "not_a_record: expected 2; found 3", None]
    rows = spark.createDataFrame([(reason,) for reason in said], "reason string")
    assert [found[:2] for found in refusals.by_rule(rows)] == [("a_rule", 2), ("another", 1), ("not_a_record", 1)]
    assert refusals.by_rule(rows)[2][2] == "not_a_record: expected 2; found 3"


def test_a_load_of_which_most_is_refused_for_one_reason_stops(shop, capsys):  # noqa: F811
    shop.put(f"{day(0)}/log.csv", *log(0, view=30))
    shop.put(f"{day(1)}/log.csv", *log(1, view=10, kauf=12), "x,u")
    shop.put(f"{day(4)}/log.csv", *log(4, view=5, kauf=6))
    shop.night(4, since=0, hops=(collect,))
    said = capsys.readouterr().out
    assert f"warning: events: no file for {day(2)}..{day(3)} of {day(0)}..{day(4)}" in said
    assert f"of {day(1)}, 12 of 23 refused, such as unknown_event_type: kauf" in said
    assert str(day(4)) + ", " not in said, "a handful of records is no alarm"

    (line,) = shop.night(5, hops=(release,))
    assert "0 released, 0 were there already, 19 stay (18 unknown_event_type: kauf; 1 not_a_record: expected" in line
    assert "collect --again" in line

    shop.put(f"{day(6)}/log.csv", *log(6, view=12, Kauf=13))
    with pytest.raises(DataError, match=r"13 of 25 refused, such as unknown_event_type: .*Kauf.*Nothing of this load"):
        shop.night(6, hops=(collect,))
    assert delta.count(shop.warehouse, LOADS, f"landed_ds = '{day(6)}'") == 0
    assert delta.count(shop.warehouse, BRONZE_EVENTS, f"ds = '{day(6)}'") == 0
