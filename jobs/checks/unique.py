"""Whether several columns together tell the rows of a table apart, asked of a hash of them first.

Great Expectations counts the rows of each key in a window, which sorts the table by its texts: of a history that is
nearly all that judging it costs. Equal keys have equal hashes, so where no hash comes twice, no key does.
"""

from __future__ import annotations

import logging
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.checks.lean import gx

# What we register here is in place of its own, which it would warn of.
logging.getLogger("great_expectations").setLevel(logging.ERROR)
_metrics: Any = gx.expectations.metrics
_providers = _metrics.map_metric_provider


class CompoundColumnsUnique(_metrics.CompoundColumnsUnique):
    """The metric behind ExpectCompoundColumnsToBeUnique, for Spark's frames."""

    @_providers.multicolumn_condition_partial(engine=gx.execution_engine.SparkDFExecutionEngine)
    def _spark(cls, column_list: DataFrame, **kwargs: object) -> Column:  # noqa: N805
        """True of a row whose key no other row has."""
        key = [F.col(f"`{name}`") for name in column_list.columns]
        hashes = column_list.groupBy(F.xxhash64(*key).alias("hash")).count()
        if hashes.where("count > 1").isEmpty():
            return F.lit(True)
        return F.count("*").over(Window.partitionBy(*key)) == 1
