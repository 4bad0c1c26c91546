"""What ops.loads says of a file after an erasure: what bronze and the quarantine still hold of it."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import BRONZE_EVENTS, BRONZE_USERS, LOADS, QUARANTINE


def _held(spark: SparkSession, s: Settings) -> dict[tuple, int]:
    """How many records are there: by column of ops.loads, kind, source, file and day of delivery."""
    held = {}
    for kind, table in (("events", BRONZE_EVENTS), ("users", BRONZE_USERS)):
        by = ["source", "source_file", "landed_ds"]
        for row in delta.read_or_empty(spark, s.warehouse, table).groupBy(*by).count().collect():
            held["loaded", kind, row["source"], row["source_file"], row["landed_ds"]] = row["count"]
    refused = delta.read_or_empty(spark, s.warehouse, QUARANTINE).where("stage = 'collect'")
    for row in refused.groupBy("source", "kind", "source_file", F.col("ds").alias("landed_ds")).count().collect():
        held["quarantined", row["kind"], row["source"], row["source_file"], row["landed_ds"]] = row["count"]
    return held


def keep_accounts(spark: SparkSession, s: Settings) -> None:
    """ops.loads says of each file what bronze and the quarantine hold of it; what is gone counts as suppressed."""
    rows, held = delta.rows(s.warehouse, LOADS, "true"), _held(spark, s)
    changed = False
    for column, kinds in (("loaded", ("events", "users")), ("quarantined", ("events", "users", "products"))):
        by_file: dict[tuple, list[dict]] = {}
        for row in rows:
            if row["kind"] in kinds:
                by_file.setdefault((column, row["kind"], row["source"], row["source_file"]), []).append(row)
        for file, deliveries in by_file.items():
            of_file = {key[4]: count for key, count in held.items() if key[:4] == file}
            changed |= _move_to_suppressed(deliveries, column, of_file)
    if changed:
        delta.replace_rows(rows, s.warehouse, LOADS, "true")


def _move_to_suppressed(deliveries: list[dict], column: str, held: dict) -> bool:
    """Move the records of a file that are no more there (`held`: those that are, by day of delivery) from `column` to
    suppressed; whether there were any. Released records lie under another day than their file's: the file as a whole
    decides.
    """
    gone = sum(row[column] for row in deliveries) - sum(held.values())
    moved = gone > 0
    for most in (lambda row: row[column] - held.get(row["landed_ds"], 0), lambda row: row[column]):
        for row in deliveries:
            part = max(0, min(gone, most(row), row[column]))
            row[column], row["suppressed"] = row[column] - part, (row.get("suppressed") or 0) + part
            gone -= part
    return moved
