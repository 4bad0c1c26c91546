"""One build of the tables from raw files, by our verbs and by the DuckDB script: what each stage cost."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bench import measure, ways
from bench.measure import Cost
from bench.spark import Work
from bench.ways import Way

STAGES = ("collect", "clean", "features", "sequences")
# The sections of build.sql that do what a stage does.
SECTIONS = {"collect": ("macros", "collect"), "clean": ("clean",), "features": ("user_daily", "features"),
            "sequences": ("sequences",)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """The medians of a stage's repeats. `work` is null where it is not Apache Spark's."""

    name: str
    seconds: float
    cpu_seconds: float | None = None
    peak_bytes: int | None = None
    work: Work | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a measurement works: raw files, our tables, the script's tables, logs."""

    folder: Path

    @property
    def landing(self) -> Path:
        return self.folder / "landing"

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse"

    def emptied(self, name: str) -> Path:
        """A folder of this name with nothing in it."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / name).mkdir(parents=True)
        return self.folder / name


def verb(place: Place, name: str, since: date, ds: date) -> list[str]:
    """The command line of a verb, the same that the DAG runs."""
    where = ["--warehouse", str(place.warehouse), "--landing", str(place.landing), "--source", "simulate"]
    return [sys.executable, "-m", "jobs", name, "--ds", str(ds), "--since", str(since), *where]


def by_verbs(place: Place, since: date, ds: date, way: Way) -> dict[str, Cost]:
    """Run the four verbs on the days since..ds; each is a process of its own."""
    return {name: measure.run(verb(place, name, since, ds), way.env, place.folder, way.server) for name in STAGES}


def by_duckdb(place: Place, since: date, ds: date) -> tuple[Cost, dict[str, float]]:
    """Run the DuckDB script on the same days in a process of its own; its cost, and seconds a stage."""
    out = place.emptied("duckdb")
    line = [sys.executable, "-m", "bench.duck", str(place.landing), str(since), str(ds), str(out)]
    cost = measure.run(line, ways.plain(), place.folder)
    seconds = json.loads(cost.output.strip().splitlines()[-1])
    return cost, {stage: sum(seconds[one] for one in parts) for stage, parts in SECTIONS.items()}


def full(place: Place, since: date, ds: date, repeat: int, way: str, say: Callable[[str], None]) -> list[Stage]:
    """The medians of `repeat` builds by our verbs, each from an empty warehouse and on a cold engine."""
    runs = []
    for turn in range(1, repeat + 1):
        place.emptied("warehouse")
        with ways.opened(way, place.folder) as on:
            costs = by_verbs(place, since, ds, on)
        runs.append(([(name, cost, on.work(cost)) for name, cost in costs.items()], on.started))
        seconds = sum(cost.seconds for cost in costs.values()) + (on.started or 0)
        say(f"our verbs, {turn} of {repeat}: {seconds:.0f} s")
    stages = [_median(name, [run[0][k] for run in runs]) for k, name in enumerate(STAGES)]
    if starts := [started for _, started in runs if started is not None]:
        stages.insert(0, Stage("Spark starts", statistics.median(starts)))
    return stages


def night(place: Place, ds: date, way: str) -> dict[str, float]:
    """Seconds of each verb for the day ds alone, on the warehouse as it stands, on a cold engine."""
    with ways.opened(way, place.folder) as on:
        return {name: cost.seconds for name, cost in by_verbs(place, ds, ds, on).items()}


def _median(name: str, runs: list[tuple[str, Cost, Work | None]]) -> Stage:
    """Seconds and memory as medians; the bytes of the last run, which hardly differ."""
    costs = [cost for _, cost, _ in runs]
    return Stage(
        name,
        statistics.median(cost.seconds for cost in costs),
        statistics.median(cost.cpu_seconds for cost in costs),
        int(statistics.median(cost.peak_bytes for cost in costs)),
        runs[-1][2],
    )


def duckdb_stages(place: Place, since: date, ds: date, repeat: int, say: Callable[[str], None]) -> list[Stage]:
    """The medians of `repeat` runs of the script; memory and processor time are of the whole, in its last row."""
    runs = []
    for turn in range(1, repeat + 1):
        runs.append(by_duckdb(place, since, ds))
        say(f"DuckDB, {turn} of {repeat}: {runs[-1][0].seconds:.1f} s")
    costs = [cost for cost, _ in runs]
    stages = [Stage(name, statistics.median(seconds[name] for _, seconds in runs)) for name in STAGES]
    whole = _median("all", [("all", cost, None) for cost in costs])
    return [*stages, Stage("all", whole.seconds, whole.cpu_seconds, whole.peak_bytes)]
