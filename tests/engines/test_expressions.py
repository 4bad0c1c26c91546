"""Every expression that the hops use means the same on both engines: a table of values on edges, asked of the engine.

The tables stand in texts.py, numbers.py, days.py, lists.py, documents.py and rows.py; what differs, in apart.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo, available_timezones

import pytest
from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.lake import engine, expressions, functions
from jobs.lake.engine import columns
from jobs.tables import USER_PROFILES
from tests.engines import apart, days, documents, lists, numbers, rows, texts
from tests.engines.cases import differences, same

pytestmark = pytest.mark.engines

ROOT = Path(__file__).resolve().parents[2]
TABLES = (texts, numbers, days, lists, documents)
# What needs no example: names, constants, and what differs from run to run.
NO_VALUE = {"col", "lit", "current_timestamp", "Column", "DataFrame"}
# Of columns: names that are numpy's or sqlglot's in the hops, or that compute nothing.
NO_METHOD = {
    "alias", "name", "over", "otherwise", "when", "isNull", "isNotNull", "cast", "asc", "desc", "astype", "like", "outer",
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__.split(".")[-1])
def test_values_on_edges(spark, table: ModuleType):
    assert differences(table.cases(), spark.range(1).select) == {}


def test_aggregates(spark):
    frame = rows.frame(spark)
    assert differences(rows.aggregates(), frame.agg) == {}
    assert differences(rows.of_nothing(), frame.where("false").agg) == {}


def test_windows(spark):
    cases = rows.windows()
    columns = [case.asked.alias(f"c{k}") for k, case in enumerate(cases)]
    answers = rows.frame(spark).select("id", *columns).orderBy("id").collect()
    found = {case.name: [row[k] for row in answers] for k, case in enumerate(cases, start=1)}
    assert {name: value for name, value in found.items() if not same(_expected(cases)[name], value)} == {}


def test_rows_of_queries(spark):
    wrong = {}
    for name, frame, expected in rows.queries(spark):
        found = [row[0] for row in frame.collect()]
        if not same(expected, found):
            wrong[name] = f"expected {expected}, found {found}"
    assert wrong == {}


def test_every_place_has_the_hours_of_the_time_zone_database(spark):
    zones = sorted(zone for zone in available_timezones() if "/" in zone and zone != "America/Coyhaique")  # new in 2025
    moments = ["2017-01-15 12:00:00", "2017-07-15 12:00:00", "2026-03-29 12:00:00"]
    frame = spark.createDataFrame([(moment,) for moment in moments], "moment string")
    there = [F.to_utc_timestamp(F.col("moment").cast("timestamp"), zone).cast("string") for zone in zones]
    for row in frame.select("moment", F.array(*there).alias("there")).collect():
        local = datetime.fromisoformat(row["moment"])
        utc = {zone: str(local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC))[:19] for zone in zones}
        assert dict(zip(zones, row["there"], strict=True)) == utc


def test_what_people_may_write_means_the_same(spark):
    """The list of functions of conditions, by its own examples."""
    assert not [name for name, function in functions.FUNCTIONS.items() if not function.examples]
    contract = [*functions.OPERATORS, *(pair for f in functions.FUNCTIONS.values() for pair in f.examples)]
    row = tuple(functions.SAMPLE.get(name) for name in USER_PROFILES.column_names)
    asked = [F.expr(expressions.value(text, USER_PROFILES).sql).alias(f"v{k}") for k, (text, _) in enumerate(contract)]
    answer = spark.createDataFrame([row], USER_PROFILES.ddl).select(*asked).first()
    found = dict(zip((text for text, _ in contract), answer, strict=True))
    assert {text: found[text] for text, value in contract if not same(value, found[text])} == {}


def test_what_differs_is_known(spark):
    """A new version of an engine may have changed one of them: then it goes from apart.py, or stays with a new value."""
    assert differences([case.on(engine.name()) for case in apart.cases()], spark.range(1).select) == {}
    assert all(case.why_never for case in apart.cases())


def test_every_function_of_the_hops_is_in_a_table(spark):
    named = {case.function for table in TABLES for case in table.cases()}
    named |= {case.function for table in (rows.aggregates, rows.of_nothing, rows.windows) for case in table()}
    named |= {name.split(":")[0] for name, _, _ in rows.queries(spark)} | NO_VALUE
    ours = {
        f"columns.{name}"
        for name, thing in vars(columns).items()
        if getattr(thing, "__module__", "") == columns.__name__
    }
    assert {name for name in ours if "._" not in name} <= named
    used = {name: place for place, name in _calls(functions_of_spark=True)}
    assert {name: place for name, place in used.items() if name not in named} == {}
    methods = {name for name in vars(Column) if not name.startswith("_")} - NO_METHOD
    used = {name: place for place, name in _calls(functions_of_spark=False) if name in methods}
    assert {name: place for name, place in used.items() if name not in named} == {}


def _expected(cases) -> dict:
    return {case.name: case.expected for case in cases}


def _calls(functions_of_spark: bool) -> Iterator[tuple[str, str]]:
    """Place and name of every F.<name>, or of every other <value>.<name>, in the hops and the simulation; without the
    door, whose own functions have cases of their own names.
    """
    for path in sorted([*(ROOT / "jobs").rglob("*.py"), *(ROOT / "simulate").rglob("*.py")]):
        if path.is_relative_to(ROOT / "jobs" / "lake" / "engine"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Attribute):
                continue
            of_spark = isinstance(node.value, ast.Name) and node.value.id == "F"
            if of_spark == functions_of_spark:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.attr
