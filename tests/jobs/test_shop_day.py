"""A night is a day of the shop, in its own zone: in every table, with several shops, in a warehouse of before."""

from __future__ import annotations

import os
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from jobs import migrate
from jobs.clean import run as clean
from jobs.collect import run as collect
from jobs.errors import UsageError
from jobs.features import run as features
from jobs.features import sequences
from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources import shops, spec
from jobs.tables import (
    BRONZE_EVENTS,
    LATENESS,
    LOADS,
    SILVER_EVENTS,
    USER_DAILY,
    USER_FEATURES,
    USER_SEQUENCES,
)
from ml.data.events import day_number, purchases
from ml.data.sequences import DATED_COLUMNS, days_of

SOURCE = """
name: {name}
title: t
origin: o
licence: l
shop_zone: {zone}
shop_opened: 2020-01-01
events:
  files: "{files}"
  format: csv
  id: [id]
  fields:
    user_id: user
    event_time: {{column: time, zone: {of_times}}}
    event_type: {{column: kind, map: {{buy: purchase}}}}
    product_id: item
    amount: paid
"""
FIRST = date(2026, 3, 6)
HOPS = (collect, clean, features, sequences)
CONTENT = ("event_id", "user_id", "event_time", "ds", "landed_ds", "local_hour", "local_weekday", "session_id",
           "session_start", "order_start")  # fmt: skip


class Place:
    """Sources, a landing folder and a warehouse."""

    def __init__(self, spark, home: Path, monkeypatch):
        self.spark, self.home = spark, home
        (home / "conf").mkdir(parents=True)
        monkeypatch.setattr(spec.load, "__defaults__", (home / "conf",))
        self.warehouse = str(home / "wh")

    def declare(self, zone: str, name: str = "shop", files: str = "{name}/{{ds}}/*.csv", of_times: str = "") -> None:
        text = SOURCE.format(name=name, zone=zone, files=files.format(name=name), of_times=of_times or zone)
        (self.home / "conf" / f"{name}.yaml").write_text(text, encoding="utf-8")

    def put(self, name: str, *rows: str) -> None:
        path = self.home / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["id,user,time,kind,item,paid", *rows]) + "\n", encoding="utf-8")
        os.utime(path, (1_800_000_000, 1_800_000_000))

    def night(self, ds: date, since: date | None = None, name: str = "shop", hops=HOPS) -> list[str]:
        s = Settings(ds, since or ds, self.warehouse, name, str(self.home / "landing"), "r")
        return [hop.run(self.spark, s) for hop in hops]

    def rows(self, table, *columns: str, where: str = "true") -> list[tuple]:
        frame = delta.read(self.spark, self.warehouse, table).where(where)
        times = {c: delta.F.col(c).cast("string") for c, kind in frame.dtypes if kind == "timestamp"}
        frame = frame.withColumns(times) if times else frame
        return sorted(map(tuple, frame.select(*columns).collect()), key=str)


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


@pytest.fixture
def place(spark, tmp_path, monkeypatch) -> Place:
    return Place(spark, tmp_path / "place", monkeypatch)


def test_dates_without_hours_are_of_their_own_night_and_none_is_late(place):
    place.declare("Asia/Taipei")
    for n in range(3):
        place.put(f"shop/{day(n)}/log.csv", *[f"{n}-{u},{u},{day(n)},buy,p1,5" for u in "ab"])
        assert "loaded 2, duplicates 0, quarantined 0, outside 0, late 0" in place.night(day(n), hops=(collect,))[0]
    assert set(place.rows(BRONZE_EVENTS, "ds", "landed_ds")) == {(day(n), day(n)) for n in range(3)}
    assert place.rows(BRONZE_EVENTS, "event_time")[0] == ("2026-03-05 16:00:00",)


def test_every_hour_of_a_days_file_is_of_its_night(place):
    """All tables of a Shanghai shop whose first eight hours are the day before at UTC; labels begin after ds."""
    place.declare("Asia/Shanghai")
    for n in range(2):
        hours = [f"{n}-{h},u{h % 3},{day(n)} {h:02}:10:00,{'buy' if h % 5 else 'view'},p{h},5" for h in range(24)]
        place.put(f"shop/{day(n)}/log.csv", *hours)
        assert "loaded 24, duplicates 0, quarantined 0, outside 0, late 0" in place.night(day(n))[0]
    assert not delta.exists(place.warehouse, LATENESS)
    assert {(ds, hour) for ds, hour in place.rows(SILVER_EVENTS, "ds", "local_hour")} == {
        (day(n), h) for n in range(2) for h in range(24)
    }
    assert Counter(ds for (ds,) in place.rows(USER_DAILY, "ds")) == {day(0): 3, day(1): 3}
    for n in range(2):
        night = place.rows(USER_SEQUENCES, "last_event_ds", "event_days", "length", where=f"ds = DATE'{day(n)}'")
        assert {last for last, _, _ in night} == {day(n)}
        assert {number for _, days, _ in night for number in days} == {day_number(day(k)) for k in range(n + 1)}
        assert sum(length for *_, length in night) == 24 * (n + 1)
    # What was bought after the first night is what its labels are made of: nothing of that night is in it.
    after = [one for batch in purchases(place.warehouse, day(1), day(9), ["event_time"]) for one in batch.to_pylist()]
    assert min(one["event_time"] for one in after).isoformat() == "2026-03-06T17:10:00+00:00"
    # And a sequence of the second night, cut by its days, is that of the first.
    dataset = DeltaTable(USER_SEQUENCES.path(place.warehouse)).to_pyarrow_dataset()
    rows = dataset.to_table(columns=DATED_COLUMNS, filter=pa.compute.field("ds") == day(1))
    assert (days_of(rows) <= day_number(day(0))).sum() == 24


def test_the_days_on_which_clocks_change(place):
    """New York on 8 March (23 hours) and 1 November (25 hours) 2026: sessions go on, hours are the clock's."""
    place.declare("America/New_York", of_times="UTC")
    place.put(
        "shop/2026-03-08/log.csv",
        "a,u,2026-03-08 04:59:59,view,p,", "b,u,2026-03-08 05:00:00,view,p,",  # midnight
        "c,u,2026-03-08 06:59:00,view,p,", "d,u,2026-03-08 07:01:00,view,p,",  # from 1:59 to 3:01
        "e,u,2026-03-09 03:59:59,view,p,",
    )  # fmt: skip
    place.put("shop/2026-03-09/log.csv", "f,u,2026-03-09 04:00:00,view,p,")
    place.put(
        "shop/2026-11-01/log.csv",
        "g,u,2026-11-01 04:00:00,view,p,", "h,u,2026-11-01 05:50:00,view,p,",
        "i,u,2026-11-01 06:10:00,view,p,", "j,u,2026-11-02 04:59:59,view,p,",  # from the first 1:50 to the second 1:10
    )  # fmt: skip
    place.put("shop/2026-11-02/log.csv", "k,u,2026-11-02 05:00:00,view,p,")
    place.night(date(2026, 11, 2), date(2026, 3, 7), hops=(collect, clean))
    rows = {
        id_[-1]: tuple(rest) for id_, *rest in place.rows(SILVER_EVENTS, "event_id", "ds", "local_hour", "session_id")
    }
    march, november = date(2026, 3, 8), date(2026, 11, 1)
    found = {id_: row[:2] for id_, row in rows.items()}
    assert found == {
        "a": (date(2026, 3, 7), 23), "b": (march, 0), "c": (march, 1), "d": (march, 3), "e": (march, 23),
        "f": (date(2026, 3, 9), 0), "g": (november, 0), "h": (november, 1), "i": (november, 1), "j": (november, 23),
        "k": (date(2026, 11, 2), 0),
    }  # fmt: skip
    together = ("ab", "cd", "ef", "hi", "jk")
    assert all(rows[one][2] == rows[other][2] for one, other in together)
    assert len({row[2] for row in rows.values()}) == len(rows) - len(together)
    (late,) = place.rows(LATENESS, "landed_ds", "ds", "most_hours")
    assert late == (march, date(2026, 3, 7), pytest.approx(1 / 3600))


def test_a_night_reads_of_the_day_before_only_who_was_up_at_midnight(place):
    """And ends in the sessions of the whole history."""
    place.declare("Asia/Shanghai")
    rows = {
        0: ["1,a,{} 22:50:00,view,p,", "2,a,{} 23:15:00,buy,p,5", "3,b,{} 23:40:00,view,p,", "4,c,{} 12:00:00,view,p,"],
        1: ["5,a,{} 00:05:00,buy,p,5", "6,a,{} 23:50:00,buy,p,5", "7,b,{} 04:10:00,view,p,", "8,c,{} 12:00:00,view,p,"],
        2: ["9,a,{} 00:10:00,view,p,", "0,b,{} 12:00:00,view,p,"],
    }
    for n, lines in rows.items():
        place.put(f"shop/{day(n)}/log.csv", *[line.format(day(n)) for line in lines])
    for n in (0, 2, 1):
        place.night(day(n), hops=(collect, clean))
    nightly = place.rows(SILVER_EVENTS, *CONTENT)
    place.night(day(2), day(0), hops=(clean,))
    assert nightly == place.rows(SILVER_EVENTS, *CONTENT)
    session = {row[0][-1]: row[7:] for row in nightly}
    assert session["2"][0] == session["1"][0] != session["5"][0]  # half an hour of silence over midnight
    assert session["6"][0] == session["9"][0]


def test_two_shops_in_one_warehouse_keep_a_day_each_of_their_own(place):
    place.declare("Asia/Shanghai", "east")
    place.declare("America/New_York", "west")
    for name in ("east", "west"):
        for n in range(2):
            place.put(f"{name}/{day(n)}/log.csv",
                      *[f"{n}-{h},{name}-u,{day(n)} {h:02}:30:00,buy,p,5" for h in (0, 12, 23)])  # fmt: skip
    for n in range(2):
        for name in ("east", "west"):
            assert "loaded 3, duplicates 0, quarantined 0, outside 0, late 0" in place.night(day(n), name=name)[0]
    found = place.rows(SILVER_EVENTS, "source", "ds", "local_hour")
    assert found == sorted(
        ((name, day(n), h) for name in ("east", "west") for n in range(2) for h in (0, 12, 23)), key=str
    )
    assert shops.zones(place.warehouse) == {("east", "Asia/Shanghai"), ("west", "America/New_York")}
    first = place.rows(USER_SEQUENCES, "user_id", "event_days", where=f"ds = DATE'{day(0)}'")
    assert first == [(user, [day_number(day(0))] * 3) for user in ("east-u", "west:west-u")]


def test_sequences_of_before_their_days_were_kept_are_those_of_utc(spark):
    times = [1_772_755_200 - 1, 1_772_755_200]
    stored = spark.createDataFrame(
        [("u", times, None)], "user_id string, event_times array<bigint>, event_days array<int>"
    )
    assert sequences.with_days(stored).first()["event_days"] == [20_517, 20_518]
    rows = pa.table({"event_times": [times]})
    assert days_of(rows).tolist() == [20_517, 20_518]
    nothing = rows.append_column("event_days", pa.array([None], pa.list_(pa.int32())))
    assert np.array_equal(days_of(nothing), days_of(rows))


LOGS = {  # "2" is delivered twice, on two days at UTC that are one at the shop
    0: ["1,a,{0} 01:00:00,buy,p1,5", "x,b,{0} 12:00:00,buy,p1,5", "2,c,{0} 07:00:00,view,p1,"],
    1: [
        "3,a,{0} 02:00:00,buy,p2,5",
        "2,c,{1} 09:00:00,view,p1,",
        "4,b,{1} 03:00:00,view,p2,",
        "5,c,{0} 23:55:00,buy,p1,5",
    ],
    2: ["6,c,{0} 00:05:00,buy,p1,5", "7,a,{0} 20:00:00,view,p3,", "bad,,{0} 20:00:00,view,p3,"],
}
AS_OF = f"ds = DATE'{day(2)}'"  # earlier nights, made anew, know what came late
DERIVED = {
    SILVER_EVENTS: ("true", *CONTENT),
    USER_DAILY: ("true", *(c for c in USER_DAILY.column_names if c != "run_id")),
    USER_SEQUENCES: (AS_OF, *(c for c in USER_SEQUENCES.column_names if c != "run_id")),
    USER_FEATURES: (AS_OF, *(c for c in USER_FEATURES.column_names if c != "run_id")),
    LATENESS: ("true", "landed_ds", "ds", "events", "users", "most_hours"),
    LOADS: ("true", "source_file", "landed_ds", "rows_in", "loaded", "duplicates", "quarantined", "late", "zone"),
}


@pytest.mark.parametrize("files", ["{name}/{{ds}}/*.csv", "*.csv"], ids=["a file a day", "files of any days"])
def test_a_warehouse_of_utc_days_is_refused_and_migrated_by_one_command(spark, tmp_path, monkeypatch, files):
    ends = []
    for zone in ("UTC", "Asia/Shanghai"):
        place = Place(spark, tmp_path / zone.replace("/", "-"), monkeypatch)
        place.declare(zone, files=files, of_times="Asia/Shanghai")
        for n, lines in LOGS.items():
            name = f"shop/{day(n)}/log.csv" if "{" in files else f"log-{n}.csv"
            place.put(name, *[line.format(day(n), day(n - 1)) for line in lines])
        if "{" in files:
            for n in LOGS:
                place.night(day(n))
        else:
            place.night(day(2), day(-1))
        if zone == "UTC":
            _forget_zones(place.warehouse)  # as an earlier release left it
            place.declare("Asia/Shanghai", files=files)
            for hop in (collect, clean):
                with pytest.raises(UsageError, match=r"found days of UTC in .*python -m jobs migrate --warehouse"):
                    place.night(day(2), hops=(hop,))
            _killed_before_the_ledger(spark, place.warehouse, monkeypatch)
            assert "days of shop (Asia/Shanghai)" in migrate.run(spark, place.warehouse)
            assert "nothing to do" in migrate.run(spark, place.warehouse)
        ends.append({table: place.rows(table, *columns, where=where) if delta.exists(place.warehouse, table) else []
                     for table, (where, *columns) in DERIVED.items()})  # fmt: skip
    migrated, fresh = ends
    for table, (_, *columns) in DERIVED.items():
        for mine, theirs in zip(migrated[table], fresh[table], strict=True):
            assert dict(zip(columns, mine, strict=True)) == dict(zip(columns, theirs, strict=True)), table.full_name


def _forget_zones(warehouse: str) -> None:
    path = LOADS.path(warehouse)
    rows = DeltaTable(path).to_pyarrow_table().drop_columns(["zone"])
    write_deltalake(path, rows, mode="overwrite", schema_mode="overwrite")


def _killed_before_the_ledger(spark, warehouse: str, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "_mark", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            migrate.run(spark, warehouse)


def test_a_warehouse_of_utc_shops_needs_nothing(place):
    place.declare("UTC")
    place.put(f"shop/{day(0)}/log.csv", f"1,a,{day(0)} 10:00:00,buy,p,5")
    place.night(day(0), hops=(collect, clean))
    _forget_zones(place.warehouse)
    place.put(f"shop/{day(1)}/log.csv", f"2,a,{day(1)} 10:00:00,buy,p,5")
    place.night(day(1), hops=(collect, clean))
    assert "nothing to do" in migrate.run(place.spark, place.warehouse)
