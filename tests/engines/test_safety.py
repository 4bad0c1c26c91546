"""Tables stay whole under Sail, whoever writes, whoever is killed, however little memory there is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from jobs.lake import delta, engine
from tests.engines.writer import TABLE

pytestmark = pytest.mark.skipif(not engine.is_sail(), reason="Apache Spark detects conflicts and spills by itself")


def start(home: Path, *what: str, **environment: str) -> subprocess.Popen:
    """A process that writes as `what` says (tests/engines/writer.py), its scratch under `home`."""
    own = os.environ | {"HUAXIANG_SCRATCH": str(home / "scratch")} | environment
    command = [sys.executable, "-m", "tests.engines.writer", str(home / "warehouse"), *what]
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(command, cwd=root, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen) -> str:
    """What the process said; it must have ended well."""
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors[-2000:]
    return said


def rounds(home: Path) -> dict[str, Counter]:
    """How many rows of each round a slice has."""
    found: dict[str, Counter] = {}
    for row in delta.rows(str(home / "warehouse"), TABLE, "true", "slice, round"):
        found.setdefault(row["slice"], Counter())[row["round"]] += 1
    return found


def test_writers_of_one_table_lose_nothing(tmp_path):
    """Two through Sail and one through delta-rs, each its own slice, all at once and many times."""
    writers = [start(tmp_path, "replace", name, "12", "500") for name in ("a", "b")]
    writers.append(start(tmp_path, "rows", "c", "24", "50"))
    for process in writers:
        ended(process)
    assert rounds(tmp_path) == {"a": {11: 500}, "b": {11: 500}, "c": {23: 50}}
    assert delta.version(str(tmp_path / "warehouse"), TABLE) + 1 >= 12 + 12 + 24, "a commit for each write"


def test_a_killed_writer_leaves_the_table_whole_and_open(tmp_path):
    ended(start(tmp_path, "replace", "other", "1", "10"))
    for delay in (0.0, 0.15, 0.4, 0.9):
        process = start(tmp_path, "replace", "a", "1000", "400000")
        for _ in range(2):  # the second write has begun
            process.stdout.readline()
        time.sleep(delay)
        process.kill()
        process.communicate()
        found = rounds(tmp_path)
        assert found["other"] == {0: 10}
        assert list(found["a"].values()) == [400_000], "one round alone, and all of it"
        assert len(list((tmp_path / "scratch").iterdir())) == 1, "those of the killed ones before it are swept"
    ended(start(tmp_path, "replace", "a", "1", "10"))
    assert rounds(tmp_path) == {"a": {0: 10}, "other": {0: 10}}
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("what", ["sort", "aggregate"])
def test_little_memory_spills_or_says_so(tmp_path, what):
    process = start(tmp_path, what, "4000000", HUAXIANG_DRIVER_MEMORY="200m")
    said, errors = process.communicate(timeout=120)
    if process.returncode == 0:
        assert said.split()[-1] == "4000000"
    else:
        assert "Failed to allocate" in errors
    assert list((tmp_path / "scratch").iterdir()) == []
