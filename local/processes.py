"""Processes that outlive the command that started them: begin, find again, end - ours and nothing else.

A service is known by its pid *and* its start time (a pid alone is handed on by the system), both in .run/<name>.json.
All that it starts carries our mark in its environment, so that `stop` also finds what lost its parent.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import psutil

from local import environment
from local.places import ROOT, RUN, SetupError, out

MARK = "HUAXIANG_SERVICE"


@dataclass(frozen=True, slots=True)
class Service:
    """A command that stays; `env` is what it sees over what `environment.inherited` lets through."""

    name: str
    command: list[str]
    env: dict[str, str]

    @property
    def settings(self) -> str:
        """Changes when the command or its environment does: then what stands is not what is wanted."""
        return hashlib.sha256(json.dumps([self.command, self.env], sort_keys=True).encode()).hexdigest()[:16]

    def start(self) -> psutil.Process:
        """Start it in a session of its own; Ctrl-C in the terminal does not reach it."""
        RUN.mkdir(parents=True, exist_ok=True)
        with (RUN / f"{self.name}.log").open("ab") as log:
            child = subprocess.Popen(
                self.command, cwd=ROOT, env=environment.inherited() | self.env | {MARK: str(RUN)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        process = psutil.Process(child.pid)
        note = {"pid": process.pid, "created": process.create_time(), "settings": self.settings}
        (RUN / f"{self.name}.json").write_text(json.dumps(note))
        return process

    def standing(self) -> psutil.Process | None:
        """The process that an earlier run left, where it lives and has the same settings."""
        process = alive(self.name)
        return process if process and _note(self.name)["settings"] == self.settings else None

    def last_words(self, lines: int = 15) -> str:
        return "\n".join((RUN / f"{self.name}.log").read_text(errors="replace").splitlines()[-lines:])


def _note(name: str) -> dict:
    """What was noted at its start; empty where no process of this name was started."""
    try:
        return json.loads((RUN / f"{name}.json").read_text())
    except (OSError, ValueError):
        return {}


def alive(name: str) -> psutil.Process | None:
    """The process that was started under this name, where it still lives."""
    note = _note(name)
    try:
        process = psutil.Process(note["pid"])
        return process if abs(process.create_time() - note["created"]) < 1 and _lives(process) else None
    except (psutil.Error, KeyError):  # ended, or no note of a process
        return None


def await_healthy(service: Service, url: str, healthy: Callable[[httpx.Response], bool], seconds: float = 180) -> None:
    """Return when `url` answers as it should; SetupError with the log's end where the process dies or time is up."""
    started = spoke = time.monotonic()
    while time.monotonic() < started + seconds:
        if not service.standing():
            raise SetupError(f"{service.name} ended while starting; its last words:\n{service.last_words()}")
        try:
            if healthy(httpx.get(url, timeout=5, trust_env=False)):
                return
        except httpx.TransportError:
            pass
        time.sleep(0.25)
        if time.monotonic() - spoke >= 8:
            spoke = time.monotonic()
            out.print(f"services: ... waiting for {service.name}, {spoke - started:.0f} s")
    raise SetupError(
        f"expected {service.name} at {url} within {seconds:.0f} s; its last words:\n{service.last_words()}"
    )


def await_listening(service: Service, port: int, seconds: float = 120) -> None:
    """Return when something listens at 127.0.0.1:port; SetupError with the log's end where the process dies first."""
    until = time.monotonic() + seconds
    while service.standing() and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.25)
    expected = f"expected {service.name} to listen on port {port} within {seconds:.0f} s"
    raise SetupError(f"{expected}; its last words:\n{service.last_words()}")


def ours() -> list[psutil.Process]:
    """Every living process that carries the mark of this .run: services, their tasks, the tasks' JVMs."""
    marked, mine = [], os.getpid()
    for process in psutil.process_iter():
        try:
            if process.pid != mine and process.environ().get(MARK) == str(RUN):
                marked.append(process)
        except psutil.Error:  # gone meanwhile, or another user's
            continue
    return marked


def stop() -> int:
    """End all that `run` started: ask first, then kill; how many processes there were. Nothing there is no error."""
    noted = [alive(path.stem) for path in RUN.glob("*.json")]
    ended: set[int] = set()
    for _ in range(5):  # a dying scheduler may have begun one more task between the look and the signal
        living = {process.pid: process for process in [*ours(), *filter(None, noted)] if _lives(process)}
        if not living:
            break
        ended |= living.keys()
        _end(list(living.values()), patience=6)
    for path in RUN.glob("*.json"):
        if "pid" in _note(path.stem):
            path.unlink()
    return len(ended)


def _end(processes: list[psutil.Process], patience: float) -> None:
    for send, seconds in ((psutil.Process.terminate, patience), (psutil.Process.kill, 5)):
        for process in filter(_lives, processes):
            with contextlib.suppress(psutil.NoSuchProcess):
                send(process)
        until = time.monotonic() + seconds
        while any(map(_lives, processes)) and time.monotonic() < until:
            time.sleep(0.1)


def _lives(process: psutil.Process) -> bool:
    """A zombie is over: it waits for its parent to look, which may be a `make run` that still follows."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
