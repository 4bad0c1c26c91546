"""How much is missing in each column, beside the rule of conf/cleaning.yaml for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from jobs.clean.rules import Missing
from jobs.tables import Table

BY = ("ds", "event_type")


def counts(table: Table, rules: dict[str, Missing]) -> dict[str, str]:
    """SQL aggregates of rows of `table` by BY: `all`, and for each column `there.NAME`, the rows that have a value.
    KeyError for a column without a rule.
    """
    return {"all": "count(*)"} | {f"there.{name}": f"count({_known(name, rules[name])})" for name in table.column_names}


def shares(counted: Iterable[dict], table: Table, rules: dict[str, Missing]) -> list[dict]:
    """One row a ds and column, the columns of ops.missing_values less run_id, of the few rows that `counts` make.

    `rules` are `load_rules().missing[table.full_name]`. A rule speaks of the kinds of event that it names, else of all.
    """
    days: dict[date, list[dict]] = defaultdict(list)
    for row in counted:
        days[row["ds"]].append(row)
    cells = []
    for ds, kinds in sorted(days.items()):
        for name in table.column_names:
            rule = rules[name]
            mine = [row for row in kinds if not rule.of or row["event_type"] in rule.of]
            rows = sum(row["all"] for row in mine)
            missing = rows - sum(row[f"there.{name}"] for row in mine)
            cells.append(
                {"table": table.full_name, "ds": ds, "column": name, "rule": rule.rule, "rows": rows,
                 "missing": missing, "share": missing / rows if rows else None}
            )  # fmt: skip
    return cells


def _known(name: str, rule: Missing) -> str:
    return f"nullif({name}, 'unknown')" if rule.rule == "unknown" else name
