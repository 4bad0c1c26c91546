"""clean: each rule on small frames, with a null and an edge row."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from jobs import clean
from jobs.cleaning import Titles
from jobs.tables import SILVER_PRODUCTS, SILVER_USERS
from tests.jobs.frames import at, bronze


def by_id(frame):
    return {row["event_id"]: row for row in frame.collect()}


def test_quantity_amount_and_price_are_made_whole(spark):
    rows = by_id(clean.correct(bronze(
        spark,
        {"event_id": "plain", "quantity": 2, "amount": Decimal("4.00"), "discount": Decimal("1.00")},
        {"event_id": "null", "quantity": None, "discount": None},
        {"event_id": "zero pieces for money", "quantity": 0, "amount": Decimal("3.00")},
        {"event_id": "coupon", "quantity": 0, "amount": Decimal("0.00")},
        {"event_id": "cancelled", "quantity": -3, "amount": Decimal("-9.00"), "discount": None},
        {"event_id": "by price", "amount": None, "price": Decimal("1.2500"), "quantity": 4, "discount": None},
        {"event_id": "view", "event_type": "view", "quantity": None, "amount": None, "discount": None},
    )))  # fmt: skip
    assert (rows["plain"]["list_amount"], rows["plain"]["price"]) == (Decimal("5.00"), Decimal("2.5000"))
    assert (rows["null"]["quantity"], rows["null"]["discount"]) == (1, Decimal("0.00"))
    assert rows["zero pieces for money"]["quantity"] == 1
    assert rows["coupon"]["reason"].startswith("nothing_bought")
    assert (rows["cancelled"]["event_type"], rows["cancelled"]["amount"]) == ("refund", Decimal("9.00"))
    assert rows["cancelled"]["quantity"] == 3
    assert rows["by price"]["amount"] == Decimal("5.00")
    assert (rows["view"]["amount"], rows["view"]["quantity"], rows["view"]["reason"]) == (None, None, None)
    assert sum(row["reason"] is not None for row in rows.values()) == 1


def test_a_session_ends_after_thirty_minutes_of_silence_and_at_midnight(spark):
    rows = by_id(clean.sessionise(bronze(
        spark,
        {"event_id": "a", "event_time": at("2017-06-01 10:00")},
        {"event_id": "b", "event_time": at("2017-06-01 10:30")},
        {"event_id": "c", "event_time": at("2017-06-01 11:00:01")},
        {"event_id": "d", "event_time": at("2017-06-02 00:01"), "ds": date(2017, 6, 2)},
        {"event_id": "e", "event_time": at("2017-06-01 10:10"), "user_id": "u2"},
        {"event_id": "f", "event_time": at("2017-06-01 10:20"), "session_id": "own"},
    )))  # fmt: skip
    assert rows["a"]["session_id"] == rows["b"]["session_id"] == f"u1@{int(at('2017-06-01 10:00').timestamp())}"
    assert rows["f"]["session_id"] == "own"
    assert len({rows[k]["session_id"] for k in "acdef"}) == 5


def test_the_clock_is_the_shops(spark):
    frame = bronze(spark, {"event_id": "a", "event_time": at("2017-06-05 02:00")}, {"event_id": "b", "source": "other"})
    rows = by_id(clean.local_clock(frame, {"shop": "America/New_York", "other": "Asia/Shanghai"}))
    assert (rows["a"]["local_hour"], rows["a"]["local_weekday"]) == (22, 7)
    assert rows["b"]["local_hour"] == 20


def record(spark, *rows):
    ddl = "id string, attributes map<string,string>, landed_ds date, source_file string"
    return spark.createDataFrame(list(rows), ddl)


def test_the_newest_record_and_the_newest_price_win_in_any_order(spark):
    records = record(
        spark,
        ("p1", {"title": "old", "category_path": '["A","B","C"]'}, date(2017, 1, 1), "f"),
        ("p1", {"title": "new", "category_path": '["A"]', "size": "XL"}, date(2017, 2, 1), "f"),
        ("p3", {}, date(2017, 1, 1), "f"),
    )
    empty = spark.createDataFrame([], SILVER_PRODUCTS.ddl)
    facts = clean.described(clean.product_facts(records), empty, Titles(brand_products=1))
    early = bronze(spark, {"price": Decimal("1.0000"), "event_time": at("2017-06-01 10:00")})
    later = bronze(
        spark,
        {"price": Decimal("2.0000"), "event_time": at("2017-06-02 10:00")},
        {"price": None, "event_time": at("2017-06-03 10:00")},
        {"price": Decimal("9.0000"), "product_id": "p2"},
        {"price": Decimal("8.0000"), "event_type": "refund", "event_time": at("2017-06-04 10:00")},
    )
    forward = clean.current_products(facts, clean.current_products(facts, empty, early), later)
    backward = clean.current_products(facts, clean.current_products(facts, empty, later), early)
    rows = {row["product_id"]: row for row in forward.collect()}
    assert rows == {row["product_id"]: row for row in backward.collect()}
    assert (rows["p1"]["title"], rows["p1"]["usual_price"]) == ("new", Decimal("2.0000"))
    assert (rows["p1"]["category"], rows["p1"]["department"], rows["p1"]["attributes"]) == ("A", "A", {"size": "XL"})
    assert (rows["p1"]["title_tokens"], rows["p1"]["brand_source"]) == (["new"], None)
    assert (rows["p2"]["has_record"], rows["p2"]["category"]) == (False, None)
    assert rows["p3"]["title"] is None


def test_users_are_those_with_a_record_or_an_event(spark):
    records = record(
        spark, ("u1", {"age_band": "45-54", "kids": "2", "marketing_consent": "yes"}, date(2017, 1, 1), "f")
    )
    previous = spark.createDataFrame([], SILVER_USERS.ddl)
    first = clean.current_users(records, previous, bronze(spark, {"user_id": "u2"}))
    again = clean.current_users(records, first, bronze(spark, {"user_id": "u2", "ds": date(2017, 5, 1)}))
    rows = {row["user_id"]: row for row in again.collect()}
    assert (rows["u1"]["age_band"], rows["u1"]["attributes"], rows["u1"]["first_seen_ds"]) == (
        "45-54",
        {"kids": "2"},
        None,
    )
    assert rows["u1"]["marketing_consent"] is True
    assert (rows["u2"]["first_seen_ds"], rows["u2"]["has_record"]) == (date(2017, 5, 1), False)
