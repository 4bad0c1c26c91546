"""`python -m bench rivals FILE`: seconds of training until the same validation NDCG@10, an epoch's seconds, memory.

Each contestant is a program of its own (bench/rivals/lane.py), one after the other on the same threads. A rival's
environment is made by venv and pip from its pinned file, once. Quality: the best NDCG@10 that a rival reached in its
epochs, or in the minutes that it was given; its time is that of the first epoch with at least `share` of it, ours that
of our first with at least as much.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from bench import measure, shown

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RIVALS = {"rectools": "rectools 0.19 SASRec", "replay": "RePlay 0.22 SasRec"}
OURS = "ours"


@dataclass(frozen=True)
class Race:
    """What a contestant said, an epoch a dict (bench/rivals/lane.py), and what its process cost."""

    name: str
    epochs: list[dict]
    peak_bytes: int

    @property
    def best(self) -> float:
        return max(epoch["ndcg@10"] for epoch in self.epochs)

    @property
    def epoch_seconds(self) -> float:
        return self.epochs[-1]["seconds"] / len(self.epochs)

    def until(self, quality: float) -> dict | None:
        """The first epoch that validates at least as well; None where none does."""
        return next((epoch for epoch in self.epochs if epoch["ndcg@10"] >= quality), None)


def environment(name: str, where: Path, say: Callable[[str], None]) -> Path:
    """The Python of a rival's environment, made where there is none of exactly its file."""
    wanted, folder = (HERE / f"{name}.txt").read_text(encoding="utf-8"), where / name
    python, mark = folder / "bin" / "python", folder / "installed.txt"
    if not mark.is_file() or mark.read_text(encoding="utf-8") != wanted:
        say(f"{RIVALS[name]}: installing into {folder}, several GB")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        line = [
            str(python),
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "-r",
            str(HERE / f"{name}.txt"),
        ]
        subprocess.run(line, check=True)
        mark.write_text(wanted, encoding="utf-8")
    return python


def run(
    name: str, python: Path, file: Path, epochs: int, minutes: float, threads: int, folder: Path,
    say: Callable[[str], None],
) -> Race:  # fmt: skip
    """A contestant to its end; each epoch is told. Ours has no more epochs than its preset."""
    module = "bench.rivals.ours" if name == OURS else f"bench.rivals.{name}_sasrec"
    line = [str(python), "-m", module, str(file.resolve()), "--threads", str(threads)]
    line += ["--epochs", str(epochs), "--seconds", str(60 * minutes)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}

    def hear(text: str) -> None:
        for epoch in _epochs(text):
            say(f"{name}: epoch {epoch['epoch']}, {epoch['seconds']:.0f} s, validation NDCG@10 {epoch['ndcg@10']:.4f}")

    cost = measure.run(line, env, folder, hear=hear)
    return Race(name, _epochs(cost.output), cost.peak_bytes)


def _epochs(said: str) -> list[dict]:
    return [json.loads(text) for text in said.splitlines() if text.startswith('{"epoch"')]


def table(races: list[Race], share: float, threads: int, file: Path) -> Table:
    """A row a contestant; ours beside each rival's quality."""
    ours = next(race for race in races if race.name == OURS)
    shown_as = Table(title=f"{file.name}, {threads} threads; seconds of training, scoring left out")
    for name in ("contestant", "epochs", "s an epoch", "peak memory", "best NDCG@10", f"s to {share:.0%} of it",
                 "ours to the same", "times faster"):  # fmt: skip
        shown_as.add_column(name, justify="left" if name == "contestant" else "right")
    for race in races:
        quality = share * race.best
        then, same = race.until(quality), ours.until(quality)
        faster = f"{then['seconds'] / same['seconds']:.1f}" if same and race is not ours else "-"
        shown_as.add_row(
            RIVALS.get(race.name, race.name), str(len(race.epochs)), f"{race.epoch_seconds:.1f}",
            shown.size(race.peak_bytes), f"{race.best:.4f}", f"{then['seconds']:.0f} (epoch {then['epoch']})",
            f"{same['seconds']:.0f} (epoch {same['epoch']})" if same else "not reached", faster,
        )  # fmt: skip
    return shown_as
