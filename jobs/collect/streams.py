"""A Kafka topic -> JSON lines in the landing folder, every record once: see `drain`. By librdkafka, on both engines."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import islice

import pyarrow as pa
from pyarrow import fs
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.collect import parse
from jobs.errors import DataError, UsageError
from jobs.lake.erasures import Suppressed
from jobs.lake.folders import open_folder
from jobs.sources import privacy, reading
from jobs.sources.keys import Keys
from jobs.sources.spec import Kafka, Source

_SECONDS = 30.0  # until the brokers count as away
_RECORDS = 10_000  # taken at once, or as many as come within _WAIT seconds
_WAIT = 0.2
_A_FILE = 1 << 20  # records of a file: packed, it is read by one task

# What is landed in place of a record of a user who was erased: the record still counts, and says nothing.
BLANK = "huaxiang_erased"


@dataclass(frozen=True, slots=True)
class Position:
    """How far the drains of a topic came: the number of the last batch, the next offset of each partition."""

    batch: int = -1
    offsets: dict[int, int] | None = None


def blanked(lines: DataFrame, source: Source, keys: Keys, suppressed: Suppressed) -> DataFrame:
    """`lines` (value: a record each) with {BLANK: true} in place of those of users who were erased."""
    parsed = reading.with_objects(lines.select("value", F.col("value").alias("raw")), source.events)
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

    A drain is a folder batch-N, and done once `_drained` has the position behind it: a record is landed once, and what
    a killed drain left is replaced by the next. A night that has its records, or after which a later one was drained,
    is replayed from its files, so that a run again gives the same rows.

    UsageError where there is no such topic, DataError where it no longer has records that no night took,
    ConnectionError (worth a retry) where no broker answers.
    """
    system, root = open_folder(landing)
    home = f"{root}/kafka/{kafka.topic}"
    if any(day >= str(ds) for day in _names(system, f"{home}/_drained")):
        return
    stood = _position(system, home)
    folder = f"{home}/batch-{stood.batch + 1:09d}"
    if system.get_file_info(folder).type == fs.FileType.Directory:
        system.delete_dir(folder)
    with _consumer(kafka) as consumer:
        offsets = _starts(consumer, kafka, stood.offsets or {})
        reached = {part: first for part, (first, _) in offsets.items()}
        records = (text for part, ends in offsets.items() for text in _records(consumer, kafka, part, ends, reached))
        landed = 0
        while chunk := list(islice(records, _A_FILE)):
            if source and keys and suppressed:
                chunk = _blanked(spark, chunk, source, keys, suppressed)
            system.create_dir(f"{folder}/ds={ds}")
            with system.open_output_stream(f"{folder}/ds={ds}/{landed:05d}.jsonl.gz", compression="gzip") as file:
                file.write("".join(f"{text}\n" for text in chunk).encode())
            landed += 1
    if landed:
        done = {"batch": stood.batch + 1, "offsets": {**(stood.offsets or {}), **reached}}
        system.create_dir(f"{home}/_drained")
        with system.open_output_stream(f"{home}/_position") as file:
            file.write(json.dumps(done).encode())
        system.move(f"{home}/_position", f"{home}/_drained/{ds}")


def _blanked(spark: SparkSession, texts: list[str], source: Source, keys: Keys, suppressed: Suppressed) -> list[str]:
    lines = spark.createDataFrame(pa.table({"value": pa.array(texts, pa.string())}))
    return [row["value"] for row in blanked(lines, source, keys, suppressed).collect()]


def _position(system: fs.FileSystem, home: str) -> Position:
    """Where the last drain ended. Until 2026-11 Spark's checkpoint knew it, and `_drained` had empty files."""
    if not (days := _names(system, f"{home}/_drained")):
        return Position()
    with system.open_input_stream(f"{home}/_drained/{max(days)}") as file:
        text = file.read()
    if text:
        found = json.loads(text)
        return Position(found["batch"], {int(part): offset for part, offset in found["offsets"].items()})
    batch = max(int(name) for name in _names(system, f"{home}/_checkpoint/commits") if name.isdigit())
    with system.open_input_stream(f"{home}/_checkpoint/offsets/{batch}") as file:
        (offsets,) = json.loads(file.read().splitlines()[-1]).values()
    return Position(batch, {int(part): offset for part, offset in offsets.items()})


@contextmanager
def _consumer(kafka: Kafka) -> Iterator:
    from confluent_kafka import Consumer, KafkaException  # which few loads need

    consumer = Consumer({
        "bootstrap.servers": _servers(kafka), "group.id": "huaxiang", "enable.auto.commit": False,
        "enable.partition.eof": True, "auto.offset.reset": "error", "log_level": 0,
    })  # fmt: skip
    try:
        yield consumer
    except KafkaException as error:
        raise _away(kafka, error.args[0].str()) from None
    finally:
        consumer.close()


def _away(kafka: Kafka, said: str) -> ConnectionError:
    return ConnectionError(f"expected Kafka to answer for the topic {kafka.topic!r}, found: {said}")


def _starts(consumer, kafka: Kafka, stood: dict[int, int]) -> dict[int, tuple[int, int]]:
    """The offsets from which and before which each partition is taken; one without a record in between is left out."""
    from confluent_kafka import TopicPartition

    parts = consumer.list_topics(kafka.topic, _SECONDS).topics[kafka.topic].partitions
    if not parts:
        raise UsageError(f"expected the Kafka topic {kafka.topic!r}, found none of this name at its servers")
    taken = {}
    for part in sorted(parts):
        low, high = consumer.get_watermark_offsets(TopicPartition(kafka.topic, part), _SECONDS)
        first = stood.get(part, low)
        if not low <= first <= high:
            if not kafka.may_lose:
                raise DataError(
                    f"expected the records of the Kafka topic {kafka.topic!r} from where the last night ended, found "
                    "them gone. Dropped by its retention, or the topic was made anew: go on by may_lose: true"
                )
            first = low
        if first < high:
            taken[part] = (first, high)
    return taken


def _records(consumer, kafka: Kafka, part: int, ends: tuple[int, int], reached: dict[int, int]) -> Iterator[str]:
    """The texts of a partition's records between two offsets; `reached` is kept where the next one stands."""
    from confluent_kafka import KafkaError, KafkaException, TopicPartition

    consumer.assign([TopicPartition(kafka.topic, part, ends[0])])
    heard = time.monotonic()
    while reached[part] < ends[1]:
        messages = consumer.consume(_RECORDS, _WAIT)
        if not messages and time.monotonic() - heard > _SECONDS:
            raise _away(kafka, f"no record of partition {part} within {_SECONDS:.0f} s")
        for message in messages:
            if error := message.error():
                if error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                reached[part] = max(reached[part], ends[1])  # the last offsets are marks of transactions
            elif message.offset() < ends[1]:
                reached[part] = message.offset() + 1
                # Between the tokens of JSON a line break means nothing, and within a text it is written \n.
                text = (message.value() or b"").decode(errors="replace").replace("\r", " ").replace("\n", " ")
                if text:
                    yield text
            else:
                reached[part] = ends[1]
        if messages:  # the reader may have taken long over them, which is no silence of Kafka's
            heard = time.monotonic()


def _names(system: fs.FileSystem, folder: str) -> list[str]:
    """What lies in a folder; nothing where there is no such folder."""
    return [info.base_name for info in system.get_file_info(fs.FileSelector(folder, allow_not_found=True))]


def _servers(kafka: Kafka) -> str:
    servers = kafka.servers or os.environ.get(kafka.servers_env)
    if not servers:
        raise UsageError(f"expected Kafka's servers in the environment variable {kafka.servers_env}, found it empty")
    return servers
