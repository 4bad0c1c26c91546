"""What comes of a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Part:
    """A span of the sentence, and what it became, in words; of a span that is left out, why."""

    text: str
    means: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A rule of docs/rules.md that the sentence may mean, and what sets it apart from the others."""

    rule: dict[str, Any]
    says: str


@dataclass(frozen=True, slots=True)
class Answer:
    """rule: what the sentence says, where it says one thing and all of it was understood; else None, with what was
    not in `left_out` and, where it may mean several things or a part of it can be said, `readings`.
    """

    rule: dict[str, Any] | None
    parts: tuple[Part, ...] = ()
    left_out: tuple[Part, ...] = ()
    readings: tuple[Reading, ...] = ()
