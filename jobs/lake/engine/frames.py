"""Frames that are read more than once: computed once, kept until `free`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pyarrow as pa
from pyarrow.parquet import ParquetWriter
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.storagelevel import StorageLevel

from jobs.lake import engine
from jobs.lake.engine import sail
from jobs.lake.engine.paths import of_engine

_BATCHES_A_GROUP = 16  # of 8,192 rows, in a group of a file


def kept(frame: DataFrame) -> DataFrame:
    """`frame`, computed once for all that is asked of it. Apache Spark keeps it in memory at its first use; Sail, whose
    `persist` does nothing, writes it to the scratch folder now, which goes with the process.
    """
    return _written(frame) if engine.is_sail() else frame.persist(StorageLevel.MEMORY_AND_DISK)


def _written(frame: DataFrame) -> DataFrame:
    # As Parquet, because Sail's own checkpoints refuse some frames with lists and maps, and its Delta tables are packed
    # more tightly than what is read soon needs: half as much again to write.
    spark, folder = frame.sparkSession, of_engine(tempfile.mkdtemp(dir=sail.scratch()))
    frame.write.mode("overwrite").option("compression", "lz4_raw").parquet(folder)
    # No rows make no file, and without one nobody knows the columns.
    return spark.read.parquet(folder) if any(Path(folder).iterdir()) else spark.createDataFrame([], frame.schema)


def brought(spark: SparkSession, rows: pa.RecordBatchReader) -> DataFrame:
    """Rows that were read without Sail, for it: written to the scratch folder as they come."""
    folder = tempfile.mkdtemp(dir=sail.scratch())
    with ParquetWriter(f"{folder}/rows.parquet", rows.schema, compression="lz4") as file:
        while batches := list(islice(rows, _BATCHES_A_GROUP)):
            file.write_table(pa.Table.from_batches(batches))
    return spark.read.parquet(of_engine(folder))


def once(frame: DataFrame) -> DataFrame:
    """`frame` for several readers in one plan. Apache Spark shares what is equal between them; Sail computes it for
    each, so it is written down there.
    """
    return _written(frame) if engine.is_sail() else frame


def free(*frames: DataFrame | None) -> None:
    """What `kept` keeps in memory may go. A null is nothing."""
    if not engine.is_sail():
        for frame in frames:
            if frame is not None:
                frame.unpersist()


def counted(frame: DataFrame, *counts: Column) -> tuple[DataFrame, Callable[[], dict[str, int]]]:
    """`frame`, and what gives the `counts` (aggregates with names) of its rows once it was written: Apache Spark counts
    on the way, Sail asks the rows, which are kept for it.
    """
    if engine.is_sail():
        frame = kept(frame)
        return frame, lambda: frame.agg(*counts).first().asDict()
    watch = Observation()
    return frame.observe(watch, *counts), lambda: watch.get


def union(frames: list[DataFrame]) -> DataFrame:
    """All rows of frames of one schema, in a plan as flat as can be: a chain of hundreds overflows a stack."""
    while len(frames) > 1:
        pairs = [frames[k : k + 2] for k in range(0, len(frames), 2)]
        frames = [pair[0].unionByName(pair[1]) if len(pair) == 2 else pair[0] for pair in pairs]
    return frames[0]


def computed(stored: Column) -> Column:
    """A list of a table as an expression makes it, to stand in a union with computed ones: Sail calls the elements of
    the two by different names.
    """
    return F.transform(stored, lambda item: item) if engine.is_sail() else stored


def where(frame: DataFrame, condition: Column) -> DataFrame:
    """The rows of `frame` for which `condition` holds, asked here and not earlier.

    Sail asks a condition as early as it can: then each of its columns is replaced by what it is made of, as often as it
    is named; and while a table is read, it loses the columns that a function over a list's items names. A condition
    that holds chance stays where it is.
    """
    if not engine.is_sail():
        return frame.where(condition)
    asked = frame.withColumn("_asked", F.when(condition, F.rand()).otherwise(-1.0))
    return asked.where("_asked >= 0").drop("_asked")
