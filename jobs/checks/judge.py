"""Great Expectations' judgement of tables, by the engine: results, and a page for people in Data Docs.

Nothing that is written holds a value of a row.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs import tables
from jobs.checks import (
    balance,
    refused,  # noqa: F401 (a metric in place of theirs)
    results,
    suites,
    unique,  # noqa: F401 (the same)
    volume,
)
from jobs.checks.hops import JUDGED
from jobs.checks.lean import gx, gxe
from jobs.checks.results import Judged, Result
from jobs.checks.suites import Expectation, Suite
from jobs.conf import CONF
from jobs.errors import UsageError
from jobs.lake import deliveries, delta, pages
from jobs.lake.engine import frames
from jobs.settings import Settings

# Counts only: a result holds no value of a row, so no personal data.
_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}
# Of tables, the newest: some ten nights. Building the list of more takes longer than the checks themselves.
_PAGES_KEPT = 200


def load_suite(table: tables.Table, folder: Path = CONF / "checks") -> Suite:
    """The suite of a table; UsageError where it is missing or wrong, with the place."""
    suite = suites.read_suite(table, folder)
    try:
        for expectation in suite.expectations:
            _built(expectation)
    except (AttributeError, ValueError, TypeError) as error:
        raise UsageError(f"{folder / table.full_name}.yaml is not a valid suite: {error}") from error
    return suite


def _built(expectation: Expectation) -> Any:
    return getattr(gxe, expectation.type)(severity=expectation.severity, **(expectation.model_extra or {}))


def judge(spark: SparkSession, s: Settings, asked: list[tables.Table]) -> dict[tables.Table, Judged]:
    """Judge tables and store the results."""
    given = {table: load_suite(table) for table in asked}
    # The version before the rows: what is written in between makes the results old, not wrong.
    bases = {table: suites.basis(s, table, suite) for table, suite in given.items()}
    rows = {table.full_name: (_slice(spark, s, table, suite), suite) for table, suite in given.items()}
    found = validate(rows, pages.local_folder(s.warehouse) / "quality", s.run_id)
    judged = {
        table: Judged(
            bases[table], found[table.full_name] + volume.judge(s, suite.volume) + balance.judge(s, suite.balance)
        )
        for table, suite in given.items()
    }
    results.store(s, judged)
    return judged


def after_hop(spark: SparkSession, s: Settings, hop: str) -> None:
    """Judge what a hop has written. What hinders that, `check` meets too: it says so, and the hop's rows stand."""
    try:
        written = [t for t in JUDGED[hop] if not suites.never_delivered(s, t, suites.read_suite(t))]
        if written:
            judge(spark, s, written)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        print(f"{hop}: not judged here ({type(error).__name__}: {reason}); `check` will", file=sys.stderr)


def _slice(spark: SparkSession, s: Settings, table: tables.Table, suite: Suite) -> DataFrame:
    """The rows that the run wrote."""
    if suite.slice == "nights":
        # Imported here: a third of a second, and most hops are judged without.
        from jobs import audiences, segments

        hops = {tables.SEGMENT_CHANGES.name: segments, tables.AUDIENCE_CHANGES.name: audiences}
        return frames.kept(hops[table.name].tonights_changes(spark, s))  # a join of nights, few rows, asked many times
    frame = delta.read(spark, s.warehouse, table)
    if suite.slice is None:
        return frame
    if suite.slice == "landed_ds":
        return frame.where(deliveries.delivered(s, table.name)).where(F.col("source") == s.source)
    return frame.where(delta.ds_range(s.since if suite.slice == "days" else s.ds, s.ds))


def validate(rows: dict[str, tuple[DataFrame, Suite]], docs: Path, run: str) -> dict[str, list[Result]]:
    """Results by name of frames, each held against its suite; their pages and the list of pages stand in `docs` then.

    run: what the pages are named by.
    """
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = _context(docs)
    # persist=True, the default, caches the whole table and never lets it go.
    source = context.data_sources.add_spark("spark", persist=False)
    run_id, found = gx.core.RunIdentifier(run_name=run, run_time=datetime.now(UTC)), {}
    for name, (frame, suite) in rows.items():
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("slice")
        expected = gx.ExpectationSuite(name=name, expectations=[_built(line) for line in suite.expectations])
        definition = gx.ValidationDefinition(name=name, data=batch, suite=context.suites.add(expected))
        context.validation_definitions.add(definition)
        validation = definition.run(batch_parameters={"dataframe": frame}, result_format=_COUNTS_ONLY, run_id=run_id)
        found[name] = [_result(result) for result in validation.results]
    _write_pages(context, run_id)
    return found


def _context(docs: Path) -> Any:
    """Great Expectations' surroundings, in memory but for the pages and the results that their list is made of."""

    def folder(path: Path) -> dict[str, str]:
        return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(path.resolve())}

    memory = gx.data_context.types.base.InMemoryStoreBackendDefaults()
    memory.stores[memory.validation_results_store_name]["store_backend"] = folder(docs / ".results")
    memory.data_docs_sites = {
        "quality": {
            "class_name": "SiteBuilder",
            "site_name": "quality",
            "show_how_to_buttons": False,
            "store_backend": folder(docs),
            # A page of results names all that was expected.
            "site_section_builders": {"expectations": "None", "profiling": "None"},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        }
    }
    progress = {"globally": False, "metric_calculations": False}
    config = gx.data_context.types.base.DataContextConfig(
        store_backend_defaults=memory, progress_bars=progress, analytics_enabled=False
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _write_pages(context: Any, run_id: Any) -> None:
    """The pages of this run and the list of all; pages whose results are forgotten go with them."""
    store = context.validation_results_store
    keys = sorted(store.list_keys(), key=lambda key: key.run_id.run_time, reverse=True)
    for key in keys[_PAGES_KEPT:]:
        store.remove_key(key)
    context.build_data_docs(resource_identifiers=[key for key in keys if key.run_id == run_id])


def _result(result: Any) -> Result:
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
