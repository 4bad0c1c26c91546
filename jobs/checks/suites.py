"""The suites of conf/checks: what is expected of a table, and of which of its rows."""

from __future__ import annotations

import hashlib
from math import inf
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from jobs import tables
from jobs.conf import CONF, Strict, read
from jobs.errors import UsageError
from jobs.lake import delta
from jobs.settings import Settings

Severity = Literal["critical", "warning", "info"]


class Expectation(Strict):
    """One line of a suite: the type is a class of great_expectations.expectations, the rest are its arguments."""

    model_config = ConfigDict(extra="allow")
    type: str
    severity: Severity


class Span(Strict):
    """Shares of what is usual."""

    min_share: float = Field(ge=0)
    max_share: float = Field(inf, gt=0)

    def holds(self, share: float) -> bool:
        return self.min_share <= share <= self.max_share

    def __str__(self) -> str:
        return f"{self.min_share:.0%} " + ("or more" if self.max_share == inf else f"to {self.max_share:.0%}")


class Volume(Strict):
    """What a night of events may bring, as shares of the median of the last `days` such weekdays; held against where
    `least_days` are known, with `least_events` or more.
    """

    critical: Span
    warning: Span
    days: int = Field(ge=1)
    least_days: int = Field(ge=1)
    least_events: int = Field(ge=1)


class Suite(Strict):
    """What is checked: `landed_ds` and `days`, the rows of since..ds by day of delivery or of the event; `ds`, the rows
    of the night; null, the whole table; `nights`, the night's changes, each with whether it fits the two nights.
    `volume` is of bronze.events alone; `balance`, of silver.events, is how severe it is where bronze is not silver and
    what was refused.
    """

    slice: Literal["ds", "days", "landed_ds", "nights"] | None
    expectations: tuple[Expectation, ...]
    volume: Volume | None = None
    balance: Severity | None = None


def read_suite(table: tables.Table, folder: Path = CONF / "checks") -> Suite:
    """The suite of a table; UsageError where it is missing or its YAML is wrong, with the place."""
    path = folder / f"{table.full_name}.yaml"
    if not path.is_file():
        have = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise UsageError(f"expected a suite at {path}, found none; suites stand for {have}")
    return read(path, Suite, "suite")


def never_delivered(s: Settings, table: tables.Table, suite: Suite) -> bool:
    """Whether there is nothing to check because no delivery of this kind ever came."""
    if suite.slice != "landed_ds" or delta.count(s.warehouse, table):
        return False
    return not delta.count(s.warehouse, tables.LOADS, f"kind = '{table.name}'")


def basis(s: Settings, table: tables.Table, suite: Suite) -> str:
    """Digest of all that results depend on: the suite, the days and the source, the table's version (by Delta)."""
    parts = (suite.model_dump_json(), s.since, s.ds, s.source, delta.version(s.warehouse, table))
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
