"""outliers: what cannot be meant is drawn in, with the raw value kept; promotions, bulk and weighed goods are not."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from jobs.clean import outliers
from jobs.clean.rules import load_rules
from tests.jobs.frames import DAY, silver

RULES = load_rules().outliers
RAW = ("price_raw", "quantity_raw", "amount_raw")


def line(event_id, price, quantity=1, discount="0.00", **more):
    """A purchase line whose money is its price × quantity."""
    listed = (Decimal(price) * quantity).quantize(Decimal("0.01"))
    money = {"amount": listed - Decimal(discount), "discount": Decimal(discount), "list_amount": listed}
    return {"event_id": event_id, "price": Decimal(price), "quantity": quantity} | money | more


def shelf(product, price, lines=20, quantity=1, **more):
    return [line(f"{product}{k}", price, quantity, product_id=product, **more) for k in range(lines)]


def cleaned(spark, *snippets):
    frame = silver(spark, *snippets).drop(*RAW)
    found = outliers.winsorise(frame, frame, RULES)
    assert set(found.columns) == {*frame.columns, *RAW}
    return {row["event_id"]: row for row in found.collect()}


def changed(rows):
    return {key for key, row in rows.items() if any(row[raw] is not None for raw in RAW)}


def test_a_price_and_a_quantity_that_cannot_be_meant(spark):
    rows = cleaned(
        spark,
        *shelf("p1", "2.00"),  # all equal: the deviation is 0, the factors hold
        line("cents", "200.00", 3, "60.00"),
        line("dot", "0.02"),
        line("pieces", "2.00", 80995),
        line("given back", "2.00", 80995, event_type="refund"),
        line("viewed", "200.00", event_type="view", amount=None, list_amount=None),
        line("placeholder", "9999.00", amount=Decimal("2.00"), list_amount=Decimal("2.00")),
        line("half price", "1.00"),
        line("bulk", "2.00", 20),
        line("free", "0.00"),
    )
    assert changed(rows) == {"cents", "dot", "pieces", "given back", "placeholder"}
    cents = rows["cents"]  # 8 times 2.00; the discount was a tenth of the list price and stays so
    assert (cents["price"], cents["price_raw"], cents["quantity_raw"]) == (
        Decimal("16.0000"),
        Decimal("200.0000"),
        None,
    )
    assert (cents["list_amount"], cents["amount"], cents["discount"]) == (
        Decimal("48.00"), Decimal("43.20"), Decimal("4.80"),
    )  # fmt: skip
    assert cents["amount_raw"] == Decimal("540.00")
    assert (rows["dot"]["price"], rows["dot"]["amount"]) == (Decimal("0.2500"), Decimal("0.25"))
    for key in ("pieces", "given back"):
        assert (rows[key]["quantity"], rows[key]["quantity_raw"]) == (50, 80995)
        assert (rows[key]["amount"], rows[key]["amount_raw"]) == (Decimal("100.00"), Decimal("161990.00"))
        assert rows[key]["price_raw"] is None
    # Its money did not come from its price, so its money stays.
    assert (rows["placeholder"]["price"], rows["placeholder"]["amount"], rows["placeholder"]["amount_raw"]) == (
        Decimal("16.0000"), Decimal("2.00"), None,
    )  # fmt: skip


def tills(count, category="BEEF"):
    """Lines of as many products at 2 to 6."""
    return [line(f"t{k}", f"{2 + k % 5}.00", product_id=f"t{k}", category=category) for k in range(count)]


def test_bounds_are_as_wide_as_the_products_day_or_its_categorys(spark):
    wide = [line(f"w{k}", str(2 ** (k % 7))) for k in range(28)]  # 1 to 64: 6 deviations are more than the factor 8
    fuel = [line(f"fuel{k}", "0.0025", 9000 + 600 * k, product_id="fuel") for k in range(19)]
    enough = line("fuel19", "0.0025", 9000, product_id="fuel")
    rare = line("rare", "400.00", product_id="rare")
    days = {
        "a wide price": ([*wide, line("dear", "500.00")], set()),
        "a shelf price": ([*shelf("p1", "8.00", 28), line("dear", "500.00")], {"dear"}),
        "weighed goods among others": ([*fuel, *tills(60)], set()),
        "weighed goods at a hundredfold": (
            [*fuel, enough, line("wrong", "0.2500", 9000, product_id="fuel"), *tills(60)], {"wrong"}),
        "few pieces of what is sold by the gram": (
            [*fuel, enough, line("card", "280.00", 3, product_id="fuel")], {"card"}),
        "few lines of a product": ([*tills(50), rare, rare | {"event_id": "other", "category": None}], {"rare"}),
        "few lines of a category": ([*tills(40), rare], set()),
        "no category": ([*tills(50, None), rare | {"category": None}], {"rare"}),
    }  # fmt: skip
    dated = {name: DAY + timedelta(days=k) for k, name in enumerate(days)}
    rows = [
        row | {"event_id": f"{name}:{row['event_id']}", "ds": dated[name], "landed_ds": dated[name]}
        for name, (lines, _) in days.items() for row in lines
    ]  # fmt: skip
    found = cleaned(spark, *rows)
    assert changed(found) == {f"{name}:{key}" for name, (_, keys) in days.items() for key in keys}
    # Drawn in to the money of a line that is still usual, not to 3 grams.
    card = found["few pieces of what is sold by the gram:card"]
    assert Decimal(200) < card["amount"] < card["amount_raw"] == Decimal("840.00")


def test_a_late_record_changes_no_other_and_is_drawn_in_itself(spark):
    on_time = [*shelf("p1", "2.00", 21), line("edge", "15.00")]
    late = [line(f"late{k}", "300.00", landed_ds=date(2017, 6, 3)) for k in range(40)]
    alone, with_late = cleaned(spark, *on_time), cleaned(spark, *reversed(late), *on_time)
    assert {key: with_late[key] for key in alone} == alone
    assert changed(with_late) == {row["event_id"] for row in late}
