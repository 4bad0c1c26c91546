"""check: hold a table against its suite of conf/checks, a Great Expectations suite a table.

Severities: critical stops the line (exit 3), warning is published and flagged, info is recorded. Results go to
ops.quality_results and to Data Docs; neither ever holds a value of a row.

A hop of jobs/ judges what it wrote in its own process, where an engine stands (hops.py). This verb takes those results
where they are of the same run, and of the suite, the days and the table's version that stand now; tables without such
results it judges itself, so none passes for want of them.
"""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager

from pyspark.sql import SparkSession

from jobs import tables
from jobs.checks import results, suites
from jobs.errors import DataError, UsageError
from jobs.settings import Settings


def run(session: AbstractContextManager[SparkSession], s: Settings, names: list[str]) -> str:
    """Check tables; DataError where any critical expectation failed.

    session: entered only where a table must be judged here.
    """
    asked = {table: suites.read_suite(table) for table in map(_table, names)}
    delivered = [table for table, suite in asked.items() if not suites.never_delivered(s, table, suite)]
    known = results.stored(s, delivered) if delivered else {}
    judged = {
        table: known[table]
        for table in delivered
        if table in known and known[table].basis == suites.basis(s, table, asked[table])
    }
    if rest := [table for table in delivered if table not in judged]:
        with session as spark:
            judged |= importlib.import_module("jobs.checks.judge").judge(spark, s, rest)
    return _verdict(list(asked), judged)


def _table(name: str) -> tables.Table:
    try:
        return tables.table(name)
    except KeyError as error:
        raise UsageError(error.args[0]) from error


def _verdict(asked: list[tables.Table], judged: dict[tables.Table, results.Judged]) -> str:
    broken, lines = [], []
    for table in asked:
        if table not in judged:
            lines.append(f"{table.full_name}: never delivered")
            continue
        found = judged[table].results
        failed = [result for result in found if not result.success]
        broken += [result.line(table) for result in failed if result.severity == "critical"]
        for result in failed:
            print(result.line(table))
        lines.append(f"{table.full_name}: {len(found) - len(failed)} of {len(found)} expectations met")
    if broken:
        raise DataError(f"{len(broken)} critical: " + "; ".join(broken) + "; the line stops here")
    return "; ".join(lines)
