"""conf/languages: the words of pages, names and portraits. A further language is a file and no code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

from pydantic import Field

from jobs.conf import CONF, Strict, read
from jobs.errors import UsageError
from jobs.tables import FEATURE_NAMES

LANGUAGES = CONF / "languages"
MODEL = "en"  # the language whose keys every other one must have
CHINESE = "zh"
TABLED = (MODEL, CHINESE)  # those that the tables have texts in
Steps = list[tuple[float, str]]  # (at least, text), the highest first


class Numbers(Strict):
    """words: what small numbers are called within a sentence; those without a word are written as numbers."""

    thousands: str
    decimal: str
    words: dict[int, str]


class Joints(Strict):
    """What stands between the words of a list, before its last one, and between the parts of a name."""

    between: str
    last: str
    parts: str


class Words(Strict):
    """What a trait is called, and a group far above or far below everybody else by it; empty: nothing."""

    name: str
    high: str = ""
    low: str = ""


class Verify(Strict):
    """Words by which a text is held against its facts. up, down: of a direction; neutral: phrases with such a word that
    tell none; never: of numbers, dates, money and orders; traits: by the id of the fact that they need; nouns: by the
    id of the fact that they are of; joins: words that a clause ends at; plain: further words that may stand in a text,
    beside those of the templates.
    """

    up: list[str]
    down: list[str]
    neutral: list[str]
    never: list[str]
    traits: dict[str, list[str]]
    nouns: dict[str, list[str]]
    joins: list[str]
    plain: list[str]


class Example(Strict):
    """What a language model is shown as a portrait, its lines: with a taste among the facts, and without one."""

    taste: str
    bare: str


class Catalogue(Strict):
    """One language."""

    name: str
    numbers: Numbers
    spaced: bool  # whether there are spaces between words
    lists: Joints
    stop: str
    catch_all: list[str]
    rhythm: Steps
    chance: Steps
    times: Steps
    traits: dict[str, Words]
    department: Words
    plain: str
    events: dict[str, str]
    facts: dict[str, str]
    # By name without its window; those of TABLED stand in jobs/tables/feature_list.py.
    features: dict[str, str] = Field(default_factory=dict)
    ended: str
    nowhere: str
    who: dict[str, list[str]]
    apart: dict[str, dict[str, list[str]]]
    apart_nothing: list[str]
    apart_joined: list[str]
    will: dict[str, list[str]]
    action: dict[str, list[str]]
    rule: dict[str, str]
    verify: Verify
    example: Example
    page: dict[str, str]
    causes: dict[str, str]
    stage_names: dict[str, str]
    tags: dict[str, str]
    tag_kinds: dict[str, str]
    reasons: dict[str, str]
    expectations: dict[str, str]
    severities: dict[str, str]

    @classmethod
    def load(cls, language: str, folder: Path = LANGUAGES) -> Catalogue:
        """The words of a language; UsageError where a text is missing that the English file has."""
        catalogue = read(folder / f"{language}.yaml", cls, "language")
        if language == MODEL:
            return catalogue
        wanted = _keys(cls.load(MODEL, folder).model_dump())
        if language not in TABLED:
            wanted |= {f"features.{windowless(name)}" for name in FEATURE_NAMES}
        if lacking := sorted(wanted - _keys(catalogue.model_dump()) - {"features"}):
            raise UsageError(
                f"expected the texts of {folder / MODEL}.yaml in {folder / language}.yaml, found none of:"
                f" {', '.join(lacking)}"
            )
        return catalogue

    def whole(self, value: float) -> str:
        """A count, or money without its small change."""
        return f"{value:,.0f}".replace(",", self.numbers.thousands)

    def amount(self, value: float) -> str:
        """Money or a count for people: two digits say enough of it, all digits before the point are kept."""
        if abs(value) >= 10:
            return self.whole(value)
        return f"{value:.1f}".removesuffix(".0").replace(".", self.numbers.decimal)

    def plain_number(self, value: float) -> str:
        """A number with the digits that it has, two or three of them."""
        text = f"{float(f'{value:.3g}'):,.15g}"
        marks = {",": self.numbers.thousands, ".": self.numbers.decimal}
        return "".join(marks.get(mark, mark) for mark in text)

    def percent(self, share: float, more: int = 0) -> str:
        """more: places than say enough of it by itself."""
        places = (0 if share >= 0.03 or share == 0 else 1) + more
        text = f"{100 * share:.{places}f}"
        text = text.rstrip("0").rstrip(".") if places else text
        return f"{text}%".replace(".", self.numbers.decimal)

    def against(self, share: float, base: float) -> tuple[str, str]:
        """Two shares that are held against each other, with the digits that tell them apart."""
        pairs = [(self.percent(share, more), self.percent(base, more)) for more in range(3)]
        return next(((one, other) for one, other in pairs if one != other), pairs[0])

    def listed(self, words: Sequence[str]) -> str:
        """The words as a list within a sentence."""
        if len(words) < 2:
            return "".join(words)
        return self.lists.between.join(words[:-1]) + self.lists.last + words[-1]

    def name_of(self, parts: Iterable[str]) -> str:
        """The parts of a name as one, its first letter large."""
        return large(self.lists.parts.join(parts))

    def named(self, parts: Iterable[str], label: Callable[[str], str]) -> str:
        """A name by gold.segments.name_parts; label: of a category or a department."""
        tastes, manners = [], []
        for key in parts:
            kind, _, rest = key.partition(":")
            if kind == "taste":
                tastes.append(label(rest))
            elif kind == "dept":
                manners.append(self.department.high.format(name=label(rest.rpartition(":")[0])))
            elif kind in self.traits:
                manners.append(getattr(self.traits[kind], rest))
            else:
                manners.append(rest or self.plain)
        return self.name_of([*([self.listed(tastes)] if tastes else []), *manners])

    def much(self, times: float) -> str:
        """How much more than usual."""
        many = times >= 2.75  # from here on tenths say nothing
        shown = self.numbers.words.get(round(times)) or self.amount(round(times)) if many else self.amount(times)
        return step(self.times, times).format(times=shown)


def windowless(feature: str) -> str:
    """The name of a feature without its window: of `monetary_90d`, `monetary`."""
    return re.sub(r"_\d+d$", "", feature)


def large(text: str) -> str:
    """The text with a large first letter."""
    return text[:1].upper() + text[1:]


def step(steps: Steps, value: float) -> str:
    """The text of the first step that the value reaches."""
    return next((text for least, text in steps if value >= least), steps[-1][1])


def _keys(node: object, path: str = "") -> set[str]:
    """Paths of the texts of a document; of a list of variants its own path alone."""
    if isinstance(node, dict):
        return {key for name, child in node.items() for key in _keys(child, f"{path}.{name}".lstrip("."))}
    return set() if path.startswith("numbers.words") else {path}


@cache
def words(language: str) -> Catalogue:
    """The catalogue of a language, read once."""
    return Catalogue.load(language)


def languages() -> list[str]:
    """The languages that have a file."""
    return sorted(file.stem for file in LANGUAGES.glob("*.yaml"))


@cache
def _catch_all() -> frozenset[str]:
    """Words of every language that stand for anything."""
    return frozenset(word.casefold() for name in languages() for word in words(name).catch_all)


def says_nothing(category: str | None) -> bool:
    """Whether a category is a catch-all: one of its parts, as `MISC ITEMS` of `COUPON/MISC ITEMS`, holds no word that
    means something.
    """
    if not category or not category.strip() or category.strip().casefold() in _catch_all():
        return True
    parts = [re.findall(r"[^\W_]+", part.casefold()) for part in re.split(r"[/|,;>()&]|\s-\s", category)]
    return any(part and all(word in _catch_all() for word in part) for part in parts)
