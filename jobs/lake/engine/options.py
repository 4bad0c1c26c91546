"""Spark's settings that are ours: plain Python, so that whoever starts a Spark can read them without importing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Of the JVM: a Spark that stands for many verbs is started with these.
STATIC = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    # Of a night's plans, hundreds of classes are written and compiled; of the default's hundred the next night finds
    # none again (an eighth of the time of a night of few records in a Spark that stands).
    "spark.sql.codegen.cache.maxEntries": "2000",
}

# Of every JVM, the executors' too: by itself it leaves methods of more than 8,000 bytes interpreted, and Spark writes
# such for a wide table (a third of the time of cleaning a log).
JVM = "-XX:-DontCompileHugeMethods"

# Of each session. UTC everywhere, so that a day is the same day on every machine; ANSI stays on, so that a bad cast is
# an error (cleaning uses try_cast where text is expected to be bad).
QUERIES = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",  # a log may carry both `ID` and `id`
    "spark.sql.legacy.javaCharsets": "true",  # GBK and others that Spark itself does not name
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.databricks.delta.schema.autoMerge.enabled": "false",
    "spark.sql.parquet.compression.codec": "zstd",
    # Else every word of an expression notes the line of Python that it stands on, for messages that we never show: two
    # thirds of the time that Python takes to write a plan down.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    # Not Parquet's old 96 bits, Spark's default: a tenth less of a log's bytes and of the time to write them.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Steps of a transform become one projection, in which what they share is computed once: else every step copies
    # every column of every row (a third of the time of reading a log).
    "spark.sql.optimizer.collapseProjectAlwaysInline": "true",
}

# Where steps build on each other's columns many times over, copied into one projection they grow past all memory.
STEP_BY_STEP = {"spark.sql.optimizer.collapseProjectAlwaysInline": "false"}


@contextmanager
def changed(spark: SparkSession, settings: dict[str, str]) -> Iterator[None]:
    """Other settings of the session for as long as the block runs."""
    before = {key: spark.conf.get(key, None) for key in settings}
    try:
        for key, value in settings.items():
            spark.conf.set(key, value)
        yield
    finally:
        for key, value in before.items():
            spark.conf.unset(key) if value is None else spark.conf.set(key, value)
