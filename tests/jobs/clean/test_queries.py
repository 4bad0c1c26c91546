"""Queries compare equal where people mean the same."""

from __future__ import annotations

import unicodedata

from pyspark.sql import functions as F

from jobs.clean import queries

QUERIES = {
    "ｉＰｈｏｎｅ　１５ＰＲＯ": "iphone 15pro",
    "  Milk \t  2% ": "milk 2%",
    "运动鞋　男　４２码！": "运动鞋 男 42码!",
    "手機殼 Case": "手機殼 case",  # traditional stays
    "手机壳": "手机壳",
    "ＮＩＫＥ（官方）": "nike(官方)",
    "a\u00a0b\u200bc": "a b c",
    "ﾃﾚﾋﾞ": "テレヒ\u3099",  # NFKC would go on and compose the voice mark
    "　 ": None,
    "": None,
    None: None,
}


def applied(spark, function, values) -> dict:
    frame = spark.createDataFrame([(value,) for value in values], "value string")
    return {
        row["value"]: row["found"] for row in frame.select("value", function(F.col("value")).alias("found")).collect()
    }


def test_queries(spark):
    assert applied(spark, queries.normalised_query, QUERIES) == QUERIES
    once = [value for value in QUERIES.values() if value]
    assert applied(spark, queries.normalised_query, once) == {value: value for value in once}, (
        "a second time changes nothing"
    )


def test_every_full_width_character_is_folded_as_unicode_says(spark):
    wide = [chr(code) for code in range(0xFF01, 0xFF5F)]
    found = applied(spark, queries.normalised_query, wide)
    assert found == {c: unicodedata.normalize("NFKC", c).lower() for c in wide}
