"""How much is missing in each column, beside the rule of conf/cleaning.yaml for it."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.cleaning import Missing
from jobs.tables import Table


def measure(frame: DataFrame, table: Table, rules: dict[str, Missing]) -> DataFrame:
    """One row a ds and column of `frame`, rows of `table`: the columns of ops.missing_values less run_id.

    `rules` are `load_rules().missing[table.full_name]`. One pass over `frame`. KeyError for a column without a rule.
    """
    cells = []
    for name in table.column_names:
        rule = rules[name]
        there = F.col("event_type").isin(*rule.of) if rule.of else F.lit(True)
        cells.append(F.count_if(there).alias(f"rows.{name}"))
        cells.append(F.count_if(there & _missing(name, rule)).alias(f"missing.{name}"))
    counted = frame.groupBy("ds").agg(*cells)
    found = F.array(*[
        F.struct(F.lit(name).alias("column"), F.lit(rules[name].rule).alias("rule"),
                 F.col(f"`rows.{name}`").alias("rows"), F.col(f"`missing.{name}`").alias("missing"))
        for name in table.column_names
    ])  # fmt: skip
    each = counted.select("ds", F.explode(found).alias("cell")).select("ds", "cell.*")
    share = F.when(F.col("rows") > 0, F.col("missing") / F.col("rows"))
    return each.withColumns({"table": F.lit(table.full_name), "share": share})


def _missing(name: str, rule: Missing) -> Column:
    value = F.col(f"`{name}`")
    return value.isNull() | (value == "unknown") if rule.rule == "unknown" else value.isNull()
