"""How many records of each file were loaded, already there, refused, outside or suppressed: what ops.loads says."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

NO_RECORD = "not_a_record: "  # how the reason begins where a text is no record
COUNTS = ("rows_in", "loaded", "duplicates", "quarantined", "outside", "ignored", "late", "suppressed")
FATES = ("loaded", "duplicates", "quarantined", "outside", "ignored")  # of a record that was read, one of them

# Records by the file that brought them and its day of delivery (None: a file of any days).
Left = dict[tuple[str, date | None], int]


def by_file(classified: DataFrame, since: date, ds: date, others: list[str] | None) -> list[dict]:
    """One row a file and day of delivery of parsed records with `duplicate`: rows_in, loaded, duplicates, quarantined,
    outside, ignored, late; `repeats` (see ops.loads); `no_record`, those refused because their text is none;
    `elsewhere`, events of days outside since..ds; `doubtful`, see jobs/collect/doubts.py; `seen`, a bit a mapped column
    (see `parse`); `columns`, those that the mapping does not name.

    `others` are the columns behind the bits of `beside`; None: the keys of attributes are collected, which costs more.
    """
    refused, outside, duplicate = F.col("reason").isNotNull(), F.col("outside"), F.col("duplicate")
    loaded = ~refused & ~outside & ~duplicate & ~F.col("ignored")
    conditions = {"loaded": loaded, "duplicates": duplicate, "quarantined": refused, "outside": outside}
    conditions["ignored"] = F.col("ignored")
    conditions["doubtful"] = F.col("doubt").isNotNull()
    conditions["no_record"] = refused & F.col("reason").startswith(NO_RECORD)
    dated = "ds" in classified.columns
    conditions["late"] = loaded & (F.col("ds") < F.col("landed_ds")) if dated else F.lit(False)
    conditions["elsewhere"] = ~F.col("ds").between(F.lit(since), F.lit(ds)) if dated else F.lit(False)
    keys = F.array_sort(F.array_distinct(F.flatten(F.collect_set(F.map_keys("attributes")))))
    counted = classified.groupBy("source_file", "landed_ds").agg(
        F.count("*").alias("rows_in"),
        *[F.count_if(condition).alias(name) for name, condition in conditions.items()],
        repeats().alias("repeats"),
        F.bit_or("seen").alias("seen"),
        F.bit_or("beside").alias("beside"),
        (keys if others is None else F.lit(None).cast("array<string>")).alias("columns"),
    )
    counts = [row.asDict() for row in counted.collect()]
    if others is None:
        return counts
    return [row | {"columns": [name for k, name in enumerate(others) if row["beside"] >> k & 1]} for row in counts]


def repeats() -> Column:
    """The other files whose records count in place of duplicates, of a group of records by file."""
    return F.array_sort(F.collect_set(F.when(F.col("counted") != F.col("source_file"), F.col("counted"))))


def nothing(source_file: str, landed_ds: date) -> dict:
    """The row of a file of which nothing was counted yet."""
    none = dict.fromkeys((*COUNTS, "in_file", "written"), 0)
    return none | {"source_file": source_file, "landed_ds": landed_ds, "columns": []}


def with_suppressed(counts: list[dict], left: Left, ds: date) -> list[dict]:
    """`counts` with the suppressed records, which are among rows_in; those of a file of any days count on ds."""
    rows = {(row["source_file"], row["landed_ds"]): row | {"suppressed": 0} for row in counts}
    for (name, landed), number in left.items():
        key = (name, landed or ds)
        row = rows.get(key) or nothing(*key)
        rows[key] = row | {"suppressed": row["suppressed"] + number, "rows_in": row["rows_in"] + number}
    return list(rows.values())


def with_balance(counts: list[dict], in_files: dict[str, int], written: dict[tuple, int]) -> list[dict]:
    """`counts` with how many records the whole file has and bronze got, see jobs/collect/balance.py."""
    return [
        row | {"in_file": in_files.get(row["source_file"]),
               "written": written.get((row["source_file"], row["landed_ds"]), 0)}
        for row in counts
    ]  # fmt: skip


def in_words(counts: list[dict], *, with_suppressed: bool) -> str:
    """The sums over all files, as a line for people."""
    names = [name for name in COUNTS if name != "suppressed" or with_suppressed]
    names = [name for name in names if name != "ignored" or any(row[name] for row in counts)]
    doubtful = sum(row.get("doubtful", 0) for row in counts)
    said = ", ".join(f"{name} {sum(row[name] for row in counts):,}" for name in names)
    return said + (f", doubtful {doubtful:,}" if doubtful else "")
