"""What a command costs: seconds, processor time and memory of its whole tree of processes, read by psutil."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import psutil

SAMPLE_SECONDS = 0.2


class CommandError(Exception):
    """A measured command failed; the text holds its last words."""


@dataclass(slots=True)
class Cost:
    """Of one command. `began` and `ended` are seconds since 1970, to find its tasks in Spark's log; memory is the
    largest sum of resident sets, in which pages that processes share count for each.
    """

    began: float
    ended: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    output: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(slots=True)
class _Tree:
    """The processes below some roots, sampled. One that ended keeps the processor time that it was last seen with."""

    roots: list[psutil.Process]
    peak: int = 0
    seen: dict[tuple[int, float], float] = field(default_factory=dict)
    first: dict[tuple[int, float], float] = field(default_factory=dict)

    def look(self, *, starting: bool = False) -> None:
        memory = 0
        for root in self.roots:
            try:
                members = [root, *root.children(recursive=True)]
            except psutil.Error:
                continue
            for process in members:
                try:
                    with process.oneshot():
                        key, times = (process.pid, process.create_time()), process.cpu_times()
                        memory += process.memory_info().rss
                except psutil.Error:  # ended between two looks
                    continue
                self.seen[key] = times.user + times.system
                self.first.setdefault(key, self.seen[key] if starting else 0.0)
        self.peak = max(self.peak, memory)

    @property
    def cpu_seconds(self) -> float:
        return sum(self.seen.values()) - sum(self.first.values())


def run(
    command: list[str],
    env: dict[str, str],
    folder: Path,
    beside: psutil.Process | None = None,
    hear: Callable[[str], None] = lambda line: None,
) -> Cost:
    """Run a command to its end. `beside` is a process that works for it (a standing Spark): its tree counts too; `hear`
    is told each line that it prints, while it runs.

    Raises CommandError where the command fails.
    """
    tree, over = _Tree([beside] if beside else []), Event()
    tree.look(starting=True)
    cost = Cost(began=time.time())
    path, rest = folder / "measured.log", b""
    with path.open("w+b") as log, path.open("rb") as heard:
        child = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        tree.roots.append(psutil.Process(child.pid))

        def tell() -> None:
            nonlocal rest
            *lines, rest = (rest + heard.read()).split(b"\n")
            for line in lines:
                hear(line.decode(errors="replace"))

        def watch() -> None:
            while not over.wait(SAMPLE_SECONDS):
                tree.look()
                tell()
            tell()

        watcher = Thread(target=watch, daemon=True)
        watcher.start()
        try:
            code = child.wait()
        finally:
            cost.ended = time.time()
            over.set()
            watcher.join()
            if child.poll() is None:
                child.terminate()
        log.seek(0)
        cost.output = log.read().decode(errors="replace")
    if code:
        words = "\n".join(cost.output.strip().splitlines()[-15:])
        raise CommandError(f"{' '.join(command)} ended with {code}; its last words:\n{words}")
    cost.cpu_seconds, cost.peak_bytes = tree.cpu_seconds, tree.peak
    return cost
