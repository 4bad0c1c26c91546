"""Who may write now, of all processes of this machine. A killed one leaves no lock behind."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from pyspark.sql import SparkSession

from jobs.settings import Settings

Run = TypeVar("Run", bound=Callable[..., Any])


def _lock(place: str) -> FileLock:
    folder = Path(tempfile.gettempdir()) / "huaxiang-writers"
    folder.mkdir(exist_ok=True)
    where = place if "://" in place else str(Path(place).resolve())
    # One object a lock: who holds it may take it again, as a verb that runs another one does.
    return FileLock(folder / f"{hashlib.sha256(where.encode()).hexdigest()[:32]}.lock", is_singleton=True)


@contextmanager
def alone(place: str) -> Iterator[None]:
    """Nobody else is in a block of the same `place` meanwhile."""
    with _lock(place):
        yield


@contextmanager
def of(warehouse: str, *parts: str) -> Iterator[None]:
    """Of the blocks and verbs that write one of the same `parts` of a warehouse, one runs at a time."""
    with ExitStack() as held:
        for part in sorted(parts):  # the same order everywhere, so that no two wait for each other
            lock = _lock(f"{warehouse}#{part}")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                print(f"waiting: another run writes {part} of {warehouse}", file=sys.stderr, flush=True)
                lock.acquire()
            held.callback(lock.release)
        yield


def one_at_a_time(*parts: str) -> Callable[[Run], Run]:
    """`of` parts of a warehouse, for the `run` of a verb.

    A run reads what others wrote to make what it writes: which files are loaded, the users and products that are known,
    the eve of a session that ran past midnight. Of two at once, each would miss what the other found.
    """

    def decorated(run: Callable[..., Any]) -> Any:
        @wraps(run)
        def in_turn(spark: SparkSession, s: Settings, *args: Any, **kwargs: Any) -> Any:
            with of(s.warehouse, *parts):
                return run(spark, s, *args, **kwargs)

        return in_turn

    return decorated
