"""Where things lie on this machine, and the one error type that ends in one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
RUN = Path(os.environ.get("HUAXIANG_HOME") or ROOT / ".run").resolve()
TOOLS = ROOT / ".tools"
JARS = TOOLS / "jars"
BIN = Path(sys.executable).parent  # not resolved: a venv's python is a link, its neighbours are spark-submit, airflow

# Piped into a file, a line is not to be broken at 80 columns.
out = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, highlight=False)


class SetupError(Exception):
    """Something that the person at the terminal can mend; its text says how."""


def ends_in_one_line(main: Callable[[], int | None]) -> None:
    """Run a command's main; trouble becomes one line and exit 2, in place of a stack trace."""
    try:
        sys.exit(main())
    except SetupError as trouble:
        err.print(f"[red]{trouble}[/red]" if err.is_terminal else str(trouble), markup=err.is_terminal, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
