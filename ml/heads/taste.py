"""Which categories a user is expected to buy more, or less, than others do: a reduced-rank regression of the future.

Legend: U users, C categories, F factors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix

from ml.measures.metrics import FOLDS

RIDGES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # times the mean of the diagonal


def lift(history_UC: csr_matrix, base_C: np.ndarray, pseudo: float) -> np.ndarray:
    """log of a user's rate of a category over the base rate (U, C), shrunk to 0 by `pseudo` events of the base."""
    total_U = np.asarray(history_UC.sum(axis=1))
    return np.log((history_UC.toarray() + pseudo * base_C) / ((total_U + pseudo) * base_C))


@dataclass(frozen=True)
class Taste:
    """Expected departures from the base rates, in units of its root: (rate - base) / sqrt(base), so that a sum of
    squares is about the information (chi-square). They are (lift x sqrt(base) - middle) @ weights; factors_CF turns
    them into few numbers.
    """

    categories: list[str]
    base_C: np.ndarray
    pseudo: float
    middle_C: np.ndarray
    weights_CC: np.ndarray
    factors_CF: np.ndarray

    def expected(self, history_UC: csr_matrix) -> np.ndarray:
        """(rate - base) / sqrt(base), expected (U, C)."""
        return (self._inputs(history_UC) - self.middle_C) @ self.weights_CC

    def factors(self, history_UC: csr_matrix) -> np.ndarray:
        """Few numbers (U, F) that keep most of what tells the expectations of users apart."""
        return (self._inputs(history_UC) - self.middle_C) @ (self.weights_CC @ self.factors_CF)

    def _inputs(self, history_UC: csr_matrix) -> np.ndarray:
        return lift(history_UC, self.base_C, self.pseudo) * np.sqrt(self.base_C)


def base_rates(lines_UC: csr_matrix) -> np.ndarray:
    """Rates of categories among purchase lines, users weighted by the root of theirs; one line of each is added."""
    total_U = np.asarray(lines_UC.sum(axis=1)).ravel()
    mass_C = np.asarray(lines_UC.multiply((1 / np.sqrt(np.maximum(total_U, 1)))[:, None]).sum(axis=0)).ravel() + 1
    return mass_C / mass_C.sum()


def fit(
    history_UC: csr_matrix, lines_UC: csr_matrix, categories: list[str], fold_U: np.ndarray, pseudo: float, factors: int
) -> Taste:
    """Learns from histories and the purchase lines that came after them (users without lines teach nothing).

    Users weigh the root of their lines. The ridge is the one of RIDGES that errs least on held-out users.
    """
    return crossed(history_UC, lines_UC, categories, fold_U, pseudo, factors)[0]


def crossed(
    history_UC: csr_matrix, lines_UC: csr_matrix, categories: list[str], fold_U: np.ndarray, pseudo: float, factors: int
) -> tuple[Taste, list[Taste]]:
    """The same, and by fold what is learned without the fold's users (base rates and middle are of all)."""
    base = base_rates(lines_UC)
    inputs = lift(history_UC, base, pseudo) * np.sqrt(base)
    middle = inputs.mean(axis=0)
    inputs -= middle
    total = np.asarray(lines_UC.sum(axis=1)).ravel()
    bought = total > 0
    root = np.sqrt(total[bought])
    target = (lines_UC[bought].toarray() / total[bought][:, None] - base) / np.sqrt(base)
    x, y, fold = inputs[bought] * np.sqrt(root)[:, None], target * np.sqrt(root)[:, None], fold_U[bought]
    grams = [(x[fold == k].T @ x[fold == k], x[fold == k].T @ y[fold == k]) for k in range(FOLDS)]
    xx, xy = (sum(part) for part in zip(*grams, strict=True))

    def error(ridge: float) -> float:
        lost = 0.0
        for k in range(FOLDS):
            held = fold == k
            weights = _solved(xx - grams[k][0], xy - grams[k][1], ridge)
            lost += float(((y[held] - x[held] @ weights) ** 2).sum())
        return lost

    ridge = min(RIDGES, key=error)
    weights = _solved(xx, xy, ridge)
    _, _, right = np.linalg.svd(_centred(inputs @ weights), full_matrices=False)
    kept = right[: min(factors, len(right))]
    sign = np.sign(kept[np.arange(len(kept)), np.abs(kept).argmax(axis=1)])  # which way a factor points is arbitrary
    tastes = Taste(categories, base, pseudo, middle, weights, (kept * sign[:, None]).T)
    return tastes, [replace(tastes, weights_CC=_solved(xx - own, xy - theirs, ridge)) for own, theirs in grams]


def none(lines_UC: csr_matrix, categories: list[str], pseudo: float) -> Taste:
    """Nobody departs from the base rates, and no factor tells users apart."""
    size = len(categories)
    return Taste(categories, base_rates(lines_UC), pseudo, np.zeros(size), np.zeros((size, size)), np.zeros((size, 0)))


def turned(taste: Taste, like: Taste) -> Taste:
    """The same expectations with factors that point where those of `like` do, as near as a turn brings them.

    Factors of another fit come out turned against the former ones, which changes no distance between users; after the
    turn a factor means what it meant (orthogonal Procrustes, Schoenemann 1966; categories are paired by name).
    """
    from scipy.linalg import orthogonal_procrustes

    place = {name: row for row, name in enumerate(like.categories)}
    rows = [place.get(name, -1) for name in taste.categories]
    theirs = np.vstack([like.factors_CF, np.zeros((1, like.factors_CF.shape[1]))])[rows]
    if theirs.shape != taste.factors_CF.shape or not theirs.size:
        return taste
    rotation_FF, _ = orthogonal_procrustes(taste.factors_CF, theirs)
    return replace(taste, factors_CF=taste.factors_CF @ rotation_FF)


def _solved(xx: np.ndarray, xy: np.ndarray, ridge: float) -> np.ndarray:
    size = len(xx)
    return np.linalg.solve(xx + max(ridge * np.trace(xx) / size, 1e-9) * np.eye(size), xy)


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=0)
