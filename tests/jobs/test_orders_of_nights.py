"""Nights in any order end in equal tables.

What stands as of a night is made of all that is known of the days up to it when it is made. A night that is run out of
turn makes it anew for the later ones; for earlier ones it says what was known then, until that night is run again. So
what stands as of the last night is equal at once, and of the others once they are made again.

`ORDERS=all` runs all 120 orders of five nights, in half an hour of one core; `ORDERS=25` those that begin with 2 or 5.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import pytest

from jobs.collect import run as collect
from jobs.features import sequences
from jobs.settings import Settings
from jobs.sources import spec
from tests.jobs import orders

ASKED = os.environ.get("ORDERS", "")
FIRST = orders.DAYS if ASKED == "all" else tuple(map(int, ASKED))


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Settings:
    for module in (collect, spec):
        monkeypatch.setattr(module, "load", lambda name: orders.SOURCE)
    for made in (sequences.build, sequences.extended, sequences.merge, sequences.shortened):
        monkeypatch.setattr(made, "__defaults__", (*made.__defaults__[:-1], orders.SHORT))
    return orders.begun(tmp_path)


def in_order(spark, s: Settings, order: Sequence[int], hops=orders.HOPS) -> tuple[dict, dict]:
    """What an order leaves at once, and when what stands as of its nights is made again."""
    s = replace(s, warehouse=f"{s.warehouse}-{''.join(map(str, order))}")
    for n in order:
        orders.night(spark, s, n, hops)
    at_once = orders.left(s.warehouse, orders.LAST)
    orders.again(spark, s, order, hops[2:])
    return at_once, orders.left(s.warehouse)


@pytest.mark.timeout(600)
def test_the_last_night_first_and_a_skipped_one_later_end_as_nights_in_turn(spark, shop):
    at_once, again = in_order(spark, shop, orders.DAYS)
    order = (5, 1, 3, 2, 4)  # of them 3 loads what 2 skipped, and 4 comes after 5
    assert in_order(spark, shop, order) == (at_once, again)


@pytest.mark.timeout(0)
@pytest.mark.skipif(not ASKED, reason="half an hour: ORDERS=all")
def test_every_order_ends_as_nights_in_turn(spark, shop, tmp_path):
    expected = in_order(spark, shop, orders.DAYS, orders.QUICK)
    walked = 0
    for order, s in orders.walk(spark, shop, tmp_path / "orders", FIRST):
        at_once = orders.left(s.warehouse, orders.LAST)
        orders.again(spark, s, orders.DAYS, (sequences,))
        assert (at_once, orders.left(s.warehouse)) == expected, order
        print(order, flush=True)
        walked += 1
    assert walked == 24 * len(FIRST)
