"""Probes: what a linear reader of a block of inputs knows of users whom it did not learn from.

Legend: U users, J inputs, C categories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sklearn.linear_model import LogisticRegression

from ml.measures.metrics import FOLDS, Measure, auc, explained, gain, ndcg_of_scores

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

    def measure(self, predicted: np.ndarray) -> Measure:
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


@dataclass(frozen=True)
class Night:
    """What the rows said of a night's users. measures: by row and probe. who: by probe, the ids of those asked."""

    measures: dict[tuple[str, str], Measure]
    who: dict[str, pa.Array]

    @classmethod
    def of(
        cls,
        rows: Iterable[Row],
        probes: list[Probe],
        user_ids: pa.Array,
        fold_U: np.ndarray,
        say: Callable[[str], None],
    ) -> Night:
        """say: told a line a row."""
        measures: dict[tuple[str, str], Measure] = {}
        for row in rows:
            for probe in probes:
                measures[row.name, probe.name] = probe.measure(probe.out_of_fold(row.designs, fold_U))
            values = (f"{probe.name} {measures[row.name, probe.name](np.arange(len(probe.y))):.3f}" for probe in probes)
            say(f"{row.name}: " + ", ".join(values))
        return cls(measures, {probe.name: user_ids.take(pa.array(probe.users)) for probe in probes})


def compared(nights: list[Night], against: Mapping[str, str | None], seed: int) -> list[dict]:
    """A dict a row and probe that every night has: metric, the mean over nights; and what it is ahead of another row.

    against: by row, the row that it is held against.
    """
    shared = [probe for probe in nights[0].who if all(probe in night.who for night in nights)]
    results = []
    for row, other in against.items():
        for probe in shared:
            now, ids = [night.measures[row, probe] for night in nights], [night.who[probe] for night in nights]
            metric = float(np.mean([measure(np.arange(len(who))) for measure, who in zip(now, ids, strict=True)]))
            result = {"row": row, "probe": probe, "metric": metric, "users": sum(map(len, ids))}
            if other:
                before = [night.measures[other, probe] for night in nights]
                result |= {"against": other, **gain(now, before, numbered(ids), seed)}
            results.append(result)
    return results


def numbered(user_ids: list[pa.Array]) -> list[np.ndarray]:
    """By night, the number of each user: 0, 1, .., the same on all nights."""
    code = pa.concat_arrays(user_ids).dictionary_encode().indices.to_numpy()
    return np.split(code, np.cumsum([len(ids) for ids in user_ids])[:-1])


def difference(now: Measure, before: Measure, users: int, seed: int) -> dict[str, float]:
    """now - before over the same users, with its 95% interval."""
    return gain([now], [before], [np.arange(users)], seed)
