"""Texts, patterns and hashes: cases of the contract."""

from __future__ import annotations

from pyspark.sql import functions as F

from jobs.clean.devices import device_class
from jobs.clean.queries import normalised_query
from jobs.collect import fields
from jobs.lake.engine import columns
from jobs.sources import cells
from tests.engines.cases import Case, given, texts


def cases() -> list[Case]:
    return [*_plain(), *_patterns(), *_hashes()]


def _plain() -> list[Case]:
    mixed, nothing = given("héllo 世界😀"), given(None, "string")
    return [
        Case("concat: null", F.concat(given("a"), nothing), None),
        Case("concat: empty", F.concat(given(""), given("a")), "a"),
        Case("concat: lists", F.concat(texts("a", None), texts()), ["a", None]),
        Case("concat_ws: nulls are left out", F.concat_ws("; ", given("a"), nothing, given("b")), "a; b"),
        Case("concat_ws: nothing but nulls", F.concat_ws("; ", nothing, nothing), ""),
        Case("concat_ws: empty texts stay", F.concat_ws(" ", given("a"), given("")), "a "),
        Case("length: characters", F.length(mixed), 9),
        Case("length: blanks count", F.length(given(" a ")), 3),
        Case("length: null", F.length(nothing), None),
        Case("left: characters", F.left(mixed, F.length(mixed) - 2), "héllo 世"),
        Case("left: fewer than none", F.left(given("a"), F.length(given("a")) - 2), ""),
        Case("lower: Turkish, German", F.lower(given("İSTANBUL ẞ Ñ")), "i̇stanbul ß ñ"),
        Case("lower: a sigma at the end", F.lower(given("ΟΔΟΣ ΣΑ")), "οδος σα"),
        Case("lower: full width", F.lower(given("ＡＢ")), "ａｂ"),
        Case("upper: of ASCII", F.upper(given("usd")), "USD"),
        Case("upper: null", F.upper(given(None, "string")), None),
        Case("trim: blanks alone", F.trim(given("  \t a \n ")), "\t a \n"),
        Case("trim: no wide blanks", F.trim(given("\u3000a\u00a0")), "\u3000a\u00a0"),
        Case(
            "trim: characters that are not seen", cells.trimmed(given("\ufeff\u3000a\u200b b\x00\u00a0\t")), "a\u200b b"
        ),
        Case("trim: none but those", cells.trimmed(given("\x00\u200b ")), None),
        Case(
            "joined: signs of their own", fields.joined([given("a-b"), given("c\\d"), given("e-f")]), "a\\-b-c\\\\d-e-f"
        ),
        Case("joined: null", fields.joined([given("a"), given(None, "string")]), None),
        Case("trim: nothing left", F.trim(given("  ")), ""),
        Case("rtrim: of a character", F.rtrim(given("100.5000"), F.lit("0")), "100.5"),
        Case("rtrim: of the last one alone", F.rtrim(given("100."), F.lit(".")), "100"),
        Case("substring: characters", F.substring(mixed, 7, 3), "世界😀"),
        Case("substring: place 0", F.substring(given("abc"), 0, 2), "ab"),
        Case("substring: from the end", F.substring(given("abc"), -2, 1), "b"),
        Case("substring: behind the end", F.substring(given("abc"), 5, 2), ""),
        Case("lpad: filled", F.lpad(given("7"), 3, "0"), "007"),
        Case("lpad: cut", F.lpad(given("1234"), 3, "0"), "123"),
        Case("lpad: characters", F.lpad(given("é"), 3, "世"), "世世é"),
        Case("translate: to a character", F.translate(given("a\r\nb"), "\r\n", "  "), "a  b"),
        Case("translate: to nothing", F.translate(given("a-b"), "-", ""), "ab"),
        Case("translate: beyond 16 bits", F.translate(given("𝐀1ＡＢ"), "𝐀ＡＢ", "AAB"), "A1AB"),
        Case("replace: each", F.replace(given("a-b-c"), F.lit("-"), F.lit("\\-")), "a\\-b\\-c"),
        Case("replace: null", F.replace(given(None, "string"), F.lit("-"), F.lit("+")), None),
        Case("nullif: equal", F.nullif(given(""), F.lit("")), None),
        Case("nullif: null", F.nullif(nothing, F.lit("")), None),
        Case("nullif: other", F.nullif(given(" "), F.lit("")), " "),
        Case("split: empty ends stay", F.split(given(",a,b,,"), ","), ["", "a", "b", "", ""]),
        Case("split: empty text", F.split(given(""), ","), [""]),
        Case("split: null", F.split(nothing, ","), None),
        Case("split: a pattern", F.split(given("u1, ü2;u3"), r"[^A-Za-z0-9_]+"), ["u1", "2", "u3"]),
        Case("split: escaped", F.split(given("a > b.c"), r"\ >\ "), ["a", "b.c"]),
        Case("split: escaped sign", F.split(given("a|b"), r"\|"), ["a", "b"]),
        Case("split: unit separator", F.split(given("1\x1f2"), "\x1f").cast("array<int>"), [1, 2]),
        Case("encode: utf-8", F.encode(given("é世"), "UTF-8"), "é世".encode()),
        Case("unhex: digits", F.unhex(given("c3A9")), "é".encode()),
        Case("format_number: halves", F.format_number(given(12.5), 0), "12"),
        Case("format_number: odd halves", F.format_number(given(13.5), 0), "14"),
        Case("format_number: binary halves", F.format_number(given(0.125), 2), "0.12"),
        Case("format_number: what looks like a half", F.format_number(given(1.005), 2), "1.00"),
        Case("format_number: thousands", F.format_number(given(1234567.891), 2), "1,234,567.89"),
        Case("format_number: next thousand", F.format_number(given(999.999), 2), "1,000.00"),
        Case("format_number: below 0", F.format_number(given(-0.004), 2), "-0.00"),
        Case("format_number: null", F.format_number(given(None, "double"), 2), None),
        Case("contains: characters", mixed.contains("界😀"), True),
        Case("contains: null", nothing.contains("a"), None),
        Case("startswith: empty", mixed.startswith(""), True),
        Case("endswith: null", nothing.endswith("a"), None),
        Case("isin: null is unknown", nothing.isin("a", "b"), None),
        Case("isin: an empty text", given("").isin("a", ""), True),
        Case("eqNullSafe: both null", nothing.eqNullSafe(F.lit(None).cast("string")), True),
        Case("eqNullSafe: one null", nothing.eqNullSafe("a"), False),
        Case("==: composed and decomposed", given("\u00e9") == F.lit("e\u0301"), False),
        Case("<: by bytes", given("\ufb01") < F.lit("😀"), True),
        Case("!=: null", nothing != "a", None),
    ]


def _patterns() -> list[Case]:
    return [
        Case("regexp_replace: groups", F.regexp_replace(given("a 世 b 界 c"), r"(\p{IsHan}) ", "$1"), "a 世b 界c"),
        Case("regexp_replace: blanks", F.regexp_replace(given("a\u3000 \u00a0\u200b\tb"), _BLANKS, " "), "a b"),
        Case("regexp_replace: words", F.regexp_replace(given("é-١!中"), r"[^\p{L}\p{N}]+", " "), "é ١ 中"),
        Case("regexp_replace: to the last", F.regexp_replace(given("x\nandroid android y"), _ANDROID, ""), " y"),
        Case("regexp_replace: null", F.regexp_replace(given(None, "string"), "a", "b"), None),
        Case("regexp_replace: a fraction", F.regexp_replace(given("266079.00"), r"\.0+\z", ""), "266079"),
        Case("regexp_replace: a fraction, then a line", F.regexp_replace(given("5.0\n"), r"\.0+\z", ""), "5.0\n"),
        Case("regexp_extract: found", F.regexp_extract(given("bad_money: price from column a b is x"), _READ, 0),
             "bad_money: price from column a b is "),
        Case("regexp_extract: not found", F.regexp_extract(given("missing_id"), _READ, 0), ""),
        Case("regexp_extract: null", F.regexp_extract(given(None, "string"), _READ, 0), None),
        Case("rlike: null", given(None, "string").rlike("a"), None),
        Case("rlike: letters", given("é1").rlike(r"\p{L}"), True),
        Case("rlike: no letters", given("١!").rlike(r"\p{L}"), False),
        *[Case(f"columns.is_local: {text!r}", columns.is_local(given(text)), local)
          for text, local in {"2026-06-10 10:00:00": True, "2026-06-10T10:00": True, "2026-06-10": True, "2026-06-10 10:00:00.5": True,
                              "2026-06-10 10:00:00Z": False, "2026-06-10 10:00:00+08": False, "2026-06-10 10:00:00 UTC": False}.items()],
        *[Case(f"device_class: {agent}", device_class(given(agent)), device) for agent, device in _AGENTS.items()],
        *[Case(f"normalised_query: {query!r}", normalised_query(given(query)), found)
          for query, found in _QUERIES.items()],
    ]  # fmt: skip


_BLANKS, _ANDROID, _READ = (
    r"[\s\p{Z}\p{Cc}\u200b\ufeff]+", "(?s)^.*android", r"bad_(\w+): (\w+) from column (.+?) is ",
)  # fmt: skip
_AGENTS = {
    "Googlebot/2.1": "bot", "ébot x": "bot", "xbot": "bot", "CUBOT android mobile": "mobile",
    "smarttv": "tv", "tizen x tv": "tv", "tizen\nx tv": "tv", "tvé;": "unknown", "my pad": "tablet",
    "中pad中": "tablet", "Android 9; SM": "tablet", "Android Mobile": "mobile", "": "unknown", "K": "unknown",
}  # fmt: skip
_QUERIES = {
    "  ＡＢＣ　Ｄ１ ": "abc d1", "İ": "i̇", "a\x00\x1f\u0085b": "a b", "\u200b\ufeff ": None, "①ｶ": "1カ", "": None,
    "𝐀b": "ab",
}  # fmt: skip


def _hashes() -> list[Case]:
    nothing = given(None, "string")
    return [
        Case("xxhash64: a text", F.xxhash64(given("a")), -8582455328737087284),
        Case("xxhash64: many bytes", F.xxhash64(given("héllo 世界😀" * 9)), -4525739723328335105),
        Case("xxhash64: empty", F.xxhash64(given("")), -7444071767201028348),
        Case("xxhash64: null changes nothing", F.xxhash64(nothing), 42),
        Case("xxhash64: a text and a day", F.xxhash64(given("a"), given("2017-01-01", "date")), 6002580038248767439),
        Case("xxhash64: bigint", F.xxhash64(given(5, "bigint")), 6251837290343458373),
        Case("xxhash64: int", F.xxhash64(given(5, "int")), 504019808641096632),
        Case("xxhash64: a salt", F.xxhash64(F.lit((7 << 32) + 3), given("u1")), 6909025110028612162),
        Case("xxhash64: double", F.xxhash64(given(1.5)), 7738255526519901366),
        Case("xxhash64: -0.0 is 0.0", F.xxhash64(given(-0.0)) == F.xxhash64(given(0.0)), True),
        Case("xxhash64: flag", F.xxhash64(given(True)), -6698625589789238999),
        Case("xxhash64: decimal(18)", F.xxhash64(given("3.10", "decimal(18,4)")), -8034990026694418372),
        Case("xxhash64: lists", F.xxhash64(texts("a", None), texts("b")), -7357372313250070212),
        Case("xxhash64: a time", F.xxhash64(given("2017-01-01 01:02:03.5", "timestamp")), 7634611538807427349),
        Case("xxhash64: a struct", F.xxhash64(F.struct(given("a"), given(5, "bigint"), nothing)), -4521660676022616110),
        Case("sha2: a text", F.sha2(given("é"), 256),
             "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"),
        Case("sha2: bytes", F.sha2(F.concat(F.lit(b"\x00\xff"), F.encode(given("é"), "UTF-8")), 256),
             "f913f951fee20a999f5360abd89d13db26473126d9c5942dcc37b29eeef7dacb"),
        Case("sha2: null", F.sha2(nothing, 256), None),
    ]  # fmt: skip
