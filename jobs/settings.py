"""What a verb is asked to do: its days, its warehouse, its source. Dates are passed, never taken from the clock."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """One call of a verb. `since`..`ds` is the range of a history load; an ordinary night has since == ds."""

    ds: date
    since: date
    warehouse: str
    source: str
    landing: str
    run_id: str
    again: bool = False  # collect: load the files of these days anew, though they are known

    @property
    def days(self) -> str:
        return str(self.ds) if self.since == self.ds else f"{self.since}..{self.ds}"


def git_sha() -> str:
    """The commit of the code, -dirty where it was changed; HUAXIANG_GIT_SHA in an image, which has no repository."""
    if named := os.environ.get("HUAXIANG_GIT_SHA"):
        return named
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
