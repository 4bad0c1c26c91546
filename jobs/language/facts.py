"""Facts of a segment and of a user: what portraits, pages and language models see, and nothing else of the data.

A fact is a measured number with its meaning, what it is held against, and how sure it is. No fact has an id of a person
in it. Facts of few users stay in the house: see `shareable`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from jobs.language.catalogue import CHINESE, MODEL, words

LEAST_USERS = 50  # behind a fact that leaves the house
SURE = 0.95  # the confidence of a direction from which on a sentence may be built on it


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact.

    kind: what it is of (size, money, trait, taste (share of what they buy), move, expectation, profile); unit: users,
    share, money, number or text; comparison: the same number of everybody, null where there is none; direction: above,
    below or equal to it; confidence: probability that the direction is no chance of who was counted; users: behind it.
    labels: those of further languages, which stand in no table.
    """

    id: str
    kind: str
    value: float
    unit: str
    label: str
    label_zh: str
    comparison: float | None = None
    confidence: float = 1.0
    users: int = 0
    text: str = ""  # in place of the number, where the fact is a word
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def direction(self) -> str:
        if self.comparison is None or self.value == self.comparison:
            return "equal"
        return "above" if self.value > self.comparison else "below"

    @property
    def times(self) -> float:
        """How many times what it is held against; 1 without that."""
        return self.value / self.comparison if self.comparison else 1.0

    def called(self, language: str) -> str:
        """Its label in a language. What the shop has no word for in it is called as in English."""
        of = words(language)
        if self.id in of.facts:
            return of.facts[self.id]
        if self.id in of.traits:
            return of.traits[self.id].name
        return self.label_zh if language == CHINESE else self.labels.get(language, self.label)

    def sure(self) -> bool:
        return self.confidence >= SURE

    def row(self) -> dict:
        """The struct of gold.segments.facts."""
        cells = asdict(self)
        del cells["text"], cells["labels"]
        return cells | {"direction": self.direction}


def shareable(facts: Iterable[Fact]) -> list[Fact]:
    """Those of at least LEAST_USERS users: what may leave the house."""
    return [fact for fact in facts if fact.users >= LEAST_USERS]


def of_segment(segment: Mapping, everyone: Mapping) -> list[Fact]:
    """The facts of a row of gold.segments being made, in the order of their kinds.

    segment: size, share, spend_28d, spend_365d, traits, entered, left, tastes (see jobs/segments/tastes.py) and
    expected (purchase_28d and spend_28d a head; empty without a prediction). everyone: the same sums of all users.
    """
    size, total = segment["size"], everyone["size"]
    year = float(everyone["spend_365d"])
    facts = [_fact("size", "size", size, "users", size)]
    facts += [_fact("share", "size", size / total, "share", size)]
    if year > 0:
        spent = float(segment["spend_365d"]) / year
        facts.append(_fact("spend_share", "money", spent, "share", size, size / total))
        head = float(segment["spend_28d"]) / size
        facts.append(_fact("spend_28d", "money", head, "money", size, float(everyone["spend_28d"]) / total))
    for trait in segment["traits"]:
        if trait["feature"].startswith("dept:"):
            continue
        surely = _normal(abs(trait["z"]) * math.sqrt(size))
        label, label_zh = trait["name"], trait["name_zh"]
        value, base = trait["value"], trait["base"]
        unit = "share" if "_share_" in trait["feature"] or "abandonment" in trait["feature"] else "number"
        facts.append(Fact(trait["feature"], "trait", value, unit, label, label_zh, base, surely, size))
    for place, taste in enumerate(segment["tastes"], start=1):
        told = taste["label"], taste["label_zh"], taste["base"], taste["confidence"], taste["users"]
        labels = taste.get("labels", {})
        facts.append(Fact(f"taste_{place}", "taste", taste["share"], "share", *told, labels=labels))
    expected, usual = segment["expected"], everyone["expected"]
    if expected and usual:
        chance, base = expected["purchase_28d"], usual["purchase_28d"]
        error = math.sqrt(max(base * (1 - base), 1e-9) / size)
        facts.append(_fact("purchase_28d", "expectation", chance, "share", size, base,
                           _normal(abs(chance - base) / error)))  # fmt: skip
        facts.append(_fact("expected_28d", "expectation", expected["spend_28d"], "money", size, usual["spend_28d"]))
    return facts + [_fact(name, "move", segment[name], "users", segment[name]) for name in ("entered", "left")]


def of_user(profile: Mapping) -> list[Fact]:
    """The facts of a row of gold.user_profiles. They stay in the house: see `shareable`."""
    texts = {"stage": "lifecycle_stage", "rfm": "rfm_class"}
    numbers = {"spend_365d": ("monetary_365d", "money"), "recency": ("recency_days", "number"),
               "purchase_28d": ("purchase_28d", "share"), "expected_28d": ("spend_28d", "money")}  # fmt: skip
    facts = [
        Fact(name, "profile", 0.0, "text", *_labels(name), users=1, text=profile[column])
        for name, column in texts.items() if profile[column] is not None
    ]  # fmt: skip
    return facts + [
        _fact(name, "profile", float(profile[column]), unit, 1)
        for name, (column, unit) in numbers.items() if profile[column] is not None
    ]  # fmt: skip


def _labels(name: str) -> tuple[str, str]:
    return words(MODEL).facts[name], words(CHINESE).facts[name]


def _fact(
    name: str, kind: str, value: float, unit: str, users: int, comparison: float | None = None, confidence: float = 1.0
) -> Fact:
    return Fact(name, kind, float(value), unit, *_labels(name), comparison, round(confidence, 4), users)


def _normal(deviations: float) -> float:
    """Probability that a normal variable is below so many standard deviations."""
    return 0.5 * (1 + math.erf(deviations / math.sqrt(2)))
