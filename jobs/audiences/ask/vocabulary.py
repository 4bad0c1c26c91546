"""The names that a sentence may use: what the tables of a warehouse hold as of a night, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Name:
    """A name of something: `field` of docs/rules.md and its value. rank: how good a name it is, 0 the best."""

    text: str
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """ds: the night that is asked, which calendar words count from. names: of categories (every level), departments,
    brands, titles. values: of columns of a profile, by column; of `attributes.KEY` too. segments: English and Chinese
    names. audiences: names in both languages by id. types: of events that the shop logs.
    """

    ds: date
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # value: labels in both languages
    brands: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)  # English: Chinese
    segments: Mapping[str, str] = field(default_factory=dict)  # English: Chinese
    audiences: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # lists of categories by name
    types: frozenset[str] = frozenset()


def load(warehouse: str, ds: date, source: str | None = None) -> Vocabulary:
    """The names of a warehouse as of a published night; UsageError where there is none."""
    raise NotImplementedError
