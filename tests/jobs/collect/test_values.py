"""A text of a source under the type of our field: times, numbers and money, ids, codes, category paths."""

from __future__ import annotations

import pytest
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, IntegerType, StringType

from jobs.collect import categories, fields, numbers, times
from jobs.lake.engine import columns
from jobs.sources import cells, consent, spec
from jobs.sources.layout import Layout
from jobs.sources.mapping import FieldSpec


def read(spark, texts, expression):
    """What `expression`, of the column t, makes of each text, as text."""
    frame = spark.createDataFrame([(k, text) for k, text in enumerate(texts)], "k int, t string")
    return [row[0] for row in frame.orderBy("k").select(expression.cast("string")).collect()]


TIMES = {
    "a zone is told by the parse, not looked for": (
        {"zone": "Asia/Shanghai"},
        {"2026-06-10 10:00:00": "2026-06-10 02:00:00", "2026-06-10 10:00:00+08": "2026-06-10 02:00:00",
         "2026-06-10 02:00:00+00": "2026-06-10 02:00:00", "2026-06-10 10:00:00.5+08:00": "2026-06-10 02:00:00.5",
         "2026-06-10 10:00:00 +0800": "2026-06-10 02:00:00", "2026-06-10T02:00:00Z": "2026-06-10 02:00:00",
         "2026-06-10 02:00:00 UTC": "2026-06-10 02:00:00", "2026-06-10T10:00+08:00": "2026-06-10 02:00:00",
         "2026-06-10 11:00:00 Asia/Tokyo": "2026-06-10 02:00:00", "2026-06-10": "2026-06-09 16:00:00",
         "2026-06-10 04:00:00 CET": "2026-06-10 02:00:00", "2026-06-10 02:00:00 GMT": "2026-06-10 02:00:00",
         "2026-06-10T04:00+02:00[Europe/Berlin]": "2026-06-10 02:00:00", "2026-06-10T02:00:00.5Z[UTC]":
         "2026-06-10 02:00:00.5", "2026-06-10T10:00:00[Asia/Shanghai]": None,
         "2026-06-10 10:00:00,123": "2026-06-10 02:00:00.123"},
    ),
    "halves of a day in other words": (
        {"format": ["yyyy年M月d日 ah:mm", "yyyy. M. d. a h:mm:ss", "d/M/yyyy h:mm a"]},
        {"2026年6月10日 下午3:05": "2026-06-10 15:05:00", "2026年6月10日 上午12:05": "2026-06-10 00:05:00",
         "2026. 6. 10. 오후 3:05:01": "2026-06-10 15:05:01", "10/6/2026 3:05 p.m.": "2026-06-10 15:05:00",
         "10/6/2026 3:05 A. M.": "2026-06-10 03:05:00", "2026年6月10日 晚上3:05": None},
    ),
    "months in other languages, and padded numbers": (
        {"format": ["d. MMM yyyy", "d MMMM yyyy HH:mm", "d 'de' MMM 'de' yyyy", "dd-MMM-yy", "MMM d yyyy h:mma",
                    "EEE, d MMM. yyyy"]},
        {"10. Mai 2026": "2026-05-10 00:00:00", "1. MÄRZ 2026": "2026-03-01 00:00:00",
         "24. Dez. 2026": "2026-12-24 00:00:00", "10 juin 2026 14:05": "2026-06-10 14:05:00",
         "3 DÉCEMBRE 2026 01:00": "2026-12-03 01:00:00", "1 août 2026 00:00": "2026-08-01 00:00:00",
         "9 de junio de 2026": "2026-06-09 00:00:00", "10-Sept-26": "2026-09-10 00:00:00",
         "10-JUN-26": "2026-06-10 00:00:00", "Jun  1 2026  2:05PM": "2026-06-01 14:05:00",
         "mar., 3 janv. 2026": "2026-01-03 00:00:00", "10. Foo 2026": None},
    ),
    "a short name of several zones is none": (
        {"zone": "Asia/Shanghai"}, {f"2026-06-10 10:00:00 {name}": None for name in ("CST", "BST", "IST", "PST")},
    ),
    "a pattern with a zone is not shifted": (
        {"zone": "Asia/Shanghai", "format": "dd/MMM/yyyy:HH:mm:ss Z"},
        {"10/Jun/2026:10:00:00 +0800": "2026-06-10 02:00:00"},
    ),
    "blanks that do not break": (
        {"format": "M/d/yyyy, h:mm:ss a"}, {"6/10/2026, 1:00:00\u202fPM": "2026-06-10 13:00:00"},
    ),
    "a pattern whose zone may lack": (
        {"zone": "Asia/Shanghai", "format": "yyyy-MM-dd HH:mm[ XXX]"},
        {"2026-06-10 10:00": "2026-06-10 02:00:00", "2026-06-10 10:00 +09:00": "2026-06-10 01:00:00"},
    ),
    "a quoted Z is a zone": (
        {"zone": "Asia/Shanghai", "format": "yyyy-MM-dd'T'HH:mm'Z'"}, {"2026-06-10T10:00Z": "2026-06-10 10:00:00"},
    ),
    "the first format that reads counts": (
        {"zone": "Asia/Shanghai", "format": ["dd/MM/yyyy", "iso", "epoch_s"]},
        {"10/06/2026": "2026-06-09 16:00:00", "2026-06-10T02:00:00Z": "2026-06-10 02:00:00",
         "1781085600": "2026-06-10 10:00:00", "June": None},
    ),
    "seconds": (
        {"format": "epoch_s"},
        {"1781085600": "2026-06-10 10:00:00", "1781085600.5": "2026-06-10 10:00:00.5",
         "1.7810856E9": "2026-06-10 10:00:00", "1.781085600123E9": "2026-06-10 10:00:00.123",
         "9223372036854775807": None, "9" * 30: None, "soon": None},
    ),
    "nanoseconds": ({"format": "epoch_ns"}, {"1781085600123456789": "2026-06-10 10:00:00.123456"}),
    "days of a program for sheets": (
        {"format": "excel"},
        {"46183.4375": "2026-06-10 10:30:00", "46183": "2026-06-10 00:00:00",
         "46183.00001157407": "2026-06-10 00:00:01"},
    ),
    "days since a day": (
        {"format": "days", "from": "2026-01-01"}, {"0": "2026-01-01 00:00:00", "160.5": "2026-06-10 12:00:00"},
    ),
    "a month and a day": (
        {"format": "MMdd", "year": 2024}, {"0610": "2024-06-10 00:00:00", "0229": "2024-02-29 00:00:00"},
    ),
    "day of the week, month's name, AM": (
        {"format": ["EEE MMM dd HH:mm:ss Z yyyy", "MMM d, yyyy h:mm a"]},
        {"Wed Jun 10 12:00:00 +0200 2026": "2026-06-10 10:00:00", "jun 10, 2026 12:05 AM": "2026-06-10 00:05:00"},
    ),
    "no day, no time": ({}, {"46183": None, "2026": None, "10:00": None, "2026-06-10 10:00 PM": None}),
    "daylight saving": (
        {"zone": "America/New_York"},
        {"2026-03-08 02:30:00": "2026-03-08 07:30:00", "2026-11-01 01:30:00": "2026-11-01 05:30:00"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("said", TIMES)
def test_times(spark, said):
    spec, expected = TIMES[said]
    found = read(spark, expected, times.instant(F.col("t"), FieldSpec(column="t", **spec)))
    assert dict(zip(expected, found, strict=True)) == expected


NUMBERS = {
    "as programs and accountants write them": (
        {},
        {"1.50": "1.5000", "1e3": "1000.0000", "(1.50)": "-1.5000", "1.50-": "-1.5000", "\u22122": "-2.0000",
         "1,50": None, "$4": None, "1-1": None, "()": None},
    ),
    "with a decimal comma": (
        {"decimal": ",", "thousands": "."},
        {"19,90": "19.9000", "1.234,50": "1234.5000", "1.234": "1234.0000", "1.23": None, "-1.234,5": "-1234.5000",
         "1,234.5": None},
    ),
    "with blanks and a sign": (
        {"decimal": ",", "thousands": " ", "sign": ["\u20ac", "EUR"]},
        {"1 234,50 \u20ac": "1234.5000", "1\u202f234\u00a0\u20ac": "1234.0000", "(\u20ac5)": "-5.0000",
         "EUR 2": "2.0000", "$2": None},
    ),
    "in lakhs and crores": (
        {"thousands": ","},
        {"1,23,400.50": "123400.5000", "12,34,56,789": "123456789.0000", "1,234.5": "1234.5000", "1,23": None,
         "1,2,345": None},
    ),
    "with a word that multiplies": (
        {"units": {"万": 10000, "百万": 1000000, "k": 1000}, "sign": ["¥", "元"], "scale": "0.5"},
        {"¥1.2万": "6000.0000", "3 百万元": "1500000.0000", "-2k": "-1000.0000", "5": "2.5000",
         "1.2亿": None, "万": None},
    ),
    "in cents": ({"scale": "0.01"}, {"1999": "19.9900", "850": "8.5000", "1e400": None}),
}  # fmt: skip


@pytest.mark.parametrize("said", NUMBERS)
def test_money(spark, said):
    spec, expected = NUMBERS[said]
    found = read(spark, expected, numbers.number(F.col("t"), FieldSpec(column="t", **spec), "money", False))
    assert dict(zip(expected, found, strict=True)) == expected


def test_a_whole_number_is_an_id_however_it_is_written(spark):
    expected = {"123.0": "123", "1e+05": "100000", "1.2345678E7": "12345678", "00123": "00123", "1E+05": "1E+05",
                "1.5": "1.5", "1E400": "1E400"}  # fmt: skip
    assert read(spark, expected, columns.without_fraction(F.col("t"))) == list(expected.values())


def test_what_nobody_sees_is_no_part_of_a_text(spark):
    texts = ["\u200ba\u2060", "\u2066a\u2069", "\u061ca\u3164", "\ufeff a\u00a0\0", "a\u00a0a"]
    assert read(spark, texts, cells.trimmed(F.col("t"))) == ["a", "a", "a", "a", "a\u00a0a"]


def test_consent_is_a_word_of_yes_in_many_languages(spark):
    said = {"yes": "true", "Ja": "true", "OUI": "true", "sí": "true", "Да": "true", "はい": "true", "同意": "true",
            "opted-in": "true", "nein": "false", "não": "false", "нет": "false", "拒绝": "false",
            "maybe": "false"}  # fmt: skip
    found = read(spark, said, F.concat(consent.consent(F.col("t")), F.lit(" "), consent.is_unknown(F.col("t"))))
    assert found == [f"{yes} {str(word == 'maybe').lower()}" for word, yes in said.items()]


def test_two_lists_of_texts_never_join_to_one(spark):
    pairs = [("1001", "5-12"), ("1001-5", "12"), ("X-", "Y"), ("X", "-Y"), ("X\\", "-Y"), ("X\\-", "Y"), ("a", "b")]
    rows = spark.createDataFrame(pairs, "a string, b string").select(fields.joined([F.col("a"), F.col("b")])).collect()
    assert len({row[0] for row in rows}) == len(pairs)
    assert {rows[0][0], rows[-1][0]} == {"1001-5-12", "a-b"}  # as they always were


def test_codes_of_events_are_read_in_any_case(spark):
    spec = FieldSpec(column="t", map={"Add To Cart": "cart", "click": "view"})
    expected = {
        "Purchase": "purchase",
        "add to cart": "cart",
        "Add To Cart": "cart",
        "click": "view",
        "page_ping": "page_ping",
    }
    assert read(spark, expected, fields._event_type(F.col("t"), spec)) == list(expected.values())


def test_category_paths(spark):
    told = ['["Home","Mugs"]', '[["Home"," Mugs ",""],["Other"]]', "Kitchen, large", " ", "[new]", "[]"]
    frame = spark.createDataFrame(list(enumerate(told)), "k int, c string")
    frame = frame.withColumn("text.c", cells.trimmed(F.col("c"))).orderBy("k")
    found = [row[0] for row in frame.select(categories.path(FieldSpec(column="c"))).collect()]
    assert found == ['["Home","Mugs"]', '["Home","Mugs"]', '["Kitchen, large"]', None, '["[new]"]', None]
    cut = frame.select(categories.path(FieldSpec(column="c", split=","))).collect()[2][0]
    assert cut == '["Kitchen","large"]'


def test_a_quantity_of_whole_numbers_is_not_asked_for_its_weight(spark):
    feed = spec.load("simulate").events
    grams = feed.fields["quantity"].model_copy(update={"scale": 0.001})
    whole, kilos = Layout({"qty": IntegerType()}), Layout({"qty": DecimalType(9, 3)})
    assert fields.is_weighed(feed, whole) is None
    assert fields.is_weighed(feed, kilos) is not None
    assert fields.is_weighed(feed, Layout({"qty": StringType()})) is not None
    assert fields.is_weighed(feed.model_copy(update={"fields": {"quantity": grams}}), whole) is not None
