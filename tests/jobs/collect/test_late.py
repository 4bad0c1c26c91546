"""Late, corrected, repeated and released records: exactly the days and users that they touch are made anew."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from deltalake import DeltaTable
from pyspark.sql import functions as F

from jobs.clean import context
from jobs.clean import run as clean
from jobs.collect import ledger, release
from jobs.collect import run as collect
from jobs.features import run as features
from jobs.features import sequences
from jobs.lake import delta, engine, erasures, sql, touched
from jobs.settings import Settings
from jobs.sources import landing, spec
from jobs.sources.spec import load as read_source
from jobs.tables import (
    BRONZE_EVENTS,
    ERASURES,
    LATENESS,
    LOADS,
    QUARANTINE,
    RESTATED,
    SILVER_EVENTS,
    SILVER_PRODUCTS,
    USER_DAILY,
    USER_SEQUENCES,
    Column,
    Table,
)
from ml.data.events import purchases

SOURCE = """
name: shop
title: t
origin: o
licence: l
shop_zone: Asia/Shanghai
events:
  files: "{ds}/*.csv"
  format: csv
  id: [id]
  fields:
    user_id: user
    event_time: {column: time, zone: Asia/Shanghai}
    event_type: kind
    product_id: item
    quantity: pieces
    amount: paid
"""
HEAD = "id,user,time,kind,item,pieces,paid"
FIRST = date(2024, 3, 1)
DAILY = SimpleNamespace(run=features.put_daily)  # the half of `features` that late records are told by
clock = itertools.count(1_710_000_000)  # of the files: later than all that stands in them


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


class Shop:
    """A landing folder and a warehouse; `night(n)` runs the hops of day n."""

    def __init__(self, spark, home, monkeypatch, text=SOURCE):
        self.spark, self.home, self.monkeypatch = spark, home, monkeypatch
        (home / "conf").mkdir(parents=True)
        (home / "landing").mkdir()
        self.declare(text)

    def declare(self, text: str) -> None:
        (self.home / "conf" / "shop.yaml").write_text(text, encoding="utf-8")
        source = read_source("shop", self.home / "conf")
        for module in (collect, release, spec):
            self.monkeypatch.setattr(module, "load", lambda name: source)

    def put(self, name: str, *rows: str, head: str = HEAD) -> None:
        path = self.home / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
        os.utime(path, (stamp := next(clock), stamp))

    def settings(self, n: int, since: int | None = None, run: str = "r") -> Settings:
        first = day(n if since is None else since)
        return Settings(day(n), first, str(self.home / "wh"), "shop", str(self.home / "landing"), run)

    @property
    def warehouse(self) -> str:
        return str(self.home / "wh")

    def files(self, table) -> set[str]:
        """The files of the table's newest version."""
        return set(DeltaTable(table.path(self.warehouse)).file_uris())

    def night(self, n: int, since: int | None = None, hops=(collect, clean), run: str = "r") -> list[str]:
        return [hop.run(self.spark, self.settings(n, since, run)) for hop in hops]

    def rows(self, table, *columns: str) -> list[tuple]:
        frame = delta.read(self.spark, str(self.home / "wh"), table)
        times = {c: delta.F.col(c).cast("string") for c, kind in frame.dtypes if kind == "timestamp"}
        return sorted(map(tuple, (frame.withColumns(times) if times else frame).select(*columns).collect()), key=str)


def buy(id_: str, user: str, time: str, item: str = "p1") -> str:
    return f"{id_},{user},{time},purchase,{item},1,5.00"


@pytest.fixture
def shop(spark, tmp_path, monkeypatch):
    return Shop(spark, tmp_path / "shop", monkeypatch)


CONTENT = ("event_id", "user_id", "event_time", "ds", "session_id", "session_start", "order_start", "amount")


def test_late_records_go_to_their_day_and_only_their_users_days_are_made_anew(spark, tmp_path, monkeypatch, shop):
    """One hour, three and forty days late: the tables end as if all had come in time, and others' rows stay."""
    base = {n: [buy(f"{u}{n}", u, f"{day(n)}T02:00:00") for u in ("a", "b")] for n in (0, 20, 37, 39, 40)}
    late = [buy("h", "a", f"{day(39)}T23:30:00"), buy("d3", "a", f"{day(37)}T02:20:00", "p2"),
            buy("d40", "a", f"{day(0)}T09:00:00")]  # fmt: skip
    early = buy("e", "b", f"{day(41)}T00:10:00")
    for n, since in ((0, 0), (20, 20), (37, 20), (39, 39)):
        shop.put(f"{day(n)}/log.csv", *base[n])
        if n != 20:
            shop.night(n, since, hops=(collect, clean, DAILY), run=f"night {n}")
    shop.put(f"{day(40)}/log.csv", *base[40], *late, early)
    stood, daily_stood = shop.files(SILVER_EVENTS), shop.files(USER_DAILY)
    said = shop.night(40, hops=(collect, clean, DAILY), run="night 40")
    assert "loaded 6, duplicates 0, quarantined 0, outside 0, late 3" in said[0]
    assert set(shop.rows(RESTATED, "user_id", "ds")) == {
        ("a", day(0)), ("a", day(37)), ("a", day(39)), ("b", day(41))
    }  # fmt: skip

    # Exactly the late users' days carry the late night's stamp; everyone else's are as they were.
    for table in (SILVER_EVENTS, USER_DAILY):
        stamps = {(user, ds): run for user, ds, run in shop.rows(table, "user_id", "ds", "run_id")}
        for n in (0, 37, 39):
            assert stamps["a", day(n)] == "night 40", (table.full_name, n)
            assert stamps["b", day(n)] == f"night {n}", (table.full_name, n)
        # What reads without Spark knows which rows were taken out.
        counted = sql.run(f"SELECT count(*) AS n FROM {table.full_name}", shop.warehouse, "csv")
        assert counted == f"n\n{len(shop.rows(table, *table.keys))}"
    # No file of events is written again: rows are taken out beside it.
    if not engine.is_sail():  # which has no marks
        assert stood < shop.files(SILVER_EVENTS)
    # Of users' days, those of the late records' weeks are, and no others.
    assert {name.split("week=")[1][:10] for name in daily_stood & shop.files(USER_DAILY)} == {"2024-03-18"}
    bought = [
        row for batch in purchases(shop.warehouse, day(0), day(40), ["user_id", "ds"]) for row in batch.to_pylist()
    ]
    found = [row for row in shop.rows(SILVER_EVENTS, "user_id", "ds") if row[1] <= day(40)]
    assert sorted((row["user_id"], row["ds"]) for row in bought) == sorted(found)

    lateness = {row[0]: row[1:] for row in shop.rows(LATENESS, "ds", "days_late", "events", "users", "least_hours")}
    assert lateness == {
        day(39): (1, 1, 1, 0.5),
        day(37): (3, 1, 1, 3 * 24 - 2 - 1 / 3),
        day(0): (40, 1, 1, 40 * 24 - 9),
    }

    in_time = Shop(spark, tmp_path / "in time", monkeypatch)
    whole = [row for n in base for row in base[n]] + late + [early]
    for n in range(42):
        in_time.put(f"{day(n)}/log.csv", *[row for row in whole if f",{day(n)}T" in row])
    in_time.night(41, since=0, hops=(collect, clean, DAILY))
    assert shop.rows(SILVER_EVENTS, *CONTENT) == in_time.rows(SILVER_EVENTS, *CONTENT)
    daily = [c for c in USER_DAILY.column_names if c != "run_id"]
    assert shop.rows(USER_DAILY, *daily) == in_time.rows(USER_DAILY, *daily)


def test_nights_in_any_order_end_in_the_same_tables(spark, tmp_path, monkeypatch):
    """A session that runs past midnight, a late record, a replayed one: the last night first, and all in one pass."""
    files = {
        0: [buy("1", "a", f"{day(0)}T23:50:00"), buy("2", "b", f"{day(0)}T12:00:00")],
        1: [buy("3", "a", f"{day(1)}T00:05:00"), buy("4", "a", f"{day(0)}T23:25:00"),
            buy("2", "b", f"{day(0)}T12:00:00")],
        2: [buy("5", "a", f"{day(2)}T00:05:00"), buy("6", "b", f"{day(1)}T23:55:00")],
    }  # fmt: skip
    ends = []
    for k, order in enumerate([(2, 0, 1), None]):
        shop = Shop(spark, tmp_path / str(k), monkeypatch)
        for n, rows in files.items():
            shop.put(f"{day(n)}/log.csv", *rows)
        for n in order or ():
            shop.night(n, hops=(collect, clean, DAILY))
        if order is None:
            shop.night(2, since=0, hops=(collect, clean, DAILY))
        daily = [c for c in USER_DAILY.column_names if c != "run_id"]
        ends.append((shop.rows(SILVER_EVENTS, *CONTENT), shop.rows(USER_DAILY, *daily)))
    assert ends[0] == ends[1]
    starts = {event: (session, first, order) for event, _, _, _, session, first, order, _ in ends[0][0]}
    assert starts["shop:4"][1:] == (True, True)  # the late record opens the session that runs past midnight
    assert starts["shop:1"] == starts["shop:3"] == (starts["shop:4"][0], False, False)


def test_a_file_is_loaded_once_and_a_changed_one_is_noticed(shop):
    shop.put(f"{day(0)}/log.csv", buy("1", "a", f"{day(0)}T10:00:00"), buy("2", "b", f"{day(0)}T10:00:00", "p9"))
    shop.put(f"{day(0)}/empty.csv")
    shop.night(0)
    version = delta.version(str(shop.home / "wh"), BRONZE_EVENTS)
    assert "nothing new" in shop.night(0, hops=(collect,))[0]
    os.utime(shop.home / "landing" / str(day(0)) / "log.csv")  # touched, with the same bytes in it
    assert "nothing new" in shop.night(0, hops=(collect,))[0]
    assert delta.version(str(shop.home / "wh"), BRONZE_EVENTS) == version

    # Corrected two nights later under the same name: one record says something else, one is gone, one is new.
    shop.put(f"{day(2)}/log.csv", buy("9", "c", f"{day(2)}T10:00:00"))
    shop.put(f"{day(0)}/log.csv", buy("1", "a", f"{day(0)}T10:00:00"), buy("3", "d", f"{day(0)}T11:00:00"))
    said = shop.night(2)
    assert "rows_in 3, loaded 3" in said[0]
    assert set(shop.rows(RESTATED, "user_id", "ds")) == {("b", day(0)), ("d", day(0))}
    assert [row[0] for row in shop.rows(SILVER_EVENTS, "event_id")] == ["shop:1", "shop:3", "shop:9"]
    assert shop.rows(SILVER_PRODUCTS, "product_id") == [("p1",)]  # no record and no event names p9 any more
    landed = dict(shop.rows(BRONZE_EVENTS, "event_id", "landed_ds"))
    assert landed == {"1": day(0), "3": day(0), "9": day(2)}  # the file's day, whichever night loads it


def test_a_file_that_came_after_its_night_is_loaded_by_the_next_one(shop):
    shop.put(f"{day(0)}/log.csv", buy("1", "a", f"{day(0)}T10:00:00"))
    shop.night(0)
    shop.put(f"{day(-1)}/older.csv", buy("0", "a", f"{day(-1)}T10:00:00"))  # before the history that was asked for
    shop.put(f"{day(0)}/late.csv", buy("2", "b", f"{day(0)}T10:00:00"))
    shop.put(f"{day(1)}/log.csv", buy("3", "a", f"{day(1)}T10:00:00"))
    shop.night(1)
    assert shop.rows(BRONZE_EVENTS, "event_id", "landed_ds") == [("1", day(0)), ("2", day(0)), ("3", day(1))]
    assert set(shop.rows(LOADS, "source_file", "landed_ds", "night")) == {
        (f"{day(0)}/log.csv", day(0), day(0)), (f"{day(0)}/late.csv", day(0), day(1)),
        (f"{day(1)}/log.csv", day(1), day(1)),
    }  # fmt: skip
    assert [row[0] for row in shop.rows(SILVER_EVENTS, "event_id")] == ["shop:1", "shop:2", "shop:3"]


def test_a_log_of_any_days_that_grows_delivers_only_what_is_new(spark, tmp_path, monkeypatch):
    shop = Shop(spark, tmp_path / "shop", monkeypatch, SOURCE.replace('"{ds}/*.csv"', '"*.csv"'))
    rows = [buy(str(n), "a", f"{day(n)}T10:00:00") for n in range(3)]
    shop.put("log.csv", *rows[:2])
    shop.night(1, since=1, hops=(collect,))  # day 0 is older than the history that is asked for
    assert shop.rows(BRONZE_EVENTS, "event_id", "landed_ds") == [("1", day(1))]
    shop.put("log.csv", *rows, buy("late", "b", f"{day(1)}T11:00:00"))
    shop.night(2, hops=(collect,))
    came = {"1": day(1), "2": day(2), "late": day(2)}
    assert dict(shop.rows(BRONZE_EVENTS, "event_id", "landed_ds")) == came
    assert shop.rows(RESTATED, "user_id", "ds") == [("b", day(1))]
    for row in delta.rows(str(shop.home / "wh"), LOADS, "true"):
        assert row["rows_in"] == row["loaded"] + row["duplicates"] + row["quarantined"] + row["outside"]
    shop.night(2, since=0, hops=(collect,))  # now day 0 is asked for: the file is read again for it
    assert dict(shop.rows(BRONZE_EVENTS, "event_id", "landed_ds")) == came | {"0": day(0)}


def test_refused_records_are_released_once_after_the_mapping_is_mended(shop):
    shop.put(
        f"{day(0)}/log.csv", buy("1", "a", f"{day(0)}T10:00:00"),
        f"2,b,{day(0)}T10:00:00,buy,p1,1,5.00", f"2,b,{day(0)}T10:00:00,buy,p1,1,5.00",
        f"3,c,{day(0)}T10:00:00,steal,p1,1,5.00",
    )  # fmt: skip
    shop.night(0)
    assert len(shop.rows(QUARANTINE, "raw")) == 3
    shop.declare(SOURCE.replace("event_type: kind", "event_type: {column: kind, map: {buy: purchase}}"))
    assert shop.night(1, hops=(release,)) == [
        "events: 1 released, 1 were there already, 1 stay (1 unknown_event_type: steal)"
    ]
    shop.put(f"{day(1)}/log.csv", buy("4", "a", f"{day(1)}T10:00:00"))
    shop.night(1)
    assert [row[0] for row in shop.rows(SILVER_EVENTS, "event_id")] == ["shop:1", "shop:2", "shop:4"]
    assert shop.rows(QUARANTINE, "reason") == [("unknown_event_type: steal",)]
    entry = delta.rows(str(shop.home / "wh"), LOADS, f"landed_ds = '{day(0)}'")[0]
    assert (entry["rows_in"], entry["loaded"], entry["duplicates"], entry["quarantined"], entry["released"]) == (
        4,
        2,
        1,
        1,
        1,
    )
    assert shop.night(1, hops=(release,)) == [
        "events: 0 released, 0 were there already, 1 stay (1 unknown_event_type: steal)"
    ]
    assert len(shop.rows(BRONZE_EVENTS, "event_id")) == 3


def test_a_refused_record_of_an_erased_user_is_dropped_and_counted(shop, monkeypatch):
    """His erasure was begun and killed: the quarantine still holds him when the mapping is mended."""
    monkeypatch.setenv("HUAXIANG_PII_KEY", "a key of more than 16 characters")
    at = f"{day(0)}T10:00:00"
    shop.put(f"{day(0)}/log.csv", buy("1", "a", at), f"2,b,{at},buy,p1,1,5.00", f"3,c,{at},steal,p1,1,5.00")
    shop.night(0, hops=(collect,))
    key = os.environ["HUAXIANG_PII_KEY"].encode()
    erased = {"subject": erasures.subject("b", key), "key_check": erasures.key_check(key)}
    delta.replace_rows([erased | {"deleted": [], "table_versions": []}], str(shop.home / "wh"), ERASURES, "true")
    shop.declare(SOURCE.replace("event_type: kind", "event_type: {column: kind, map: {buy: purchase}}"))
    said = shop.night(1, hops=(release,))
    assert said == [
        "events: 0 released, 0 were there already, 1 stay (1 unknown_event_type: steal), 1 of erased users dropped"
    ]
    assert [row[0] for row in shop.rows(BRONZE_EVENTS, "event_id")] == ["1"]
    assert shop.rows(QUARANTINE, "reason") == [("unknown_event_type: steal",)]
    assert shop.rows(LOADS, "rows_in", "loaded", "quarantined", "suppressed") == [(3, 1, 1, 1)]


def test_sequences_take_late_and_corrected_events_in(shop):
    """What a night merges into yesterday's sequences is what the whole history gives."""
    for n in (0, 1):
        shop.put(f"{day(n)}/log.csv", buy(f"a{n}", "a", f"{day(n)}T10:00:00"), buy(f"b{n}", "b", f"{day(n)}T10:00:00"))
        shop.night(n, hops=(collect, clean, sequences))
    shop.put(f"{day(0)}/log.csv", buy("a0", "a", f"{day(0)}T10:00:00"), buy("c0", "a", f"{day(0)}T11:00:00"))
    shop.put(f"{day(2)}/log.csv", buy("a2", "a", f"{day(2)}T10:00:00"))
    shop.night(2, hops=(collect, clean, sequences))
    night = [row[1:] for row in shop.rows(USER_SEQUENCES, "ds", "user_id", "event_ids") if row[0] == day(2)]
    assert night == [("a", ["shop:a0", "shop:c0", "shop:a1", "shop:a2"]), ("b", ["shop:b1"])]


def test_a_corrected_night_reaches_later_ones_and_a_night_again_sees_what_came_since(shop):
    hops, early = (collect, clean, sequences), buy("a0", "a", f"{day(0)}T10:00:00")
    shop.put(f"{day(0)}/log.csv", early)
    shop.put(f"{day(1)}/log.csv", buy("b1", "b", f"{day(1)}T10:00:00"))
    shop.put(f"{day(2)}/log.csv", buy("a2", "a", f"{day(2)}T10:00:00"), buy("late", "b", f"{day(0)}T11:00:00"))
    for n in range(3):
        shop.night(n, hops=hops)

    def known() -> dict[tuple, list[str]]:
        rows = shop.rows(USER_SEQUENCES, "ds", "user_id", "event_ids")
        return {((ds - FIRST).days, user): [name.removeprefix("shop:") for name in ids] for ds, user, ids in rows}

    once = {(0, "a"): ["a0"], (1, "a"): ["a0"], (1, "b"): ["b1"], (2, "a"): ["a0", "a2"], (2, "b"): ["late", "b1"]}
    assert known() == once
    shop.night(1, hops=(sequences,))
    assert known() == once | {(1, "b"): ["late", "b1"]}
    shop.put(f"{day(0)}/log.csv", buy("a1", "a", f"{day(0)}T09:00:00"), buy("c0", "c", f"{day(0)}T10:00:00"))
    said = shop.night(0, hops=hops)
    assert f"made anew as of {day(1)}, {day(2)} too" in said[-1]
    assert known() == {
        (0, "a"): ["a1"], (0, "b"): ["late"], (0, "c"): ["c0"], (1, "a"): ["a1"], (1, "b"): ["late", "b1"],
        (1, "c"): ["c0"], (2, "a"): ["a1", "a2"], (2, "b"): ["late", "b1"], (2, "c"): ["c0"],
    }  # fmt: skip


def test_days_that_are_touched(shop):
    shop.put(f"{day(0)}/log.csv", buy("1", "a", f"{day(0)}T10:00:00"))
    shop.night(0)
    shop.put(f"{day(2)}/log.csv", buy("2", "a", f"{day(0)}T11:00:00"))
    shop.night(2, hops=(collect,))
    what = touched.touched(shop.spark, shop.settings(2))
    assert (what.whole, what.others) == ([day(2)], [day(0), day(1)])
    assert sorted(map(tuple, what.users.collect())) == [("a", day(0)), ("a", day(1))]


def test_users_days_too_many_to_be_named_are_replaced_all_the_same(spark, tmp_path):
    """By their days as a whole: the rows of others on them are written again as they are."""
    columns = tuple(Column(name, kind, "") for name, kind in (("user_id", "string"), ("ds", "date"), ("n", "int")))
    table = Table("gold", "t", "a row", ("user_id", "ds"), columns, "", "", deletion_vectors=True)
    old = spark.createDataFrame([(user, day(n), 0) for user in "abc" for n in range(4)], table.ddl)
    new = spark.createDataFrame([("a", day(1), 1), ("a", day(1), 2), ("d", day(3), 3)], table.ddl)
    pairs = spark.createDataFrame([("a", day(1)), ("b", day(1)), ("c", day(2))], "user_id string, ds date")
    eve = F.xxhash64("user_id", F.date_sub("ds", 1))
    names, eves = map(list, zip(*pairs.select(F.xxhash64("user_id", "ds"), eve).collect(), strict=True))
    near = sorted([("a", day(0)), ("a", day(1)), ("b", day(0)), ("b", day(1)), ("c", day(1)),
                   *itertools.product("abc", [day(2), day(3)])])  # fmt: skip
    kept = [(user, day(n), 0) for user, n in [*itertools.product("abc", [0]), ("c", 1), ("a", 2), ("b", 2)]]
    for named in (names, None):
        s = Settings(day(3), day(3), str(tmp_path / str(named is None)), "shop", "", "r")
        delta.replace_where(old, s.warehouse, table, "true")
        what = touched.Touched([day(3)], [day(1), day(2)], pairs, named, named and eves)
        assert sorted(map(tuple, context.near(old, what).select("user_id", "ds").collect())) == near
        touched.put(new, spark, s, table, what)
        found = sorted(map(tuple, delta.read(spark, s.warehouse, table).collect()))
        assert found == sorted([*kept, *map(tuple, new.collect())])
        again = what.of(delta.read(spark, s.warehouse, table))
        assert sorted(map(tuple, again.collect())) == sorted(map(tuple, new.collect()))


def test_a_file_is_known_by_its_bytes_and_its_mapping(shop):
    shop.put(f"{day(0)}/log.csv", buy("1", "a", f"{day(0)}T10:00:00"))
    s, feed = shop.settings(0), collect.load("shop").events
    files = landing.list_files(s.landing, feed, s.since, s.ds)
    assert [d.changed for d in ledger.due(files, ledger.open_ledger(s, "events"), feed, s)] == [False]
    shop.night(0, hops=(collect,))
    book = ledger.open_ledger(s, "events")
    assert ledger.due(files, book, feed, s) == []
    assert [d.changed for d in ledger.due(files, book, feed, replace(s, again=True))] == [True]
    other = feed.model_copy(update={"null": ("-1",)})
    assert [d.changed for d in ledger.due(files, book, other, s)] == [True]
    later = replace(s, ds=day(1), since=day(1))
    assert ledger.due(files, book, other, later) == []  # a new mapping does not read old nights again by itself
