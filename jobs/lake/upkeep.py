"""The care of tables between nights: small files become large ones, old ones go, versions are named or forgotten.

No row changes here.
"""

from __future__ import annotations

import re

from deltalake import DeltaTable
from pyarrow import fs
from pyspark.sql import SparkSession

from jobs.lake import engine
from jobs.lake.delta import until_it_wins
from jobs.lake.engine import writes
from jobs.lake.folders import open_folder
from jobs.tables import Table

UNKNOWN_HOURS = 24  # longer than a task may run (dags/_house.py)
SMALL_FILE = 32 << 20  # bytes: files below it are put together to larger ones
LARGE_FILE = 256 << 20  # of Apache Spark, which marks rows in a file rather than writing it anew


def purge(spark: SparkSession, warehouse: str, table: Table) -> None:
    """Write the files anew that hold rows which are marked as deleted; `remove` by Sail marks none."""
    if engine.is_sail() and not writes.has_marks(table.path(warehouse)):
        return
    spark.sql(f"REORG TABLE delta.`{table.path(warehouse)}` APPLY (PURGE)").collect()


@until_it_wins
def compact(spark: SparkSession, warehouse: str, table: Table) -> None:
    """Put small files together, and write those anew of whose rows more than a twentieth are marked as deleted.

    The rows of a file stay in their order. Nothing is committed where there is nothing to do.
    """
    if engine.is_sail():
        writes.compact(table.path(warehouse), table)
        return
    spark.conf.set("spark.databricks.delta.optimize.minFileSize", str(SMALL_FILE))
    spark.conf.set("spark.databricks.delta.optimize.maxFileSize", str(LARGE_FILE))
    spark.sql(f"OPTIMIZE delta.`{table.path(warehouse)}`").collect()


def vacuum(spark: SparkSession, warehouse: str, table: Table, hours: int) -> None:
    """Delete the files that no version of the last `hours` needs.

    Not by delta-rs where a table may have marks (deletion vectors): it does not know which files of them are in use.
    """
    if engine.is_sail():
        writes.vacuum(table.path(warehouse), table, hours)
        return
    spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    # A folder is listed by 10,000 tasks by default: minutes on two cores.
    tasks = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.sources.parallelPartitionDiscovery.parallelism", tasks)
    spark.sql(f"VACUUM delta.`{table.path(warehouse)}` RETAIN {hours} HOURS").collect()


def file_count(warehouse: str, table: Table) -> int:
    """How many files of rows a reader of the newest version opens."""
    return len(DeltaTable(table.path(warehouse)).file_uris())


def bytes_on_disk(warehouse: str, table: Table) -> int:
    """Of all that lies in the table's folder, older versions and the log with it."""
    system, root = open_folder(table.path(warehouse), "table's", "--warehouse")
    return sum(info.size or 0 for info in system.get_file_info(fs.FileSelector(root, recursive=True)))


def restore(warehouse: str, table: Table, version: int) -> None:
    """Make the table what it was in an earlier version, by a new one."""
    DeltaTable(table.path(warehouse)).restore(version)


def sweep(warehouse: str, table: Table) -> None:
    """Delete the files that are in no newest version any more: those that the log took out at once, and those that it
    never knew (of killed writes) after UNKNOWN_HOURS, for a write that is going on has such.
    """
    for hours, whole in ((0, False), (UNKNOWN_HOURS, True)):
        opened = DeltaTable(table.path(warehouse))
        opened.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=whole)


def checkpoint(warehouse: str, table: Table) -> int:
    """Write down the newest version whole; returns its number."""
    opened = DeltaTable(table.path(warehouse))
    opened.create_checkpoint()
    return opened.version()


def forget_before(warehouse: str, table: Table, version: int) -> None:
    """Delete the log of earlier versions (Delta's protocol: metadata cleanup); `version` has a checkpoint. Statistics
    of files that are gone stand there, and what former commits said.

    Hadoop's checksums of the log (.NAME.crc) go with it: Spark would hold files against them that others wrote anew.
    """
    system, root = open_folder(f"{table.path(warehouse)}/_delta_log", "table's", "--warehouse")
    for info in system.get_file_info(fs.FileSelector(root)):
        number = re.match(r"\d{20}(?=\.)", info.base_name)
        old = number is not None and int(number.group()) < version
        if info.type == fs.FileType.File and (old or info.base_name.startswith(".")):
            system.delete_file(info.path)
