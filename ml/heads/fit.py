"""Heads fitted on users whose next days are known, and refused where there are too few of them.

Legend: U users, J inputs, C categories.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from ml.data.outcomes import Outcomes
from ml.heads import additive, taste
from ml.heads.additive import Additive, Knots
from ml.heads.facts import UserFacts
from ml.heads.heads import DAYS, EVENTS, Heads, pair_inputs
from ml.heads.settings import PredictionConfig
from ml.heads.taste import Taste
from ml.measures.metrics import folds


@dataclass(frozen=True)
class _Curves:
    """Fits curves to the inputs of users: on all of them, and out of fold."""

    knots: Knots
    values_UJ: np.ndarray
    ease_J: np.ndarray
    penalty: float
    fold_U: np.ndarray

    @classmethod
    def of(cls, facts: UserFacts, config: PredictionConfig, fold_U: np.ndarray, vector: bool) -> _Curves:
        values = facts.values(config.inputs, vector)
        numbers = [len(config.inputs), values.shape[1] - len(config.inputs)]  # of features, and of the vector
        knots = Knots.fit(values, np.repeat([config.knots, config.vector_knots], numbers).tolist())
        return cls(knots, values, np.repeat([1.0, config.vector_ease], numbers), config.penalty, fold_U)

    def fit(self, y_U: np.ndarray, event: bool, part: np.ndarray | slice = slice(None)) -> Additive:
        values = self.values_UJ[part]
        return additive.fit(self.knots, values, y_U[part], self.penalty, event=event, ease_J=self.ease_J)

    def out_of_fold(self, y_U: np.ndarray, event: bool) -> np.ndarray:
        score_U = np.empty(len(y_U))
        for fold in range(int(self.fold_U.max()) + 1):
            held = self.fold_U == fold
            if held.any():
                score_U[held] = self.fit(y_U, event, ~held).score(self.values_UJ[held])
        return score_U


def fit(
    facts: UserFacts, outcomes: Outcomes, user_ids: pa.Array, config: PredictionConfig, like: Taste | None = None
) -> Heads:
    """Fits all heads. A user may be there several times, as of several days: folds go by the user.

    Calibration (Platt 1999), and the money that a score stands for (isotonic: means of those with alike scores), are
    learned on predictions out of fold. history_UC and lines_UC follow outcomes.categories. like: the champion's
    tastes, whose factors the new ones keep to.
    """
    fold = folds(user_ids)
    vector = bool(config.vector_knots) and bool(facts.state_UD.shape[1])
    curves = _Curves.of(facts, config, fold, vector)
    truth = np.stack([outcomes.first_day <= days for days in DAYS], axis=1)
    events = tuple(curves.fit(column, event=True) for column in truth.T)
    scores = np.stack([curves.out_of_fold(column, event=True) for column in truth.T], axis=1)
    platt = np.array([_platt(score, column) for score, column in zip(scores.T, truth.T, strict=True)])
    log_money = np.log1p(outcomes.spend)
    log_spend, held_spend = curves.fit(log_money, event=False), curves.out_of_fold(log_money, event=False)
    money = IsotonicRegression(out_of_bounds="clip").fit(held_spend, outcomes.spend)
    tastes = taste.fit(
        facts.history_UC, outcomes.lines_UC, outcomes.categories, fold, config.pseudo_lines, config.factors
    )
    tastes = taste.turned(tastes, like) if like is not None else tastes
    odds = scores[:, -1] * platt[-1, 0] + platt[-1, 1]
    pair = _fit_pairs(facts, outcomes, tastes, odds, held_spend, config)
    return Heads(
        config, vector, events, platt, log_spend, np.stack([money.X_thresholds_, money.y_thresholds_]), tastes, pair,
        thin(config, config.slice_of(facts.features), truth),
    )  # fmt: skip


def _platt(score: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    model = LogisticRegression(C=1e6).fit(score[:, None], truth)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _fit_pairs(
    facts: UserFacts,
    outcomes: Outcomes,
    tastes: Taste,
    odds: np.ndarray,
    log_spend: np.ndarray,
    config: PredictionConfig,
) -> Additive:
    """On buyers drawn so that they make about config.pairs pairs."""
    wanted = max(1, config.pairs // len(tastes.categories))
    drawn = np.sort(np.random.default_rng(config.seed).permutation(np.flatnonzero(~outcomes.silent))[:wanted])
    history = facts.history_UC[drawn]
    inputs = pair_inputs(tastes, history, tastes.expected(history), odds[drawn], log_spend[drawn])
    values = np.stack([column.ravel() for column in np.broadcast_arrays(*inputs)], axis=1)
    bought = outcomes.lines_UC[drawn].toarray().ravel() > 0
    knots = Knots.fit(values, [config.knots] * values.shape[1])
    return additive.fit(knots, values, bought, 1.0, event=True)


def thin(config: PredictionConfig, slice_U: np.ndarray, truth_U3: np.ndarray) -> dict[str, dict[str, str]]:
    """Why a prediction is refused, by slice and event: too few users of the slice, or of either outcome among them."""
    reasons: dict[str, dict[str, str]] = {}
    for index, part in enumerate(config.slices):
        here = slice_U == index
        for event, truth in zip(EVENTS, truth_U3[here].T, strict=True):
            users, rarer = int(here.sum()), int(min(truth.sum(), (~truth).sum()))
            if users < config.minimum.users:
                reason = f"{users} users of slice '{part.name}' to learn from, at least {config.minimum.users} needed"
            elif rarer < config.minimum.outcomes:
                reason = (f"{rarer} of {users} users of slice '{part.name}' with the rarer outcome, at least "
                          f"{config.minimum.outcomes} needed")  # fmt: skip
            else:
                continue
            reasons.setdefault(part.name, {})[event] = reason
    return reasons
