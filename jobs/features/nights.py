"""Nights out of turn: what stands as of later ones was made without the days that they bring.

What stands as of an earlier night is not made anew: it says what was known then, until that night is run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import RESTATED, Table


def without(s: Settings, table: Table) -> list[date]:
    """The nights after ds of which `table` has rows, oldest first; none where ds loaded nothing that they lack."""
    if not delta.has_column(s.warehouse, RESTATED, "known_ds"):
        return []
    mine = f"landed_ds >= '{s.since}' AND landed_ds <= '{s.ds}' AND known_ds > '{s.ds}' LIMIT 1"
    if not delta.rows(s.warehouse, RESTATED, mine, "ds"):
        return []
    return sorted(row["ds"] for row in delta.rows(s.warehouse, table, f"ds > '{s.ds}'", "DISTINCT ds"))


def in_words(later: Sequence[date]) -> str:
    """What was made anew beside ds, and what is left to do, for people."""
    if not later:
        return ""
    return f"; made anew as of {', '.join(map(str, later))} too: run those nights again for their segments"
