"""JSON: cases of the contract."""

from __future__ import annotations

from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, LongType, StringType

from jobs.lake.engine import columns
from tests.engines.cases import Case, given, texts

_MAP = "map<string,string>"


def cases() -> list[Case]:
    return [*_written(), *_read(), *_looked_up(), *_records()]


def _written() -> list[Case]:
    signs = 'q" \\ / é 世 😀 \u2028 < \t \n \r \b \f \x01 \x7f'
    return [
        Case("to_json: signs", F.to_json(F.create_map(given("k"), given(signs))),
             '{"k":"q\\" \\\\ / é 世 😀 \u2028 < \\t \\n \\r \\b \\f \\u0001 \x7f"}'),
        Case("to_json: a null in a map", F.to_json(F.create_map(given("b"), given(None, "string"), given("a"), given(""))),
             '{"b":null,"a":""}'),
        Case("to_json: an empty map", F.to_json(F.create_map().cast(_MAP)), "{}"),
        Case("to_json: no map", F.to_json(F.when(F.col("id") < 0, F.create_map(given("a"), given("b")))), None),
        Case("to_json: a list of texts", F.to_json(texts("a", None, "")), '["a",null,""]'),
        Case("to_json: an empty list", F.to_json(texts().cast("array<string>")), "[]"),
        Case("to_json: nulls of a struct", F.to_json(F.struct(given("a").alias("x"), given(None, "string").alias("y"))), '{"x":"a"}'),
        Case("to_json: only nulls", F.to_json(F.struct(given(None, "string").alias("y"))), "{}"),
        Case("to_json: whole numbers", F.to_json(F.struct(given(5).alias("i"), given(2**60, "bigint").alias("b"))),
             '{"i":5,"b":1152921504606846976}'),
        Case("to_json: a flag", F.to_json(F.struct(F.lit(True).alias("blank"))), '{"blank":true}'),
        Case("to_json: a day", F.to_json(F.struct(given("2017-01-01", "date").alias("d"))), '{"d":"2017-01-01"}'),
        Case("to_json: a name with signs", F.to_json(F.struct(given("a").alias('a"b.c 世'))), '{"a\\"b.c 世":"a"}'),
        Case("to_json: a map within a struct", F.to_json(F.struct(F.create_map(given("a"), given("b")).alias("m"))), '{"m":{"a":"b"}}'),
    ]  # fmt: skip


def _read() -> list[Case]:
    objects = {
        '{"b":"x","a":"1"}': {"b": "x", "a": "1"}, "{}": {}, "": None, "x": None, "null": None, "[1]": None, "5": None,
        '{"a":null}': {"a": None}, '{"a":""}': {"a": ""}, '{"a":1}': {"a": "1"}, '{"a":true}': {"a": "true"},
        '{"a":12345678901234567890}': {"a": "12345678901234567890"}, '{"a":{"b":1,"c":["x",null]}}': {"a": '{"b":1,"c":["x",null]}'},
        '{"a":"\\u00e9\\ud83d\\ude00\\n"}': {"a": "é😀\n"}, '{"a":1': None, '{"a" : "b" , "c":2 }': {"a": "b", "c": "2"},
        '{"a":"b"} ': {"a": "b"}, ' {"a":"b"}': {"a": "b"}, '{"a":1,"a":2}': {"a": "2"}, '{"世":"界"}': {"世": "界"},
        '{"a":1.5}': {"a": "1.5"}, '{"a":-0.25}': {"a": "-0.25"}, '{"a":1.50}': {"a": "1.5"}, '{"a":1e3}': {"a": "1000.0"},
        '{"a":1} x': None, "{'a':1}": None, '{"a":NaN}': None, '{"a":01}': None, '{a:1}': None, '{"a":1,}': None,
        '{"a":{"b":1.50}}': {"a": '{"b":1.5}'}, '{"a":1234567.5}': {"a": "1234567.5"}, '{"a":1.5e-3}': {"a": "0.0015"}, '{"a":1} {"b":2': None,
    }  # fmt: skip
    lists = {'["a","b"]': ["a", "b"], "[]": [], '["a",null]': ["a", None], "": None, "x": None, '["a"': None, '[1,"b"]': ["1", "b"],
             '["世 \\" / 界"]': ['世 " / 界'], "null": None}  # fmt: skip
    return [
        *[Case(f"columns.json_object: {text}", columns.json_object(given(text)), read) for text, read in objects.items()],
        *[Case(f"from_json: {text} as a list", F.from_json(given(text), "array<string>"), read) for text, read in lists.items()],
        Case("columns.json_object: no text", columns.json_object(given(None, "string")), None),
    ]  # fmt: skip


def _looked_up() -> list[Case]:
    text = '{"a":{"b":"x","c-d":"y","e f":"z","世":"w","n":{"m":1}},"n":5,"t":true,"o":null,"l":[1,"q"],"s":"a\\"b\\u00e9\\n"}'
    found = {
        "a.b": "x", "a.c-d": "y", "a.e f": "z", "a.世": "w", "a.n.m": "1", "n": "5", "t": "true", "o": None, "l": '[1,"q"]',
        "s": 'a"bé\n', "a.n": '{"m":1}', "none": None, "n.x": None, "a.none": None, "l.x": None, "A": None, "a.b.c": None,
    }  # fmt: skip
    of_a = {
        "": None, "x": None, "5": None, '"a"': None, '[{"a":1}]': None, '{"a":1': None, '{"a": 1.50}': "1.5", '{"a":1e3}': "1000.0",
        '{"a":100}': "100", '{"a":"1.50"}': "1.50", '{"a":12345678901234567890}': "12345678901234567890", '{"a":""}': "",
        '{"a":{"x":1.50}}': '{"x":1.5}', '{"a":1} x': None, '{"a":-0.0}': "-0.0", '{"a": {"y" : 1 } }': '{"y":1}', '{"a":1,"b"': None,
    }  # fmt: skip
    return [
        *[Case(f"columns.json_field: {path}", columns.json_field(given(text), path), read) for path, read in found.items()],
        *[Case(f"columns.json_field: a of {text}", columns.json_field(given(text), "a"), read) for text, read in of_a.items()],
        Case("columns.json_field: null", columns.json_field(given(None, "string"), "a"), None),
    ]  # fmt: skip


def _records() -> list[Case]:
    types = {"i": LongType(), "m": DecimalType(18, 4), "w": DecimalType(20, 0), "t": StringType()}
    record = F.struct(
        given(5, "bigint").alias("i"), given("1.5", "decimal(18,4)").alias("m"), given(str(2**64 - 1), "decimal(20,0)").alias("w"),
        given(None, "string").alias("t"),
    )  # fmt: skip
    none = F.lit(None).cast("struct<i:bigint,m:decimal(18,4),w:decimal(20,0),t:string>")
    return [
        Case(
            "columns.as_json: a record",
            columns.as_json(record, types),
            '{"i":5,"m":"1.5000","w":"18446744073709551615"}',
        ),
        Case("columns.as_json: null", columns.as_json(none, types), None),
        Case("columns.hashed: a record", columns.hashed(record, types), 8866220389572689845),
        Case("columns.hashed: null", columns.hashed(none, types), 42),
    ]
