"""A record that several files delivered: where the one that counted no longer has it, it comes from another."""

from __future__ import annotations

import pytest

from jobs.clean import run as clean
from jobs.collect import release
from jobs.collect import run as collect
from jobs.lake import delta
from jobs.tables import (
    BRONZE_EVENTS,
    BRONZE_PRODUCTS,
    BRONZE_USERS,
    LOADS,
    QUARANTINE,
    RESTATED,
    SILVER_EVENTS,
    SILVER_PRODUCTS,
    SILVER_USERS,
)
from tests.jobs.collect.test_late import SOURCE, Shop, day
from tests.jobs.kills import Killed, killed_after

HEAD = "id,user,time,kind,item,pieces,paid,changed"
VERSIONED = SOURCE.replace("  fields:", "  version: changed\n  fields:")
EVENT = ("event_id", "ds", "landed_ds", "amount", "source_file")


def at(id_: str, n: int, paid: int = 5, version: int = 0) -> str:
    return f"{id_},{id_},{day(n)}T10:00:00,purchase,p1,1,{paid},{version}"


@pytest.fixture
def shop(spark, tmp_path, monkeypatch):
    return Shop(spark, tmp_path / "shop", monkeypatch)


def events(shop: Shop, *columns: str) -> list[tuple]:
    return [(id_, *rest) for id_, *rest in shop.rows(BRONZE_EVENTS, "event_id", *columns)]


def counts(shop: Shop) -> dict[str, tuple]:
    """Of each file by day of delivery: loaded, duplicates, and which files those repeat."""
    rows = delta.rows(shop.warehouse, LOADS, "kind = 'events'")
    for row in rows:
        assert row["rows_in"] == row["loaded"] + row["duplicates"] + row["quarantined"] + row["outside"]
    return {(row["source_file"], row["landed_ds"]): (row["loaded"], row["duplicates"], row["repeats"]) for row in rows}


def test_an_event_of_two_files_comes_from_the_other_where_the_one_that_counted_is_corrected_without_it(shop):
    """In the same load and in a later one; of several others, one; and not from one that is gone itself."""
    first, second, third, fourth = (f"{day(n)}/{name}.csv" for n, name in ((0, "a"), (0, "b"), (1, "c"), (2, "d")))
    shop.put(first, at("stays", 0), at("e", 0), at("f", 0), at("moves", 0), head=HEAD)
    shop.put(second, at("e", 0), at("own", 0), head=HEAD)
    shop.night(0)
    shop.put(third, at("f", 0, paid=7), at("e", 0), at("moves", 0), head=HEAD)
    shop.night(1)
    assert counts(shop) == {
        (first, day(0)): (4, 0, []), (second, day(0)): (1, 1, [first]), (third, day(1)): (0, 3, [first])
    }  # fmt: skip
    # Withdrawn are e, which a file of the same day had too, and f, which one of another day has with another sum.
    shop.put(first, at("stays", 0), at("moves", 1), head=HEAD)
    shop.put(fourth, at("2", 2), head=HEAD)
    said = shop.night(2)
    assert "rows_in 8, loaded 7, duplicates 1" in said[0]
    assert events(shop, "ds", "landed_ds", "source_file") == [
        ("2", day(2), day(2), fourth), ("e", day(0), day(0), second), ("f", day(0), day(1), third),
        ("moves", day(0), day(1), third), ("moves", day(1), day(0), first), ("own", day(0), day(0), second),
        ("stays", day(0), day(0), first),
    ]  # fmt: skip
    assert counts(shop)[third, day(1)] == (2, 1, [second])
    paid = dict(shop.rows(SILVER_EVENTS, "event_id", "amount"))
    assert (paid["shop:e"], paid["shop:f"]) == (5, 7)
    assert set(shop.rows(RESTATED, "user_id", "ds")) >= {("f", day(0)), ("moves", day(0)), ("moves", day(1))}
    # Corrected once more, and the other one with it.
    shop.put(second, at("own", 0), head=HEAD)
    shop.put(f"{day(3)}/log.csv", head=HEAD)
    shop.night(3)
    assert ("e", third) in events(shop, "source_file")
    shop.put(third, head=HEAD)  # withdrawn entirely
    shop.put(f"{day(4)}/log.csv", head=HEAD)
    shop.night(4)
    assert [id_ for id_, *_ in events(shop)] == ["2", "moves", "own", "stays"]
    assert [id_ for id_, *_ in shop.rows(SILVER_EVENTS, "event_id")] == [
        "shop:2",
        "shop:moves",
        "shop:own",
        "shop:stays",
    ]


def test_an_older_state_counts_again_where_the_newer_one_is_withdrawn(spark, tmp_path, monkeypatch):
    shop = Shop(spark, tmp_path / "shop", monkeypatch, VERSIONED)
    first, second, third = (f"{day(n)}/log.csv" for n in range(3))
    shop.put(first, at("e", 0, paid=1, version=1), head=HEAD)
    shop.put(second, at("e", 1, paid=2, version=2), at("1", 1), head=HEAD)
    for n in range(2):
        shop.night(n)
    assert counts(shop) == {(first, day(0)): (0, 1, [second]), (second, day(1)): (2, 0, [])}
    shop.put(third, at("e", 2, paid=3, version=3), at("2", 2), head=HEAD)
    shop.night(2)
    assert counts(shop)[second, day(1)] == (1, 1, [third])
    shop.put(third, at("2", 2), head=HEAD)
    shop.put(f"{day(3)}/log.csv", head=HEAD)
    shop.night(3)
    assert ("e", day(1), 2) in events(shop, "ds", "amount")
    shop.put(second, at("1", 1), head=HEAD)
    shop.put(f"{day(4)}/log.csv", head=HEAD)
    shop.night(4)
    assert ("e", day(0), 1) in events(shop, "ds", "amount")
    assert shop.rows(SILVER_EVENTS, "event_id", "ds", "amount")[-1] == ("shop:e", day(0), 1)
    assert counts(shop)[first, day(0)] == (1, 0, [])


def test_a_file_of_a_later_night_or_one_that_is_gone(shop, capsys):
    first, later, lost = f"{day(0)}/a.csv", f"{day(1)}/b.csv", f"{day(1)}/c.csv"
    shop.put(first, at("e", 0), at("f", 0), at("1", 0), head=HEAD)
    shop.night(0, hops=(collect,))
    shop.put(later, at("e", 0), head=HEAD)
    shop.put(lost, at("f", 0), head=HEAD)
    shop.night(1, hops=(collect,))
    (shop.home / "landing" / lost).unlink()
    shop.put(first, at("1", 0), head=HEAD)
    shop.night(0, hops=(collect,))
    assert [id_ for id_, *_ in events(shop)] == ["1"]
    assert f"warning: events: {lost} had records of files that changed, and is gone" in capsys.readouterr().out
    shop.put(f"{day(2)}/log.csv", head=HEAD)
    shop.night(2, hops=(collect,))
    assert [id_ for id_, *_ in events(shop)] == ["1", "e"]


def test_a_released_record_that_another_file_had(shop):
    first, second = f"{day(0)}/a.csv", f"{day(1)}/b.csv"
    shop.put(first, at("e", 0).replace("purchase", "buy"), at("1", 0), head=HEAD)
    shop.put(second, at("e", 0), head=HEAD)
    for n in range(2):
        shop.night(n, hops=(collect,))
    shop.declare(SOURCE.replace("event_type: kind", "event_type: {column: kind, map: {buy: purchase}}"))
    shop.night(1, hops=(release,))
    assert counts(shop)[first, day(0)] == (1, 1, [second])
    shop.put(second, head=HEAD)
    shop.put(f"{day(2)}/log.csv", head=HEAD)
    shop.night(2, hops=(collect,))
    assert events(shop, "source_file") == [("1", first), ("e", first)]


PEOPLE = (
    SOURCE
    + """
users:
  files: "users/{ds}/*.csv"
  format: csv
  id: [user]
  'null': {user: [ux]}
  fields: {region: city, gender: {column: sex, optional: true}}
products:
  files: "items/{ds}/*.csv"
  format: csv
  id: [item]
  'null': {item: [px]}
  fields: {title: title}
"""
)


def test_what_several_files_say_of_a_user_or_product_stands_beside_each_other(spark, tmp_path, monkeypatch):
    shop = Shop(spark, tmp_path / "shop", monkeypatch, PEOPLE)
    shop.put(f"{day(0)}/log.csv", head=HEAD)
    shop.put(f"users/{day(0)}/a.csv", "u,north", "v,north", "v,north", head="user,city")
    shop.put(f"users/{day(0)}/b.csv", "u,,f", head="user,city,sex")
    shop.put(f"items/{day(0)}/a.csv", "p,first", head="item,title")
    shop.put(f"items/{day(0)}/b.csv", "p,second", head="item,title")
    said = shop.night(0)[0].split("; ")
    assert "rows_in 4, loaded 3, duplicates 1" in said[1]
    assert "rows_in 2, loaded 2, duplicates 0" in said[2]
    assert shop.rows(SILVER_USERS, "user_id", "region", "gender") == [("u", "north", "f"), ("v", "north", None)]
    assert shop.rows(SILVER_PRODUCTS, "product_id", "title") == [("p", "second")]
    # Corrected: what the files no longer say is not known any more, or by another file; `w` had no event.
    shop.put(f"items/{day(0)}/b.csv", "q,other", head="item,title")
    shop.put(f"users/{day(0)}/a.csv", "w,north", head="user,city")
    shop.put(f"{day(1)}/log.csv", head=HEAD)
    shop.put(f"users/{day(1)}/a.csv", head="user,city")
    shop.put(f"items/{day(1)}/a.csv", "p,first", head="item,title")
    shop.night(1)
    assert shop.rows(BRONZE_PRODUCTS, "id", "source_file") == [
        ("p", f"items/{day(0)}/a.csv"), ("p", f"items/{day(1)}/a.csv"), ("q", f"items/{day(0)}/b.csv")
    ]  # fmt: skip
    assert shop.rows(SILVER_PRODUCTS, "product_id", "title") == [("p", "first"), ("q", "other")]
    assert [str(first) for (first,) in shop.rows(SILVER_PRODUCTS, "first_record_ds")] == [str(day(0))] * 2
    assert shop.rows(SILVER_USERS, "user_id", "region", "gender") == [("u", None, "f"), ("w", "north", None)]
    shop.put(f"users/{day(0)}/a.csv", head="user,city")
    for file in "ab":
        shop.put(f"items/{day(0)}/{file}.csv", head="item,title")
    for kind, head in ((f"{day(2)}/log.csv", HEAD), (f"users/{day(2)}/a.csv", "user,city"),
                       (f"items/{day(2)}/a.csv", "item,title")):  # fmt: skip
        shop.put(kind, head=head)
    shop.night(2)
    assert shop.rows(SILVER_USERS, "user_id", "region", "gender") == [("u", None, "f")]
    assert shop.rows(SILVER_PRODUCTS, "product_id", "title", "has_record") == [("p", "first", True)]
    assert [str(first) for (first,) in shop.rows(SILVER_PRODUCTS, "first_record_ds")] == [str(day(1))]


def test_records_of_users_and_products_are_released_once(spark, tmp_path, monkeypatch):
    """Of `u2` its file has another record that was loaded; of `ux` another file has one."""
    shop = Shop(spark, tmp_path / "shop", monkeypatch, PEOPLE)
    shop.put(f"{day(0)}/log.csv", head=HEAD)
    shop.put(f"users/{day(0)}/a.csv", "ux,north", "ux,north", "u2,north", head="user,city")
    shop.put(f"items/{day(0)}/a.csv", "px,first", head="item,title")
    shop.night(0, hops=(collect,))
    shop.declare(PEOPLE.replace("ux", "-").replace("px", "-"))
    shop.put(f"{day(1)}/log.csv", head=HEAD)
    shop.put(f"users/{day(1)}/a.csv", "ux,south", head="user,city")
    shop.put(f"items/{day(1)}/a.csv", "px,second", head="item,title")
    shop.night(1)
    released = "events: 0 released, 0 were there already, 0 stay; users: {} released, {} were there already, 0 stay; "
    released += "products: {} released, 0 were there already, 0 stay"
    assert shop.night(1, hops=(release,)) == [released.format(1, 1, 1)]
    assert shop.night(1, hops=(release, clean))[0] == released.format(0, 0, 0)
    users = [("u2", f"users/{day(0)}/a.csv"), ("ux", f"users/{day(0)}/a.csv"), ("ux", f"users/{day(1)}/a.csv")]
    assert shop.rows(BRONZE_USERS, "id", "source_file") == users
    assert len(shop.rows(BRONZE_PRODUCTS, "id")) == 2
    assert shop.rows(QUARANTINE, "raw") == []
    assert shop.rows(SILVER_USERS, "user_id", "region") == [("u2", "north"), ("ux", "south")]
    assert shop.rows(SILVER_PRODUCTS, "product_id", "title") == [("px", "second")]
    (entry,) = delta.rows(shop.warehouse, LOADS, f"kind = 'users' AND landed_ds = '{day(0)}'")
    assert [entry[name] for name in ("rows_in", "loaded", "duplicates", "quarantined", "released")] == [3, 2, 1, 0, 1]
    # A refused record of an id that was loaded from the same file, after a kill: bronze has it, the quarantine too.
    shop.declare(PEOPLE)
    shop.put(f"{day(2)}/log.csv", head=HEAD)
    shop.put(f"users/{day(2)}/a.csv", "ux,west", "u9,west", head="user,city")
    shop.put(f"items/{day(2)}/a.csv", "p,third", head="item,title")
    shop.night(2, hops=(collect,))
    shop.declare(PEOPLE.replace("ux", "-").replace("px", "-"))
    with killed_after(2) as written, pytest.raises(Killed):
        shop.night(2, hops=(release,))
    assert written == ["ops/loads", "bronze/users"]
    shop.night(2, hops=(release,))
    assert len(shop.rows(BRONZE_USERS, "id")) == 5
    (entry,) = delta.rows(shop.warehouse, LOADS, f"kind = 'users' AND landed_ds = '{day(2)}'")
    assert [entry[name] for name in ("rows_in", "loaded", "duplicates", "quarantined", "released")] == [2, 2, 0, 0, 1]
