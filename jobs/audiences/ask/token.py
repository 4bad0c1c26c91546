"""A span of a sentence, and what it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Token:
    """A span of the sentence, and what it may be: a value by kind. What the grammar makes of several is one again.
    opens: behind "who", which begins a clause.
    """

    kinds: Mapping[str, Any]
    start: int
    end: int
    said: str
    notes: tuple[str, ...] = field(default=())
    opens: bool = False

    def __getitem__(self, kind: str) -> Any:
        return self.kinds[kind]

    def __contains__(self, kind: str) -> bool:
        return kind in self.kinds

    def may(self, *kinds: str) -> bool:
        return any(kind in self.kinds for kind in kinds)
