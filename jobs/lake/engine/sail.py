"""Sail inside this process: its Spark Connect server listens on a loopback port of its own and ends with us."""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

from pyspark.sql import SparkSession

from jobs.errors import UsageError

# Deep plans (a history of many days) overflow the 8 MB that a thread has by default, and that kills the process.
_STACK = 256 << 20
# Sail drops a session that asked nothing for 15 minutes: a long query, or long work in Python, outlasts that.
_A_YEAR_S = 365 * 86_400
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_PREFIX = "huaxiang-"


def memory() -> int:
    """Bytes that sorts, joins and aggregates may hold before they spill: HUAXIANG_DRIVER_MEMORY, such as 3g."""
    given = os.environ.get("HUAXIANG_DRIVER_MEMORY", "3g")
    size = re.fullmatch(r"(\d+)([kmg]?)b?", given.lower())
    if size is None:
        raise UsageError(f"expected HUAXIANG_DRIVER_MEMORY as a size such as 3g or 800m, found {given!r}")
    return int(size[1]) * _UNITS[size[2]]


@cache
def scratch() -> Path:
    """The one folder of this process for what spills and what is kept; it goes when the process ends.

    Folders of processes that were killed are swept here. HUAXIANG_SCRATCH says where they lie.
    """
    parent = Path(os.environ.get("HUAXIANG_SCRATCH") or tempfile.gettempdir())
    parent.mkdir(parents=True, exist_ok=True)
    for folder in parent.glob(f"{_PREFIX}*"):
        owner = re.fullmatch(rf"{_PREFIX}(\d+)-\w+", folder.name)
        if owner and not Path(f"/proc/{owner[1]}").exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)
    own = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return own


@cache
def _server():
    kept, spilled = scratch() / "kept", scratch() / "spilled"
    for folder in (kept, spilled):
        folder.mkdir()
    settings = {
        "RUNTIME__STACK_SIZE": _STACK,
        "RUNTIME__MEMORY_POOL__TYPE": "fair",
        "RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE": memory(),
        "RUNTIME__TEMPORARY_FILES__PATHS": json.dumps([str(spilled)]),
        "EXECUTION__CHECKPOINT__PATH": kept.as_uri(),
        "SPARK__SESSION_TIMEOUT_SECS": _A_YEAR_S,
    }
    os.environ.update({f"SAIL_{name}": str(value) for name, value in settings.items()})
    os.environ.setdefault("RUST_LOG", "error")
    # Sail's allocator gives pages back and asks for them again all the time, and the system clears 2 MB each time: a
    # sixth of the processor time of a load. Pages of 4 KB cost less, and less memory.
    os.environ.setdefault("MIMALLOC_ALLOW_THP", "0")
    from pysail.spark import SparkConnectServer  # a second of work, and it reads the settings of the environment

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    return server


def connect(builder: SparkSession.Builder) -> SparkSession.Builder:
    """`builder` of a session in the Sail of this process, which is started at the first call."""
    # Sail divides work by the cores itself; we ask this number for how many parts to write.
    builder = builder.config("spark.sql.shuffle.partitions", str(2 * (os.cpu_count() or 2)))
    return builder.remote(f"sc://127.0.0.1:{_server().listening_address[1]}")
