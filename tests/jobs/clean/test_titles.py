"""titles: words, attributes and brands of English and Chinese titles."""

from __future__ import annotations

import pytest

from jobs.clean import brands, title_words, titles
from jobs.clean.rules import Titles
from jobs.tables import SILVER_PRODUCTS

TITLES = {
    "Coca-Cola Zero Sugar 12 FL OZ, Pack of 24": (
        "coca cola zero sugar 12 fl oz pack of 24", {"volume": "12floz", "pack": "24"}),
    "Men's Running Shoes Size 10.5 Black": (
        "men s running shoes size 10.5 black", {"gender": "male", "size": "10.5", "colour": "black"}),
    "Women's T-Shirt L Navy": ("women s t shirt l navy", {"gender": "female", "size": "L", "colour": "blue"}),
    "SOFT DRINKS 12/18&15PK CAN CAR": ("soft drinks 12 18 15pk can car", {"pack": "15"}),
    "ORANGE JUICE 64 OZ": ("orange juice 64 oz", {"weight": "64oz"}),
    "L'Oréal Paris Shampoo 2.5kg": ("l oréal paris shampoo 2.5kg", {"weight": "2.5kg"}),
    "蒙牛纯牛奶250ml×24盒": ("蒙牛 纯牛奶 250ml 24 盒", {"volume": "250ml", "pack": "24"}),
    "小米手机13 Pro 5G 12GB+256GB 黑色": ("小米 手机 13 pro 5g 12gb 256gb 黑色", {"colour": "black"}),
    "女士纯棉短袖T恤 深蓝色 XL": ("女士 纯棉 短袖 t恤 深蓝色 xl", {"gender": "female", "colour": "blue", "size": "XL"}),
    "男童运动鞋 32码 第2件半价": ("男童 运动鞋 32 码 第 2 件 半价", {"gender": "male", "age": "kids", "size": "32"}),
    "新疆红枣 ５００ｇ*2袋": ("新疆 红枣 500g 2 袋", {"weight": "500g", "pack": "2"}),
    "手機殼 三件装": ("手機殼 三件 装", {"pack": "3"}),
    "矿泉水 24x500ML": ("矿泉水 24 500ml", {"pack": "24", "volume": "500ml"}),
    "，！": ("", {}),
    "": ("", {}),
}  # fmt: skip


@pytest.mark.parametrize("title", TITLES)
def test_what_a_title_says(title):
    words, stated = TITLES[title]
    assert title_words.tokens(title) == words.split()
    assert title_words.attributes(title) == stated


def facts(spark, *rows):
    return spark.createDataFrame(rows, "product_id string, title string, brand string")


def test_titles_that_were_read_are_not_read_again(spark):
    columns = dict.fromkeys(SILVER_PRODUCTS.column_names)
    before = [
        columns | {"product_id": "p1", "title": "red milk", "title_tokens": ["kept"], "title_attributes": {"k": "v"}},
        columns | {"product_id": "p2", "title": "never read"},
    ]
    previous = spark.createDataFrame([tuple(row.values()) for row in before], SILVER_PRODUCTS.ddl)
    products = facts(
        spark, ("p9", "red milk", None), ("p2", "never read", None), ("p3", None, None), ("p4", "红枣", None)
    )
    rows = {row["product_id"]: row for row in titles.with_title_facts(products, previous).collect()}
    assert (rows["p9"]["title_tokens"], rows["p9"]["title_attributes"]) == (["kept"], {"k": "v"})
    assert (rows["p2"]["title_tokens"], rows["p2"]["title_attributes"]) == (["never", "read"], {})
    assert (rows["p3"]["title_tokens"], rows["p3"]["title_attributes"]) == (None, None)
    assert rows["p4"]["title_tokens"] == ["红枣"]
    assert len(rows) == 4


def test_a_brand_is_found_in_the_title_where_the_record_names_none(spark):
    products = facts(
        spark,
        ("k1", "x", "Coca-Cola"), ("k2", "x", "Coca-Cola"), ("k3", "x", "COCA COLA"), ("k4", "x", "华为"),
        ("k5", "x", "华为"), ("k6", "x", "Nova"), ("k7", "x", "Nova"), ("k8", "x", "L'Oréal"), ("k9", "x", "L'Oréal"),
        ("k10", "x", "L'Oréal Paris"), ("k11", "x", "L'Oréal Paris"), ("k12", "x", "Once"), ("k13", "x", "7"),
        ("k14", "x", "7"), ("k15", "x", "小米"), ("k16", "x", "小米"),
        ("start", "COCA-COLA Zero with Nova taste", None), ("inside", "New! huge 华为Mate60手机", None),
        ("longest", "l'oréal paris shampoo", None), ("part of a word", "supernovas", None),
        ("one record", "Once again", None), ("number", "7 socks", None), ("none", "socks", None),
        ("no title", None, None), ("own", "Nova socks", "Mine"), ("millet", "小米粥 500g", None),
    )  # fmt: skip
    empty = spark.createDataFrame([], SILVER_PRODUCTS.ddl)
    found = brands.with_brands(titles.with_title_facts(products, empty), Titles(brand_products=2))
    rows = {row["product_id"]: (row["brand"], row["brand_source"]) for row in found.collect()}
    assert len(rows) == 26
    assert rows["k3"] == ("COCA COLA", "record")
    assert {key: value for key, value in rows.items() if not key.startswith("k")} == {
        "start": ("Coca-Cola", "title"), "inside": ("华为", "title"), "longest": ("L'Oréal Paris", "title"),
        "part of a word": (None, None), "one record": (None, None), "number": (None, None), "none": (None, None),
        "no title": (None, None), "own": ("Mine", "record"), "millet": (None, None),
    }  # fmt: skip
