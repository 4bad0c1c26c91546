"""`python -m bench training --users 5e6`: what a training of so many made-up users reads, holds and takes.

The snapshot; then one rank in a process of its own: its share packed, a whole epoch composed and read, STEPS learned.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import date
from pathlib import Path

import torch
from rich.table import Table

from bench import crowd, measure, shown, ways
from bench.builds import Place
from ml.data.batches import epoch_steps
from ml.data.snapshot import Snapshot
from ml.training.data import TrainingData
from ml.training.processes import Ranks
from ml.training.trainer import Trainer

DS = date(2026, 6, 30)
STEPS = 100
BYTES_A_USER = 1_500  # of disk
TOLD = "fed.json"


@dataclass(frozen=True)
class Part:
    """peak: bytes that the process has held at most until its end. users: that it went over."""

    name: str
    users: int
    seconds: float
    cpu_seconds: float
    peak: int


def run(place: Place, users: int, seed: int, say: Callable[[str], None]) -> Table:
    """A row a part of the training."""
    crowd.write_sequences(str(place.warehouse), users, seed, DS)
    say(f"sequences of {users:,} users are there")
    folder = place.folder / "snapshot"
    line = [sys.executable, "-m", "ml.snapshot", "--warehouse", str(place.warehouse), "--ds", str(DS)]
    cost = measure.run([*line, "--snapshot", str(folder)], ways.plain(), place.folder)
    parts = [Part("snapshot", users, cost.seconds, cost.cpu_seconds, cost.peak_bytes)]
    say(f"snapshot: {cost.seconds:.0f} s")
    cost = measure.run([sys.executable, "-m", "bench.fed", str(folder)], ways.plain(), place.folder, hear=say)
    told = json.loads((folder / TOLD).read_text(encoding="utf-8"))
    return table(parts + [Part(*row) for row in told["parts"]], told["events"], users)


def table(parts: list[Part], events: int, users: int) -> Table:
    title = f"a training of {users:,} users with {events:,} events, one rank, preset nightly"
    found = Table(title=title, title_justify="left", title_style="bold")
    for name in ("part", "s", "CPU s", "users/s", "peak memory", "bytes a user"):
        found.add_column(name, justify="left" if name == "part" else "right")
    for part in parts:
        rate, bytes_a_user = f"{part.users / part.seconds:,.0f}", f"{part.peak / users:,.0f}"
        found.add_row(part.name, f"{part.seconds:.1f}", f"{part.cpu_seconds:.1f}", rate, shown.size(part.peak),
                      bytes_a_user)  # fmt: skip
    return found


@contextmanager
def timed(name: str, parts: list[Part], count: Callable[[], int]) -> Iterator[None]:
    """Adds a part to `parts`. count: its users, asked when it is over."""
    began, cpu = time.perf_counter(), time.process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    parts.append(Part(name, count(), time.perf_counter() - began, time.process_time() - cpu, peak))
    print(f"{name}: {parts[-1].seconds:.0f} s", flush=True)


def rank(folder: Path) -> None:
    """What a rank does, in this process; told in the folder's TOLD."""
    snapshot, ranks, parts, users = Snapshot.open(folder), Ranks(0, 1, torch.device("cpu")), [], 0
    with timed("its share, packed", parts, lambda: len(data.sequences)):
        data = TrainingData.of(snapshot, snapshot.config, ranks)
    trainer = Trainer(data, snapshot.config, ranks, folder=None)

    def steps() -> Iterator:
        return epoch_steps(data.train_events, data.catalogue.log_count_I, snapshot.config, epoch=0)

    with timed("an epoch, composed and read", parts, lambda: users):
        for step in steps():
            trainer._read(step)
            users += len(step.users)
    users = 0
    with timed(f"{STEPS} steps, learned", parts, lambda: users):
        for _, step in zip(range(STEPS), steps(), strict=False):
            trainer.step(step, 0)
            users += len(step.users)
    told = {"events": len(data.sequences.items), "parts": [astuple(part) for part in parts]}
    (folder / TOLD).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("snapshot", type=Path)
    rank(flags.parse_args().snapshot)
