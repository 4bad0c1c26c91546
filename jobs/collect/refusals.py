"""How many records were refused by which rule, and when that is most of a delivery."""

from __future__ import annotations

from collections import defaultdict

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.collect.counts import NO_RECORD
from jobs.collect.rules import Refused
from jobs.errors import DataError
from jobs.sources.spec import Feed

_RULE = r"^([a-z_]+)(:|\z)"  # how each of a record's reasons begins


def by_rule(frame: DataFrame) -> list[tuple[str, int, str]]:
    """(rule, number of records, one of their reasons) of the refused, the most first. A record counts once a rule."""
    reasons = frame.where("reason IS NOT NULL").groupBy("reason").count()
    pieces = F.when(F.col("reason").startswith(NO_RECORD), F.array("reason")).otherwise(F.split("reason", "; "))
    said = reasons.select("reason", "count", F.explode(pieces).alias("said"))
    said = said.withColumn("rule", F.regexp_extract("said", _RULE, 1)).where("rule != ''")
    once = said.groupBy("reason", "rule").agg(F.max("count").alias("count"), F.min("said").alias("said"))
    found = once.groupBy("rule").agg(F.sum("count").alias("count"), F.min("said").alias("said"))
    return [(row["rule"], row["count"], row["said"]) for row in found.orderBy(F.desc("count"), "rule").collect()]


def check(kind: str, feed: Feed, counts: list[dict], frame: DataFrame, most: Refused) -> None:
    """DataError where one rule refuses most records of a load; a warning where it does those of a day in a range."""
    days: dict[object, list[dict]] = defaultdict(list)
    for row in counts:
        days[row["landed_ds"]].append(row)
    if example := _most(counts, frame, most):
        raise DataError(
            f"{kind}: expected records that can be loaded, found {example}; the source changed or the mapping is wrong "
            "(`ignore` leaves out what is no news; conf/collection.yaml says how many may be refused). Nothing of this "
            "load was written"
        )
    # A refused record of a file of any days is of no day.
    for day, rows in sorted(days.items(), key=str) if feed.dated else []:
        if example := _most(rows, frame.where(F.col("landed_ds") == F.lit(day)), most):
            print(f"warning: {kind}: of {day}, {example}")


def _most(counts: list[dict], frame: DataFrame, most: Refused) -> str | None:
    """Which rule refuses most of the records that `counts` tell of, in words."""
    rows, refused = (sum(row[name] for row in counts) for name in ("rows_in", "quarantined"))
    if rows < most.records or refused < most.share * rows:
        return None
    _, records, example = by_rule(frame)[0]
    return f"{records:,} of {rows:,} refused, such as {example}" if records >= most.share * rows else None
