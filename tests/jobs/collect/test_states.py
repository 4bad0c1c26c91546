"""Several states of one record: the newest counts, in whatever order they came, and takes back what it replaces."""

from __future__ import annotations

from itertools import permutations

import pytest
from pydantic import ValidationError

from jobs.collect import fields, release
from jobs.collect import run as collect
from jobs.lake import delta
from jobs.sources.spec import Feed
from jobs.tables import BRONZE_EVENTS, BRONZE_USERS, LOADS, SILVER_EVENTS, SILVER_USERS
from tests.jobs.collect.test_late import SOURCE, Shop, day

HEAD = "id,user,time,kind,item,pieces,paid,changed"
VERSIONED = SOURCE.replace("  fields:", "  version: changed\n  fields:")
FIELDS = {"user_id": "u", "event_time": "t", "event_type": "k"}
STATE = ("event_id", "event_type", "amount", "ds")


def feed(**said) -> Feed:
    return Feed(files="*.csv", id=("i",), fields=FIELDS, **said)


def order(id_: str, n: int, kind: str, paid: str, changed: str, user: str = "a") -> str:
    return f"{id_},{user},{day(n)}T10:00:00,{kind},p,1,{paid},{changed}"


def test_numbers_compare_as_numbers_and_times_as_times(spark):
    ascending = [None, "-3", "9", "10", "10.5", "1.7E12", "2024-03-01", "2024-03-01T10:00:00+08:00",
                 "2024-03-01 09:00:00Z", "2024-03-01T09:00:00.5Z", "a", "b"]  # fmt: skip
    rows = spark.createDataFrame([(n, text) for n, text in enumerate(ascending)], "n int, `text.v` string")
    said = rows.orderBy("n").select(fields.version(feed(version="v")).alias("v")).collect()
    assert said[0]["v"] is None
    assert [row["v"] for row in said[1:]] == sorted(row["v"] for row in said[1:])


def test_a_version_may_say_how_its_times_are_written(spark):
    said = {"column": "v", "format": ["dd/MM/yyyy HH:mm", "iso"], "zone": "Asia/Shanghai"}
    ascending = ["10/05/2026 10:00", "09/06/2026 10:00", "2026-06-09T02:00:01Z", "soon"]
    rows = spark.createDataFrame([(n, text) for n, text in enumerate(ascending)], "n int, `text.v` string")
    found = [row[0] for row in rows.orderBy("n").select(fields.version(feed(version=said))).collect()]
    assert found == sorted(found)
    assert found[-1] == f"{fields.AS_TEXT}soon"
    for wrong in ({"format": "iso"}, {"column": "v", "format": "yyyy-mm-dd"}, {"column": "v", "zone": "CST"}):
        with pytest.raises(ValidationError, match=r"expected column beside it|MM is the month|called as Asia/Shanghai"):
            feed(version=wrong)


def test_a_feed_says_a_column_or_the_order_of_delivery():
    assert (feed(version="v").version.column, feed(version="v").version.days) == ("v", 90)
    assert feed(version="delivery").version.column is None
    assert feed(version={"column": "delivery", "days": 7}).asked_columns == {"i", "u", "t", "k", "delivery"}
    for said in ({"number_equal": True}, {"pii": {"v": "drop"}}):
        with pytest.raises(ValidationError, match=r"number_equal|pii drops"):
            feed(version="v", **said)


def test_the_newest_state_counts_in_any_order_of_deliveries(spark, tmp_path, monkeypatch):
    """`a` moves to later days, the newest `b` came first, `c` says the same version three times."""
    deliveries = [
        (order("a", 0, "cart", "1", "1"), order("b", 0, "purchase", "6", "10"), order("c", 0, "cart", "1", "5")),
        (order("a", 1, "purchase", "2", "2"), order("b", 1, "cart", "5", "9"), order("c", 0, "cart", "2", "5")),
        (order("a", 2, "purchase", "3", "3"), order("b", 2, "cart", "4", "8"), order("c", 0, "cart", "3", "5")),
    ]
    ends = []
    for nights in permutations(range(3)):
        shop = Shop(spark, tmp_path / "".join(map(str, nights)), monkeypatch, VERSIONED)
        for n in range(3):
            shop.put(f"{day(n)}/log.csv", *deliveries[n], head=HEAD)
        for n in nights:
            if nights == (0, 1, 2):
                shop.night(n)
            else:
                shop.night(n, hops=(collect,))
        ends.append(shop.rows(BRONZE_EVENTS, *STATE))
        counts = delta.rows(shop.warehouse, LOADS, "true")
        assert [sum(row[name] for row in counts) for name in ("rows_in", "loaded", "duplicates")] == [9, 3, 6]
        if nights == (0, 1, 2):
            # A night takes back from days that it does not load.
            assert shop.rows(SILVER_EVENTS, "event_id", "ds") == [
                ("shop:a", day(2)),
                ("shop:b", day(0)),
                ("shop:c", day(0)),
            ]
            shop.night(2, hops=(collect,))
            ends.append(shop.rows(BRONZE_EVENTS, *STATE))
    said = [(id_, kind, int(paid), ds) for id_, kind, paid, ds in ends[0]]
    assert said == [("a", "purchase", 3, day(2)), ("b", "purchase", 6, day(0)), ("c", "cart", 3, day(0))]
    assert all(end == ends[0] for end in ends)


USERS = """
users:
  files: users/{ds}/*.csv
  format: csv
  id: [user]
  version: changed
  fields: {region: city}
"""


def test_in_one_file_the_newest_state_counts_whatever_says_most(spark, tmp_path, monkeypatch):
    text = VERSIONED.replace("version: changed", "version: delivery") + USERS
    shop = Shop(spark, tmp_path / "shop", monkeypatch, text)
    states = [order("a", 0, "cart", "1", "a word that says more"), order("a", 0, "purchase", "1", ""),
              order("a", 1, "refund", "1", "")]  # fmt: skip
    shop.put(f"{day(1)}/log.csv", *states, head=HEAD)
    shop.put(f"users/{day(0)}/u.csv", "u,newest,10", "u,older,9", head="user,city,changed")
    shop.put(f"users/{day(1)}/u.csv", "u,old,2", head="user,city,changed")
    shop.night(1, since=0)
    assert [row[:2] for row in shop.rows(BRONZE_EVENTS, *STATE)] == [("a", "refund")]
    assert len(shop.rows(BRONZE_USERS, "id")) == 2
    assert shop.rows(SILVER_USERS, "user_id", "region") == [("a", None), ("u", "newest")]
    # Nor does a later night's older state overrule what is known.
    shop.put(f"{day(2)}/log.csv", head=HEAD)
    shop.put(f"users/{day(2)}/u.csv", "u,oldest,1", head="user,city,changed")
    shop.night(2)
    assert shop.rows(SILVER_USERS, "user_id", "region") == [("a", None), ("u", "newest")]


def test_a_released_state_takes_back_an_older_one_of_its_own_file(spark, tmp_path, monkeypatch):
    shop = Shop(spark, tmp_path / "shop", monkeypatch, VERSIONED)
    states = [order("a", 0, "purchase", "1", "1"), order("a", 0, "Storno", "1", "2"), order("b", 0, "cart", "1", "1")]
    shop.put(f"{day(0)}/log.csv", *states, head=HEAD)
    shop.night(0)
    shop.declare(VERSIONED.replace("event_type: kind", "event_type: {column: kind, map: {Storno: refund}}"))
    assert shop.night(1, hops=(release,))[0].startswith("events: 1 released")
    assert shop.rows(BRONZE_EVENTS, *STATE[:2]) == [("a", "refund"), ("b", "cart")]
    (entry,) = delta.rows(shop.warehouse, LOADS, "true")
    assert [entry[name] for name in ("rows_in", "loaded", "duplicates", "quarantined")] == [3, 2, 1, 0]
    shop.night(1, hops=(release,))
    assert len(shop.rows(BRONZE_EVENTS, "event_id")) == 2


def test_a_log_that_grows_says_each_state_once(spark, tmp_path, monkeypatch):
    """A file of any days, read whole again: its older states do not overrule what came between."""
    text = VERSIONED.replace('"{ds}/*.csv"', '"*.csv"')
    shop = Shop(spark, tmp_path / "shop", monkeypatch, text)
    log = [order("a", 0, "cart", "1", "1"), order("b", 0, "purchase", "1", "1")]
    shop.put("log.csv", *log, head=HEAD)
    shop.night(0)
    shop.put("other.csv", order("b", 0, "refund", "1", "2"), head=HEAD)
    shop.night(1)
    shop.put("log.csv", *log, order("a", 1, "purchase", "2", "2"), head=HEAD)
    shop.night(2)
    assert shop.rows(BRONZE_EVENTS, *STATE[:2]) == [("a", "purchase"), ("b", "refund")]
    assert shop.rows(SILVER_EVENTS, "event_id", "ds") == [("shop:a", day(1)), ("shop:b", day(0))]
