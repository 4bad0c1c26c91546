"""What the terminal shows: the machine, and a row a stage beside the DuckDB script's."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil
from rich.table import Table

from bench.builds import STAGES, Stage
from bench.spark import driver_memory


def machine() -> str:
    """One paragraph: processor, cores, memory, versions, settings, and what else the machine was busy with."""
    memory = psutil.virtual_memory()
    versions = ", ".join(f"{name} {version(name)}" for name in ("pysail", "pyspark", "delta-spark", "duckdb"))
    return (
        f"{_processor()}, {os.cpu_count()} cores, {size(memory.total)} of memory ({size(memory.available)} free); "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {versions}; "
        f"Spark driver memory {driver_memory()}, DuckDB {os.cpu_count()} threads; "
        f"load before the start {os.getloadavg()[0]:.1f}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit in ("B", "kB", "MB") else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def growth(first: tuple[int, float], other: tuple[int, float], how: str) -> str:
    """One line: how many times as long a record of the other build took. `first`, `other`: records, seconds."""
    (rows, seconds), (more_rows, more_seconds) = first, other
    times = (more_seconds / more_rows) / (seconds / rows)
    return f"{more_rows:,} records took {times:.2f} times as long, each, as {rows:,} did; {how}"


def build(title: str, ours: list[Stage], theirs: list[Stage], rows: int) -> Table:
    """A row a stage: our verbs, the DuckDB script (`theirs`, empty where it was left out), and how many times longer
    ours took.
    """
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("stage")
    heads = [
        "s",
        "rows/s",
        "CPU s",
        "read",
        "written",
        "shuffled",
        "spilled",
        "peak memory",
        "DuckDB s",
        "rows/s",
        "ratio",
    ]
    for head in heads:
        table.add_column(head, justify="right")
    beside = {stage.name: stage.seconds for stage in theirs}
    for stage in ours:
        table.add_row(stage.name, *_cells(stage, rows), *_beside(stage.seconds, beside.get(stage.name), rows))
    whole = theirs[-1] if theirs else None
    seconds = sum(stage.seconds for stage in ours)
    memory = max(stage.peak_bytes or 0 for stage in ours)
    cpu = sum(stage.cpu_seconds or 0 for stage in ours)
    table.add_section()
    table.add_row("all", f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{cpu:.0f}", "", "", "", "", size(memory),
                  *_beside(seconds, whole.seconds if whole else None, rows))  # fmt: skip
    if whole:
        table.caption = f"DuckDB in all: CPU {whole.cpu_seconds:.0f} s, peak memory {size(whole.peak_bytes or 0)}"
    return table


def verbs(title: str, stages: list[Stage], users: int) -> Table:
    """A row a verb, and the whole."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("verb")
    for head in ("s", "users/s", "CPU s", "read", "written", "shuffled", "spilled", "peak memory"):
        table.add_column(head, justify="right")
    for stage in stages:
        table.add_row(stage.name, *_cells(stage, users))
    seconds, cpu = sum(stage.seconds for stage in stages), sum(stage.cpu_seconds or 0 for stage in stages)
    memory = max(stage.peak_bytes or 0 for stage in stages)
    table.add_section()
    table.add_row("all", f"{seconds:.1f}", f"{users / seconds:,.0f}", f"{cpu:.0f}", "", "", "", "", size(memory))
    return table


def _cells(stage: Stage, rows: int) -> list[str]:
    if stage.cpu_seconds is None:
        return [f"{stage.seconds:.1f}", *[""] * 7]
    work = stage.work
    done = [size(count) for count in (work.read, work.written, work.shuffled, work.spilled)] if work else [""] * 4
    return [f"{stage.seconds:.1f}", f"{rows / stage.seconds:,.0f}", f"{stage.cpu_seconds:.0f}", *done,
            size(stage.peak_bytes or 0)]  # fmt: skip


def _beside(ours: float, theirs: float | None, rows: int) -> list[str]:
    return [f"{theirs:.1f}", f"{rows / theirs:,.0f}", f"{ours / theirs:.1f}"] if theirs else ["", "", ""]


def night(title: str, history: dict[str, float], new: dict[str, float]) -> Table:
    """A row a stage: seconds of the full build, of one night on top of it, and the share of the one in the other."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("stage")
    for head in ("full build s", "night s", "share"):
        table.add_column(head, justify="right")
    for name in STAGES:
        table.add_row(name, f"{history[name]:.1f}", f"{new[name]:.1f}", f"{new[name] / history[name]:.1%}")
    table.add_section()
    whole, one = sum(history.values()), sum(new.values())
    table.add_row("all", f"{whole:.1f}", f"{one:.1f}", f"{one / whole:.1%}")
    return table
