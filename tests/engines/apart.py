"""Expressions that the engines answer otherwise: of each, what it is on which, and why no hop meets it.

They stand here so that a new version of an engine which changes one of them is seen.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from pyspark.sql import Column
from pyspark.sql import functions as F

from tests.engines.cases import Case, given, texts


class Apart(NamedTuple):
    """on_sail, on_spark: the values."""

    name: str
    asked: Column
    on_sail: Any
    on_spark: Any
    why_never: str

    def on(self, engine: str) -> Case:
        return Case(self.name, self.asked, self.on_sail if engine == "sail" else self.on_spark)


def cases() -> list[Apart]:
    sunday, half = given("2017-12-03", "date"), given("1969-12-31 23:59:58.5", "timestamp")
    taken = F.struct(given(5).alias("x"))
    holed = F.array(*[F.struct(given(n, "int").alias("n")) for n in (1, None)])
    decimal = given("1.5", "decimal(18,4)")
    return [
        Apart("weekday: Sunday", F.weekday(sunday), -1, 6, "banned: columns.weekday"),
        Apart("rint: halves", F.rint(given(2.5)), 3.0, 2.0, "banned: columns.whole"),
        Apart("round: doubles", F.round(given(1.005), 2), 1.0, 1.01, "banned: columns.near, columns.rounded"),
        Apart("get_json_object: numbers", F.get_json_object(given('{"a":1.50}'), "$.a"), "1.50", "1.5", "banned: columns.json_field"),
        Apart("cast: double to decimal", given(1.005).cast("decimal(18,2)"), Decimal("1.00"), Decimal("1.01"),
              "outliers draw in a price to some digits more than it has: no half is meant there"),
        Apart("cast: large doubles to text", given(1e7).cast("string"), "10000000.0", "1.0E7", "only columns.rounded makes texts of doubles"),
        Apart("/: digits of a quotient", given("10", "decimal(18,2)") / given(3, "bigint"), Decimal("3.333333"),
              Decimal("3.3333333333333333333333"), "each quotient of decimals is cast to 4 digits"),
        Apart("unix_seconds: fractions before 1970", F.unix_seconds(half), -1, -2, "times before 1990 are refused"),
        Apart("xxhash64: wide decimals", F.xxhash64(given("1", "decimal(20,0)")), -2693948257994132642, 6668291691252061002,
              "columns.hashed makes texts of them; no other hash has any"),
        Apart("to_json: decimals", F.to_json(F.struct(decimal.alias("d"))), '{"d":1.5}', '{"d":1.5000}', "columns.as_json"),
        Apart("to_json: signs of control", F.to_json(texts("\x1f")), '["\\u001f"]', '["\\u001F"]',
              "a spelling in ops.quarantine and category_path, read alike; nothing is hashed or compared by it"),
        Apart("to_json: times", F.to_json(F.struct(half.alias("t"))), '{"t":"1969-12-31T23:59:58.500000Z"}', '{"t":"1969-12-31T23:59:58.500Z"}',
              "no JSON has one"),
        Apart("from_json: more behind", F.from_json(given('{"a":"1"} x}'), "map<string,string>"), None, {"a": "1"},
              "of two objects in one text, Apache Spark reads the first: no log has such; columns.json_object refuses the rest"),
        Apart("from_json: small numbers", F.from_json(given('{"a":1e-9}'), "map<string,string>"), {"a": "1e-9"}, {"a": "1.0E-9"},
              "read as money, and the same then"),
        Apart("array_contains: not beside a null", F.array_contains(texts("a", None), "b"), False, None, "no list of texts holds a null"),
        Apart("array_sort: nulls in structs", F.array_sort(holed), [(1,), (None,)], [(None,), (1,)], "what lists are sorted by is never null"),
        Apart("getField: of a struct taken away", F.concat_ws(",", F.when(F.col("id") < 0, taken)["x"].cast("string"), taken["x"].cast("string")),
              "5,5", "5", "structs are made under their condition, and not used beside it"),
        Apart("slice: starts before the list", F.slice(texts("a", "b"), -5, 5), ["a", "b"], [], "asked of longer lists alone"),
        Apart("try_cast: text to double", given("1.5d").try_cast("double"), None, 1.5, "columns.number looks at the text first"),
        Apart("log1p: of nearly nothing", F.log1p(given(1e-10)), 1.000000082690371e-10, 9.999999999500001e-11, "off by less than 1e-16, where values are of the order of 1"),
        Apart("columns.time: names of zones", F.try_to_timestamp(given("2017-01-02 03:04 PST"), F.lit("yyyy-MM-dd HH:mm z")).cast("string"), None, "2017-01-02 11:04:00",
              "a mapping may not have z or O in a pattern"),
        Apart("regexp_replace: $ before a line", F.regexp_replace(given("1\n"), "1$", ""), "1\n", "\n", "banned: \\z"),
        Apart("rlike: \\d", given("٣").rlike(r"^\d"), True, False, "banned: [0-9]"),
        Apart("rlike: \\w", given("é").rlike(r"^\w"), True, False, "banned: [A-Za-z0-9_]"),
        Apart("rlike: \\s", given("\u3000").rlike(r"^\s"), True, False, "only beside \\p{Z}, which has them"),
    ]  # fmt: skip
