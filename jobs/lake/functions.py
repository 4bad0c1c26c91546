"""What a condition that people write may have: its functions and operators, each with examples and their values.

The lists are short on purpose: each entry means the same on Apache Spark and on Sail, edge values too. What they do
differently is missing (round, weekday, regular expressions), or spelled so that both agree (try_divide, datediff).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import EllipsisType
from typing import Any


@dataclass(frozen=True, slots=True)
class Function:
    """A function that a condition may call.

    takes: kinds of its arguments (jobs/lake/kinds.py); `whole` is a number of the type int, `place` a whole number from
    1 written out, `same` anything of one kind, `...` any more of the last. gives: kind of its result; `int` and
    `double` are numbers of that type, `same` is of the arguments' type, `whole` is the argument's type without its
    fraction. sql: how it is spelled where it is not called by its name. examples: (expression on SAMPLE, value).
    """

    takes: tuple[str | EllipsisType, ...]
    gives: str
    examples: tuple[tuple[str, Any], ...]
    sql: str = ""


# The row of gold.user_profiles that the examples are asked of; every other column is null.
SAMPLE: dict[str, Any] = {
    "user_id": "u1", "ds": date(2017, 12, 3), "lifecycle_stage": "loyal", "recency_days": 7, "frequency_90d": 0,
    "monetary_90d": Decimal("10.01"), "monetary_365d": Decimal("1000.50"), "purchase_7d": 0.93,
    "marketing_consent": True, "tags": ["deal seeker", "win back"],
    "attributes": {"size": "L", "people": " 7 ", "day": "2017-02-30", "time": "2017-12-03T10:00:00"},
}  # fmt: skip

FUNCTIONS: dict[str, Function] = {
    # Texts.
    "concat": Function(
        ("text", "text", ...), "text", (("concat('a', '-', user_id)", "a-u1"), ("concat('a', region)", None))
    ),
    "contains": Function(("text", "text"), "flag", (("contains(user_id, 'u')", True),)),
    "endswith": Function(("text", "text"), "flag", (("endswith(user_id, 'u')", False),)),
    "length": Function(("text",), "int", (("length('世界 é')", 4), ("length(region)", None))),
    "lower": Function(("text",), "text", (("lower('ABC Ñ')", "abc ñ"),)),
    "replace": Function(("text", "text", "text"), "text", (("replace('abcb', 'b', 'x')", "axcx"),)),
    "startswith": Function(
        ("text", "text"), "flag", (("startswith(user_id, 'u')", True), ("startswith(region, 'u')", None))
    ),
    "substring": Function(
        ("text", "place", "place"), "text", (("substring('héllo', 2, 3)", "éll"), ("substring('abc', 5, 2)", ""))
    ),
    "trim": Function(("text",), "text", (("trim('  a b ')", "a b"),)),
    "upper": Function(("text",), "text", (("upper('straße')", "STRASSE"),)),
    # Numbers.
    "abs": Function(("number",), "same", (("abs(-1.50)", Decimal("1.50")), ("abs(purchase_7d - 2)", 2 - 0.93))),
    "ceil": Function(("number",), "whole", (("ceil(monetary_90d)", Decimal(11)), ("ceil(-purchase_7d)", 0))),
    "floor": Function(("number",), "whole", (("floor(-1.5)", Decimal(-2)), ("floor(purchase_7d)", 0))),
    "try_divide": Function(
        ("number", "number"), "double",
        (("try_divide(recency_days, 2)", 3.5), ("try_divide(monetary_90d, frequency_90d)", None)),
        "(CAST({} AS double) / NULLIF(CAST({} AS double), CAST(0 AS double)))",
    ),
    # Anything of one kind.
    "coalesce": Function(
        ("same", "same", ...), "same",
        (("coalesce(region, 'none')", "none"), ("coalesce(spend_28d, monetary_90d)", 10.01)),
    ),
    "greatest": Function(
        ("same", "same", ...), "same",
        (("greatest(recency_days, 2.5)", Decimal("7.0")), ("greatest(monetary_90d, purchase_7d, spend_28d)", 10.01)),
    ),
    "least": Function(("same", "same", ...), "same", (("least('b', 'a', region)", "a"),)),
    "nullif": Function(("same", "same"), "same", (("nullif(recency_days, 7)", None), ("nullif(user_id, 'x')", "u1"))),
    # Lists and maps.
    "array": Function(("text", ...), "texts", (("array('a', 'b')", ["a", "b"]),)),
    "array_contains": Function(
        ("texts", "text"), "flag",
        (("array_contains(tags, 'win back')", True), ("array_contains(tags, 'x')", False),
         ("array_contains(reasons, 'x')", None)),
    ),
    "arrays_overlap": Function(
        ("texts", "texts"), "flag",
        (("arrays_overlap(tags, array('x', 'win back'))", True), ("arrays_overlap(tags, array('x'))", False)),
    ),
    "map_contains_key": Function(
        ("map", "text"), "flag",
        (("map_contains_key(attributes, 'size')", True), ("map_contains_key(attributes, 'x')", False)),
    ),
    "size": Function(("texts",), "int", (("size(tags)", 2), ("size(reasons)", None))),
    "try_element_at": Function(
        ("texts", "place"), "text", (("try_element_at(tags, 2)", "win back"), ("try_element_at(tags, 3)", None))
    ),
    # Days.
    "date_add": Function(("day", "whole"), "day", (("date_add(ds, 30)", date(2018, 1, 2)),)),
    "date_sub": Function(("day", "whole"), "day", (("date_sub(ds, recency_days)", date(2017, 11, 26)),)),
    "datediff": Function(
        ("day", "day"), "int", (("datediff(ds, DATE'2017-11-01')", 32),), "CAST(datediff({}, {}) AS int)"
    ),
    "dayofmonth": Function(("day",), "int", (("dayofmonth(ds)", 3),)),
    "dayofweek": Function(("day",), "int", (("dayofweek(ds)", 1),)),  # Sunday
    "month": Function(("day",), "int", (("month(ds)", 12),)),
    "quarter": Function(("day",), "int", (("quarter(ds)", 4),)),
    "year": Function(("day",), "int", (("year(ds)", 2017),)),
}  # fmt: skip
ALIASES = {
    "cardinality": "size", "ceiling": "ceil", "date_diff": "datediff", "day": "dayofmonth", "ifnull": "coalesce",
    "nvl": "coalesce", "substr": "substring",
}  # fmt: skip

# What else a condition may have: (expression on SAMPLE, value).
OPERATORS: tuple[tuple[str, Any], ...] = (
    ("recency_days = 7 AND NOT frequency_90d <> 0", True),
    ("region = 'x' OR marketing_consent", True),
    ("region = 'x'", None),
    ("monetary_90d >= 10.01", True),
    ("monetary_90d > purchase_7d", True),
    ("purchase_7d = 0.93", True),
    ("ds <= '2017-12-03'", True),
    ("region <=> 'x'", False),
    ("region IS NOT DISTINCT FROM NULL", True),
    ("region IS DISTINCT FROM 'x'", True),
    ("region IS NULL", True),
    ("tags IS NOT NULL", True),
    ("(region = 'x') IS TRUE", False),
    ("(region = 'x') IS NOT FALSE", True),
    ("recency_days IN (1, 7)", True),
    ("lifecycle_stage NOT IN ('new', 'lost')", True),
    ("monetary_90d BETWEEN 10 AND 10.02", True),
    ("lifecycle_stage LIKE '_oy%'", True),
    ("lifecycle_stage NOT LIKE '_oy%'", False),
    ("lifecycle_stage ILIKE 'LOY%'", True),
    ("user_id || '-' || lifecycle_stage", "u1-loyal"),
    ("monetary_365d - monetary_90d * 3", Decimal("970.4700")),
    ("recency_days + 2147483647", Decimal(2147483654)),
    ("-monetary_90d * 0.5", Decimal("-5.00500")),
    ("monetary_90d * purchase_7d", 10.01 * 0.93),
    ("monetary_90d / 3", 10.01 / 3),
    ("attributes['size']", "L"),
    ("attributes['nope']", None),
    ("if(recency_days > 3, 'late', 'soon')", "late"),
    ("CASE WHEN region = 'x' THEN 1 WHEN marketing_consent THEN 2.5 END", Decimal("2.5")),
    ("CASE lifecycle_stage WHEN 'new' THEN 1 ELSE 2 END", 2),
    ("try_cast(attributes['people'] AS int)", 7),
    ("try_cast(attributes['size'] AS int)", None),
    ("try_cast('1e3' AS double)", None),
    ("try_cast('-.5' AS double)", -0.5),
    ("try_cast('7.55' AS decimal(18, 2))", Decimal("7.55")),
    ("try_cast(attributes['day'] AS date)", None),
    ("try_cast(attributes['time'] AS date)", None),
    ('"it\'s"', "it's"),
)
