"""The only place that knows paths and write modes.

A write replaces exactly one slice (`replaceWhere`), so that a verb run twice leaves the same rows, and one Delta
commit is all or nothing, so that a killed verb leaves no half table.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, QueryBuilder, write_deltalake
from pyspark.sql import DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random_exponential

from jobs.errors import DataError
from jobs.lake import engine
from jobs.lake.engine import frames, writes
from jobs.lake.engine.paths import of_engine
from jobs.tables import Table


def exists(warehouse: str, table: Table) -> bool:
    return DeltaTable.is_deltatable(table.path(warehouse))


def has_column(warehouse: str, table: Table, name: str) -> bool:
    """Whether the table was written with a column, which its contract may have got since."""
    return exists(warehouse, table) and any(f.name == name for f in DeltaTable(table.path(warehouse)).schema().fields)


def read(spark: SparkSession, warehouse: str, table: Table, version: int | None = None) -> DataFrame:
    """The whole table, as it is or was in a version; DataError where it was never written. A column that the contract
    has got since is null.
    """
    if not exists(warehouse, table):
        raise DataError(f"expected table {table.full_name} at {table.path(warehouse)}, found none; run its hop first")
    reader = spark.read.format("delta")
    reader = reader if version is None else reader.option("versionAsOf", version)
    return _with_new(reader.load(of_engine(table.path(warehouse))), table)


def _with_new(frame: DataFrame, table: Table) -> DataFrame:
    new = [column for column in table.columns if column.name not in frame.columns]
    return frame.withColumns({column.name: F.lit(None).cast(column.type) for column in new}) if new else frame


def few(
    spark: SparkSession, warehouse: str, table: Table, predicate: str, users: list[str] | None = None,
    columns: Sequence[str] | None = None, version: int | None = None,
) -> DataFrame:  # fmt: skip
    """The few rows of a table, or of its `version`, that `predicate` chooses, of some users where they are given, kept;
    with `columns`, these alone. On one machine they are found without Sail, which reads all columns of each row before
    it asks: four times as long.
    """
    if not engine.is_sail():
        rows = read(spark, warehouse, table, version).where(predicate)
        rows = rows if users is None else rows.where(F.col("user_id").isin(users))
        return frames.kept(rows.select(*columns or rows.columns))
    if users is not None:
        predicate = f"({predicate}) AND user_id IN ({listed(users)})" if users else "false"
    opened = DeltaTable(table.path(warehouse), version=version)
    there = {field.name for field in opened.schema().fields} & set(columns or table.column_names)
    schema = pa.schema([field for field in writes.arrow_schema(table) if field.name in there])
    found = _with_new(frames.brought(spark, _query(opened, predicate, ", ".join(schema.names)).cast(schema)), table)
    return found.select(*columns or found.columns)


def read_or_empty(spark: SparkSession, warehouse: str, table: Table) -> DataFrame:
    """The whole table, or no rows of its schema where it was never written."""
    if exists(warehouse, table):
        return read(spark, warehouse, table)
    return spark.createDataFrame([], table.ddl)


def rows(warehouse: str, table: Table, predicate: str, what: str = "*", version: int | None = None) -> list[dict]:
    """A few rows of a small table, or of its `version`, read without Spark; none where it was never written. Columns
    that the contract has got since are missing in them.
    """
    if not exists(warehouse, table):
        return []
    return _query(DeltaTable(table.path(warehouse), version=version), predicate, what).read_all().to_pylist()


def _query(opened: DeltaTable, predicate: str, what: str) -> pa.RecordBatchReader:
    found = QueryBuilder().register("t", opened)
    # Not by pa.table, which imports pandas to ask whether it was given some of it: a third of a second.
    return pa.RecordBatchReader.from_stream(found.execute(f"SELECT {what} FROM t WHERE {predicate}"))


def grouped(
    spark: SparkSession, warehouse: str, table: Table, predicate: str, by: Sequence[str], aggregates: Mapping[str, str]
) -> list[dict]:
    """One row a group of the rows that `predicate` chooses: the columns `by`, and SQL aggregates by their names. On one
    machine read without Sail, which takes more than twice as long to read all columns of a table.
    """
    if engine.is_sail():
        named = (f'{sql} AS "{name}"' for name, sql in aggregates.items())
        return rows(warehouse, table, f"{predicate} GROUP BY {', '.join(by)}", ", ".join([*by, *named]))
    groups = read(spark, warehouse, table).where(predicate).groupBy(*by)
    found = groups.agg(*[F.expr(sql).alias(name) for name, sql in aggregates.items()]).collect()
    return [row.asDict() for row in found]


def count(warehouse: str, table: Table, predicate: str = "true") -> int:
    """How many rows the table has, counted without Spark: by the files' own numbers where no column is asked."""
    found = rows(warehouse, table, predicate, "count(*) AS n")
    return found[0]["n"] if found else 0


def listed(values: Iterable[str]) -> str:
    """Texts as a list of SQL literals, for what reads and writes without Spark (a quote is doubled)."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def quoted(values: Iterable[str]) -> str:
    """Texts as a list of SQL literals, for Spark (which escapes by a backslash)."""
    escaped = (value.replace("\\", "\\\\").replace("'", "\\'") for value in values)
    return ", ".join(f"'{value}'" for value in escaped)


def conform(frame: DataFrame, table: Table) -> DataFrame:
    """The frame with exactly the contract's columns, in its order and types; DataError names a missing one."""
    missing = set(table.column_names) - set(frame.columns)
    if missing:
        raise DataError(f"{table.full_name} needs {sorted(missing)}; the frame has {sorted(frame.columns)}")
    return frame.select(*(F.col(f"`{c.name}`").cast(c.type).alias(c.name) for c in table.columns))


def in_files(frame: DataFrame, rows: int, a_file: int) -> DataFrame:
    """`frame` in as few partitions, and so files, as so many rows make; without a shuffle, so never in more."""
    return frame.coalesce(max(1, -(-rows // a_file)))


def _lost_the_race(error: BaseException) -> bool:
    """A commit was refused because another came first. Ours is of other rows, so doing it again helps."""
    by_spark = "DELTA_(CONCURRENT|METADATA_CHANGED|PROTOCOL_CHANGED)"
    by_delta_rs = "a concurrent transaction|(Metadata|Protocol) changed|table already exists|commit transaction: 0"
    return bool(re.search(f"{by_spark}|{by_delta_rs}", str(error)))


until_it_wins = retry(
    retry=retry_if_exception(_lost_the_race),
    stop=stop_after_attempt(8),
    wait=wait_random_exponential(max=10),
    reraise=True,
)


def _created(writer: DataFrameWriter, table: Table) -> DataFrameWriter:
    """`writer` for the first write of a table, which settles how its files are laid out and described."""
    if table.deletion_vectors:
        writer = writer.option("delta.enableDeletionVectors", "true")
    return writer.options(**_configuration(table)).partitionBy(*table.partition_by)


def _configuration(table: Table) -> dict[str, str]:
    return {"delta.dataSkippingStatsColumns": ",".join(table.skipped_by)} if table.skipped_by else {}


@until_it_wins
def replace_where(frame: DataFrame, warehouse: str, table: Table, predicate: str, goes: str | None = None) -> None:
    """Replace the slice that `predicate` describes by `frame`, in one commit; create the table on first use. On Sail
    `goes` tells the rows of the slice that go, where some stay as they are and are not in `frame`.

    Delta refuses rows outside the predicate, which makes a wrong slice an error and not a mixture. Two nights may write
    at the same time: the second to commit does its write again.
    """
    path, frame = table.path(warehouse), conform(frame, table)
    with writes.one_writer(path):
        if engine.is_sail():
            writes.replace(frame, path, table, predicate, _configuration(table), goes)
            return
        writer = frame.write.format("delta").mode("overwrite")
        if exists(warehouse, table):
            # mergeSchema: a column that the contract has got since the table was created.
            writer = writer.option("replaceWhere", predicate).option("mergeSchema", "true")
        else:
            writer = _created(writer, table)
        writer.save(path)


def append(frame: DataFrame, warehouse: str, table: Table) -> None:
    """Add rows, in one commit; the caller answers for it that none of them is there already."""
    path, frame = table.path(warehouse), conform(frame, table)
    with writes.one_writer(path):
        if engine.is_sail():
            writes.append(frame, path, table, _configuration(table))
            return
        writer = frame.write.format("delta").mode("append").option("mergeSchema", "true")
        writer = writer.partitionBy(*table.partition_by) if exists(warehouse, table) else _created(writer, table)
        writer.save(path)


def create(path: str, rows: pa.Table, partition_by: Iterable[str] = ()) -> None:
    """The first rows of a table. Of two at a time one fails (see `until_it_wins`): delta-rs would add its rows."""
    once = CommitProperties(max_commit_retries=0)
    write_deltalake(path, rows, mode="error", partition_by=list(partition_by), commit_properties=once)


def stand(warehouse: str, tables: Iterable[Table]) -> None:
    """Create those of the tables that nothing has written yet, without rows, so that every reader finds them."""
    for table in tables:
        path = table.path(warehouse)
        if not exists(warehouse, table):
            with writes.one_writer(path):
                writes.created(path, table, _configuration(table))


@until_it_wins
def replace_rows(rows: list[dict], warehouse: str, table: Table, predicate: str) -> None:
    """Replace the slice that `predicate` describes by a few rows of the driver, in one commit.

    Written by delta-rs: a first Spark write costs seconds, which a night would pay many times for a handful of rows.
    """
    data = [{name: row.get(name) for name in table.column_names} for row in rows]
    data, path = pa.Table.from_pylist(data, writes.arrow_schema(table)), table.path(warehouse)
    with writes.one_writer(path):
        if exists(warehouse, table):
            write_deltalake(path, data, mode="overwrite", predicate=predicate, schema_mode="merge")
        else:
            create(path, data, table.partition_by)


def overwrite(frame: DataFrame, warehouse: str, table: Table) -> None:
    """Replace a whole small table that is neither partitioned nor clustered (the current users, products)."""
    if table.partition_by:
        raise ValueError(f"{table.full_name} is partitioned: use replace_where")
    path = table.path(warehouse)
    with writes.one_writer(path):
        if engine.is_sail():
            writes.overwrite(conform(frame, table), path, table, _configuration(table))
        else:
            writer = conform(frame, table).write.format("delta").mode("overwrite")
            writer.option("mergeSchema", "true").save(path)


def retype(spark: SparkSession, warehouse: str, table: Table) -> None:
    """Write a whole table anew in the types of its contract; versions of before keep theirs."""
    path, frame = table.path(warehouse), conform(read(spark, warehouse, table), table)
    with writes.one_writer(path):
        if engine.is_sail():
            writes.retype(frame, path, table)
            return
        writer = frame.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        writer.partitionBy(*table.partition_by).save(path)


@until_it_wins
def remove(warehouse: str, table: Table, chosen: DataFrame, on: str, instead: dict[str, str] | None = None) -> None:
    """Delete the rows of `table` (t) that a row of `chosen` (s) meets by the condition `on`, in one commit; with
    `instead`, expressions by column, they are changed. `chosen` has no row twice.

    The log tells neither the condition's values nor who was chosen.
    """
    if engine.is_sail():
        _remove_anew(warehouse, table, chosen, on, instead)
        return
    spark, view = chosen.sparkSession, f"chosen_of_{table.layer}_{table.name}"
    # A shuffle by partition would mix the rows of a file, whose order readers profit from.
    spark.conf.set("spark.databricks.delta.merge.repartitionBeforeWrite.enabled", "false")
    chosen.createOrReplaceTempView(view)
    changes = ", ".join(f"{column} = {expression}" for column, expression in (instead or {}).items())
    then = f"UPDATE SET {changes}" if changes else "DELETE"
    spark.sql(f"MERGE INTO delta.`{table.path(warehouse)}` t USING {view} s ON {on} WHEN MATCHED THEN {then}").collect()
    spark.catalog.dropTempView(view)


def _remove_anew(warehouse: str, table: Table, chosen: DataFrame, on: str, instead: dict[str, str] | None) -> None:
    """`remove` for an engine whose MERGE would mark rows in place of writing files anew: the days that hold chosen rows
    are written whole.
    """
    writes.without_marks(table.path(warehouse), table)
    rows, chosen, condition = read(chosen.sparkSession, warehouse, table).alias("t"), chosen.alias("s"), F.expr(on)
    met = rows.join(F.broadcast(chosen), condition, "left_semi")
    if met.isEmpty():
        return
    has_days = "ds" in table.column_names
    where = ds_list([row["ds"] for row in met.select("ds").distinct().collect()]) if has_days else "true"
    left = rows.where(where)
    kept = left.join(F.broadcast(chosen), condition, "left_anti")
    if instead:
        changed = left.join(F.broadcast(chosen), condition)
        values = {name: F.expr(instead[name]) if name in instead else F.col(f"t.`{name}`") for name in kept.columns}
        kept = kept.unionByName(changed.select(*[value.alias(name) for name, value in values.items()]))
    replace_where(frames.kept(kept), warehouse, table, where)


def write_raw(frame: DataFrame, folder: str, *, add: bool = False, by: tuple[str, ...] = ()) -> None:
    """Plain Parquet files as a shop would deliver them, a folder `column=value` for each value of `by`.

    Replaces what lies in the folder, unless `add`.
    """
    frame.write.partitionBy(*by).mode("append" if add else "overwrite").parquet(of_engine(folder))


def version(warehouse: str, table: Table) -> int | None:
    """The newest Delta version of a table, None where there is none."""
    return DeltaTable(table.path(warehouse)).version() if exists(warehouse, table) else None


def ds_range(since: date, ds: date, column: str = "ds") -> str:
    """A predicate for the days since..ds, both included."""
    return f"{column} >= DATE'{since}' AND {column} <= DATE'{ds}'"


def ds_list(days: Collection[date], column: str = "ds") -> str:
    """A predicate for exactly these days."""
    if not days:
        return "false"
    return f"{column} IN ({', '.join(f'DATE{chr(39)}{day}{chr(39)}' for day in sorted(days))})"
