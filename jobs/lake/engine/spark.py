"""Apache Spark: one that stands (Spark Connect), the one that spark-submit started us beside, or a new JVM."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from pyspark.sql import SparkSession

from jobs.errors import UsageError
from jobs.lake.engine import options

JARS = Path(os.environ.get("HUAXIANG_JARS", Path(__file__).resolve().parents[3] / ".tools" / "jars"))

# C1 alone and the serial collector start a JVM in two thirds of the time; a history load earns the full compiler back.
# C1 alone has 48 MB for what it compiled, which a verb of many plans fills: the JVM then sweeps and compiles again, a
# tenth of the time. And each time that classes outgrow what they had at first, 21 MB, all memory is collected.
QUICK_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:MetaspaceSize=300m"


def jars() -> list[str]:
    """The jars that Spark lacks, resolved once at set-up; UsageError where they are missing."""
    found = sorted(str(jar) for jar in JARS.glob("*.jar"))
    if not found:
        raise UsageError(
            f"expected the jars that Spark lacks in {JARS}, found none; run `make setup`, or set HUAXIANG_JARS"
        )
    return found


def connect(builder: SparkSession.Builder, long_job: bool) -> SparkSession.Builder:
    """`builder` of a session in the Spark that stands at HUAXIANG_SPARK_REMOTE where one answers, else in a new JVM,
    with the settings that it must be started with.

    Under spark-submit the JVM stands already: master, memory, `--jars HUAXIANG_JARS/*.jar` and the JVM's options come
    from the submit line, the rest from here.
    """
    if remote := _standing(os.environ.get("HUAXIANG_SPARK_REMOTE", "")):
        os.environ.pop("MASTER", None)  # spark-submit's word for its own JVM, which pyspark takes for a contradiction
        for key, value in _small_machine().items():
            builder = builder.config(key, value)
        return builder.remote(remote)
    settings = options.STATIC | _small_machine()
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        builder = builder.master(os.environ.get("HUAXIANG_MASTER", "local[*]"))
        settings |= _new_jvm(long_job)
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder


def _standing(remote: str) -> str | None:
    """`remote` (sc://host:port) where something listens there; a Spark that went away costs time, not the night."""
    if not remote:
        return None
    at = urlsplit(remote)
    try:
        socket.create_connection((at.hostname, at.port), timeout=5).close()
    except OSError as error:
        print(f"no Spark at {remote} ({error}): starting one for this job", file=sys.stderr)
        return None
    return remote


def _new_jvm(long_job: bool) -> dict[str, str]:
    return {
        "spark.jars": ",".join(jars()),
        "spark.driver.memory": os.environ.get("HUAXIANG_DRIVER_MEMORY", "3g"),
        "spark.driver.extraJavaOptions": f"{options.JVM} {'-XX:+UseSerialGC' if long_job else QUICK_JVM}",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }


def _small_machine() -> dict[str, str]:
    """Defaults for one machine; a cluster overrides both on the submit line by HUAXIANG_SHUFFLE_PARTITIONS."""
    cores = os.cpu_count() or 2
    partitions = os.environ.get("HUAXIANG_SHUFFLE_PARTITIONS")
    return {
        "spark.sql.shuffle.partitions": partitions or str(2 * cores),
        # Delta replays a table's log with 50 tasks by default: 10 s on two cores for a table of ten files.
        "spark.databricks.delta.snapshotPartitions": "50" if partitions else "1",
    }
