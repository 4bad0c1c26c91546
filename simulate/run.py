"""simulate: click-stream data of any size into a landing folder, as a shop would deliver them, and the hidden truth."""

from __future__ import annotations

import time

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.chance import Chance
from jobs.lake import delta
from jobs.lake.engine import frames, options
from simulate import behaviour, catalogue, clickstream
from simulate.clickstream import FLAGS
from simulate.plan import Plan

RECORDS_A_FILE, RECORDS_A_CHUNK = 2_500_000, 2_000_000


# Apache Spark's rules would copy a column's expression into each filter and column that uses it, and its whole-stage
# code generation makes of that one method too large for the JVM to compile: the long chains of hashes stay as written.
_RULES = ("PushDownPredicates", "InferFiltersFromGenerate", "CollapseProject")
AS_WRITTEN = {
    "spark.sql.optimizer.excludedRules": ",".join(f"org.apache.spark.sql.catalyst.optimizer.{r}" for r in _RULES),
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.maxConcurrentOutputFileWriters": "2",  # a task has rows of one day: nothing to sort by day
}


def deliveries(spark: SparkSession, plan: Plan, first: int, last: int, files: int) -> DataFrame:
    """One row a record of the deliveries of the days first..last, counted from 0; see clickstream.events."""
    days = behaviour.user_days(spark, plan, first, last, files)
    return clickstream.events(behaviour.looks(behaviour.visits(days, plan), plan), plan)


def _write_events(spark: SparkSession, plan: Plan, home: str) -> list[dict[str, int]]:
    """Write the deliveries chunk by chunk, saying how far it is; the counts of each chunk."""
    counts = [F.count(F.lit(1)).alias("records"), *[F.count_if(flag).alias(flag) for flag in FLAGS]]
    started, a_day, done = time.monotonic(), plan.events / plan.days, []
    files, step = max(1, round(a_day / RECORDS_A_FILE)), max(2, int(RECORDS_A_CHUNK / a_day))
    for start in range(0, plan.days, step):
        end = min(start + step, plan.days) - 1
        rows, counted = frames.counted(deliveries(spark, plan, start, end, files), *counts)
        delta.write_raw(rows.drop(*FLAGS), f"{home}/events", add=start > 0, by=("ds",))
        done.append(counted())
        records, seconds = sum(counts["records"] for counts in done), time.monotonic() - started
        print(f"{end + 1} of {plan.days} days, {records:,} records, {seconds:.0f} s", flush=True)
    return done


def run(spark: SparkSession, plan: Plan, landing: str) -> str:
    """Write products, users, events by day of delivery, and the truth; returns one line a person can read."""
    home = f"{landing.rstrip('/')}/simulate"
    first = F.lit(plan.first).alias("ds")
    products = catalogue.build(spark, Chance(plan.seed), plan.products)
    delta.write_raw(products.coalesce(1).select("*", first), f"{home}/products", by=("ds",))
    delta.write_raw(behaviour.users(spark, plan).coalesce(1).select("*", first), f"{home}/users", by=("ds",))
    delta.write_raw(behaviour.truth(spark, plan).coalesce(1), f"{home}/truth/personas")

    with options.changed(spark, AS_WRITTEN):
        done = _write_events(spark, plan, home)
    total = {kind: sum(counts[kind] for counts in done) for kind in ("records", *FLAGS)}
    counted = spark.createDataFrame([tuple(total.values())], ", ".join(f"{kind} bigint" for kind in total))
    delta.write_raw(counted.coalesce(1), f"{home}/truth/counts")
    said = ", ".join(f"{kind} {count:,}" for kind, count in total.items())
    return f"{said}; {plan.users:,} users, {catalogue.size(plan.products):,} products in {home}"
