"""Months as people write them: in English at any length, German, French, Spanish, Italian, Portuguese, Dutch."""

from __future__ import annotations

import re

# What a pattern's MMM reads, and all that stands for it. No word is of two months.
_MONTHS = {
    "Jan": "january januari januar janvier janeiro jänner enero gennaio janv jan ene gen",
    "Feb": "february februari februar février febrero febbraio fevereiro feber febr févr feb fév fev",
    "Mar": "march marzo março maart märz maerz mars mär mrz mrt mar",
    "Apr": "april avril abril aprile apr avr abr",
    "May": "maggio mayo maio mai may mei mag maj",
    "Jun": "june juni juin junio junho giugno jun giu",
    "Jul": "july juli juillet julio julho luglio juil jul lug",
    "Aug": "august augustus août aout agosto aug ago",
    "Sep": "september septembre septiembre setiembre settembre setembro sept sep set",
    "Oct": "october oktober octobre octubre ottobre outubro oct okt ott out",
    "Nov": "november novembre noviembre novembro nov",
    "Dec": "december dezember décembre diciembre dicembre dezembro dec déc dez dic",
}


def _any_case(name: str) -> str:
    """Letters with accents are of one case to some engines."""
    return re.sub("[^a-z]", lambda letter: f"[{letter.group()}{letter.group().upper()}]", name)


def _names(words: str) -> str:
    return "|".join(_any_case(name) for name in sorted(words.split(), key=len, reverse=True))


# Of each month, an expression of both engines for its names, with the dot of what is short.
SHAPES = {english: rf"(?i)({_names(words)})\.?" for english, words in _MONTHS.items()}
ANY = rf"(?i:{_names(' '.join(_MONTHS.values()))})\.?"


def short(pattern: str) -> str:
    """A pattern whose months are those of SHAPES."""
    return re.sub(r"MMM+\.?", "MMM", pattern)
