"""What became of sentences: each answer held against what its sentence asks for, by members."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table as Grid

from bench.ask.sentences import LANGUAGES, Sentence
from jobs.audiences.ask import Answer

Rule = dict[str, Any]
Members = Callable[[Sequence[Rule]], list[frozenset[str]]]
VERDICTS = {
    "exact": "the rule has the members of the right one",
    "wrong": "a rule with other members, or one where there is none or more than one",
    "asked rightly": "readings to choose from, of a sentence that has several",
    "asked wrongly": "readings to choose from, of a sentence that has one rule or none",
    "abstained rightly": "no rule, and what nothing records is left out",
    "abstained wrongly": "no rule, of a sentence that has one or several",
}
RIGHT = ("exact", "asked rightly", "abstained rightly")


@dataclass(frozen=True, slots=True)
class Judged:
    """A sentence, what was answered, the verdict, and what else was found: sizes, what is missing."""

    sentence: Sentence
    answer: Answer
    verdict: str
    note: str = ""


def judged(sentences: Sequence[Sentence], answers: Sequence[Answer], members: Members) -> list[Judged]:
    """The verdicts on answers to sentences about one shop; every rule is asked once."""
    pairs = list(zip(sentences, answers, strict=True))
    asked = [rule for one, answer in pairs for rule in _to_ask(one, answer)]
    unique = {_key(rule): rule for rule in asked}
    held = dict(zip(unique, members(list(unique.values())), strict=True))
    return [_judged(one, answer, held) for one, answer in pairs]


def _key(rule: Rule) -> str:
    return json.dumps(rule, sort_keys=True, default=str)


def _to_ask(one: Sentence, answer: Answer) -> list[Rule]:
    """The rules whose members decide."""
    if one.rule and answer.rule:
        return [one.rule, answer.rule]
    if one.ambiguous and answer.rule is None and len(answer.readings) > 1:
        return [*one.ambiguous, *(reading.rule for reading in answer.readings)]
    return []


def _judged(one: Sentence, answer: Answer, held: Mapping[str, frozenset[str]]) -> Judged:
    if answer.rule is not None:
        if one.rule is None:
            return Judged(one, answer, "wrong", "there is no one rule")
        right, found = held[_key(one.rule)], held[_key(answer.rule)]
        if right == found:
            return Judged(one, answer, "exact")
        return Judged(
            one, answer, "wrong", f"{len(found)} members, right are {len(right)}, in both {len(right & found)}"
        )
    if len(answer.readings) > 1 and not answer.left_out:
        if not one.ambiguous:
            return Judged(one, answer, "asked wrongly")
        offered = {held[_key(reading.rule)] for reading in answer.readings}
        missing = sum(held[_key(rule)] not in offered for rule in one.ambiguous)
        return Judged(one, answer, "asked rightly", f"{missing} readings are missing" if missing else "")
    if not one.cannot:
        return Judged(one, answer, "abstained wrongly")
    left = "".join(part.text for part in answer.left_out).lower().replace(" ", "")
    unnamed = [part for part in one.cannot if not any(word in left for word in _words(part.lower()))]
    return Judged(one, answer, "abstained rightly", f"not named: {', '.join(unnamed)}" if unnamed else "")


def _words(text: str) -> list[str]:
    """The words of a text; of Chinese every two letters that stand together."""
    return text.split() if text.isascii() else [text[k : k + 2] for k in range(len(text) - 1)]


def summary(found: Sequence[Judged]) -> dict[str, Any]:
    """By language: sentences, a count of each verdict, and shares: execution (exact, of those that have one rule),
    valid_but_wrong and right (of all).
    """
    said: dict[str, Any] = {}
    for language in LANGUAGES:
        some = [one for one in found if one.sentence.language == language]
        counts = Counter(one.verdict for one in some)
        with_rule = sum(one.sentence.rule is not None for one in some)
        by_verdict = {verdict.replace(" ", "_"): counts[verdict] for verdict in VERDICTS}
        said[language] = {"sentences": len(some)} | by_verdict | {
            "execution": _share(counts["exact"], with_rule), "valid_but_wrong": _share(counts["wrong"], len(some)),
            "right": _share(sum(counts[verdict] for verdict in RIGHT), len(some)),
        }  # fmt: skip
    return said


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def table(found: Sequence[Judged], title: str) -> Grid:
    """A row a verdict, a column a language."""
    grid = Grid("", *LANGUAGES, "", title=title, title_justify="left")
    numbers = summary(found)
    grid.add_row("sentences", *(str(numbers[language]["sentences"]) for language in LANGUAGES), end_section=True)
    for verdict, meaning in VERDICTS.items():
        grid.add_row(verdict, *(str(numbers[language][verdict.replace(" ", "_")]) for language in LANGUAGES), meaning,
                     style="" if verdict in RIGHT else "yellow")  # fmt: skip
    grid.add_section()
    for name, meaning in (("execution", "exact, of the sentences that have one rule"),
                          ("valid_but_wrong", "wrong, of all"), ("right", "right in any way, of all")):  # fmt: skip
        shares = [numbers[language][name] for language in LANGUAGES]
        grid.add_row(name.replace("_", " "), *("-" if one is None else f"{one:.1%}" for one in shares), meaning)
    return grid


def failures(found: Sequence[Judged]) -> list[str]:
    """A text for each sentence that was not answered rightly, or with something missing."""
    return [_told(one) for one in found if one.verdict not in RIGHT or one.note]


def _told(one: Judged) -> str:
    s, answer = one.sentence, one.answer
    lines = [f"{one.verdict} · {s.language} {s.shop} {s.kind}: {s.say}" + (f" ({one.note})" if one.note else "")]
    lines += [f"    right    {_key(rule)}" for rule in s.rules] + [f"    cannot   {part}" for part in s.cannot]
    lines += [f"    answered {_key(answer.rule)}"] if answer.rule else []
    lines += [f"    reading  {_key(reading.rule)}" for reading in answer.readings]
    lines += [f"    left out {part.text}: {part.means}" for part in answer.left_out]
    return "\n".join(lines)
