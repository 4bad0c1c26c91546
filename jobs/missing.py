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
    names = table.column_names
    # Counted once a kind of event, then added up by each rule's kinds: one comparison a value in place of three.
    there = {name: F.count(_known(name, rules[name])).alias(f"there.{name}") for name in names}
    kinds = frame.groupBy("ds", "event_type").agg(F.count("*").alias("all"), *there.values())
    cells = []
    for name in names:
        mine = F.col("event_type").isin(*rules[name].of) if rules[name].of else F.lit(True)
        cells.append(_sum(F.when(mine, F.col("all"))).alias(f"rows.{name}"))
        cells.append(_sum(F.when(mine, F.col("all") - F.col(f"`there.{name}`"))).alias(f"missing.{name}"))
    counted = kinds.groupBy("ds").agg(*cells)
    found = F.array(*[
        F.struct(F.lit(name).alias("column"), F.lit(rules[name].rule).alias("rule"),
                 F.col(f"`rows.{name}`").alias("rows"), F.col(f"`missing.{name}`").alias("missing"))
        for name in names
    ])  # fmt: skip
    each = counted.select("ds", F.explode(found).alias("cell")).select("ds", "cell.*")
    share = F.when(F.col("rows") > 0, F.col("missing") / F.col("rows"))
    return each.withColumns({"table": F.lit(table.full_name), "share": share})


def _sum(counts: Column) -> Column:
    return F.coalesce(F.sum(counts), F.lit(0))


def _known(name: str, rule: Missing) -> Column:
    value = F.col(f"`{name}`")
    return F.nullif(value, F.lit("unknown")) if rule.rule == "unknown" else value
