"""What segments and families are called: phrases of what tells them apart from the others of the night.

A phrase is known by a key, such as `taste:CAT FOOD` or `monetary_90d:high`, so that a name can be written in any
language and be held against what is true tonight.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

from jobs.language import words
from jobs.segments.traits import Trait

# A group's mean is worth a phrase from this far off the mean of all, in standard deviations of users.
STRONG = 0.35
CLEAR = 1.5  # the lift from which on a taste is worth a name
PLAIN = "plain"
# How much a theme tells a marketer, beside how strong it is.
TELLING = {"value": 1.5, "recency": 1.5, "tenure": 1.5, "variety": 0.5}
OWN = 2.5  # the lift from which on a taste alone names a family
# Phrases that claim a measure, not a comparison, with the days on average between which they are true.
MEASURED = {"tenure_days:low": (0.0, 90.0), "recency_days:high": (28.0, math.inf)}
Name = tuple[str, str]  # English, Chinese
_JOINTS = (" · ", " and ")  # of English names


class Phrase(NamedTuple):
    """A part of a name. theme: of several phrases of one theme a name takes one; tastes may be two."""

    key: str
    theme: str
    english: str
    chinese: str


def phrases(
    z: Mapping[str, float], traits: Iterable[Trait], least: float = STRONG, means: Mapping[str, float] | None = None
) -> list[Phrase]:
    """Phrases for a group with mean z-scores `z` from `least` on, one a theme, those that say most first. means: of its
    traits, by which a phrase that claims a measure is left out where it is not true.
    """
    chosen, themes = [], set()
    for trait in sorted(traits, key=lambda t: (-abs(z[t.key]) * TELLING.get(t.theme, 1.0), t.key)):
        side = "high" if z[trait.key] > 0 else "low"
        english, chinese = (trait.high, trait.high_zh) if side == "high" else (trait.low, trait.low_zh)
        low, high = MEASURED.get(f"{trait.key}:{side}", (-math.inf, math.inf))
        true = means is None or low <= means[trait.key] <= high
        if abs(z[trait.key]) < least or not english or trait.theme in themes or not true:
            continue
        themes.add(trait.theme)
        chosen.append(Phrase(f"{trait.key}:{side}", trait.theme, english, chinese))
    return chosen


def of_tastes(tastes: Iterable[dict], least: float = CLEAR) -> list[Phrase]:
    """Phrases of the tastes of a group with at least such a lift, see `tastes.Counts`."""
    clear = [taste for taste in tastes if taste["lift"] >= least]
    return [Phrase(f"taste:{t['category']}", "taste", t["label"], t["label_zh"]) for t in clear]


class Known(NamedTuple):
    """What can be said of a group: its tastes and the phrases of its traits, the best first, and how clear it is.

    lift: of its first taste; fainter: what is not clear enough for a new name, but keeps one.
    """

    tastes: list[Phrase]
    manners: list[Phrase]
    clear: float = 0.0
    lift: float = 1.0
    fainter: tuple[Phrase, ...] = ()


Options = Callable[[Known], Iterator[tuple[Phrase, ...]]]  # names of a group, the best first


def candidates(group: Known) -> Iterator[tuple[Phrase, ...]]:
    """Names of a group as phrases, the best first: two of a kind of each, and longer ones where these are taken."""
    tastes, manners = group.tastes, group.manners or [_plain()]
    if not tastes:
        for number in (2, 1, 3, 4):
            yield from combinations(manners, number)
        return
    for manner in [*manners[:2]]:
        yield (tastes[0], manner)
    for pair in combinations(tastes[:4], 2):
        yield from ((*pair, manner) for manner in manners[:3])
    for pair in combinations(manners[:4], 2):
        yield from ((taste, *pair) for taste in tastes[:3])
    for three in combinations(tastes, 3):
        yield from ((*three, manner) for manner in manners)


def of_family(group: Known) -> Iterator[tuple[Phrase, ...]]:
    """Names of a family, the best first: as short as can be, its taste where it has one of its own."""
    if group.tastes and group.lift >= OWN:
        yield tuple(group.tastes[:2])
        yield tuple(group.tastes[:1])
    yield from ((manner,) for manner in group.manners[:1])
    yield from combinations(group.manners[:4], 2)
    yield from candidates(group)


def name_groups(
    groups: Mapping[int, Known], given: Collection[Name] = (),
    options_of: Options = candidates,
) -> dict[int, tuple[Phrase, ...]]:  # fmt: skip
    """The phrases of a name for each group, such that no two names are alike in either language; see `alike`.

    given: names that others have already. The clearest groups choose first. A group that is left no other name has its
    best one, and its number.
    """
    taken, names = [*given], {}
    for group in sorted(groups, key=lambda number: (-groups[number].clear, number)):
        options = [*options_of(groups[group])]
        chosen = next((o for o in options if not any(alike(written(o), other) for other in taken)), None)
        chosen = chosen or next((o for o in options if not meets(written(o), taken)), None)
        names[group] = chosen or (*options[0], _number(group))
        taken.append(written(names[group]))
    return names


def written(name: Iterable[Phrase]) -> Name:
    """A name in English and Chinese: two tastes are one part of it."""
    name = [*name]
    tastes, others = ([p for p in name if (p.theme == "taste") == is_taste] for is_taste in (True, False))
    number = "".join(f" {p.english}" for p in others if p.theme == "number")
    others = [p for p in others if p.theme != "number"]
    texts = []
    for language, text in (("en", lambda p: p.english), ("zh", lambda p: p.chinese)):
        catalogue = words(language)
        parts = [catalogue.listed([text(p) for p in tastes])] if tastes else []
        texts.append(catalogue.name_of([*parts, *(text(p) for p in others)]) + number)
    return texts[0], texts[1]


def alike(one: Name, other: Name) -> bool:
    """Whether two names differ by a word only, in either language. A word of Chinese is two characters. Names of one
    phrase each are alike where they are the same.
    """
    if not any(mark in name for name in (one[0], other[0]) for mark in _JOINTS):
        return meets(one, [other])
    english = [{*re.findall(r"[^\W_]+", name[0].casefold())} - {"and"} for name in (one, other)]
    chinese = [{*re.findall(r"\w", name[1])} - {"和"} for name in (one, other)]
    return _apart(*english) < 2 or _apart(*chinese) < 3


def _apart(one: set[str], other: set[str]) -> int:
    return max(len(one - other), len(other - one))


def meets(name: Name, taken: Iterable[Name]) -> bool:
    """Whether a name is one of the taken ones in either language."""
    return any(name[0] == other[0] or name[1] == other[1] for other in taken)


def true_of(group: Known) -> dict[str, Phrase]:
    """By key: what a name of the group may go on saying."""
    return {phrase.key: phrase for phrase in (*group.tastes, *group.manners, *group.fainter)}


def _plain() -> Phrase:
    return Phrase(PLAIN, PLAIN, words("en").plain, words("zh").plain)


def _number(group: int) -> Phrase:
    return Phrase(f"number:{group}", "number", str(group), str(group))
