"""The current users and products: the newest record counts, whatever order it came in."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import permutations

from jobs.clean import dimensions
from jobs.clean import rules as cleaning
from jobs.tables import SILVER_PRODUCTS, SILVER_USERS
from tests.jobs.frames import at, bronze


def record(spark, *rows):
    ddl = "id string, attributes map<string,string>, landed_ds date, source_file string, file_ds date, version string"
    return spark.createDataFrame([(*row, None, None)[:6] for row in rows], ddl)


def test_the_newest_record_and_the_newest_price_win_in_any_order(spark):
    records = record(
        spark,
        ("p1", {"title": "old", "category_path": '["A","B","C"]'}, date(2017, 1, 1), "f"),
        ("p1", {"title": "new", "category_path": '["A"]', "size": "XL"}, date(2017, 2, 1), "f"),
        ("p3", {}, date(2017, 1, 1), "f"),
    )
    empty, rules = spark.createDataFrame([], SILVER_PRODUCTS.ddl), cleaning.load_rules().titles
    read = dimensions.product_facts(records)
    facts = dimensions.described(read, empty, rules)
    early = bronze(spark, {"price": Decimal("1.0000"), "event_time": at("2017-06-01 10:00")})
    later = bronze(
        spark,
        {"price": Decimal("2.0000"), "event_time": at("2017-06-02 10:00")},
        {"price": Decimal("1.5000"), "event_time": at("2017-06-02 10:00")},
        {"price": None, "event_time": at("2017-06-03 10:00")},
        {"price": None, "product_id": "p4"},
        {"price": Decimal("9.0000"), "product_id": "p2"},
        {"price": Decimal("8.0000"), "event_type": "refund", "event_time": at("2017-06-04 10:00")},
    )
    forward = dimensions.current_products(facts, dimensions.current_products(facts, empty, early), later)
    backward = dimensions.current_products(facts, dimensions.current_products(facts, empty, later), early)
    rows = {row["product_id"]: row for row in forward.collect()}
    assert rows == {row["product_id"]: row for row in backward.collect()}
    assert (rows["p1"]["title"], rows["p1"]["usual_price"]) == ("new", Decimal("2.0000"))
    assert (rows["p1"]["category"], rows["p1"]["department"], rows["p1"]["attributes"]) == ("A", "A", {"size": "XL"})
    assert (rows["p2"]["has_record"], rows["p2"]["category"]) == (False, None)
    assert rows["p3"]["title"] is None
    assert (rows["p4"]["usual_price"], rows["p4"]["price_seen_at"], rows["p4"]["has_record"]) == (None, None, False)
    first, newest = (rows["p1"][name] for name in ("first_record_ds", "record_landed_ds"))
    assert (first, newest, rows["p2"]["first_record_ds"]) == (date(2017, 1, 1), date(2017, 2, 1), None)

    # A night reads its own records only: the newer of them and of what stood there, in any order.
    old, new = (dimensions.product_facts(records.where(f"landed_ds {side} DATE'2017-01-15'")) for side in ("<", ">"))
    ends = []
    for one, two in ((old, new), (new, old)):
        stood = dimensions.current_products(dimensions.described(one, empty, rules), empty, early)
        ends.append(dimensions.newer(two, stood, "product_id").orderBy("product_id").collect())
    assert ends[0] == ends[1] == read.orderBy("product_id").select(*ends[0][0].asDict()).collect()


def test_users_are_those_with_a_record_or_an_event(spark):
    records = record(
        spark, ("u1", {"age_band": "45-54", "kids": "2", "marketing_consent": "yes"}, date(2017, 1, 1), "f")
    )
    previous = spark.createDataFrame([], SILVER_USERS.ddl)
    records = dimensions.user_facts(records)
    first = dimensions.current_users(records, previous, bronze(spark, {"user_id": "u2"}))
    again = dimensions.current_users(records, first, bronze(spark, {"user_id": "u2", "ds": date(2017, 5, 1)}))
    rows = {row["user_id"]: row for row in again.collect()}
    assert (rows["u1"]["age_band"], rows["u1"]["attributes"], rows["u1"]["first_seen_ds"]) == (
        "45-54",
        {"kids": "2"},
        None,
    )
    assert rows["u1"]["marketing_consent"] is True
    assert (rows["u2"]["first_seen_ds"], rows["u2"]["has_record"]) == (date(2017, 5, 1), False)


def said(spark, *frames) -> dict:
    """By user, what is known of him after nights in this order."""
    stood = spark.createDataFrame([], SILVER_USERS.ddl)
    nobody = bronze(spark, {"user_id": "x"}).where("false")
    for frame in frames:
        facts = dimensions.newer_users(dimensions.user_facts(frame), stood)
        stood = spark.createDataFrame(dimensions.current_users(facts, stood, nobody).collect(), SILVER_USERS.ddl)
    return {row["user_id"]: row.asDict() for row in stood.collect()}


def test_each_field_is_what_the_newest_file_says_of_it_in_any_order(spark):
    """The third file is of the first day and came last; the second one lacks the column."""
    refused = record(spark, ("u1", {"marketing_consent": "no", "region": "A", "card": "gold"}, date(2024, 3, 2), "2"))
    silent = record(spark, ("u1", {"region": "B", "gender": "f", "kids": "2"}, date(2024, 3, 3), "3"))
    late = record(spark, ("u1", {"marketing_consent": "yes", "region": "C", "age_band": "30", "card": "silver",
                                 "kids": "1", "shoe": "39"}, date(2024, 3, 5), "1", date(2024, 3, 1)))  # fmt: skip
    known = [said(spark, *order)["u1"] for order in permutations((refused, silent, late))]
    first = known[0]
    assert all(one == first for one in known)
    assert said(spark, refused.unionByName(silent).unionByName(late))["u1"] == first
    assert [first[name] for name in ("marketing_consent", "region", "gender", "age_band")] == [False, "B", "f", "30"]
    assert (first["record_landed_ds"], first["record_file"]) == (date(2024, 3, 3), "3")
    assert dict(first["stated"]) == {
        "marketing_consent": "2024-03-02 2", "region": "2024-03-03 3", "gender": "2024-03-03 3",
        "age_band": "2024-03-01 1", "card": "2024-03-02 2", "shoe": "2024-03-01 1",
    }  # fmt: skip
    assert first["attributes"] == {"card": "gold", "kids": "2", "shoe": "39"}


def test_users_who_were_known_before_fields_had_dates_keep_what_was_said(spark):
    row = dict.fromkeys(SILVER_USERS.column_names) | {
        "user_id": "u1", "marketing_consent": False, "region": "A", "attributes": {}, "has_record": True,
        "record_landed_ds": date(2024, 3, 2), "record_file": "2",
    }  # fmt: skip
    stood = spark.createDataFrame([tuple(row.values())], SILVER_USERS.ddl)
    for day, region in ((1, "A"), (3, "B")):
        fresh = dimensions.user_facts(record(spark, ("u1", {"region": "B"}, date(2024, 3, day), "f")))
        (known,) = dimensions.newer_users(fresh, stood).collect()
        assert (known["marketing_consent"], known["region"]) == (False, region)
    for file, again in (("1", False), ("2", True)):
        came = record(spark, ("u1", {}, date(2024, 3, 2), file))
        assert dimensions.loaded_again(came, stood).isEmpty() != again
