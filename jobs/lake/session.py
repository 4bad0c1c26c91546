"""The only builder of a SparkSession."""

from __future__ import annotations

import logging
import os
import sys

from pyspark.sql import SparkSession

from jobs.lake import engine
from jobs.lake.engine import options


def build(name: str, *, long_job: bool = False) -> SparkSession:
    """One session for one verb, of the engine that HUAXIANG_ENGINE names."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # A query error logs the whole stack as one JSON line; our own message says what matters.
    for logger in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    builder = SparkSession.builder.appName(name)
    if engine.is_sail():
        from jobs.lake.engine import sail

        builder = sail.connect(builder)
    else:
        from jobs.lake.engine import spark

        builder = spark.connect(builder, long_job)
    for key, value in options.QUERIES.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()
