"""check: hold a table against its suite of conf/checks, a Great Expectations suite a table.

Severities: critical stops the line (exit 3), warning is published and flagged, info is recorded. Results go to
ops.quality_results and to Data Docs; neither ever holds a value of a row.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import great_expectations as gx
from great_expectations import expectations as gxe
from pydantic import ConfigDict
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs import audiences, segments, tables
from jobs.conf import CONF, Strict, read
from jobs.errors import DataError, UsageError
from jobs.lake import delta, pages
from jobs.settings import Settings

# Counts only: a result holds no value of a row, so no personal data.
_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}


class Expectation(Strict):
    """One line of a suite: the type is a class of great_expectations.expectations, the rest are its arguments."""

    model_config = ConfigDict(extra="allow")
    type: str
    severity: Literal["critical", "warning", "info"]

    def build(self) -> gxe.Expectation:
        return getattr(gxe, self.type)(severity=self.severity, **(self.model_extra or {}))


class Suite(Strict):
    """What is checked: `landed_ds` and `days`, the rows of since..ds by day of delivery or of the event; `ds`, the rows
    of the night; null, the whole table; `nights`, the night's changes, each with whether it fits the two nights.
    """

    slice: Literal["ds", "days", "landed_ds", "nights"] | None
    expectations: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """One expectation's result."""

    expectation: str
    column: str | None
    severity: str
    success: bool
    observed: str
    threshold: str
    unexpected_count: int | None


def load_suite(table: tables.Table, folder: Path = CONF / "checks") -> Suite:
    """The suite of a table; UsageError where it is missing or wrong, with the place."""
    path = folder / f"{table.full_name}.yaml"
    if not path.is_file():
        have = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise UsageError(f"expected a suite at {path}, found none; suites stand for {have}")
    suite = read(path, Suite, "suite")
    try:
        for expectation in suite.expectations:
            expectation.build()
    except (AttributeError, ValueError, TypeError) as error:
        raise UsageError(f"{path} is not a valid suite: {error}") from error
    return suite


def slice_of(frame: DataFrame, suite: Suite, s: Settings) -> DataFrame:
    """The rows that the run wrote."""
    if suite.slice is None:
        return frame
    if suite.slice == "landed_ds":
        return frame.where(delta.ds_range(s.since, s.ds, "landed_ds")).where(F.col("source") == s.source)
    return frame.where(delta.ds_range(s.since if suite.slice == "days" else s.ds, s.ds))


def _one(result: Any) -> Result:
    config, found = result.expectation_config, result.result
    arguments = {k: v for k, v in config.kwargs.items() if k not in ("batch_id", "column", "severity")}
    observed = found.get("observed_value")
    if observed is None and "unexpected_percent" in found and found["unexpected_percent"] is not None:
        observed = f"{found['unexpected_count']} of {found['element_count']} rows ({found['unexpected_percent']:.3g} %)"
    failed = (result.exception_info or {}).get("raised_exception")
    if failed:
        observed = f"could not be evaluated: {str(result.exception_info.get('exception_message'))[:200]}"
    severity = config.severity.value if hasattr(config.severity, "value") else str(config.severity)
    return Result(
        config.type, config.kwargs.get("column"), severity, bool(result.success), str(observed),
        ", ".join(f"{k}={v}" for k, v in sorted(arguments.items())), found.get("unexpected_count"),
    )  # fmt: skip


def validate(frame: DataFrame, name: str, suite: Suite, docs: Path) -> list[Result]:
    """Run a suite on a frame and refresh its page in Data Docs under `docs`."""
    docs.mkdir(parents=True, exist_ok=True)
    context = gx.get_context(mode="file", project_root_dir=docs)
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    # persist=True, the default, caches the whole table and never lets it go.
    source = context.data_sources.add_or_update_spark("spark", persist=False)
    batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("slice")
    expectations = [expectation.build() for expectation in suite.expectations]
    stored = context.suites.add_or_update(gx.ExpectationSuite(name=name, expectations=expectations))
    definition = gx.ValidationDefinition(name=name, data=batch, suite=stored)
    context.validation_definitions.add_or_update(definition)
    checkpoint = context.checkpoints.add_or_update(
        gx.Checkpoint(
            name=name,
            validation_definitions=[definition],
            result_format=_COUNTS_ONLY,
            actions=[gx.checkpoint.UpdateDataDocsAction(name="docs")],
        )
    )
    run = checkpoint.run(batch_parameters={"dataframe": frame})
    return [_one(result) for validation in run.run_results.values() for result in validation.results]


def store(s: Settings, results: dict[str, list[Result]]) -> None:
    """Write the results by table to ops.quality_results."""
    rows = [
        {"table": name, "ds": s.ds, "run_id": s.run_id} | dataclasses.asdict(result)
        for name, found in results.items()
        for result in found
    ]
    names = ", ".join(f"'{name}'" for name in results)
    delta.replace_rows(rows, s.warehouse, tables.QUALITY_RESULTS, f"ds = '{s.ds}' AND \"table\" IN ({names})")


def _line(table: tables.Table, r: Result) -> str:
    of = f"{table.full_name}.{r.column}" if r.column else table.full_name
    return f"{r.severity}: {of} {r.expectation} ({r.threshold}): found {r.observed}"


def run(spark: SparkSession, s: Settings, names: list[str]) -> str:
    """Check tables one by one; DataError after the last where any critical expectation failed."""
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    docs = pages.local_folder(s.warehouse) / "quality"
    broken, lines, found = [], [], {}
    for name in names:
        try:
            table = tables.table(name)
        except KeyError as error:
            raise UsageError(error.args[0]) from error
        suite = load_suite(table)
        if suite.slice == "landed_ds" and not delta.exists(s.warehouse, table):
            lines.append(f"{name}: never delivered")
            continue
        if suite.slice == "nights":
            of = {tables.SEGMENT_CHANGES.name: segments, tables.AUDIENCE_CHANGES.name: audiences}
            rows = of[table.name].tonights_changes(spark, s)
        else:
            rows = slice_of(delta.read(spark, s.warehouse, table), suite, s)
        results = validate(rows, name, suite, docs)
        found[name] = results
        failed = [r for r in results if not r.success]
        broken += [_line(table, r) for r in failed if r.severity == "critical"]
        for r in failed:
            print(_line(table, r))
        lines.append(f"{name}: {len(results) - len(failed)} of {len(results)} expectations met")
    if found:
        store(s, found)
    if broken:
        raise DataError(f"{len(broken)} critical: " + "; ".join(broken) + "; the line stops here")
    return "; ".join(lines)
