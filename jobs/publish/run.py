"""publish: staged -> gold, then one row in ops.runs. A night without its row is not published.

Open Delta has no commit over several tables; the row is the commit: readers take the table versions that it names.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.audiences import Book
from jobs.errors import DataError
from jobs.lake import delta, erasures, staging
from jobs.segments import Rules
from jobs.settings import Settings, git_sha
from jobs.tables import ALL, LOADS, PUBLISHED, QUALITY_RESULTS, QUARANTINE, RUNS, USER_SEGMENTS


def _counts(spark: SparkSession, s: Settings) -> dict[str, int]:
    """What the run's days brought and what became of it."""
    range_ = f"source = '{s.source}' AND kind = 'events' AND {delta.ds_range(s.since, s.ds, 'landed_ds')}"
    loads = delta.read_or_empty(spark, s.warehouse, LOADS).where(range_)
    names = ("rows_in", "loaded", "duplicates", "suppressed")
    row = loads.agg(*[F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in names]).first()
    refused = delta.read_or_empty(spark, s.warehouse, QUARANTINE).where(
        f"source = '{s.source}' AND {delta.ds_range(s.since, s.ds)}"
    )
    checks = delta.read_or_empty(spark, s.warehouse, QUALITY_RESULTS).where(f"ds = DATE'{s.ds}'")
    tally = checks.agg(F.count_if("success").alias("passed"), F.count_if(~F.col("success")).alias("warned")).first()
    return {
        "rows_in": row["rows_in"], "rows_loaded": row["loaded"], "rows_duplicate": row["duplicates"],
        "rows_suppressed": row["suppressed"], "rows_quarantined": refused.count(),
        "checks_passed": tally["passed"], "checks_warned": tally["warned"],
    }  # fmt: skip


def run(spark: SparkSession, s: Settings) -> str:
    """Move the staged night to gold and write its manifest; DataError where nothing of this night is staged."""
    tonight = f"ds = DATE'{s.ds}'"
    staged = {table: delta.read(spark, s.warehouse, table.staged()).where(tonight) for table in PUBLISHED}
    people = staged[USER_SEGMENTS].agg(F.count("*").alias("users"), F.max("model_version").alias("version")).first()
    if not people["users"]:
        raise DataError(f"expected staged segments of {s.ds}, found none; run segment and its check first")
    if suppressed := erasures.suppressed(s):
        back = staged[USER_SEGMENTS].where(suppressed.holds(F.col("user_id"))).count()
        if back:
            raise DataError(
                f"expected no erased user in the night {s.ds}, found {back} staged: it ran while they were erased; run "
                "`python -m jobs erase` for them again, then this night from collect on"
            )
    for table, frame in staged.items():
        delta.replace_where(delta.in_files(frame, people["users"], staging.USERS_A_FILE), s.warehouse, table, tonight)
    versions = {table.full_name: delta.version(s.warehouse, table) for table in ALL if table is not RUNS}
    versions = {name: version for name, version in versions.items() if version is not None}
    counts = _counts(spark, s)
    row = {
        "run_id": s.run_id, "ds": s.ds, "since": s.since, "source": s.source, "git_sha": git_sha(),
        "table_versions": list(versions.items()),
        "definitions": [("profiles", Rules.load().text()), ("audiences", Book.load().text())],
        "model_version": people["version"], "users": people["users"],
        "published_at": datetime.now(UTC), **counts,
    }  # fmt: skip
    delta.replace_rows([row], s.warehouse, RUNS, f"run_id = '{s.run_id}' AND {tonight}")
    return f"{people['users']:,} users, {len(versions)} tables named in the manifest"
