"""Additive models: a prediction is the sum of one curve an input, so that it can be read, and explains itself.

Generalised additive models (Hastie and Tibshirani 1986) with broken lines as curves, knots at quantiles, a ridge on the
steps, for an event (logit) or a number (identity). Plain arrays: nothing is unpickled.
Legend: N rows, J inputs, K knots. nan = missing, which has a value of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit


@dataclass(frozen=True)
class Knots:
    """Places (J, K), ascending, where curves may bend; a short input's last one is repeated."""

    at_JK: np.ndarray

    @classmethod
    def fit(cls, values_NJ: np.ndarray, counts_J: list[int]) -> Knots:
        """`counts_J` quantiles of each input, less those that are equal; one knot at 0 for an input never known."""
        most, rows = max(counts_J), []
        for column, count in zip(values_NJ.T, counts_J, strict=True):
            known = column[~np.isnan(column)]
            at = np.unique(np.quantile(known, np.linspace(0, 1, count))) if len(known) else np.zeros(1)
            rows.append(np.append(at, np.repeat(at[-1], most - len(at))))
        return cls(np.array(rows))

    def places(self, j: int) -> np.ndarray:
        return np.unique(self.at_JK[j])

    def design(self, values_NJ: np.ndarray) -> np.ndarray:
        """Tent functions of all knots but each input's first, then one column an input that says "missing"."""
        columns = []
        for j, column in enumerate(values_NJ.T):
            at = self.places(j)
            filled = np.where(np.isnan(column), at[0], column)
            columns += [np.interp(filled, at, tent) for tent in np.eye(len(at))[1:]]
        columns += list(np.isnan(values_NJ).astype(np.float64).T)
        return np.stack(columns, axis=1)

    def owners(self) -> np.ndarray:
        """Which input each column of the design belongs to."""
        bends = [len(self.places(j)) - 1 for j in range(len(self.at_JK))]
        return np.append(np.repeat(np.arange(len(bends)), bends), np.arange(len(bends)))

    def curves(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Heights of the curves at the knots (J, K), and of "missing" (J), from weights of the design's columns."""
        inputs = len(self.at_JK)
        heights, at = np.zeros(self.at_JK.shape), 0
        for j in range(inputs):
            places = self.places(j)
            height = np.append(0.0, weights[at : at + len(places) - 1])
            at += len(places) - 1
            heights[j] = np.append(height, np.repeat(height[-1], self.at_JK.shape[1] - len(height)))
        return heights, weights[-inputs:]


@dataclass(frozen=True)
class Additive:
    """intercept + sum of curves: heights_JK at the knots, level beyond the ends, missing_J where there is no value.

    Curves have mean 0 over the rows that they were fitted on: the intercept is the mean score.
    """

    knots: Knots
    heights_JK: np.ndarray
    missing_J: np.ndarray
    intercept: float

    def part(self, j: int, values: np.ndarray) -> np.ndarray:
        """What input j adds at values of any shape."""
        curve = np.interp(values, self.knots.at_JK[j], self.heights_JK[j])
        return np.where(np.isnan(values), self.missing_J[j], curve)

    def parts(self, values_NJ: np.ndarray) -> np.ndarray:
        """What each input adds (N, J)."""
        return np.stack([self.part(j, column) for j, column in enumerate(values_NJ.T)], axis=1)

    def score(self, values_NJ: np.ndarray) -> np.ndarray:
        """The number, or the log-odds of the event (N)."""
        return self.intercept + self.parts(values_NJ).sum(axis=1)


def flat(knots: Knots, level: float) -> Additive:
    """The same score for everybody."""
    return Additive(knots, np.zeros(knots.at_JK.shape), np.zeros(len(knots.at_JK)), level)


def log_odds(event_N: np.ndarray) -> float:
    """Of the event's share; half an event and half a miss are added, so that it is finite."""
    return float(np.log(((event_N > 0).sum() + 0.5) / ((event_N <= 0).sum() + 0.5)))


def fit(
    knots: Knots,
    values_NJ: np.ndarray,
    y_N: np.ndarray,
    penalty: float,
    *,
    event: bool,
    ease_J: np.ndarray | None = None,
) -> Additive:
    """Fits y, an event or a number. Columns of the design are scaled to variance 1 before the ridge is laid on them. An
    event that is everybody's, or nobody's, is flat.

    ease_J: an input with ease e bears the penalty / e^2; 1 where it is not given.
    """
    from sklearn.linear_model import LogisticRegression, Ridge  # a second and a half, which predicting is spared

    if event and (not len(y_N) or y_N.min() == y_N.max()):
        return flat(knots, log_odds(y_N))
    design = knots.design(values_NJ)
    deviation = design.std(axis=0)
    scale = np.where(deviation > 1e-6, deviation, np.inf)  # a column that says nothing has no weight
    if ease_J is not None:
        scale = scale / ease_J[knots.owners()]
    middle = design.mean(axis=0)
    design -= middle
    design /= scale
    if event:
        model = LogisticRegression(C=1 / penalty, max_iter=1000, tol=1e-6).fit(design, y_N)
        weights, intercept = model.coef_[0] / scale, float(model.intercept_[0])
    else:
        model = Ridge(penalty).fit(design, y_N)
        weights, intercept = model.coef_ / scale, float(model.intercept_)
    heights, missing = knots.curves(weights)
    raw = Additive(knots, heights, missing, 0.0)
    mean_J = raw.parts(values_NJ).mean(axis=0)
    return Additive(knots, heights - mean_J[:, None], missing - mean_J, intercept)


def sigmoid(score: np.ndarray) -> np.ndarray:
    """The probability of log-odds, at most 1e-13 from 0 or 1."""
    return expit(np.clip(score, -30, 30))
