"""A verb that was killed between two commits and is run again ends in the tables of one that never was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from types import ModuleType

import pytest

from jobs.clean import run as clean
from jobs.collect import release
from jobs.collect import run as collect
from jobs.features import run as features
from jobs.features import sequences
from tests.engines.compare import differences
from tests.jobs.collect.test_late import SOURCE, Shop, day
from tests.jobs.kills import Killed, killed_after

HEAD = "id,user,time,kind,item,pieces,paid,changed"
VERSIONED = (
    SOURCE.replace("  fields:", "  version: changed\n  fields:")
    + """
users:
  files: users/{ds}.csv
  format: csv
  id: [user]
  fields: {region: city}
products:
  files: items/{ds}.csv
  format: csv
  id: [item]
  fields: {title: title}
"""
)
MENDED = VERSIONED.replace("event_type: kind", "event_type: {column: kind, map: {buy: purchase}}")


def event(id_: str, n: int, user: str = "a", kind: str = "purchase", version: int = 1, paid: int = 5) -> str:
    return f"{id_},{user},{day(n)}T10:00:00,{kind},p1,1,{paid},{version}"


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory):
    """Two nights were run whole; what the third one brings lies there: records that are late, corrected, withdrawn,
    refused, newer states and older ones.
    """
    with pytest.MonkeyPatch.context() as patch:
        shop = Shop(spark, tmp_path_factory.mktemp("home") / "shop", patch, VERSIONED)
        shop.put(f"{day(0)}/log.csv", event("stays", 0), event("withdrawn", 0, "b"), event("corrected", 0),
                 event("twice", 0, kind="cart"), event("bad", 0, kind="buy"), head=HEAD)  # fmt: skip
        shop.put(f"{day(1)}/log.csv", event("1", 1, "c"), event("moved", 1, kind="cart"), event("late", 0, "c"),
                 event("was late", 0, "d"), event("bad state", 1, kind="buy", version=2),
                 event("bad state", 1, kind="cart"), head=HEAD)  # fmt: skip
        for n in range(2):
            shop.put(f"users/{day(n)}.csv", f"a,city {n}", f"b,city {n}", ",nowhere", head="user,city")
            shop.put(f"items/{day(n)}.csv", f"p1,title {n}", ",none", head="item,title")
            shop.night(n, hops=(collect, clean, features, sequences))
        shop.put(f"{day(0)}/log.csv", event("stays", 0), event("corrected", 0, paid=7), event("new", 0, "e"),
                 event("twice", 0, kind="cart"), event("bad", 0, kind="buy"), head=HEAD)  # fmt: skip
        shop.put(f"{day(1)}/log.csv", event("1", 1, "c"), event("moved", 1, kind="cart"), event("late", 0, "c"),
                 event("bad state", 1, kind="buy", version=2), event("bad state", 1, kind="cart"),
                 event("twice", 1, version=2), head=HEAD)  # fmt: skip
        shop.put(f"{day(2)}/log.csv", event("2", 2), event("moved", 2, version=2), event("late too", 0, "c"),
                 event("twice", 1, version=1), event("bad too", 2, kind="steal"), head=HEAD)  # fmt: skip
        shop.put(f"users/{day(0)}.csv", "a,city 9", head="user,city")
        shop.put(f"users/{day(2)}.csv", "c,city 2", ",nowhere", head="user,city")
        shop.put(f"items/{day(2)}.csv", "p2,title 2", head="item,title")
        yield shop


@pytest.fixture(scope="module")
def warehouse_after(shop) -> Callable[[ModuleType | None], str]:
    """Where the warehouse is in which the third night was run up to a verb; of release, with the mapping mended."""
    places: dict[ModuleType | None, str] = {None: shop.warehouse}

    def after(verb: ModuleType | None) -> str:
        if verb not in places:
            places[verb] = shutil.copytree(after(BEFORE[verb]), str(shop.home / verb.__name__))
            run(shop, verb, places[verb])
        return places[verb]

    return after


BEFORE = {collect: None, clean: collect, features: clean, sequences: features, release: collect}


def run(shop: Shop, verb: ModuleType, warehouse: str, commits: int = 0) -> list[str]:
    """Run a verb of the third night, killed after so many commits if that is not 0; the tables that it wrote."""
    shop.declare(MENDED if verb is release else VERSIONED)
    with killed_after(commits) as written, suppress(Killed):
        verb.run(shop.spark, replace(shop.settings(2), warehouse=warehouse))
    return written


@pytest.mark.parametrize("verb", BEFORE, ids=lambda verb: verb.__name__.removeprefix("jobs."))
def test_a_verb_that_is_killed_between_two_commits_ends_the_same_when_it_is_run_again(shop, warehouse_after, verb):
    whole, again = warehouse_after(verb), str(shop.home / "again")
    goes_on = verb in (collect, release)  # after what was done; the others begin again, and are killed one by one
    for n in count(1):
        if n == 1 or goes_on:
            shutil.copytree(warehouse_after(BEFORE[verb]), again)
        written = run(shop, verb, again, n)
        through = len(written) < n
        if goes_on and not through:
            run(shop, verb, again)
        if goes_on or through:
            found = differences(whole, again)
            assert not found, f"killed after {written}: {json.dumps(found, indent=1, ensure_ascii=False)}"
            shutil.rmtree(again)
        if through:
            break
    assert n > 1
