"""amounts: each rule on small frames, with a null and an edge row."""

from __future__ import annotations

from decimal import Decimal

from jobs.clean import amounts
from tests.jobs.frames import bronze


def by_id(frame):
    return {row["event_id"]: row for row in frame.collect()}


def test_quantity_amount_and_price_are_made_whole(spark):
    rows = by_id(amounts.correct(bronze(
        spark,
        {"event_id": "plain", "quantity": 2, "amount": Decimal("4.00"), "discount": Decimal("1.00")},
        {"event_id": "null", "quantity": None, "discount": None},
        {"event_id": "zero pieces for money", "quantity": 0, "amount": Decimal("3.00")},
        {"event_id": "coupon", "quantity": 0, "amount": Decimal("0.00")},
        {"event_id": "cancelled", "quantity": -3, "amount": Decimal("-9.00"), "discount": None},
        {"event_id": "by price", "amount": None, "price": Decimal("1.2500"), "quantity": 4, "discount": None},
        {"event_id": "unpriced", "amount": None, "price": None, "discount": None},
        {"event_id": "view", "event_type": "view", "quantity": None, "amount": None, "discount": None},
    )))  # fmt: skip
    assert (rows["plain"]["list_amount"], rows["plain"]["price"]) == (Decimal("5.00"), Decimal("2.5000"))
    assert (rows["null"]["quantity"], rows["null"]["discount"]) == (1, Decimal("0.00"))
    assert rows["zero pieces for money"]["quantity"] == 1
    assert rows["coupon"]["reason"].startswith("nothing_bought")
    assert (rows["cancelled"]["event_type"], rows["cancelled"]["amount"]) == ("refund", Decimal("9.00"))
    assert rows["cancelled"]["quantity"] == 3
    assert rows["by price"]["amount"] == Decimal("5.00")
    assert (rows["unpriced"]["amount"], rows["unpriced"]["price"], rows["unpriced"]["reason"]) == (0, None, None)
    assert (rows["view"]["amount"], rows["view"]["quantity"], rows["view"]["reason"]) == (None, None, None)
    assert sum(row["reason"] is not None for row in rows.values()) == 1


def test_discounts_have_no_sign_and_take_off_no_more_than_there_was(spark):
    none = {"amount": None, "discount": None, "quantity": 1}
    rows = by_id(amounts.correct(bronze(
        spark,
        {"event_id": "negative", "quantity": 2, "amount": Decimal("1.98"), "discount": Decimal("-1.00"), "price": None},
        {"event_id": "too much", **none, "price": Decimal("5.0000"), "discount": Decimal("8.00")},
        {"event_id": "negative, computed", **none, "price": Decimal("5.0000"), "discount": Decimal("-2.00")},
        {"event_id": "list price below 0", **none, "price": Decimal("-5.0000"), "amount": Decimal("3.00")},
        {"event_id": "list price below 0 alone", **none, "price": Decimal("-5.0000")},
    )))  # fmt: skip
    money = {name: (row["amount"], row["discount"], row["list_amount"], row["price"]) for name, row in rows.items()}
    assert money["negative"] == (Decimal("1.98"), Decimal("1.00"), Decimal("2.98"), Decimal("1.4900"))
    assert money["too much"] == (Decimal("0.00"), Decimal("5.00"), Decimal("5.00"), Decimal("5.0000"))
    assert money["negative, computed"] == (Decimal("3.00"), Decimal("2.00"), Decimal("5.00"), Decimal("5.0000"))
    assert money["list price below 0"] == (Decimal("3.00"), Decimal("0.00"), Decimal("3.00"), Decimal("3.0000"))
    assert {name for name, row in rows.items() if row["reason"]} == {"list price below 0 alone"}
