"""What a mapping says of whole records, through loads of one made-up shop: which are taken, filled in, numbered, told
twice; whose money is in another currency; and what is doubtful about them.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from jobs.collect import release
from jobs.collect import run as collect
from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources import spec
from jobs.tables import BRONZE_EVENTS, LOADS, QUARANTINE

DS = date(2026, 6, 30)
SOURCE = """
name: shop
title: t
origin: o
licence: l
shop_opened: "2026-01-01"
events:
  files: orders.csv
  format: csv
  id: [order, sku]
  fill_down: {order: [status, customer, mail]}
  ignore: {status: [voided, test]}
  number_equal: true
  currency: {column: currency, rates: {EUR: 1, JPY: 0.005}}
  "null": {customer: ["0"]}
  lower: [mail]
  fields:
    user_id: {first: [customer, mail]}
    event_time: {column: [day, time]}
    event_type: {column: status, map: {paid: purchase, refunded: purchase}}
    product_id: sku
    quantity: pieces
    price: {column: price, sign: ["€"]}
    discount: cut
    session_id: {column: [store, order]}
more_events:
  refunds:
    files: orders.csv
    format: csv
    id: [order, sku]
    ignore: {back: ["", "0"]}
    "null": {customer: ["0"]}
    lower: [mail]
    fill_down: {order: [customer, mail]}
    fields:
      user_id: {first: [customer, mail]}
      event_time: {column: [day, time]}
      event_type: {constant: refund}
      product_id: sku
      amount: back
"""
ROWS = """order,sku,customer,mail,day,time,status,pieces,price,cut,currency,store,back
1,A,7,,2026-06-10,10:00,paid,2,€ 5,,EUR,s1,
1,B,,,2026-06-10,10:00,,1,3.00,,EUR,s1,
1,B,,,2026-06-10,10:00,,1,3.00,,EUR,s1,
2,A,0,Ann@x.example ,2026-06-10,11:00,refunded,0.735,8.00,-1,eur,s-1,4.88
3,A,0,ann@X.example,2026-06-10,12:00,paid,1,1000,,JPY,s1,
4,A,9,,,13:00,voided,1,1000,,JPY,s1,
5,A,9,,2026-06-10,13:00,paid,1,12.5,,CHF,s1,
6,A,9,,2026-06-10,13:00,paid,4006381333931,1.00,,EUR,s1,
7,A,nan,,2026-06-10,13:00,paid,1,"1,50",,EUR,s1,
"""


@pytest.fixture
def shop(spark, tmp_path, monkeypatch):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "shop.yaml").write_text(SOURCE, encoding="utf-8")
    source = spec.load("shop", tmp_path / "conf")
    for module in (collect, release):
        monkeypatch.setattr(module, "load", lambda _: source)
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "orders.csv").write_text(ROWS, encoding="utf-8")
    return Settings(DS, date(2026, 6, 1), str(tmp_path / "wh"), "shop", str(tmp_path / "landing"), "test")


def test_records_are_taken_filled_numbered_and_told_twice(spark, shop, capsys):
    said = collect.run(spark, shop)
    assert "events: rows_in 9, loaded 5, duplicates 0, quarantined 3, outside 0, ignored 1, late 0, doubtful 1" in said
    assert "events [refunds]: rows_in 9, loaded 1, duplicates 0, quarantined 0, outside 0, ignored 8" in said
    assert 'numbers have a decimal comma, which `decimal: ","` reads' in capsys.readouterr().out

    rows = {row["event_id"]: row for row in delta.read(spark, shop.warehouse, BRONZE_EVENTS).collect()}
    assert set(rows) == {"1-A", "1-B", "1-B-2", "2-A", "3-A", "refunds:2-A"}
    assert {rows[name]["user_id"] for name in ("1-A", "1-B", "1-B-2")} == {"7"}
    assert {rows[name]["user_id"] for name in ("2-A", "3-A", "refunds:2-A")} == {"ann@x.example"}
    assert [rows[name]["price"] for name in ("1-A", "3-A")] == [Decimal("5.0000"), Decimal("5.0000")]
    weighed = rows["2-A"]  # 0.735 kg at 8.00, 1.00 off
    assert (weighed["quantity"], weighed["price"], weighed["amount"]) == (1, None, Decimal("4.88"))
    assert (weighed["attributes"]["pieces"], weighed["attributes"]["price"]) == ("0.735", "8.00")
    assert weighed["session_id"] == "s\\-1-2"
    assert (rows["refunds:2-A"]["event_type"], rows["refunds:2-A"]["amount"]) == ("refund", Decimal("4.88"))
    assert rows["3-A"]["attributes"]["currency"] == "JPY"

    reasons = sorted(row["reason"] for row in delta.read(spark, shop.warehouse, QUARANTINE).collect())
    assert reasons == [
        "bad_count: quantity from column pieces is 4006381333931",
        "bad_money: price from column price is 1,50",
        "other_currency: CHF, expected EUR, JPY",
    ]
    for entry in delta.rows(shop.warehouse, LOADS, "kind = 'events'"):
        parts = ("loaded", "duplicates", "quarantined", "outside", "ignored")
        assert entry["rows_in"] == sum(entry[name] for name in parts)
    assert collect.run(spark, shop).count("nothing new, every file is loaded") == 2
    said = release.run(spark, shop)
    assert "0 released, 0 were there already, 3 stay (1 bad_count: quantity from column pieces is 4006381333931" in said
    assert "other_currency: CHF, expected EUR, JPY); events: 0 released" in said


USERS = """uid,consent
1,subscribed
2,opted-out
3,whatever
4,
"""


def test_a_word_of_consent_that_is_none_is_counted(spark, shop, tmp_path, monkeypatch, capsys):
    users = "users: {files: users.csv, format: csv, id: [uid], fields: {marketing_consent: consent}}\n"
    (tmp_path / "conf" / "shop.yaml").write_text(SOURCE + users, encoding="utf-8")
    source = spec.load("shop", tmp_path / "conf").model_copy(update={"more_events": {}})
    monkeypatch.setattr(collect, "load", lambda _: source)
    (tmp_path / "landing" / "orders.csv").write_text("\n".join(ROWS.splitlines()[:2]) + "\n", encoding="utf-8")
    (tmp_path / "landing" / "users.csv").write_text(USERS, encoding="utf-8")
    assert "users: rows_in 4, loaded 4, duplicates 0, quarantined 0, outside 0, late 0, doubtful 1" in collect.run(
        spark, shop
    )
    assert "users: 1 records: marketing_consent is whatever, which counts as no" in capsys.readouterr().out
