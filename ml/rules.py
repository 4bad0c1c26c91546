"""A segment in plain terms: the best path of a shallow decision tree, with how well it fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.tree import DecisionTreeClassifier

DEPTH = 3


@dataclass(frozen=True)
class Condition:
    """feature > threshold (above) or feature <= threshold; thresholds are rounded as they are printed."""

    feature: int
    above: bool
    threshold: float

    def holds(self, values_UJ: np.ndarray) -> np.ndarray:
        column = values_UJ[:, self.feature]
        return column > self.threshold if self.above else column <= self.threshold


def rule(values_UJ: np.ndarray, names: list[str], member_U: np.ndarray) -> tuple[str, float]:
    """Text such as `monetary_90d > 214.50 and discount_share_365d <= 0.080`, and the F1 of exactly that text.

    values_UJ: raw values without nan. A surrogate (Craven & Shavlik 1996) of the membership, not how it was decided.
    """
    tree = DecisionTreeClassifier(max_depth=DEPTH, class_weight="balanced", min_samples_leaf=0.005, random_state=0)
    paths = _paths(tree.fit(values_UJ, member_U).tree_)
    best = max(paths, key=lambda path: (_f1(path, values_UJ, member_U), -len(path)))
    text = " and ".join(f"{names[c.feature]} {'>' if c.above else '<='} {_shown(c.threshold)}" for c in best)
    return text or "any user", float(_f1(best, values_UJ, member_U))


def _shown(threshold: float) -> str:
    return f"{threshold:.2f}" if abs(threshold) >= 10 else f"{threshold:.3f}"


def _paths(tree) -> list[list[Condition]]:
    """Conditions from the root to each node; of two on one side of a feature the later, tighter, stays."""
    found, open_nodes = [], [(0, [])]
    while open_nodes:
        node, path = open_nodes.pop()
        found.append(path)
        if tree.children_left[node] >= 0:
            feature, threshold = int(tree.feature[node]), float(_shown(tree.threshold[node]))
            for child, above in ((tree.children_left[node], False), (tree.children_right[node], True)):
                kept = [c for c in path if (c.feature, c.above) != (feature, above)]
                open_nodes.append((child, [*kept, Condition(feature, above, threshold)]))
    return found


def _f1(path: list[Condition], values_UJ: np.ndarray, member_U: np.ndarray) -> float:
    chosen = np.ones(len(member_U), bool)
    for condition in path:
        chosen &= condition.holds(values_UJ)
    return 2 * (chosen & member_U).sum() / max(chosen.sum() + member_U.sum(), 1)
