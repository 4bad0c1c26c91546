"""Every shipped mapping reads rows in the shape of its source: encodings, lists, fractions, codes, empty ids."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pandas as pd

from jobs.tables import BRONZE_EVENTS, BRONZE_PRODUCTS, BRONZE_USERS, QUARANTINE


def test_rees46(shop):
    shop.put("2019-Oct.csv", "\n".join([
        "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session",
        "2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde",
        "2019-10-01 00:00:01 UTC,remove_from_cart,3900821,2053013552326770905,appliances.environment.water_heater,"
        "aqua,33.20,554748717,9333dfbd",
        "2019-10-01 00:00:02 UTC,purchase,3900821,2053013552326770905,appliances,aqua,33.20,,x",
    ]))  # fmt: skip
    assert "loaded 2" in shop.tried("rees46")
    assert "rows_in 3, loaded 2, duplicates 0, quarantined 1" in shop("rees46", "2019-10-01", "2019-10-02")
    first, second = shop.rows(BRONZE_EVENTS, "event_time")
    assert (first["event_type"], first["price"], first["session_id"]) == ("view", Decimal("35.7900"), "72d76fde")
    assert second["event_type"] == "uncart"
    assert second["attributes"]["category_id"] == "2053013552326770905"
    heater = next(row for row in shop.rows(BRONZE_PRODUCTS) if row["id"] == "3900821")
    assert json.loads(heater["attributes"]["category_path"]) == ["appliances", "environment", "water_heater"]


def test_taobao_has_no_header(shop):
    shop.put("UserBehavior.csv", "1,2268318,2520377,pv,1511544070\n1,2333346,2520771,fav,1511561733\n2,7,9,buy,x\n")
    said = shop("taobao_userbehavior", "2017-11-24", "2017-12-04")
    assert "rows_in 3, loaded 2, duplicates 0, quarantined 1" in said
    assert [row["event_type"] for row in shop.rows(BRONZE_EVENTS, "event_time")] == ["view", "favourite"]
    assert shop.rows(BRONZE_EVENTS, "event_time")[0]["event_time"] == "2017-11-24 17:21:10"
    assert "bad_time: event_time from column timestamp is x" in shop.rows(QUARANTINE, "reason")[0]["reason"]


def test_jdata_is_gbk_with_fractions_and_equal_rows(shop):
    action, click = "266079.0,138778,2016-01-31 23:59:02,,1,8,403", "266079.0,138778,2016-01-31 23:59:03,{},6,8,403"
    shop.put("JData_Action_201602.csv", "\n".join([
        "user_id,sku_id,time,model_id,type,cate,brand", action, action,
        click.format(14), click.format(216), click.format(14), "200719.0,61226,2016-02-01 00:30:00,,4,8,30",
    ]))  # fmt: skip
    shop.put("JData_User.csv", "user_id,age,sex,user_lv_cd,user_reg_tm\n266079,56岁以上,0,5,2016-01-26\n"
             "200719,-1,2,1,2016-01-26\n", "gbk")  # fmt: skip
    shop.put("JData_Product.csv", "sku_id,a1,a2,a3,cate,brand\n138778,-1,2,1,8,403\n", "gbk")
    assert "events: rows_in 6, loaded 4, duplicates 2" in shop("jdata", "2016-01-31", "2016-02-02")
    view, _, _, purchase = shop.rows(BRONZE_EVENTS, "event_time")
    assert (view["user_id"], view["event_type"], view["event_time"]) == (
        "266079",
        "view",
        "2016-01-31 15:59:02",
    )
    assert (purchase["event_type"], purchase["ds"]) == ("purchase", date(2016, 2, 1))  # half past midnight in Beijing
    users = {row["id"]: row["attributes"] for row in shop.rows(BRONZE_USERS)}
    assert (users["266079"]["age_band"], users["266079"]["gender"]) == ("56岁以上", "male")
    assert "age_band" not in users["200719"]


def test_otto_explodes_a_session_into_its_events(shop):
    events = [
        {"aid": 1517085, "ts": 1659304800025, "type": "clicks"},
        {"aid": 46, "ts": 1659304904511, "type": "orders"},
    ]
    shop.put(
        "train.jsonl", json.dumps({"session": 0, "events": events}) + "\n" + json.dumps({"session": 1, "events": []})
    )
    assert "loaded 2" in shop.tried("otto")
    assert "rows_in 3, loaded 2, duplicates 0, quarantined 1" in shop("otto", "2022-07-31", "2022-08-01")
    click, order = shop.rows(BRONZE_EVENTS, "event_time")
    assert (click["user_id"], click["product_id"], click["event_type"]) == ("0", "1517085", "click")
    assert order["event_type"] == "purchase"
    assert order["attributes"] == {"events.position": "1"}
    assert "missing_id" in shop.rows(QUARANTINE, "reason")[0]["reason"]


def test_online_retail_keeps_cancellations_and_refuses_rows_without_a_customer(shop):
    pd.DataFrame({
        "InvoiceNo": ["536365", "C536379", "536544"], "StockCode": ["85123A", "D", "21773"],
        "Description": ["WHITE HANGING HEART", "Discount", None], "Quantity": [6, -1, 1],
        "InvoiceDate": pd.to_datetime(["2010-12-01 08:26", "2010-12-01 09:41", "2010-12-01 14:32"]),
        "UnitPrice": [2.55, 27.5, 2.51], "CustomerID": [17850.0, 14527.0, None], "Country": "United Kingdom",
    }).to_parquet(shop.landing / "online_retail.parquet", coerce_timestamps="us")  # fmt: skip
    said = shop("online_retail", "2010-12-01", "2010-12-01")
    assert "events: rows_in 3, loaded 2, duplicates 0, quarantined 1" in said
    bought, cancelled = shop.rows(BRONZE_EVENTS, "event_time")
    assert (bought["user_id"], bought["quantity"], bought["price"]) == ("17850", 6, Decimal("2.5500"))
    assert (cancelled["session_id"], cancelled["quantity"]) == ("C536379", -1)
    assert shop.rows(QUARANTINE, "kind")[0]["reason"] == "missing_user_id"
    assert {row["id"] for row in shop.rows(BRONZE_USERS)} == {"17850", "14527"}


def test_bestbuy_clicks_carry_their_query(shop):
    shop.put("train.csv", "user,sku,category,query,click_time,query_time\n"
             '00d,2125233,abcat0101001,"TV, 50 inch",2011-09-01 23:44:52.533,2011-09-01 23:43:59.752\n')  # fmt: skip
    assert "loaded 1" in shop.tried("bestbuy_search")
    assert "rows_in 1, loaded 1" in shop("bestbuy_search", "2011-09-01", "2011-09-01")
    click = shop.rows(BRONZE_EVENTS)[0]
    assert (click["query"], click["event_time"]) == ("TV, 50 inch", "2011-09-01 23:44:52.533")
    assert click["attributes"] == {"category": "abcat0101001", "query_time": "2011-09-01 23:43:59.752"}
