"""`python -m tests.engines.writer WAREHOUSE WHAT ...`: a process of its own that writes, or asks for much memory."""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.lake import delta, session
from jobs.tables import Column, Table

TABLE = Table(
    "ops", "slices", "a row", ("slice", "id"),
    (Column("slice", "string", "whose"), Column("round", "int", "when"), Column("id", "bigint", "which"),
     Column("text", "string", "some bytes")),
    "Of a test.", "",
)  # fmt: skip


def replace(spark: SparkSession, warehouse: str, name: str, rounds: str, rows: str) -> None:
    """Write the slice `name` anew again and again, through the engine; each round is said when it begins."""
    for k in range(int(rounds)):
        made = spark.range(int(rows)).withColumns(
            {"slice": F.lit(name), "round": F.lit(k), "text": F.sha2(F.col("id").cast("string"), 256)}
        )
        print(k, flush=True)
        delta.replace_where(made, warehouse, TABLE, f"slice = '{name}'")


def rows(_: SparkSession, warehouse: str, name: str, rounds: str, count: str) -> None:
    """The same of a few rows of the driver."""
    for k in range(int(rounds)):
        made = [{"slice": name, "round": k, "id": n, "text": "t"} for n in range(int(count))]
        delta.replace_rows(made, warehouse, TABLE, f"slice = '{name}'")


def sort(spark: SparkSession, warehouse: str, count: str) -> None:
    """Write long texts in order, and count them."""
    made = spark.range(int(count)).withColumn("text", F.sha2(F.col("id").cast("string"), 256))
    made.sort("text").write.format("delta").save(warehouse)
    print(spark.read.format("delta").load(warehouse).count())


def aggregate(spark: SparkSession, _: str, count: str) -> None:
    """Count texts of which each stands once."""
    made = spark.range(int(count)).select(F.sha2(F.col("id").cast("string"), 256).alias("text"))
    print(made.groupBy("text").agg(F.max("text").alias("most")).agg(F.count("most")).first()[0])


if __name__ == "__main__":
    warehouse, verb, *given = sys.argv[1:]
    built = session.build("writer", long_job=True)
    {"replace": replace, "rows": rows, "sort": sort, "aggregate": aggregate}[verb](built, warehouse, *given)
    built.stop()
