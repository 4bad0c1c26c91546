"""What a rule of the grammar is: the kinds of tokens that it takes, and the token that it makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from jobs.audiences.ask.token import Token

Made = dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Match:
    """The tokens of a pattern, by the kind that each was taken for."""

    found: tuple[tuple[str, Token], ...]
    ds: date
    before: Token | None = None
    after: Token | None = None

    def all(self, *kinds: str) -> list[Any]:
        return [token[kind] for kind, token in self.found if kind in kinds]

    def get(self, *kinds: str) -> Any:
        return next(iter(self.all(*kinds)), None)

    def has(self, *kinds: str) -> bool:
        return any(kind in kinds for kind, _ in self.found)

    def said(self, kind: str) -> str:
        return next((token.said for k, token in self.found if k == kind), "")


Rules = list[tuple[list[tuple[tuple[str, ...], bool]], Callable[[Match], Made]]]


def into(rules: Rules) -> Callable:
    """The decorator that adds to `rules` a maker of one token for patterns: kinds and values of the new token, or None
    where it does not fit.
    """

    def rule(*patterns: str) -> Callable:
        def register(make: Callable[[Match], Made]) -> Callable[[Match], Made]:
            for pattern in patterns:
                steps = [(tuple(step.rstrip("?").split("|")), step.endswith("?")) for step in pattern.split()]
                rules.append((steps, make))
            return make

        return register

    return rule


def is_(column: str, test: Any) -> Made:
    return {"USER": {"is": {column: test}}}
