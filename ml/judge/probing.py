"""Probes: what a linear reader of a block of inputs knows of users whom it did not learn from.

Legend: U users, J inputs, C categories.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from ml.measures.metrics import FOLDS, auc, bootstrap, explained, ndcg_of_scores

TOP, CATEGORIES = 10, 200
STRENGTHS = np.logspace(-1.5, 2, 6)  # C of a logistic regression on blocks whose variances sum up to their weight^2
PENALTIES = np.logspace(-2.5, 3, 10)  # of a ridge regression, as above


@dataclass(frozen=True)
class Probe:
    """A question. kind: auc, r2 or ndcg. users: indices of those who can be asked. y: their truth, (n) or (n, C)."""

    name: str
    kind: str
    users: np.ndarray
    y: np.ndarray

    def out_of_fold(self, designs: list[np.ndarray], fold_U: np.ndarray) -> np.ndarray:
        """Predictions (n) or (n, C) of inputs (U, J), by the best of the designs."""
        inputs, fold = [design[self.users] for design in designs], fold_U[self.users]
        if self.kind == "auc":
            return _out_of_fold(inputs, self.y, fold, _logistic, _log_loss)
        return _out_of_fold(inputs, np.log1p(self.y) if self.kind == "ndcg" else self.y, fold, _ridge, _squares)

    def measure(self, predicted: np.ndarray) -> Callable[[np.ndarray], float]:
        """The metric as a function of rows, so that it can be resampled."""
        if self.kind == "auc":
            return lambda rows: auc(self.y[rows], predicted[rows])
        if self.kind == "r2":
            return lambda rows: explained(self.y[rows], predicted[rows])
        gained = ndcg_of_scores(self.y > 0, predicted, TOP)
        return lambda rows: float(gained[rows].mean())


Fit = Callable[[np.ndarray, np.ndarray, np.ndarray], list[np.ndarray]]


def _out_of_fold(designs: list[np.ndarray], y: np.ndarray, fold: np.ndarray, fit: Fit, loss: Callable) -> np.ndarray:
    """`fit` gives predictions of one strength after the other; the best design and strength is that of least loss on
    each of the folds that are learned from, predicted from the others of them.
    """
    out = np.empty(y.shape)
    for held in range(FOLDS):
        learned = fold != held
        best = (np.inf, 0, 0)
        for index, design in enumerate(designs):
            losses = 0.0
            for inner in range(FOLDS):
                if inner != held:
                    known, asked = learned & (fold != inner), fold == inner
                    predictions = fit(design[known], y[known], design[asked])
                    losses = losses + np.array([loss(y[asked], predicted) for predicted in predictions])
            place = int(np.argmin(losses))
            best = min(best, (float(losses[place]), index, place))
        _, index, place = best
        out[~learned] = fit(designs[index][learned], y[learned], designs[index][~learned])[place]
    return out


def _logistic(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> list[np.ndarray]:
    """Log-odds by a logistic regression of each of STRENGTHS."""
    models = (LogisticRegression(C=c, solver="newton-cholesky", max_iter=50, tol=1e-3) for c in STRENGTHS)
    return [model.fit(x, y).decision_function(asked) for model in models]


def _ridge(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> list[np.ndarray]:
    """Values by a ridge regression of each of PENALTIES, from one decomposition."""
    middle, mean = x.mean(axis=0), y.mean(axis=0)
    left, size, right = np.linalg.svd(x - middle, full_matrices=False)
    target, onto = left.T @ (y - mean), (asked - middle) @ right.T
    shrunk = (size / (size**2 + penalty) for penalty in PENALTIES)
    return [onto @ (s * target.T).T + mean for s in shrunk]


def _log_loss(y: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.logaddexp(0, -(2 * y - 1) * predicted).sum())


def _squares(y: np.ndarray, predicted: np.ndarray) -> float:
    return float(((y - predicted) ** 2).sum())


@dataclass(frozen=True)
class Row:
    """Inputs of the probes; `against`: the row that they are held against."""

    name: str
    designs: list[np.ndarray]
    against: str | None = None


def run(rows: list[Row], probes: list[Probe], fold_U: np.ndarray, seed: int, say: Callable[[str], None]) -> list[dict]:
    """A dict a row and probe: metric, and the difference with its interval where the row is held against another.

    say: told a line a row.
    """
    measures: dict[tuple[str, str], Callable[[np.ndarray], float]] = {}
    results = []
    for row in rows:
        words = []
        for probe in probes:
            measures[row.name, probe.name] = now = probe.measure(probe.out_of_fold(row.designs, fold_U))
            everybody = np.arange(len(probe.y))
            result = {"row": row.name, "probe": probe.name, "metric": now(everybody), "users": len(everybody)}
            text = f"{probe.name} {result['metric']:.3f}"
            if row.against:
                gain = difference(now, measures[row.against, probe.name], len(everybody), seed)
                result |= {"against": row.against, **gain}
                text += f" ({gain['gain']:+.3f}, {gain['low']:+.3f} .. {gain['high']:+.3f})"
            words.append(text)
            results.append(result)
        say(f"{row.name}: " + ", ".join(words))
    return results


def difference(
    now: Callable[[np.ndarray], float], before: Callable[[np.ndarray], float], users: int, seed: int
) -> dict[str, float]:
    """now - before over the same users, with its 95% interval."""
    low, high = bootstrap(lambda drawn: now(drawn) - before(drawn), users, seed)
    everybody = np.arange(users)
    return {"gain": now(everybody) - before(everybody), "low": low, "high": high}
