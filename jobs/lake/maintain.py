"""maintain: small files of many nights become few large ones, and what no reader asks for any more is deleted.

No row changes. Every written table is swept; what `publish` moves is not compacted, because readers hold the manifest's
versions of it, and a night writes it in few files. The newest `keep_days` days of versions can still be read, so nights
that are younger can be replayed from the versions that their manifest names. Age is told by the clock: it is the
files' age, not a night's.
"""

from __future__ import annotations

from collections.abc import Iterator

from pyspark.sql import SparkSession

from jobs.errors import UsageError
from jobs.lake import delta, sql, upkeep
from jobs.tables import BY_NAME, PUBLISHED, Table

HOURS_A_DAY = 24
LOG_DAYS = 30  # Delta's log names no version that is older (delta.logRetentionDuration)
_SETTLED = (*PUBLISHED, *(table.staged() for table in PUBLISHED))


def _is_safe(warehouse: str, table: Table, named: dict[str, int]) -> bool:
    """Whether readers ask for the newest version: a killed `publish` leaves one that they do not."""
    return named.get(table.full_name) in (None, delta.version(warehouse, table))


def _work(spark: SparkSession, warehouse: str, keep_days: int) -> Iterator[tuple]:
    """A row a written table: name, files that readers open before and after, bytes on disk before and after."""
    named = sql.manifest(warehouse)
    for table in (table for table in BY_NAME.values() if delta.exists(warehouse, table)):
        before = upkeep.file_count(warehouse, table), upkeep.bytes_on_disk(warehouse, table)
        if table not in _SETTLED:
            upkeep.compact(spark, warehouse, table)
        if table not in PUBLISHED or _is_safe(warehouse, table, named):
            upkeep.vacuum(spark, warehouse, table, keep_days * HOURS_A_DAY)
        else:
            print(f"warning: {table.full_name} is left as it is: a publish was not ended; run that night again")
        after = upkeep.file_count(warehouse, table), upkeep.bytes_on_disk(warehouse, table)
        print(f"{table.full_name}: {before[0]:,} -> {after[0]:,} files", flush=True)
        yield table.full_name, before[0], after[0], before[1], after[1]


def run(spark: SparkSession, warehouse: str, keep_days: int) -> str:
    """Compact and sweep every table; a table of what became of each. Run again, it finds nothing to do.

    UsageError for more days than the log tells of.
    """
    if keep_days > LOG_DAYS:
        raise UsageError(
            f"expected at most {LOG_DAYS} days to keep, as the tables' logs tell of no more; found {keep_days}"
        )
    rows = list(_work(spark, warehouse, keep_days))
    total = ("all 全部", *(sum(row[k] for row in rows) for k in range(1, 5)))
    head = ("table 表", "files 文件数", "then 之后", "MB on disk 磁盘", "then 之后")
    shown = [(name, f"{old:,}", f"{new:,}", f"{was / 1e6:,.1f}", f"{now / 1e6:,.1f}")
             for name, old, new, was, now in (*rows, total)]  # fmt: skip
    return f"versions of the last {keep_days} days are kept\n{sql.as_table(head, shown)}"
