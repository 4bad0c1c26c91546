"""In which order do the rules work, and how does one find its tokens?

A cascade: each rule replaces a run of tokens by one, and works on what the rules before it made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from jobs.audiences.ask.phrases import (
    attributes,
    chances,
    clocks,
    dates,
    events,
    groups,
    lengths,
    numbers,
    people,
    quantities,
    ranks,
    rhythms,
    windows,
)
from jobs.audiences.ask.phrases.pattern import Match, Rules
from jobs.audiences.ask.token import Token

# The order is a part of the grammar: each takes what those before it left.
FLOORS = (
    numbers,
    clocks,
    dates,
    lengths,
    rhythms,
    windows,
    quantities,
    attributes,
    ranks,
    chances,
    people,
    groups,
    events,
)
RULES: Rules = [one for floor in FLOORS for one in floor.RULES]


def reduced(tokens: Sequence[Token], ds: date) -> list[Token]:
    """The tokens after all rules, each tried at every place from the left."""
    row = list(tokens)
    for steps, make in RULES:
        place = 0
        while place < len(row):
            made = None
            for matched in filter(None, _matches(row, place, steps)):
                first, last = matched[0][1], matched[-1][1]
                end = row.index(last, place) + 1
                sides = row[place - 1] if place else None, row[end] if end < len(row) else None
                if (made := make(Match(tuple(matched), ds, *sides))) is not None:
                    notes = tuple(note for _, token in matched for note in token.notes)
                    said = " ".join(token.said for _, token in matched)
                    if any(token.may("STATED") or kind in ("CMP", "CMPPOST") for kind, token in matched):
                        made |= {"STATED": ""}  # how it compares is said, and no other word says it
                    row[place:end] = [Token(made, first.start, last.end, said, notes, first.opens)]
                    break
            place += 1
    return row


def _matches(row: list[Token], place: int, steps: list, first: bool = True) -> list[list[tuple[str, Token]]]:
    """The ways in which the steps fit from a place, the longest first; words that may mean nothing are passed over
    within a phrase.
    """
    if not steps:
        return [[]]
    (kinds, optional), found = steps[0], []
    if not first and place < len(row) and row[place].opens:
        pass  # no phrase goes on behind "who"
    elif place < len(row) and (kind := next((kind for kind in kinds if kind in row[place]), None)):
        found = [[(kind, row[place]), *rest] for rest in _matches(row, place + 1, steps[1:], False)]
    elif not first and place < len(row) and "NOISE" in row[place]:
        found = [rest for rest in _matches(row, place + 1, steps, False) if rest]
    if optional:
        found += _matches(row, place, steps[1:], first)
    return found
