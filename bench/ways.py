"""What a measured verb runs on: Sail in its process, an Apache Spark that stands for all verbs, or one of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import spark
from bench.measure import Cost
from bench.spark import Work
from local.places import BIN, ROOT

WAYS = {
    "sail": "each verb a process of its own with Sail in it, as `make run` does",
    "standing": "all verbs in one Apache Spark, cold at the first, as `make run ENGINE=spark` does",
    "fresh": "each verb in an Apache Spark of its own, cold, as in the images",
}


@dataclass(frozen=True, slots=True)
class Way:
    """An engine that is ready: what a verb sees of it; a standing Spark's process, and the seconds that it took to
    start; the folder of Spark's logs.
    """

    env: dict[str, str]
    server: psutil.Process | None = None
    started: float | None = None
    logs: Path | None = None

    def work(self, cost: Cost) -> Work | None:
        """What the engine did for a command; null on Sail, which keeps no log of it."""
        return spark.work(self.logs, cost.began, cost.ended) if self.logs else None


def plain() -> dict[str, str]:
    """The environment of a command without an engine's settings: nothing of ours that stands in the terminal."""
    foreign = ("HUAXIANG_", "SPARK_", "PYSPARK_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return kept | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@contextmanager
def opened(way: str, folder: Path) -> Iterator[Way]:
    """One of WAYS, cold; its logs lie in `folder`."""
    if way == "sail":
        yield Way(plain() | {"HUAXIANG_ENGINE": "sail", "HUAXIANG_DRIVER_MEMORY": spark.driver_memory()})
        return
    logs = folder / "spark"
    shutil.rmtree(logs, ignore_errors=True)
    env = plain() | {"HUAXIANG_ENGINE": "spark"} | spark.settings(logs)
    if way == "fresh":
        yield Way(env, logs=logs)
        return
    with spark.standing(env, folder) as (server, env, seconds):
        yield Way(env, server, seconds, logs)
