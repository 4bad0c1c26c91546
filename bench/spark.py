"""Apache Spark under measurement: its settings, one that stands for all verbs, and what its log tells."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

from bench.measure import CommandError
from local import environment, java, services
from local.places import JARS

STARTS_WITHIN_SECONDS = 120


@dataclass(slots=True)
class Work:
    """What Spark did, in bytes: the sizes of the files that it read (whole, each time), what its tasks wrote to files,
    wrote for a shuffle, and spilled to disk.
    """

    read: int = 0
    written: int = 0
    shuffled: int = 0
    spilled: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Work)))


def driver_memory() -> str:
    """Of every engine that is measured: as `make run` chooses it, or as HUAXIANG_DRIVER_MEMORY says."""
    return os.environ.get("HUAXIANG_DRIVER_MEMORY") or environment.driver_memory()


def settings(folder: Path) -> dict[str, str]:
    """What a verb sees besides; its Spark writes an event log under `folder`, which `make run` has no use for."""
    events, conf = folder / "spark-events", folder / "spark-conf"
    for one in (events, conf):
        one.mkdir(parents=True, exist_ok=True)
    written = {
        "spark.eventLog.enabled": "true", "spark.eventLog.dir": events.as_uri(), "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false", "spark.eventLog.logStageExecutorMetrics": "false",
        "spark.local.dir": str(folder / "spark-local"),
    }  # fmt: skip
    (conf / "spark-defaults.conf").write_text("".join(f"{key} {value}\n" for key, value in written.items()))
    return {
        "JAVA_HOME": str(java.find()), "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_CONF_DIR": str(conf), "HUAXIANG_JARS": str(JARS), "HUAXIANG_DRIVER_MEMORY": driver_memory(),
    }  # fmt: skip


@contextmanager
def standing(env: dict[str, str], folder: Path) -> Iterator[tuple[psutil.Process, dict[str, str], float]]:
    """The Spark that `make run` stands up for all verbs: its process, the environment to reach it, seconds to start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = env | {"SPARK_CONNECT_AUTHENTICATE_TOKEN": secrets.token_urlsafe(24)}
    service, started = services.spark(env, port), time.monotonic()
    with (folder / "spark.log").open("wb") as log:
        server = subprocess.Popen(service.command, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            _await(server, port, folder / "spark.log")
            seconds = time.monotonic() - started
            yield psutil.Process(server.pid), env | {"HUAXIANG_SPARK_REMOTE": f"sc://localhost:{port}"}, seconds
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _await(server: subprocess.Popen, port: int, log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    words = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise CommandError(f"expected Spark on port {port} within {STARTS_WITHIN_SECONDS} s; its last words:\n{words}")


def work(folder: Path, began: float, ended: float) -> Work:
    """What Spark did between two times (seconds since 1970): tasks that finished, queries that started."""
    total = Work()
    for log in sorted((folder / "spark-events").iterdir()):
        total += _of_log(log, lambda milliseconds: began <= milliseconds / 1000 <= ended)
    return total


def _of_log(log: Path, within: Callable[[int], bool]) -> Work:
    total, sizes, queries, read = Work(), set(), set(), []
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith(_WANTED):
                continue
            event = json.loads(line)
            kind = event["Event"].rsplit(".", 1)[-1]
            if kind == "SparkListenerTaskEnd":
                if within(event["Task Info"]["Finish Time"]) and event.get("Task Metrics"):
                    total += _of_task(event["Task Metrics"])
                continue
            if "sparkPlanInfo" in event:  # a plan may change while it runs
                sizes |= _file_sizes(event["sparkPlanInfo"])
            if kind == "SparkListenerSQLExecutionStart" and within(event["time"]):
                queries.add(event["executionId"])
            elif kind == "SparkListenerDriverAccumUpdates":
                read += [(event["executionId"], *update) for update in event["accumUpdates"]]
    total.read = sum(value for query, metric, value in read if query in queries and metric in sizes)
    return total


_SQL = '{"Event":"org.apache.spark.sql.execution.ui.SparkListener'
_WANTED = ('{"Event":"SparkListenerTaskEnd"', f"{_SQL}SQLExecutionStart", f"{_SQL}SQLAdaptiveExecutionUpdate",
           f"{_SQL}DriverAccumUpdates")  # fmt: skip


def _file_sizes(node: dict) -> set[int]:
    """The metrics of a plan that say how large the files are that it reads."""
    here = {metric["accumulatorId"] for metric in node["metrics"] if metric["name"] == "size of files read"}
    return here.union(*map(_file_sizes, node["children"]))


def _of_task(metrics: dict) -> Work:
    """Not its "Bytes Read": they count what comes from Spark's own cache, and not what Parquet reads in one call."""
    return Work(
        written=metrics["Output Metrics"]["Bytes Written"],
        shuffled=metrics["Shuffle Write Metrics"]["Shuffle Bytes Written"],
        spilled=metrics["Disk Bytes Spilled"],
    )
