"""The mappings of docs/datasets.md, each with rows as its publisher writes them, at the edges of that data set.

A DuckDB statement of the page runs as it stands there.
"""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from jobs.sources import spec
from jobs.tables import BRONZE_EVENTS, BRONZE_PRODUCTS, BRONZE_USERS, QUARANTINE, SILVER_EVENTS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "datasets.md"
SHIPPED = sorted(path.stem for path in (spec.CONF / "sources").glob("*.yaml"))


def join_tables(landing: Path, made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the statement of the page that writes the file `made`, in the folder of the files."""
    statements = re.findall(r"<<'SQL'\n(.*?)\nSQL\n", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (statement,) = [text for text in statements if f"TO '{made}'" in text]
    monkeypatch.chdir(landing)
    duckdb.connect().execute(statement)


def test_the_pages_name_every_shipped_mapping():
    """With its command; the demo and the made-up shop have others."""
    commands = re.findall(r"^\| `([a-z]\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(commands) == sorted(set(SHIPPED) - {"complete_journey", "simulate"})
    shown = re.findall(r"^\| `(\w+)` \|", (PAGE.parent / "mapping.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(SHIPPED) <= set(shown)


def ga4(name: str, seconds: int, items: list, *, user: str | None = "g.1", **more) -> str:
    """An event as BigQuery writes it: 64-bit numbers as texts, parameters as a list, no key where nothing is known."""
    session = {"key": "ga_session_id", "value": {"int_value": "777"}}
    texts = more.pop("params", {}).items()
    params = [session, *({"key": key, "value": {"string_value": value}} for key, value in texts)]
    event = {"event_date": "20210105", "event_timestamp": str(1609876800000000 + seconds * 1_000_000),
             "event_name": name, "event_bundle_sequence_id": "1", "event_params": params, "items": items,
             "geo": {"country": "Japan"}}  # fmt: skip
    return json.dumps(event | ({"user_pseudo_id": user} if user else {}) | more)


def test_ga4_takes_items_searches_and_refunds_of_whole_orders(shop):
    tea = {"item_id": "TEA", "item_name": "Tea", "item_brand": "(not set)", "item_category": "Food",
           "item_category2": "Drinks", "price": 4.5, "quantity": 1}  # fmt: skip
    mug = {"item_id": "(not set)", "item_name": "Mug", "price": 20, "quantity": 1, "item_revenue": 20.0}
    shop.put("events_20210105-000000000000.json", "\n".join([
        ga4("page_view", 0, []),
        ga4("view_item", 1, [tea]),
        ga4("view_item", 1, [tea], user=None),
        ga4("search", 2, [], params={"search_term": "green tea"}),
        ga4("purchase", 3, [tea | {"quantity": 2, "item_revenue": 8.1}, mug], user_id="ann"),
        ga4("refund", 4, [], user_id="ann", ecommerce={"transaction_id": "T1", "refund_value": 28.1}),
        ga4("refund", 5, [tea | {"item_refund": 4.05}], user_id="ann"),
    ]))  # fmt: skip
    shop.put("events_intraday_20210105.json", ga4("view_item", 9, [tea]))
    said = shop("ga4_bigquery", "2021-01-05", "2021-01-05")
    assert "events: rows_in 8, loaded 4, duplicates 0, quarantined 0, outside 0, ignored 4" in said
    assert "events [without_items]: rows_in 7, loaded 2, duplicates 0, quarantined 0, outside 0, ignored 5" in said
    rows = shop.rows(BRONZE_EVENTS, "event_time", "event_id")
    assert [(row["user_id"], row["event_type"], row["product_id"], row["amount"]) for row in rows] == [
        ("g.1", "view", "TEA", None),
        ("g.1", "search", None, None),
        ("ann", "purchase", None, Decimal("20.0000")),
        ("ann", "purchase", "TEA", Decimal("8.1000")),
        ("ann", "refund", None, Decimal("28.1000")),
        ("ann", "refund", "TEA", Decimal("4.0500")),
    ]
    assert {row["session_id"] for row in rows} == {"g.1-777"}
    assert (rows[1]["query"], rows[0]["event_time"]) == ("green tea", "2021-01-05 20:00:01")
    (product,) = shop.rows(BRONZE_PRODUCTS)
    assert json.loads(product["attributes"]["category_path"]) == ["Food", "Drinks"]
    assert "brand" not in product["attributes"]


ORDERS = """\
Name,Email,Financial Status,Currency,Discount Amount,Created at,Lineitem quantity,Lineitem name,Lineitem price,\
Lineitem sku,Billing Name,Billing Country,Cancelled at,Refunded Amount,Vendor,Id,Lineitem discount,Phone
#1001,Ann@x.example,paid,EUR,5.00,2026-06-10 00:30:26 +0200,2,Tea,20.00,TEA-1,Ann A,DE,,0.00,Teas,55501,0.00,
#1001,Ann@x.example,,,,2026-06-10 00:30:26 +0200,1,Mug - Blue,25.00,,,,,,Pots,,0.00,
#1001,Ann@x.example,,,,2026-06-10 00:30:26 +0200,1,Mug - Blue,25.00,,,,,,Pots,,0.00,
#1002,ann@x.example,refunded,EUR,0.00,2026-06-10 10:50:26 +0200,1,Pot,30.00,POT-1,Ann A,DE,\
2026-06-12 08:00:00 +0200,30.00,Pots,55502,0.00,
#1003,bo@x.example,voided,EUR,0.00,2026-06-10 11:50:26 +0200,1,Cup,12.00,CUP-1,Bo B,DE,,0.00,Pots,55503,0.00,
#1003,bo@x.example,,,,2026-06-10 11:50:26 +0200,1,Tea,20.00,TEA-1,,,,,Teas,,0.00,
#1004,,pending,EUR,0.00,2026-06-10 12:00:00 +0200,1,Tea,20.00,TEA-1,Cy C,DE,,0.00,Teas,55504,0.00,+49 30 1
#1005,,paid,EUR,0.00,2026-06-10 12:10:00 +0200,1,Tea,20.00,TEA-1,,,,0.00,Teas,55505,0.00,
"""
CUSTOMERS = """\
Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Address1,\
Default Address Country Code,Phone
'1,Ann,A,ann@X.example,no,1 Lane,DE,'+49
'2,Cy,C,,yes,2 Lane,DE,'+49301
"""


def test_shopify_fills_orders_down_and_knows_refunds_guests_and_cash_on_delivery(shop, monkeypatch):
    monkeypatch.setenv("HUAXIANG_PII_KEY", "a key of more than 16 characters")
    shop.put("orders_export_1.csv", ORDERS)
    shop.put("customers_export.csv", CUSTOMERS)
    said = shop("shopify_orders", "2026-06-01", "2026-06-30")
    assert "events: rows_in 8, loaded 5, duplicates 0, quarantined 1, outside 0, ignored 2" in said
    assert "events [refunds]: rows_in 8, loaded 1, duplicates 0, quarantined 0, outside 0, ignored 7" in said
    assert [row["reason"] for row in shop.rows(QUARANTINE, "kind")] == ["missing_user_id"]
    shop.clean()
    rows = {row["event_id"].partition(":")[2]: row for row in shop.rows(SILVER_EVENTS)}
    of_order = [row["amount"] for name, row in rows.items() if name.startswith("#1001")]
    assert sum(of_order) == Decimal("85.00")  # as its total says, 5.00 off once
    mugs = [row for row in rows.values() if row["product_id"] == "Mug - Blue"]
    assert [(row["quantity"], row["amount"]) for row in mugs] == [(1, Decimal("25.00"))] * 2
    refund = rows["refunds:#1002"]
    assert (refund["event_type"], refund["amount"], refund["ds"]) == ("refund", Decimal("30.00"), date(2026, 6, 12))
    assert len({row["user_id"] for row in rows.values()}) == 2  # Ann in any case, and the guest by phone
    written = (BRONZE_EVENTS, BRONZE_USERS, BRONZE_PRODUCTS, QUARANTINE)
    everything = str([shop.rows(table, "source") for table in written])
    assert not [word for word in ("Ann", "ann@", "Cy C", "+49", "1 Lane") if word in everything]
    (ann,) = shop.rows(BRONZE_USERS)
    assert ann["id"] == refund["user_id"]
    assert (ann["attributes"]["marketing_consent"], ann["attributes"]["region"]) == ("no", "DE")
    assert {row["id"] for row in shop.rows(BRONZE_PRODUCTS)} == {"TEA-1", "POT-1", "CUP-1"}


def test_olist_is_joined_by_the_statement_of_the_page(shop, monkeypatch):
    shop.put("olist_order_items_dataset.csv", "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,"
             "freight_value\no1,1,p1,s,2017-10-06 11:07:15,20.00,5.00\no1,2,p1,s,2017-10-06 11:07:15,20.00,5.00\n"
             "o2,1,p2,s,2017-10-06 11:07:15,9.90,1.00\no3,1,p2,s,2017-10-06 11:07:15,9.90,1.00\n")  # fmt: skip
    shop.put("olist_orders_dataset.csv", "order_id,customer_id,order_status,order_purchase_timestamp\n"
             "o1,k1,delivered,2017-10-02 22:56:33\no2,k2,shipped,2017-10-03 10:00:00\n"
             "o3,k3,canceled,2017-10-03 11:00:00\n")  # fmt: skip
    shop.put("olist_customers_dataset.csv", "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,"
             "customer_state\nk1,ann,01001,sao paulo,SP\nk2,ann,01001,sao paulo,SP\nk3,bo,20000,rio,RJ\n")  # fmt: skip
    shop.put("olist_products_dataset.csv", "product_id,product_category_name\np1,cama_mesa_banho\np2,\n")
    shop.put("product_category_name_translation.csv", "\ufeffproduct_category_name,product_category_name_english\n"
             "cama_mesa_banho,bed_bath_table\n")  # fmt: skip
    join_tables(shop.landing, "olist.parquet", monkeypatch)
    assert "loaded 3" in shop.tried("olist")
    assert "events: rows_in 4, loaded 3, duplicates 0, quarantined 0, outside 0, ignored 1" in shop(
        "olist", "2017-10-01", "2017-10-31"
    )
    rows = shop.rows(BRONZE_EVENTS, "event_id")
    assert [(row["user_id"], row["session_id"], row["amount"]) for row in rows] == [
        ("ann", "o1", 20), ("ann", "o1", 20), ("ann", "o2", Decimal("9.9"))]  # fmt: skip
    assert (rows[0]["event_time"], rows[0]["ds"]) == ("2017-10-03 01:56:33", date(2017, 10, 2))  # at night in Brazil
    products = {row["id"]: row["attributes"] for row in shop.rows(BRONZE_PRODUCTS)}
    assert json.loads(products["p1"]["category_path"]) == ["bed_bath_table"]
    assert "category_path" not in products["p2"]
    assert {row["id"]: row["attributes"]["region"] for row in shop.rows(BRONZE_USERS)} == {"ann": "SP", "bo": "RJ"}


def test_instacart_gets_dates_that_keep_the_days_between_orders(shop, monkeypatch):
    shop.put("orders.csv", "order_id,user_id,eval_set,order_number,order_dow,order_hour_of_day,days_since_prior_order\n"
             "11,1,prior,1,2,08,\n12,1,prior,2,3,23,15.0\n13,1,train,3,3,09,28.0\n14,1,test,4,3,09,7.0\n"
             "21,2,prior,1,0,00,\n")  # fmt: skip
    shop.put("order_products__prior.csv", "order_id,product_id,add_to_cart_order,reordered\n11,196,1,0\n11,7,2,0\n"
             "12,196,1,1\n21,7,1,0\n")  # fmt: skip
    shop.put("order_products__train.csv", "order_id,product_id,add_to_cart_order,reordered\n13,196,1,1\n")
    shop.put("products.csv", 'product_id,product_name,aisle_id,department_id\n196,Soda,77,7\n7,"Bread, white",100,21\n')
    shop.put("aisles.csv", "aisle_id,aisle\n77,soft drinks\n100,missing\n")
    shop.put("departments.csv", "department_id,department\n7,beverages\n21,missing\n")
    join_tables(shop.landing, "instacart.parquet", monkeypatch)
    assert "loaded 5" in shop.tried("instacart")
    assert "events: rows_in 5, loaded 5, duplicates 0, quarantined 0" in shop("instacart", "2016-01-02", "2016-03-31")
    rows = shop.rows(BRONZE_EVENTS, "user_id", "event_time", "product_id")
    assert [(row["event_time"], row["session_id"], row["product_id"]) for row in rows] == [
        ("2016-01-04 08:00:00", "11", "196"), ("2016-01-04 08:00:00", "11", "7"),
        ("2016-01-19 23:00:00", "12", "196"), ("2016-02-16 09:00:00", "13", "196"),
        ("2016-01-02 00:00:00", "21", "7"),
    ]  # fmt: skip
    assert rows[2]["attributes"]["reordered"] == "1"
    products = {row["id"]: row["attributes"] for row in shop.rows(BRONZE_PRODUCTS)}
    assert json.loads(products["196"]["category_path"]) == ["beverages", "soft drinks"]
    assert products["7"]["title"] == "Bread, white"
    assert "category_path" not in products["7"]


def test_retailrocket_knows_the_newest_properties_and_the_path_of_a_category(shop, monkeypatch):
    shop.put("events.csv", "timestamp,visitorid,event,itemid,transactionid\n1433221332117,257597,view,100,\n"
             "1433221332117,257597,view,100,\n1433221333000,257597,addtocart,100,\n"
             "1433221334000,257597,transaction,100,234\n")  # fmt: skip
    shop.put("item_properties_part1.csv", "timestamp,itemid,property,value\n1433041200000,100,categoryid,1338\n"
             "1433041200000,100,available,1\n1433041200000,100,790,n12000.000\n1433041200000,7,888,1 2\n")  # fmt: skip
    shop.put("item_properties_part2.csv", "timestamp,itemid,property,value\n1433646000000,100,categoryid,1400\n"
             "1433646000000,100,available,0\n1433646000000,8,categoryid,5\n")  # fmt: skip
    shop.put("category_tree.csv", "categoryid,parentid\n1,\n20,1\n1400,20\n1338,20\n")
    join_tables(shop.landing, "item_properties.parquet", monkeypatch)
    assert "events: rows_in" in shop.tried("retailrocket")
    said = shop("retailrocket", "2015-05-03", "2015-09-18")
    assert "events: rows_in 4, loaded 3, duplicates 1, quarantined 0" in said
    rows = shop.rows(BRONZE_EVENTS, "event_time")
    assert [row["event_type"] for row in rows] == ["view", "cart", "purchase"]
    assert (rows[2]["session_id"], rows[2]["attributes"]["transactionid"]) == (None, "234")
    products = {row["id"]: row["attributes"] for row in shop.rows(BRONZE_PRODUCTS)}
    assert json.loads(products["100"]["category_path"]) == ["1", "20", "1400"]
    assert (products["100"]["available"], products["100"]["790"]) == ("0", "n12000.000")
    assert json.loads(products["8"]["category_path"]) == ["5"]  # not in the tree
    assert "category_path" not in products["7"]


def test_yoochoose_has_two_files_without_header(shop):
    shop.put("yoochoose-clicks.dat", "1,2014-04-07T10:51:09.277Z,214536502,0\n1,2014-04-07T10:54:09.868Z,214536500,S\n"
             "2,2014-04-07T10:57:00.306Z,214536500,7\n2,2014-04-07T10:58:00.306Z,214577561,1181936219\n")  # fmt: skip
    shop.put("yoochoose-buys.dat", "1,2014-04-07T10:58:00.306Z,214536502,1200,2\n"
             "1,2014-04-07T10:58:00.306Z,214536500,0,0\n1,2014-04-07T10:58:00.306Z,214536500,0,0\n")  # fmt: skip
    assert "loaded 4" in shop.tried("yoochoose")
    said = shop("yoochoose", "2014-04-01", "2014-04-30")
    assert "events: rows_in 4, loaded 4, duplicates 0, quarantined 0" in said
    assert "events [buys]: rows_in 3, loaded 3, duplicates 0, quarantined 0" in said
    shop.clean()
    buys = [row for row in shop.rows(SILVER_EVENTS, "event_id") if row["event_type"] == "purchase"]
    assert [(row["quantity"], row["amount"], row["session_id"]) for row in buys] == [
        (1, Decimal(0), "1"), (1, Decimal(0), "1"), (2, Decimal("2400.00"), "1")]  # fmt: skip
    (product,) = shop.rows(BRONZE_PRODUCTS)
    assert (product["id"], json.loads(product["attributes"]["category_path"])) == ("214536500", ["7"])


def test_hm_counts_equal_rows_as_pieces_and_keeps_cents(shop):
    shop.put("transactions_train.csv", "t_dat,customer_id,article_id,price,sales_channel_id\n"
             "2018-09-20,000058a1,0663713001,0.050830508474576264,2\n2018-09-20,000058a1,0663713001,0.050830508474576264,2\n"
             "2018-09-20,000058a1,0541518023,0.03049152542372881,2\n")  # fmt: skip
    shop.put("customers.csv", "customer_id,FN,Active,club_member_status,fashion_news_frequency,age,postal_code\n"
             "000058a1,1.0,1.0,ACTIVE,Regularly,49.0,52043\n00007d2d,,,ACTIVE,NONE,,52043\n")  # fmt: skip
    shop.put("articles.csv", "article_id,product_code,prod_name,product_type_name,product_group_name,index_group_name\n"
             "0663713001,0663713,Atlanta Push Body Harlow,Underwear body,Underwear,Ladieswear\n")  # fmt: skip
    assert "loaded 3" in shop.tried("hm")
    said = shop("hm", "2018-09-20", "2018-09-20")
    assert "events: rows_in 3, loaded 3, duplicates 0, quarantined 0" in said
    shop.clean()
    rows = shop.rows(SILVER_EVENTS, "product_id", "event_id")
    assert [row["product_id"] for row in rows] == ["0541518023", "0663713001", "0663713001"]
    assert [row["amount"] for row in rows] == [Decimal("17.99"), Decimal("29.99"), Decimal("29.99")]
    assert len({row["session_id"] for row in rows}) == 1
    users = {row["id"]: row["attributes"] for row in shop.rows(BRONZE_USERS)}
    assert (users["000058a1"]["age_band"], users["000058a1"]["marketing_consent"]) == ("49", "yes")
    assert users["00007d2d"]["marketing_consent"] == "no"
    (article,) = shop.rows(BRONZE_PRODUCTS)
    assert json.loads(article["attributes"]["category_path"]) == ["Ladieswear", "Underwear", "Underwear body"]


def track(message: str, event: str, properties: dict, **more) -> dict:
    call = {"messageId": message, "type": "track", "event": event, "anonymousId": "a1", "properties": properties,
            "timestamp": "2026-06-10T10:00:00.123Z", "sentAt": "2026-06-10T10:00:01Z",
            "context": {"ip": "203.0.113.7", "userAgent": "Mozilla/5.0 (iPhone)", "sessionId": 1781085600}}  # fmt: skip
    return call | more


def test_segment_takes_the_products_of_an_order_apart(shop):
    tea = {"product_id": "TEA", "name": "Tea", "category": "Food", "brand": "Leaf", "price": 4.5, "quantity": 2}
    mug = {"sku": "MUG", "price": 20}
    calls = [
        {"messageId": "m0", "type": "page", "anonymousId": "a1", "timestamp": "2026-06-10T09:59:00Z", "properties": {}},
        {"messageId": "m1", "type": "identify", "userId": "u1", "timestamp": "2026-06-10T09:59:00Z",
         "traits": {"email": "ann@x.example", "gender": "female", "age": 41}},
        track("m2", "Products Searched", {"query": "green tea"}),
        track("m3", "Product Viewed", tea),
        track("m4", "Product Added", tea | {"quantity": 1, "email": "ann@x.example"}),
        track("m4", "Product Added", tea | {"quantity": 1, "email": "ann@x.example"}),
        track("m5", "Order Completed", {"order_id": "o1", "total": 29.0, "products": [tea, mug]}, userId="u1"),
        track("m6", "Order Completed", {"order_id": "o2", "total": 12.5, "products": []}, userId="u1"),
        track("m7", "Order Refunded", {"order_id": "o1", "total": 29.0}, userId="u1"),
        track("m8", "Checkout Started", {"products": [tea]}),
    ]  # fmt: skip
    (shop.landing / "segment-logs" / "1781049600000").mkdir(parents=True)
    shop.put("segment-logs/1781049600000/part.jsonl", "\n".join(map(json.dumps, calls)))
    said = shop("segment_rudderstack", "2026-06-01", "2026-06-30")
    assert "events: rows_in 10, loaded 5, duplicates 1, quarantined 0, outside 0, ignored 4" in said
    assert "events [lines]: rows_in 11, loaded 2, duplicates 0, quarantined 0, outside 0, ignored 9" in said
    rows = shop.rows(BRONZE_EVENTS, "event_id")
    assert [(row["user_id"], row["event_type"], row["product_id"], row["quantity"], row["amount"]) for row in rows] == [
        ("u1", "purchase", "TEA", 2, None),
        ("u1", "purchase", "MUG", None, None),
        ("a1", "search", None, None, None),
        ("a1", "view", "TEA", 2, None),
        ("a1", "cart", "TEA", 1, None),
        ("u1", "purchase", None, None, Decimal("12.5000")),
        ("u1", "refund", None, None, Decimal("29.0000")),
    ]
    assert (rows[2]["query"], rows[2]["user_agent"]) == ("green tea", "Mozilla/5.0 (iPhone)")
    assert {row["session_id"] for row in rows} == {"a1-1781085600"}
    everything = str([shop.rows(table) for table in (BRONZE_EVENTS, BRONZE_USERS, BRONZE_PRODUCTS)])
    assert "ann@x.example" not in everything
    assert "203.0.113.7" not in everything
    (user,) = shop.rows(BRONZE_USERS)
    assert (user["id"], user["attributes"]["gender"], user["attributes"]["age_band"]) == ("u1", "female", "41")
    (product,) = shop.rows(BRONZE_PRODUCTS)
    assert (product["id"], product["attributes"]["title"], product["attributes"]["brand"]) == ("TEA", "Tea", "Leaf")
