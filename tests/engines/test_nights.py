"""The same nights on Sail, on Apache Spark, and on both in turns, end in equal tables, row by row."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest

from jobs.lake import engine
from tests.engines import compare, shop

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.engines,
    pytest.mark.skipif(engine.is_sail(), reason="runs Apache Spark beside Sail: make test-spark"),
]
DAYS = (shop.HISTORY, *shop.NIGHTS)
HELD = {"silver.events", "silver.users", "silver.products", "silver.refunds", "gold.user_features", "gold.user_sequences",
        "gold.user_segments", "gold.segment_changes", "ops.quarantine", "ops.loads"}  # fmt: skip


class Nights:
    """A process that runs nights on one engine, of whichever warehouse it is told."""

    def __init__(self, name: str, errors: Path, landing: Path):
        self.errors = errors
        line = [sys.executable, "-m", "tests.engines.nights", "--landing", str(landing), "--nights", "-"]
        root = Path(__file__).resolve().parents[2]
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                line, cwd=root, env=os.environ | {"HUAXIANG_ENGINE": name}, text=True, stderr=errors,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip

    def run(self, warehouse: Path, night: int) -> None:
        self.process.stdin.write(f"{warehouse} {night}\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        assert said.startswith(f"{night} "), f"night {night}: {self.errors.read_text()[-3000:]}"

    def end(self) -> None:
        self.process.stdin.close()
        assert self.process.wait(60) == 0, self.errors.read_text()[-3000:]


@pytest.fixture(scope="module")
def warehouses(tmp_path_factory) -> tuple[Path, Path, Path]:
    """Of Sail alone, of Apache Spark alone, and of both in turns: side by side, for a night of few rows on Apache Spark
    is planned longer than it is computed, by one core.
    """
    folder = tmp_path_factory.mktemp("nights")
    landing = folder / "landing"
    shop.land(landing)
    in_turns = {"sail": ("sail",), "spark": ("spark",), "both": ("sail", "spark")}
    engines = {
        name: [Nights(engine_, folder / f"{name}-{engine_}.log", landing) for engine_ in names]
        for name, names in in_turns.items()
    }

    def run(name: str) -> Path:
        for k, night in enumerate(DAYS):
            engines[name][k % len(engines[name])].run(folder / name, night)
        for one in engines[name]:
            one.end()
        return folder / name

    try:
        with ThreadPoolExecutor() as side_by_side:
            sail, spark, both = side_by_side.map(run, engines)
    finally:
        for one in chain(*engines.values()):
            one.process.kill()
    return sail, spark, both


def test_the_nights_have_all_that_is_compared(warehouses):
    written = compare.written(str(warehouses[0]))
    assert {name for name in HELD if not written.get(name)} == set()


def test_both_engines_write_the_same_rows(warehouses):
    sail, spark, _ = warehouses
    assert compare.differences(str(sail), str(spark)) == {}


def test_an_engine_goes_on_where_the_other_ended(warehouses):
    sail, _, both = warehouses
    assert compare.differences(str(sail), str(both)) == {}
