"""What a verb is asked to do: its days, its warehouse, its source. Dates are passed, never taken from the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


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
