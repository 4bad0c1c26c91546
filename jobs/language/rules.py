"""The rule of a segment in words: gold.segment_models.conditions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from jobs.language.catalogue import TABLED, Catalogue, windowless, words
from jobs.language.facts import CHINESE
from jobs.tables import FEATURE_NAMES


def rule(conditions: Iterable[Mapping], language: str, label: Callable[[str], str]) -> str:
    """All conditions, each with its ends as few digits as they were found with. label: of a category or department."""
    texts = words(language).rule
    said = [_condition(condition, language, label) for condition in conditions]
    return texts["joined"].join(said) or texts["anybody"]


def _condition(condition: Mapping, language: str, label: Callable[[str], str]) -> str:
    of = words(language)
    kind, _, name = condition["term"].partition(":")
    plain, share, times = of.plain_number, lambda value: of.plain_number(100 * value) + "%", of.rule["times"]
    if kind == "category":
        what, shown = of.rule["category"].format(name=label(name)), lambda v: times.format(value=plain(v))
    elif kind == "dept":
        what, shown = of.rule["department"].format(name=label(name)), share
    elif kind == "expected":
        what, shown = of.rule[name], share if name == "silence" else plain
    else:
        what, shown = _feature(kind, language, of), share if FEATURE_NAMES[kind][2] == "share" else plain
    ends = {side: shown(condition[side]) for side in ("low", "high") if condition[side] is not None}
    return of.rule["both" if len(ends) == 2 else next(iter(ends))].format(name=what, **ends)


def _feature(name: str, language: str, of: Catalogue) -> str:
    """What a feature is called, with its window."""
    english, chinese, _ = FEATURE_NAMES[name]
    if language == CHINESE:
        return chinese
    window = re.fullmatch(r"(.*), (\d+) d", english)
    called = of.features[windowless(name)] if language not in TABLED else window[1] if window else english
    return of.rule["within"].format(name=called, days=window[2]) if window else called
