"""Nothing is lost on the way: what a load counted is held against the files themselves, and against bronze."""

from __future__ import annotations

from collections import Counter

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.collect.counts import FATES, Left
from jobs.errors import DataError
from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources import reading
from jobs.sources.landing import File
from jobs.sources.spec import Feed
from jobs.tables import Table


def in_files(
    spark: SparkSession, files: list[File], feed: Feed, classified: DataFrame, counts: list[dict], left: Left
) -> dict[str, int]:
    """How many records each file has, by name, counted in the file itself; DataError where not as many were read, a
    warning where somebody writes to the file meanwhile.

    `classified`, of which `counts` tell, and the suppressed ones of `left` are what was read.
    """
    for row in counts:
        if row["rows_in"] != sum(row[name] for name in FATES):
            raise DataError(
                f"expected each of {row['rows_in']:,} records of {row['source_file']} to be one of {', '.join(FATES)}, "
                f"found {', '.join(f'{row[name]:,}' for name in FATES)}. Nothing of this load was written; report it "
                "with the file"
            )
    there = reading.count_records(spark, files, feed)
    read, suppressed = Counter[str](), Counter[str]()
    for row in counts:
        read[row["source_file"]] += row["rows_in"]
    for (name, _), number in left.items():
        suppressed[name] += number
    if feed.explode:  # a record of the file is several of ours
        lines = classified.groupBy("source_file").agg(F.count_distinct("line").alias("lines")).collect()
        read = Counter({row["source_file"]: row["lines"] for row in lines})
    for file in files:
        name, number = file.name, there[file.name]
        most = read[name] + suppressed[name]
        least = read[name] if feed.explode else most
        if least <= number <= most:
            continue
        if not file.has_changed():
            raise DataError(
                f"expected {number:,} records of {name}, as many as stand in the file, found {most:,} that were read. "
                "Nothing of this load was written; run it again, and where it ends so again, report it with the file"
            )
        print(f"warning: {name} changed while it was read; the next run loads it again")
        there[name] = most
    return there


def in_bronze(s: Settings, table: Table, names: list[str], only: str, counts: list[dict]) -> dict[tuple, int]:
    """How many rows the table holds of the files or the database's table `names`, by file and day of delivery: counted
    there, once they were written. DataError where they are not those that `counts` call loaded. `only`: of which rows.
    """
    slice_ = f"source = {delta.listed([s.source])} AND source_file IN ({delta.listed(names)}) AND {only}"
    by = "source_file, landed_ds"
    found = {
        (row["source_file"], row["landed_ds"]): row["n"]
        for row in delta.rows(s.warehouse, table, f"{slice_} GROUP BY {by}", f"{by}, count(*) AS n")
    }
    loaded = {(row["source_file"], row["landed_ds"]): row["loaded"] for row in counts if row["loaded"]}
    for name, day in sorted(loaded.keys() | found.keys()):
        expected, written = (of.get((name, day), 0) for of in (loaded, found))
        if expected != written:
            raise DataError(
                f"expected {expected:,} rows of {name} of {day} in {table.full_name}, as many as were loaded, found "
                f"{written:,} there. The load is not entered in ops.loads: run it again, and it is loaded anew"
            )
    return found
