"""The same nights on Sail alone and on both engines in turns end in equal tables, row by row.

Of two warehouses one is begun by Sail and one by Apache Spark, so that each night runs on Apache Spark once, and each
but the first on either engine over what the other wrote. Where all three are equal, nights on Apache Spark alone would
be, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from threading import Lock

import pytest

from jobs.lake import engine
from tests.engines import compare, nights, shop

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.engines,
    pytest.mark.skipif(engine.is_sail(), reason="runs Apache Spark beside Sail: make test-spark"),
]
DAYS = (shop.HISTORY, *shop.NIGHTS)
HELD = {"silver.events", "silver.users", "silver.products", "silver.refunds", "gold.user_features", "gold.user_sequences",
        "gold.user_segments", "gold.segment_changes", "ops.quarantine", "ops.loads"}  # fmt: skip


class Nights:
    """A process that runs nights on one engine, one at a time, of whichever warehouse it is told."""

    def __init__(self, name: str, errors: Path, landing: Path):
        self.errors, self.free = errors, Lock()
        line = [sys.executable, "-m", "tests.engines.nights", "--landing", str(landing), "--nights", "-"]
        root = Path(__file__).resolve().parents[2]
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                line, cwd=root, env=os.environ | {"HUAXIANG_ENGINE": name}, text=True, stderr=errors,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip

    def run(self, warehouse: Path, night: int | str) -> None:
        with self.free:
            self.process.stdin.write(f"{warehouse} {night}\n")
            self.process.stdin.flush()
            said = self.process.stdout.readline()
        assert said.startswith(f"{night} "), f"night {night}: {self.errors.read_text()[-3000:]}"

    def end(self) -> None:
        self.process.stdin.close()
        assert self.process.wait(60) == 0, self.errors.read_text()[-3000:]


@pytest.fixture(scope="module")
def warehouses(tmp_path_factory) -> tuple[Path, Path, Path]:
    """Of Sail alone, of turns that Sail begins, and of turns that Apache Spark begins: side by side, for a night of few
    rows on Apache Spark is planned longer than it is computed, by one core. The three share a process of each engine:
    what Apache Spark has compiled for one night it has for the next.
    """
    folder = tmp_path_factory.mktemp("nights")
    landing = folder / "landing"
    shop.land(landing)
    engines = {name: Nights(name, folder / f"{name}.log", landing) for name in engine.ENGINES}

    def run(name: str, turns: tuple[str, ...]) -> Path:
        for night, turn in zip(DAYS, cycle(turns), strict=False):
            engines[turn].run(folder / name, night)
            if night == shop.ERASED_AFTER:  # by Apache Spark where it wrote: Sail refuses tables whose rows it marked
                engines["spark" if "spark" in turns else "sail"].run(folder / name, nights.ERASE)
        return folder / name

    try:
        with ThreadPoolExecutor() as side_by_side:
            turns = {"sail-first": ("sail", "spark"), "spark-first": ("spark", "sail"), "alone": ("sail",)}
            sail_first, spark_first, alone = side_by_side.map(run, turns, turns.values())
        for one in engines.values():
            one.end()
    finally:
        for one in engines.values():
            one.process.kill()
    return alone, sail_first, spark_first


def test_the_nights_have_all_that_is_compared(warehouses):
    written = compare.written(str(warehouses[0]))
    assert {name for name in HELD if not written.get(name)} == set()


@pytest.mark.parametrize("begun_by", [1, 2], ids=["sail", "spark"])
def test_nights_in_turns_end_in_the_rows_of_sail_alone(warehouses, begun_by):
    assert compare.differences(str(warehouses[0]), str(warehouses[begun_by])) == {}
