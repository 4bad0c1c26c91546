"""Results of expectations, as they stand in ops.quality_results."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from dataclasses import dataclass

from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import QUALITY_RESULTS, Table


@dataclass(frozen=True, slots=True)
class Result:
    """One expectation's result: counts and thresholds, no value of a row."""

    expectation: str
    column: str | None
    severity: str
    success: bool
    observed: str
    threshold: str
    unexpected_count: int | None

    def line(self, table: Table) -> str:
        """The result for people."""
        place = f"{table.full_name}.{self.column}" if self.column else table.full_name
        return f"{self.severity}: {place} {self.expectation} ({self.threshold}): found {self.observed}"


_FIELDS = [field.name for field in dataclasses.fields(Result)]


@dataclass(frozen=True, slots=True)
class Judged:
    """The results of a table, and on what they were found, see `suites.basis`."""

    basis: str
    results: list[Result]


def store(s: Settings, judged: dict[Table, Judged]) -> None:
    """Write the results by table; those of an earlier run of the same day make way."""
    rows = [
        {"table": table.full_name, "ds": s.ds, "run_id": s.run_id, "basis": found.basis} | dataclasses.asdict(result)
        for table, found in judged.items()
        for result in found.results
    ]
    delta.replace_rows(rows, s.warehouse, QUALITY_RESULTS, _of(s, list(judged)))


def stored(s: Settings, of: list[Table]) -> dict[Table, Judged]:
    """What this run has found for these tables so far; a table without results is missing."""
    by_name = defaultdict(list)
    for row in delta.rows(s.warehouse, QUALITY_RESULTS, f"{_of(s, of)} AND run_id = {delta.listed([s.run_id])}"):
        by_name[row["table"]].append(row)
    judged = {}
    for table in of:
        rows = sorted(by_name[table.full_name], key=lambda row: (row["expectation"], row["column"] or ""))
        bases = {row.get("basis") for row in rows}
        if len(bases) == 1 and None not in bases:
            judged[table] = Judged(bases.pop(), [Result(**{name: row[name] for name in _FIELDS}) for row in rows])
    return judged


def _of(s: Settings, of: list[Table]) -> str:
    return f"ds = '{s.ds}' AND \"table\" IN ({delta.listed(table.full_name for table in of)})"
