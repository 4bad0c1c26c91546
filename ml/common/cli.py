"""What all commands of the room share: common flags, and errors that end in one line and an exit code.

Exit codes: 0 done, 1 crash (worth a retry), 2 wrong usage or configuration, 3 the data failed (a retry will not help),
99 nothing to do (Airflow skips on it).
"""

from __future__ import annotations

import argparse
import atexit
import datetime
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

SKIP = 99
CONF = Path(__file__).resolve().parents[2] / "conf"


class UsageError(Exception):
    """The user can mend it: says what was expected, what was found, where and what to do. Exit 2."""


class DataError(Exception):
    """The data or the training on it failed; the same run would fail again. Exit 3."""


def parser(doc: str | None, *flags: str) -> argparse.ArgumentParser:
    """A parser with the named common flags: `warehouse`, `ds`, `snapshot`, `conf`, `run-id`, `by-hand` (a run-id that
    may be left out), `device`.
    """
    parsed = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if "warehouse" in flags:
        default = os.environ.get("HUAXIANG_WAREHOUSE", "warehouse")
        parsed.add_argument("--warehouse", default=default, help="folder or URI (default: HUAXIANG_WAREHOUSE)")
    if "ds" in flags:
        parsed.add_argument("--ds", required=True, type=day, help="the day that the run is true for, YYYY-MM-DD")
    if "snapshot" in flags:
        parsed.add_argument("--snapshot", required=True, type=Path, help="folder made by `python -m ml.snapshot`")
    if "conf" in flags:
        parsed.add_argument("--conf", default=CONF, type=Path, help="folder with model.yaml and segments.yaml")
    if "run-id" in flags:
        parsed.add_argument("--run-id", required=True, help="the run that the rows are written by")
    if "by-hand" in flags:
        parsed.add_argument("--run-id", default="by-hand", help="the run that the rows are written by")
    if "device" in flags:
        parsed.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    return parsed


def peak() -> str:
    """The most memory that this process has held so far, in words."""
    return f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB"


def day(text: str) -> datetime.date:
    """A date written YYYY-MM-DD."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a day as YYYY-MM-DD, found {text!r}") from None


def entry(main: Callable[[list[str] | None], int | None]) -> None:
    """Runs a command; a user's mistake is one line on stderr, never a stack trace.

    Ends the process itself: the C++ libraries of torch and Arrow are sometimes aborted by their own clean-up, after all
    is written, and a night would do the command again.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        code = main(None)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except DataError as error:
        print(f"data error: {error}", file=sys.stderr)
        code = 3
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)
