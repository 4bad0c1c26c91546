"""collect: every bad record ends in quarantine with its reason, counted; every bad delivery in a clear error."""

from __future__ import annotations

import gzip
import hmac
import json
from dataclasses import replace
from datetime import date

import pyarrow.parquet as pq
import pytest

from jobs.collect import drift
from jobs.collect import run as collect
from jobs.errors import DataError, UsageError
from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources import landing, spec
from jobs.tables import BRONZE_EVENTS, BRONZE_PRODUCTS, LOADS, QUALITY_RESULTS, QUARANTINE

DS = date(2017, 1, 2)
LINE = {
    "household_id": 1, "store_id": 9, "basket_id": 100, "product_id": 7, "quantity": 2, "sales_value": 3.5,
    "retail_disc": 0.5, "coupon_disc": 0.0, "coupon_match_disc": 0.0, "week": 1,
    "transaction_timestamp": "2017-01-02T10:00:00Z",
}  # fmt: skip


def land(folder, lines, day="2017-01-02", name="part-000.jsonl.gz"):
    path = folder / "transactions" / day / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_bytes(gzip.compress((text + "\n").encode(), mtime=0))
    return path


@pytest.fixture
def night(tmp_path):
    (tmp_path / "landing").mkdir()
    return Settings(DS, DS, str(tmp_path / "wh"), "complete_journey", str(tmp_path / "landing"), "test")


def test_each_kind_of_bad_record_is_quarantined_with_its_reason_and_counted(spark, tmp_path, night):
    bad = {
        "not_a_record: expected jsonl": '{"household_id": 1, "basket',
        "bad_count: quantity from column quantity is three": LINE | {"basket_id": 2, "quantity": "three"},
        "bad_money: amount from column sales_value is n/a": LINE | {"basket_id": 3, "sales_value": "n/a"},
        "bad_time: event_time from column transaction_timestamp is yesterday":
            LINE | {"basket_id": 4, "transaction_timestamp": "yesterday"},
        "missing_user_id": LINE | {"basket_id": 5, "household_id": None},
        "missing_id: one of basket_id, product_id is empty": LINE | {"basket_id": ""},
        "impossible_time: before 2017-01-01: 2016-12-30 10:00:00":
            LINE | {"basket_id": 6, "transaction_timestamp": "2016-12-30T10:00:00Z"},
        "impossible_time: after its delivery: 2031-01-02 10:00:00":
            LINE | {"basket_id": 7, "transaction_timestamp": "2031-01-02T10:00:00Z"},
    }  # fmt: skip
    late = LINE | {"basket_id": 8, "transaction_timestamp": "2017-01-01T23:59:59Z"}
    land(tmp_path / "landing", [LINE, LINE, late, *bad.values()])
    said = collect.run(spark, night)
    assert "rows_in 11, loaded 2, duplicates 1, quarantined 8" in said

    refused = delta.read(spark, night.warehouse, QUARANTINE).collect()
    assert {row["reason"] for row in refused} == set(bad)
    assert {row["source_file"] for row in refused} == {"transactions/2017-01-02/part-000.jsonl.gz"}
    ledger = delta.read(spark, night.warehouse, LOADS).where("kind = 'events'").first()
    assert ledger["rows_in"] == ledger["loaded"] + ledger["duplicates"] + ledger["quarantined"] + ledger["outside"]
    assert ledger["late"] == 1

    good = {row["event_id"]: row for row in delta.read(spark, night.warehouse, BRONZE_EVENTS).collect()}
    assert set(good) == {"100-7", "8-7"}
    assert good["8-7"]["ds"] == date(2017, 1, 1)
    assert good["8-7"]["landed_ds"] == DS
    assert (good["100-7"]["amount"], good["100-7"]["discount"]) == (pytest.approx(3.5), pytest.approx(0.5))
    assert good["100-7"]["attributes"] == {"store_id": "9", "week": "1"}


def test_a_replayed_day_changes_nothing_and_is_counted(spark, tmp_path, night):
    lines = [LINE | {"basket_id": n} for n in range(5)]
    land(tmp_path / "landing", lines)
    collect.run(spark, night)
    before = delta.read(spark, night.warehouse, BRONZE_EVENTS).drop("ingested_at").collect()
    land(tmp_path / "landing", lines[::-1], day="2017-01-03", name="again.jsonl.gz")
    later = replace(night, ds=date(2017, 1, 3), since=date(2017, 1, 3))
    assert "rows_in 5, loaded 0, duplicates 5, quarantined 0" in collect.run(spark, later)
    assert delta.read(spark, night.warehouse, BRONZE_EVENTS).drop("ingested_at").collect() == before
    assert "nothing new, every file is loaded" in collect.run(spark, later)  # a file seen again is not read again
    ledger = delta.rows(night.warehouse, LOADS, "kind = 'events'")
    assert sorted((r["rows_in"], r["loaded"], r["duplicates"]) for r in ledger) == [(5, 0, 5), (5, 5, 0)]


def test_a_second_run_of_a_changed_delivery_changes_the_output(spark, tmp_path, night):
    land(tmp_path / "landing", [LINE, LINE | {"basket_id": 101}])
    collect.run(spark, night)
    land(tmp_path / "landing", [LINE])
    collect.run(spark, night)
    assert [row["event_id"] for row in delta.read(spark, night.warehouse, BRONZE_EVENTS).collect()] == ["100-7"]


def test_an_unreadable_file_is_named_and_nothing_is_written(spark, tmp_path, night):
    land(tmp_path / "landing", [LINE])
    broken = land(tmp_path / "landing", [LINE | {"basket_id": n} for n in range(500)], name="part-001.jsonl.gz")
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(DataError, match=r"part-001\.jsonl\.gz"):
        collect.run(spark, night)
    assert not delta.exists(night.warehouse, BRONZE_EVENTS)
    assert not delta.exists(night.warehouse, LOADS)


def test_a_vanished_column_is_named_with_the_nearest(spark, tmp_path, night):
    renamed = {("sale_value" if key == "sales_value" else key): value for key, value in LINE.items()}
    land(tmp_path / "landing", [renamed])
    with pytest.raises(DataError, match=r"'sales_value' .nearest: 'sale_value'."):
        collect.run(spark, night)
    assert not delta.exists(night.warehouse, BRONZE_EVENTS)


def test_a_day_without_a_delivery_is_an_error(spark, tmp_path, night):
    land(tmp_path / "landing", [LINE], day="2017-01-01")
    with pytest.raises(DataError, match=r"for 2017-01-02 under .* found none"):
        collect.run(spark, night)


def test_a_missing_landing_folder_is_wrong_usage(spark, night):
    with pytest.raises(UsageError, match="expected the landing folder"):
        collect.run(spark, replace(night, landing=night.landing + "/nowhere"))


def test_products_keep_their_path_and_unnamed_columns(spark, tmp_path, night):
    land(tmp_path / "landing", [LINE])
    path = tmp_path / "landing" / "products" / "2017-01-02" / "p.jsonl.gz"
    path.parent.mkdir(parents=True)
    product = {"product_id": 7, "department": "MEAT", "product_category": None, "product_type": "BEEF", "brand": "Own",
               "manufacturer_id": 3}  # fmt: skip
    path.write_bytes(gzip.compress((json.dumps(product) + "\n").encode()))
    collect.run(spark, night)
    row = delta.read(spark, night.warehouse, BRONZE_PRODUCTS).first()
    assert row["attributes"] == {
        "title": "BEEF",
        "category_path": '["MEAT","BEEF"]',
        "brand": "Own",
        "manufacturer_id": "3",
    }


CSV_SOURCE = """
name: shop
title: t
origin: o
licence: l
shop_zone: Asia/Shanghai
events:
  files: log.csv
  format: csv
  id: [user, item, time]
  fields:
    user_id: user
    product_id: item
    event_type: {column: kind, map: {pv: view, buy: purchase, fav: favourite, cart: cart}}
    event_time: {column: time, format: epoch_s}
"""


def declared(tmp_path, monkeypatch, text) -> Settings:
    """A night of the source `shop`, declared by the text of its mapping; its landing folder is empty yet."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "shop.yaml").write_text(text, encoding="utf-8")
    source = spec.load("shop", tmp_path / "conf")
    monkeypatch.setattr(collect, "load", lambda name: source)
    (tmp_path / "landing").mkdir()
    return Settings(DS, DS, str(tmp_path / "wh"), "shop", str(tmp_path / "landing"), "test")


def test_a_csv_of_any_days_gives_each_record_its_day_and_refuses_unknown_codes(spark, tmp_path, monkeypatch):
    s = declared(tmp_path, monkeypatch, CSV_SOURCE)
    rows = ["user,item,kind,time,注", "1,10,pv,1483351200,好", "1,10,buy,1483351260,", "2,11,steal,1483351200,",
            "3,12,pv,1483437600,"]  # fmt: skip
    (tmp_path / "landing" / "log.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert "rows_in 4, loaded 3, duplicates 0, quarantined 1, outside 0" in collect.run(spark, s)
    assert delta.read(spark, s.warehouse, QUARANTINE).first()["reason"] == "unknown_event_type: steal"
    rows = delta.read(spark, s.warehouse, BRONZE_EVENTS).orderBy("event_time").collect()
    assert [row["event_type"] for row in rows] == ["view", "purchase", "view"]
    assert [row["landed_ds"] for row in rows] == [DS, DS, date(2017, 1, 3)]  # the last one waits for its night
    assert rows[0]["attributes"] == {"注": "好"}


def test_a_file_is_known_by_its_name_whatever_is_in_it(spark, tmp_path, night):
    """Spaces, signs that a URL escapes, signs that a glob means: each file keeps its name and its day."""
    names = ["a b.jsonl.gz", "c%20+ü[1].jsonl.gz", "订单{2}.jsonl.gz"]
    for k, name in enumerate(names):
        land(tmp_path / "landing", [LINE | {"basket_id": k}], name=name)
    land(tmp_path / "landing", [LINE], name=".half.jsonl.gz")
    collect.run(spark, night)
    rows = delta.read(spark, night.warehouse, BRONZE_EVENTS).select("source_file", "landed_ds").collect()
    assert {(row["source_file"], row["landed_ds"]) for row in rows} == {
        (f"transactions/2017-01-02/{name}", DS) for name in names
    }


def test_a_new_column_is_a_warning_with_its_name_and_is_kept(spark, tmp_path, night, capsys):
    land(tmp_path / "landing", [LINE])
    collect.run(spark, night)
    next_day = replace(night, ds=date(2017, 1, 3), since=date(2017, 1, 3))
    later = LINE | {"basket_id": 9, "transaction_timestamp": "2017-01-03T09:00:00Z", "channel": "app"}
    land(tmp_path / "landing", [later], day="2017-01-03")
    for again in (False, True):  # a second run of the same day says the same
        collect.run(spark, replace(next_day, again=again))
        assert "warning: events: new columns channel, kept in attributes" in capsys.readouterr().out
    result = delta.read(spark, night.warehouse, QUALITY_RESULTS).where("ds = DATE'2017-01-03'").collect()
    assert [(r["table"], r["severity"], r["success"], r["observed"]) for r in result] == [
        ("landing.complete_journey.events", "warning", False, "new: channel")
    ]
    kept = delta.read(spark, night.warehouse, BRONZE_EVENTS).where("ds = DATE'2017-01-03'").first()
    assert kept["attributes"]["channel"] == "app"


def test_a_retyped_column_stops_the_load_with_its_name(spark, tmp_path, night):
    bad = [LINE | {"basket_id": k, "quantity": "two" if k else 2} for k in range(drift.RETYPED_FROM)]
    land(tmp_path / "landing", bad)
    with pytest.raises(DataError, match=r"column 'quantity' to hold whole numbers .* 19 of 20 records"):
        collect.run(spark, night)
    assert not delta.exists(night.warehouse, BRONZE_EVENTS)
    assert not delta.exists(night.warehouse, QUARANTINE)


PII_SOURCE = """
name: shop
title: t
origin: o
licence: l
events:
  files: "*.jsonl"
  id: [id]
  pii: {user.email: hash, phone: hash, card: drop}
  fields:
    user_id: user.email
    event_time: {column: time, format: epoch_s}
    event_type: {constant: view}
    session_id: phone
"""


def test_personal_data_are_hashed_or_dropped_before_anything_is_written(spark, tmp_path, monkeypatch):
    s = declared(tmp_path, monkeypatch, PII_SOURCE)
    good = {
        "id": 1,
        "phone": "555-1234",
        "card": "4111-1111-2222",
        "user": {"email": "li@shop.cn", "city": "杭州"},
        "time": 1483351200,
        "page": "/a",
    }
    lines = [json.dumps(good), json.dumps(good | {"id": 2, "time": "soon"}), '{"phone": "555-1234", broken']
    (tmp_path / "landing" / "log.jsonl").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.delenv("HUAXIANG_PII_KEY", raising=False)
    with pytest.raises(UsageError, match="HUAXIANG_PII_KEY"):
        collect.run(spark, s)

    secret = "a key of a shop, long enough"
    monkeypatch.setenv("HUAXIANG_PII_KEY", secret)
    assert "rows_in 3, loaded 1, duplicates 0, quarantined 2" in collect.run(spark, s)
    row = delta.read(spark, s.warehouse, BRONZE_EVENTS).first()
    assert row["user_id"] == hmac.new(secret.encode(), b"li@shop.cn", "sha256").hexdigest()
    assert row["session_id"] == hmac.new(secret.encode(), b"555-1234", "sha256").hexdigest()
    assert row["attributes"] == {"page": "/a", "user": '{"city":"杭州"}'}
    written = b"".join(
        pq.read_table(path).to_pandas().to_csv().encode() for path in (tmp_path / "wh").rglob("*.parquet")
    )
    assert hmac.new(secret.encode(), b"li@shop.cn", "sha256").hexdigest().encode() in written
    for value in (b"li@shop.cn", b"4111-1111", b"555-1234"):
        assert value not in written


def test_a_field_of_a_nested_object_is_a_column(spark, tmp_path, monkeypatch):
    text = PII_SOURCE.replace("  pii: {user.email: hash, phone: hash, card: drop}\n", "")
    s = declared(tmp_path, monkeypatch, text)
    line = {"id": 1, "phone": "p", "user": {"email": "li@shop.cn", "city": "杭州"}, "time": 1483351200}
    (tmp_path / "landing" / "log.jsonl").write_text(json.dumps(line, ensure_ascii=False), encoding="utf-8")
    collect.run(spark, s)
    row = delta.read(spark, s.warehouse, BRONZE_EVENTS).first()
    assert row["user_id"] == "li@shop.cn"
    assert json.loads(row["attributes"]["user"])["city"] == "杭州"


def test_a_file_that_is_not_whole_is_left_for_the_next_run(tmp_path, monkeypatch, capsys):
    feed = spec.load("complete_journey").events
    for name in ("a.jsonl.gz", "b.jsonl.gz", "c.jsonl.gz.part", "d.jsonl.gz.tmp", ".e.jsonl.gz"):
        land(tmp_path, [LINE], name=name)
    growing = tmp_path / "transactions" / "2017-01-02" / "b.jsonl.gz"
    monkeypatch.setattr(landing.time, "sleep", lambda _: growing.write_bytes(growing.read_bytes() + b"more"))
    found = landing.list_files(str(tmp_path), feed, DS, DS)
    assert [file.name for file in found] == ["transactions/2017-01-02/a.jsonl.gz"]
    assert "b.jsonl.gz" in capsys.readouterr().err
