"""A Kafka topic -> JSON lines in the landing folder, every record once: see `drain`."""

from __future__ import annotations

import os
import re
from datetime import date

from pyarrow import fs
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.collect import parse
from jobs.errors import DataError, UsageError
from jobs.lake import delta, engine
from jobs.lake.erasures import Suppressed
from jobs.lake.folders import open_folder
from jobs.sources import privacy
from jobs.sources.keys import Keys
from jobs.sources.spec import Kafka, Source

# Until the brokers count as away; Spark's own three attempts of a minute are the scheduler's to make.
_PATIENCE = {"kafka.default.api.timeout.ms": "30000", "fetchOffset.numRetries": "1"}

# What is landed in place of a record of a user who was erased: the record still counts, and says nothing.
BLANK = "huaxiang_erased"


def blanked(lines: DataFrame, source: Source, keys: Keys, suppressed: Suppressed) -> DataFrame:
    """`lines` (value: a record each) with {BLANK: true} in place of those of users who were erased."""
    parsed = lines.select(
        "value", F.col("value").alias("raw"), F.from_json("value", "map<string,string>").alias("record")
    )
    marked = parse.with_user(privacy.protect(parsed, source.events), source, keys, "events")
    unknown = F.col("record").isNull() & suppressed.named_in(F.col("value"), keys.user)
    blank = F.to_json(F.struct(F.lit(True).alias(BLANK)))
    return marked.select(
        F.when(suppressed.holds(F.col("user")) | unknown, blank).otherwise(F.col("value")).alias("value")
    )


def drain(
    spark: SparkSession, kafka: Kafka, landing: str, ds: date, source: Source | None = None,
    keys: Keys | None = None, suppressed: Suppressed | None = None,
) -> None:  # fmt: skip
    """Land what the topic holds beyond the last drain, as delivered on `ds`; the ordinary feed of files reads it there.
    Records of users who were erased are landed blank.

    Each batch is a folder that Spark's checkpoint numbers, and a killed batch done again replaces its folder: a record
    is landed once. A night that has its records, or after which a later one was drained, is replayed from its files, so
    that a run again gives the same rows.
    """
    system, root = open_folder(landing)
    home = f"{root}/kafka/{kafka.topic}"
    if any(day >= str(ds) for day in _names(system, f"{home}/_drained")):
        return
    engine.needs_spark(f"read the Kafka topic {kafka.topic}")
    folder = f"{landing.rstrip('/')}/kafka/{kafka.topic}"
    options = _PATIENCE | {
        "kafka.bootstrap.servers": _servers(kafka), "subscribe": kafka.topic, "startingOffsets": "earliest",
        "failOnDataLoss": str(not kafka.may_lose).lower(),
    }  # fmt: skip
    stream = spark.readStream.format("kafka").options(**options).load()
    # Between the tokens of JSON a line break means nothing, and within a text it is written \n.
    lines = stream.select(F.translate(F.col("value").cast("string"), "\r\n", "  ").alias("value")).where("value <> ''")
    if source and keys and suppressed:
        lines = blanked(lines, source, keys, suppressed)
    writer = lines.writeStream.foreachBatch(delta.batch_lander(folder, ds)).trigger(availableNow=True)
    query = writer.option("checkpointLocation", f"{folder}/_checkpoint").start()
    try:
        query.awaitTermination()
    finally:
        query.stop()
    if any(_names(system, f"{home}/{batch}/ds={ds}") for batch in _names(system, home) if batch.startswith("batch-")):
        system.create_dir(f"{home}/_drained")
        system.open_output_stream(f"{home}/_drained/{ds}").close()


def _names(system: fs.FileSystem, folder: str) -> list[str]:
    """What lies in a folder; nothing where there is no such folder."""
    return [info.base_name for info in system.get_file_info(fs.FileSelector(folder, allow_not_found=True))]


def _servers(kafka: Kafka) -> str:
    servers = kafka.servers or os.environ.get(kafka.servers_env)
    if not servers:
        raise UsageError(f"expected Kafka's servers in the environment variable {kafka.servers_env}, found it empty")
    return servers


def explain(error: Exception, kafka: Kafka) -> Exception | None:
    """What went wrong with the topic: UsageError where there is none, DataError where it no longer has records that no
    night took, ConnectionError (worth a retry) where no broker answers; None where it was something else.
    """
    text = f"{error}\n{getattr(error, '_stackTrace', '')}"
    if "UnknownTopicOrPartitionException" in text:
        return UsageError(f"expected the Kafka topic {kafka.topic!r}, found none of this name at its servers")
    if "Some data may have been lost" in text:
        return DataError(
            f"expected the records of the Kafka topic {kafka.topic!r} from where the last night ended, found them gone"
            ". Dropped by its retention: go on by may_lose: true. The topic was made anew: move the folder "
            f"kafka/{kafka.topic} out of the landing, its checkpoint counts the old one"
        )
    if cause := re.search(r"org\.apache\.kafka\.common\.(?:errors|config)\.\w+: ([^\n]+)", text):
        return ConnectionError(f"expected Kafka to answer for the topic {kafka.topic!r}, found: {cause.group(1)}")
    return None
