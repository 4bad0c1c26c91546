"""A segment in plain terms: up to three conditions that fit its members best, with how well they fit.

Legend: U users, J terms, K cuts (a term, a threshold, a side).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.common.arrays import evenly

CONDITIONS = 3
_BEAM = 6  # rules that are carried on at each length
_CUTS = 32  # thresholds tried of each term, at its quantiles
_USERS = 8_000  # that the search looks at; the F1 of a rule is of all
_WORTH = 0.01  # of F1 that one more condition must add


@dataclass(frozen=True)
class Term:
    """What a condition may speak of. `scale`: from the value to what is printed (100 for a share in percent).

    key: by which gold.segment_models.conditions name it; apart: a condition is about at least so many times 1, or at
    most 1 / apart. Anything nearer to the usual says nothing.
    """

    name: str
    name_zh: str
    unit: str = ""
    scale: float = 1.0
    unit_zh: str = ""  # where it is another
    key: str = ""
    apart: float = 0.0

    def phrase(self, low: float | None, high: float | None) -> tuple[str, str]:
        """In English and Chinese: above `low`, and at most `high`, where they are given."""
        parts = []
        for name, unit, above, most in (
            (self.name, self.unit, " above ", " at most "),
            (self.name_zh, self.unit_zh or self.unit, "高于", "不超过"),
        ):
            ends = ((above, low), (most, high))
            told = [f"{word}{_shown(end * self.scale)}{unit}" for word, end in ends if end is not None]
            parts.append(name + (" and" if most == " at most " else "且").join(told))
        return parts[0], parts[1]

    def rounded(self, threshold: float) -> float:
        """The threshold as it is printed."""
        return _rounded(threshold * self.scale) / self.scale

    def telling(self, above: bool, threshold: float) -> bool:
        """Whether a condition on this side of the threshold says anything."""
        return not self.apart or (threshold >= self.apart if above else threshold <= 1 / self.apart)


@dataclass(frozen=True)
class Rule:
    """English and Chinese text, the F1 of exactly that text against the membership, and the conditions: term (its key),
    low and high.
    """

    text: str
    text_zh: str
    fidelity: float
    conditions: list[dict]


def _rounded(value: float) -> float:
    """Two digits: nobody remembers more."""
    return float(f"{value:.2g}")


def _shown(value: float) -> str:
    return f"{_rounded(value):,.15g}"


def rule(values_UJ: np.ndarray, terms: list[Term], member_U: np.ndarray) -> Rule:
    """Conditions that all hold, found by a beam search for the best F1; values are raw, without nan.

    A surrogate (Craven & Shavlik 1996) of the membership, not how it was decided; the search is that of CN2 (Clark &
    Niblett 1989) for one rule.
    """
    drawn = evenly(len(values_UJ), _USERS)
    cuts = _cuts(values_UJ[drawn], terms)
    chosen = _search(values_UJ[drawn], cuts, member_U[drawn]) if cuts else []
    inside = np.ones(len(member_U), bool)
    for cut in chosen:
        inside &= _holds(values_UJ, *cut)
    ends = _ends(chosen)
    phrases = [terms[term].phrase(sides.get(True), sides.get(False)) for term, sides in ends.items()]
    english, chinese = zip(*(phrases or [("any user", "任何用户")]), strict=True)
    conditions = [
        {"term": terms[term].key, "low": sides.get(True), "high": sides.get(False)} for term, sides in ends.items()
    ]
    return Rule(", ".join(english), "，".join(chinese), _f1(inside, member_U), conditions)


def _search(
    values_UJ: np.ndarray, cuts: list[tuple[int, bool, float]], member_U: np.ndarray
) -> list[tuple[int, bool, float]]:
    """At most CONDITIONS of the cuts, whose users are the members as well as can be."""
    holds_UK = np.stack([_holds(values_UJ, *cut) for cut in cuts], axis=1).astype(np.float32)
    beam: list[tuple[float, tuple[int, ...]]] = [(_f1(np.ones(len(member_U), bool), member_U), ())]
    best = beam[0]
    for _ in range(CONDITIONS):
        longer: dict[tuple[int, ...], float] = {}
        for _, chosen in beam:
            inside = np.ones(len(member_U), np.float32) if not chosen else holds_UK[:, list(chosen)].all(axis=1)
            hits = (inside * member_U).astype(np.float32) @ holds_UK
            size = np.asarray(inside, np.float32) @ holds_UK
            f1 = 2 * hits / np.maximum(size + member_U.sum(), 1)
            for cut in np.argsort(-f1, kind="stable")[: 4 * _BEAM]:
                key = tuple(sorted({*chosen, int(cut)}))
                if len(key) > len(chosen) and _apart(key, cuts):
                    longer[key] = float(f1[cut])
        beam = sorted(((f1, key) for key, f1 in longer.items()), key=lambda entry: (-entry[0], entry[1]))[:_BEAM]
        if not beam or beam[0][0] < best[0] + _WORTH:
            break
        best = beam[0]
    return [cuts[k] for k in best[1]]


def _cuts(values_UJ: np.ndarray, terms: list[Term]) -> list[tuple[int, bool, float]]:
    """(term, above, threshold): both sides of the quantiles of each term, thresholds as they are printed."""
    cuts = []
    for term, column in enumerate(values_UJ.T):
        at = np.quantile(column, np.linspace(0, 1, _CUTS + 2)[1:-1])
        places = sorted({terms[term].rounded(value) for value in at})
        sides = [(place, above) for place in places for above in (False, True)]
        cuts += [(term, above, place) for place, above in sides if terms[term].telling(above, place)]
    return cuts


def _ends(chosen: list[tuple[int, bool, float]]) -> dict[int, dict[bool, float]]:
    """By term its thresholds, above (True) and at most: two cuts of the same one are a range."""
    ends: dict[int, dict[bool, float]] = {}
    for term, above, threshold in chosen:
        ends.setdefault(term, {})[above] = threshold
    return ends


def _holds(values_UJ: np.ndarray, term: int, above: bool, threshold: float) -> np.ndarray:
    column = values_UJ[:, term]
    return column > threshold if above else column <= threshold


def _apart(chosen: tuple[int, ...], cuts: list[tuple[int, bool, float]]) -> bool:
    """No two conditions on the same side of the same term."""
    sides = [cuts[k][:2] for k in chosen]
    return len(set(sides)) == len(sides)


def _f1(chosen_U: np.ndarray, member_U: np.ndarray) -> float:
    return float(2 * (chosen_U & member_U).sum() / max(chosen_U.sum() + member_U.sum(), 1))
