"""Spark under measurement: the surroundings of a verb, one standing Spark where asked for, and what its log tells."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

from bench.measure import CommandError
from local import java, machine
from local.places import BIN, JARS, ROOT

STARTS_WITHIN_SECONDS = 120


@dataclass(slots=True)
class Work:
    """What Spark's tasks did, in bytes, as their own metrics tell."""

    read: int = 0
    written: int = 0
    shuffled: int = 0
    spilled: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Work)))


def driver_memory() -> str:
    """Of every Spark that is measured: as `make run` chooses it, or as HUAXIANG_DRIVER_MEMORY says."""
    return os.environ.get("HUAXIANG_DRIVER_MEMORY") or machine.driver_memory()


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of every verb; its Spark writes an event log under `folder`, which `make run` has no use for."""
    events, conf = folder / "spark-events", folder / "spark-conf"
    for one in (events, conf):
        one.mkdir(parents=True, exist_ok=True)
    settings = {
        "spark.eventLog.enabled": "true", "spark.eventLog.dir": events.as_uri(), "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false", "spark.eventLog.logStageExecutorMetrics": "false",
        "spark.local.dir": str(folder / "spark-local"),
    }  # fmt: skip
    (conf / "spark-defaults.conf").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    ours = {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "JAVA_HOME": str(java.find()),
        "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_CONF_DIR": str(conf),
        "OMP_NUM_THREADS": "1", "HUAXIANG_JARS": str(JARS),
        "HUAXIANG_DRIVER_MEMORY": driver_memory(),
    }  # fmt: skip
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HUAXIANG_", "SPARK_", "PYSPARK_"))}
    return kept | ours


@contextmanager
def standing(env: dict[str, str], folder: Path) -> Iterator[tuple[psutil.Process, dict[str, str], float]]:
    """The Spark that `make run` stands up for all verbs: its process, the environment to reach it, seconds to start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = env | {"SPARK_CONNECT_AUTHENTICATE_TOKEN": secrets.token_urlsafe(24)}
    service, started = machine.spark(env, port), time.monotonic()
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
    """What the tasks that finished between two times did (seconds since 1970)."""
    total = Work()
    for log in sorted((folder / "spark-events").iterdir()):
        with log.open(encoding="utf-8") as lines:
            for line in lines:
                if line.startswith('{"Event":"SparkListenerTaskEnd"'):
                    event = json.loads(line)
                    if began <= event["Task Info"]["Finish Time"] / 1000 <= ended and event.get("Task Metrics"):
                        total += _of_task(event["Task Metrics"])
    return total


def _of_task(metrics: dict) -> Work:
    return Work(
        metrics["Input Metrics"]["Bytes Read"],
        metrics["Output Metrics"]["Bytes Written"],
        metrics["Shuffle Write Metrics"]["Shuffle Bytes Written"],
        metrics["Disk Bytes Spilled"],
    )
