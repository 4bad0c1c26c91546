"""conf/ask.yaml: what words that say no number stand for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from jobs import conf
from jobs.audiences.rule.conditions import Condition
from jobs.audiences.rule.parts import Window
from jobs.conf import CONF, Strict

FILE = CONF / "ask.yaml"
_CONDITION: TypeAdapter = TypeAdapter(Condition)


class _Words(Strict):
    en: tuple[str, ...] = ()
    zh: tuple[str, ...] = ()


def _held(rule: dict[str, Any]) -> dict[str, Any]:
    _CONDITION.validate_python(rule)
    return rule


class People(_Words):
    rule: Annotated[dict[str, Any], AfterValidator(_held)]


class When(_Words):
    in_: Window = Field(alias="in")


class Often(_Words):
    times: dict[str, Any]


class Numbers(Strict):
    heavy_percent: int = Field(ge=1, le=100)
    months: int = Field(ge=1)
    weeks: int = Field(ge=1)
    stopped_days: int = Field(ge=1)
    break_days: int = Field(ge=1)
    back_days: int = Field(ge=1)
    compared_days: int = Field(ge=1)
    overdue: float = Field(gt=0)
    likely: float = Field(gt=0, lt=1)
    unlikely: float = Field(gt=0, lt=1)


class Vague(Strict):
    """The file. names: of categories by what people call them; synonyms: groups of words for one
    thing; values: of what the tables write for users."""

    people: dict[str, People]
    windows: dict[str, When]
    often: dict[str, Often]
    numbers: Numbers
    names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 pydantic copies it
    synonyms: tuple[tuple[str, ...], ...] = ()
    values: tuple[tuple[str, ...], ...] = ()

    def phrases(self) -> Iterator[tuple[str, str, Any]]:
        """(kind of token, phrase, what it stands for)."""
        kinds: tuple[tuple[str, dict[str, Any], str], ...] = (
            ("PEOPLE", self.people, "rule"), ("RECENTLY", self.windows, "in_"), ("OFTEN", self.often, "times"),
        )  # fmt: skip
        for kind, words, said in kinds:
            for one in words.values():
                meant = getattr(one, said)
                for phrase in (*one.en, *one.zh):
                    yield kind, phrase, meant.said() if isinstance(meant, Window) else meant


@cache
def vague() -> Vague:
    return conf.read(FILE, Vague, "table of vague words")
