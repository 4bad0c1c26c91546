"""expressions: what people write in conf is held to a list, and means what it says on the engine."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import pytest
from pyspark.sql import functions as F

from jobs import tables
from jobs.audiences.book import Book
from jobs.lake import expressions, functions
from jobs.sources.spec import CONF
from jobs.tables import USER_PROFILES

CONTRACT = [*functions.OPERATORS, *(example for f in functions.FUNCTIONS.values() for example in f.examples)]

ATTACKS = [
    # Code, files and settings of the machine.
    ("reflect('java.lang.System', 'exit', 1) = ''", "expected a function of the list, found 'reflect'"),
    ("java_method('java.lang.System', 'getenv', 'HOME') = 'x'", "found 'java_method'"),
    ("TRY_REFLECT('a', 'b') = ''", "found 'try_reflect'"),
    ("`reflect`('a', 'b') = ''", "found 'reflect'"),
    ("system.builtin.reflect('a', 'b') = ''", "expected a name without a point"),
    ("lower(reflect('a', 'b')) = ''", "found 'reflect'"),
    ("CASE WHEN true THEN java_method('a', 'b') END = ''", "found 'java_method'"),
    ("attributes[reflect('a', 'b')] = ''", "expected a map's"),
    ("user_id = '${env:HOME}'", "expected texts without"),
    ("user_id = '${spark.master}'", "expected texts without"),
    ("input_file_name() = 'x'", "found input_file_name; the night is the column ds"),
    ("from_json(user_id, 'a int') IS NULL", "found 'from_json'"),
    ("aes_decrypt(user_id, 'x') IS NULL", "found 'aes_decrypt'"),
    ("raise_error('x') IS NULL", "found 'raise_error'"),
    # Names that are none of the contract's.
    ("IDENTIFIER('user_id') = 'a'", "found 'identifier'"),
    ("identifier('reflect')('a', 'b') = ''", "no SQL"),
    ("`segment-id` = 1", "found 'segment-id'; did you mean 'segment_id'"),
    ("`user_id``x` = ''", "found 'user_id`x'"),
    ("_since IS NULL", "found '_since'; there are user_id, ds"),
    ("_metadata.file_path = ''", "expected a name without a point"),
    ("gold.user_profiles.user_id = 'a'", "expected a name without a point"),
    ("monetary_365 >= 100", "columns of gold.user_profiles, found 'monetary_365'; did you mean 'monetary_365d'"),
    ("MONETARY_365D > 1", "did you mean 'monetary_365d'"),
    ("attributes.size = 'L'", r"or attributes\['key'\]"),
    # Other rows, other statements.
    ("user_id IN (SELECT user_id FROM other)", "found a query"),
    ("EXISTS (SELECT 1)", "found a query"),
    ("(SELECT true)", "found a query"),
    ("user_id = ALL (SELECT 1)", "found a query"),
    ("user_id IN (VALUES ('a'))", "found a query"),
    ("TRUE |> WHERE x", "no SQL"),
    ("true UNION SELECT 1", "no SQL"),
    ("DROP TABLE gold.segments", "no SQL"),
    ("SET spark.sql.ansi.enabled = false", "no SQL"),
    ("user_id = 'a'; DROP TABLE x", "expected one condition, found ;"),
    ("true;", "expected one condition, found ;"),
    ("count(*) > 3", r"an aggregate or a window over many \(count\)"),
    ("max(recency_days) > 3", "an aggregate or a window"),
    ("count(DISTINCT user_id) > 1", "an aggregate or a window"),
    ("any_value(user_id) FILTER (WHERE true) = 'a'", "an aggregate or a window"),
    ("row_number() OVER (ORDER BY user_id) < 3", "an aggregate or a window"),
    ("size(*) > 1", "an aggregate or a window"),
    # Comments, escapes and other texts within texts.
    ("user_id = 'a' -- AND global_holdout", "expected no comment"),
    ("user_id = 'a' /* x */", "expected no comment"),
    ("/*+ BROADCAST(x) */ true", "expected no comment"),
    (r"user_id = 'a\' OR true OR user_id = \'b'", r"expected a quote within quotes of the other kind"),
    ("user_id = 'a' 'b'", "found CONCAT"),
    ("user_id = 'a''b'", "found CONCAT"),
    ("user_id = X'41'", "found HEXSTRING"),
    ("user_id = r'a'", "found RAWSTRING"),
    ("user_id = {{ds}}", "found PLACEHOLDER"),
    ("user_id = :x", "found PLACEHOLDER"),
    ("user_id = @x", "found PARAMETER"),
    ("user_id LIKE region", "expected a text in quotes behind LIKE"),
    ("user_id LIKE '%!%' ESCAPE '!'", "found ESCAPE"),
    ("user_id RLIKE '(a+)+$'", "found REGEXPLIKE"),
    ("user_id COLLATE UNICODE_CI = 'A'", "found COLLATE"),
    # Another answer tomorrow, or on another machine or engine.
    ("rand() < 0.1", "expected the same answer whenever the night is run, found rand"),
    ("uuid() = 'a'", "found uuid"),
    ("ds > current_date", "found current_date"),
    ("ds > CURRENT_TIMESTAMP()", "found current_timestamp"),
    ("now() IS NULL", "found now"),
    ("current_user() = 'a'", "found current_user"),
    ("user = 'a'", "found user;"),
    ("monotonically_increasing_id() = 1", "found monotonically_increasing_id"),
    ("round(monetary_90d) = 1", "found 'round'"),
    ("weekday(ds) = 1", "found 'weekday'"),
    ("monetary_365d / recency_days > 3", r"expected try_divide\(a, b\)"),
    ("monetary_365d / 0 > 3", r"expected try_divide\(a, b\)"),
    ("recency_days % 2 = 0", "found MOD"),
    ("monetary_365d * monetary_365d * monetary_365d > 1", "at most 38 digits, found a result of 56"),
    ("recency_days = 99999999999999999999", "expected a number such as 12 or 0.5"),
    ("recency_days = 1e3", "expected a number such as 12 or 0.5"),
    ("date_add(ds, -2147483647) > ds", "expected a whole number of days"),
    ("tags[5] = 'a'", r"try_element_at\(list, place\)"),
    ("element_at(tags, 5) = 'a'", "found 'element_at'; did you mean 'try_element_at'"),
    ("cast(age_band AS int) > 3", "expected try_cast, found CAST"),
    ("age_band::int > 3", "expected try_cast, found CAST"),
    ("rfm_class = 555", "of one kind .* the text rfm_class and the number 555"),
    ("segment_id = '3'", "of one kind .* the number segment_id and the text '3'"),
    ("ds = '2017-02-30'", "expected a day such as"),
    # What is none.
    ("monetary_365d", r"expected a condition \(boolean\), found decimal"),
    ("age_band = ", "no SQL, at the end of age_band ="),
    ("region = NULL", "expected IS NULL"),
    ("region IN ('a', NULL)", "expected IS NULL"),
    ("tags = array('a')", "write array_contains"),
    ("marketing_consent > false", "expected = or <> between conditions"),
    ("CASE WHEN 1 THEN true END", "expected a flag, found the number 1"),
    ("ds - 7 > ds", "write date_add, date_sub or datediff"),
    ("lower(user_id, 'x') = ''", r"expected lower\(text\), found 2 arguments"),
    ("substring(user_id, 0, 2) = ''", "expected a whole number from 1"),
    ("recency_days BETWEEN SYMMETRIC 9 AND 1", "found BETWEEN"),
    ("(" * 3000 + "true" + ")" * 3000, "expected brackets within each other a few deep"),
    (" ", "no SQL"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), ATTACKS, ids=[text[:40] for text, _ in ATTACKS])
def test_what_is_not_on_the_list_is_refused_in_one_line(text, said):
    with pytest.raises(expressions.ConditionError, match=said) as refused:
        expressions.condition(text, USER_PROFILES)
    assert "\n" not in str(refused.value)


def test_what_stands_within_quotes_is_only_a_text():
    for text in ("segment_name = 'now() we SELECT -- them; /* ` */ OVER ('", 'segment_name = "it\'s {{x}} :y $z"'):
        assert text.split(" = ")[1] in expressions.condition(text, USER_PROFILES)


def test_only_own_words_reach_the_engine():
    """Names in back-ticks, texts in quotes, numbers: whatever else is in the spelling is a word of the list."""
    words = {
        "and", "or", "not", "is", "null", "in", "like", "ilike", "between", "case", "when", "then", "else", "end",
        "true", "false", "cast", "try_cast", "as", "date", "int", "double", "decimal", "translate",
    }  # fmt: skip
    for text, _ in CONTRACT:
        rest = re.sub(r"`\w+`|'[^']*'|\"[^\"]*\"", " ", expressions.value(text, USER_PROFILES).sql)
        assert {word.lower() for word in re.findall(r"[A-Za-z_]\w*", rest)} <= words | set(functions.FUNCTIONS)


def test_many_conditions_in_a_row_are_no_brackets_within_each_other():
    assert expressions.condition(" OR ".join(f"user_id = 'u{n}'" for n in range(5000)), USER_PROFILES)


def test_every_entry_of_the_list_means_what_it_says(spark):
    row = tuple(functions.SAMPLE.get(name) for name in USER_PROFILES.column_names)
    values = [expressions.value(text, USER_PROFILES) for text, _ in CONTRACT]
    asked = spark.createDataFrame([row], USER_PROFILES.ddl).select(
        *(F.expr(value.sql).alias(f"v{number}") for number, value in enumerate(values))
    )
    found = dict(zip((text for text, _ in CONTRACT), asked.first(), strict=True))
    assert found == dict(CONTRACT)
    for field, value in zip(asked.schema, values, strict=True):
        assert value.type in ("", field.dataType.simpleString()), "the type that we believe a number to have"


def people(spark, rows: int = 400):
    """Rows of gold.user_profiles with values around the borders of the shipped rules, and nulls."""
    random = Random(7)
    some = {
        "lifecycle_stage": ["new", "active", "loyal", "slipping", "dormant", "lost"],
        "rfm_class": ["555", "355", "554", "155"],
        "recency_days": [0, 3, 55, 56, 57],
        "frequency_90d": [5, 6, 7],
        "purchase_7d": [0.49, 0.5, 0.500001, 0.9],
        "monetary_90d": [Decimal("0.00"), Decimal("333.33"), Decimal("500.25")],
        "monetary_365d": [Decimal("999.99"), Decimal("1000.00"), Decimal("1000.50")],
        "age_band": ["19-24", "7", "-1", " 7 "],
        "tags": [[], ["deal seeker"], ["spend fading", "deal seeker"], ["Spend fading"]],
        "attributes": [{}, {"size": "L"}],
        "marketing_consent": [True, False],
        "region": ["", "北京", "Paris"],
    }
    base = dict.fromkeys(USER_PROFILES.column_names) | {"model_version": "1", "run_id": "r"}
    made = [
        base | {"user_id": f"u{n}", "ds": date(2017, 12, 3) - timedelta(days=n % 40)}
        | {name: random.choice([*values, None]) for name, values in some.items()}
        for n in range(rows)
    ]  # fmt: skip
    return spark.createDataFrame([tuple(row[name] for name in base) for row in made], USER_PROFILES.ddl)


WRITTEN = [
    "recency_days + frequency_90d * 2 > 60 OR NOT marketing_consent",
    "monetary_90d * 3 <= monetary_365d AND monetary_365d - monetary_90d >= 500.25",
    "coalesce(marketing_consent, true) AND region IN ('', '北京')",
    "CASE WHEN recency_days < 56 THEN 'a' WHEN recency_days IS NULL THEN 'b' END = 'a'",
    "try_cast(age_band AS int) BETWEEN 0 AND 10",
    "greatest(monetary_90d, 400) > 400 AND least(purchase_7d, 0.5) = 0.5",
    "size(tags) = 2 OR attributes['size'] = 'L' OR lower(try_element_at(tags, 1)) = 'spend fading'",
    "ds >= '2017-11-20' AND month(ds) = 11 AND datediff(ds, DATE'2017-11-01') < 25",
    "region LIKE 'P%' OR region IS NOT DISTINCT FROM NULL",
    "abs(purchase_7d - 0.5) < 0.01 AND floor(monetary_90d) = 333",
]


def test_shipped_and_other_conditions_find_whom_spark_finds_by_their_own_text(spark):
    book = Book.load()
    shipped = [definition.where for definition in book.by_id.values() if definition.where]
    assert len(shipped) >= 5
    asked = [*shipped, *WRITTEN]
    own = [F.expr(text) for text in asked]
    ours = [F.expr(expressions.condition(text, USER_PROFILES)) for text in asked]
    rows = people(spark).select(F.array(*own).alias("own"), F.array(*ours).alias("ours")).collect()
    for number, text in enumerate(asked):
        found = [row["ours"][number] for row in rows]
        assert found == [row["own"][number] for row in rows], text
        assert len(set(found)) > 1, f"{text}: nobody, or everybody"


def test_the_conditions_of_the_checks_are_on_the_list():
    found = 0
    for path in sorted((CONF / "checks").glob("*.yaml")):
        for text in re.findall(r'row_condition: "([^"]+)"', path.read_text(encoding="utf-8")):
            assert expressions.condition(text, tables.table(path.stem))
            found += 1
    assert found == 4


def test_the_guide_lists_what_there_is():
    guide = (CONF.parent / "docs/audiences.md").read_text(encoding="utf-8")
    told = guide.split("<!-- functions -->")[1]
    assert sorted(re.findall(r"`(\w+)`", told)) == sorted(functions.FUNCTIONS)
