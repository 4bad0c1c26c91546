"""The sentences with what they ask for: `sentences.*.yaml` to work with, `held_out.*.yaml` set aside, `phrases.*.yaml`
with many ways to say one thing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent
LANGUAGES = ("en", "zh")
SOURCES = {"demo": "complete_journey", "simulate": "simulate"}  # of conf/sources, by shop
NIGHTS = {"demo": date(2017, 12, 1), "simulate": date(2026, 6, 30)}  # that the rules are written for, by shop
SAYS = ("rule", "cannot", "ambiguous")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence about a shop, of a kind, and exactly one of what it asks for: the rule; the parts that nothing
    records; the readings of one that is ambiguous.
    """

    say: str
    language: str
    shop: str
    kind: str
    rule: dict[str, Any] | None = None
    cannot: tuple[str, ...] = ()
    ambiguous: tuple[dict[str, Any], ...] = ()

    @property
    def rules(self) -> tuple[dict[str, Any], ...]:
        return (self.rule,) if self.rule else self.ambiguous


def read(language: str, *, held_out: bool = False) -> list[Sentence]:
    """The sentences of a language; ValueError where one does not say exactly one of SAYS."""
    return _listed("held_out" if held_out else "sentences", language)


def phrases(language: str) -> list[Sentence]:
    """The phrasebook of a language, each way to say something as a sentence; its kind is what is said."""
    return _listed("phrases", language)


def _listed(book: str, language: str) -> list[Sentence]:
    path = FOLDER / f"{book}.{language}.yaml"
    if not path.exists():
        return []
    return list(_sentences(language, yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)))


def _sentences(language: str, shops: dict[str, dict[str, list[dict[str, Any]]]]) -> Iterator[Sentence]:
    for shop, kinds in shops.items():
        for kind, listed in kinds.items():
            for one in listed:
                said: dict[str, Any] = {
                    key: tuple(value) if key != "rule" else value for key, value in one.items() if key != "say"
                }
                if len(said) != 1 or not said.keys() <= set(SAYS):
                    raise ValueError(f"{one['say']}: expected one of {', '.join(SAYS)}, found {', '.join(said)}")
                for way in one["say"].splitlines() if isinstance(one["say"], str) else one["say"]:
                    yield Sentence(way, language, shop, kind, **said)
