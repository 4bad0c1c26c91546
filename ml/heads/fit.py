"""Heads fitted on users whose next days are known; what there is too little to learn of is the same for everybody.

Legend: U users, J inputs, C categories.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from ml.data.outcomes import Outcomes
from ml.heads import additive, grounds, taste
from ml.heads.additive import Additive, Knots
from ml.heads.facts import UserFacts
from ml.heads.heads import CATEGORIES, DAYS, EVENTS, SPEND, Heads, pair_inputs, told_apart
from ml.heads.settings import PredictionConfig
from ml.heads.taste import Taste
from ml.measures.metrics import FOLDS, folds


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
    return crossed(facts, outcomes, user_ids, config, like)[0]


def crossed(
    facts: UserFacts, outcomes: Outcomes, user_ids: pa.Array, config: PredictionConfig, like: Taste | None = None
) -> tuple[Heads, np.ndarray]:
    """The same, and what users are grouped by (U, E) as heads expect it that did not learn from the user."""
    fold = folds(user_ids)
    vector = bool(config.vector_knots) and bool(facts.state_UD.shape[1])
    curves = _Curves.of(facts, config, fold, vector)
    truth = np.stack([outcomes.first_day <= days for days in DAYS], axis=1)
    lacking = grounds.lacking(outcomes, config)
    heads = [
        _flat_event(curves, column) if name in lacking else _event(curves, column)
        for name, column in zip(EVENTS, truth.T, strict=True)
    ]
    events, platt, scores = (tuple(part) for part in zip(*heads, strict=True))
    log_money = np.log1p(outcomes.spend)
    if SPEND in lacking:
        log_spend = additive.flat(curves.knots, float(log_money.mean()))
        held_spend = log_spend.score(curves.values_UJ)
    else:
        log_spend, held_spend = curves.fit(log_money, event=False), curves.out_of_fold(log_money, event=False)
    money = IsotonicRegression(out_of_bounds="clip").fit(held_spend, outcomes.spend)
    if CATEGORIES in lacking:
        tastes = taste.none(outcomes.lines_UC, outcomes.categories, config.pseudo_lines)
        held = [tastes] * FOLDS
    else:
        tastes, held = taste.crossed(
            facts.history_UC, outcomes.lines_UC, outcomes.categories, fold, config.pseudo_lines, config.factors
        )
    odds = scores[-1] * platt[-1][0] + platt[-1][1]
    expected = told_apart(held_spend, additive.sigmoid(odds), _held_factors(facts, held, fold))
    tastes = taste.turned(tastes, like) if like is not None else tastes
    pair = _fit_pairs(facts, outcomes, held, fold, odds, held_spend, config)
    learned = Heads(
        config, vector, events, np.array(platt), log_spend, np.stack([money.X_thresholds_, money.y_thresholds_]),
        tastes, pair, grounds.refusals(outcomes, config.slice_of(facts.features), config),
    )  # fmt: skip
    return learned, expected


def _held_factors(facts: UserFacts, held: list[Taste], fold_U: np.ndarray) -> np.ndarray:
    """Factors (U, F) of the expected categories, by tastes that the user taught nothing."""
    factors_UF = np.zeros((len(facts), held[0].factors_CF.shape[1]))
    for fold, tastes in enumerate(held):
        here = fold_U == fold
        factors_UF[here] = tastes.factors(facts.history_UC[here])
    return factors_UF


def _event(curves: _Curves, happened_U: np.ndarray) -> tuple[Additive, tuple[float, float], np.ndarray]:
    """Curves, calibration and scores out of fold (U) of an event."""
    score_U = curves.out_of_fold(happened_U, event=True)
    return curves.fit(happened_U, event=True), _platt(score_U, happened_U), score_U


def _flat_event(curves: _Curves, happened_U: np.ndarray) -> tuple[Additive, tuple[float, float], np.ndarray]:
    model = additive.flat(curves.knots, additive.log_odds(happened_U))
    return model, (1.0, 0.0), model.score(curves.values_UJ)


def _platt(score: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    model = LogisticRegression(C=1e6).fit(score[:, None], truth)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _fit_pairs(
    facts: UserFacts,
    outcomes: Outcomes,
    held: list[Taste],
    fold_U: np.ndarray,
    odds: np.ndarray,
    log_spend: np.ndarray,
    config: PredictionConfig,
) -> Additive:
    """On buyers drawn so that they make about config.pairs pairs; tastes that a buyer taught nothing speak of him."""
    tastes = held[0]  # of which categories and base rates alone are used
    wanted = max(1, config.pairs // max(len(tastes.categories), 1))
    drawn = np.sort(np.random.default_rng(config.seed).permutation(np.flatnonzero(~outcomes.silent))[:wanted])
    history = facts.history_UC[drawn]
    departure = np.zeros(history.shape)
    for fold, taste_of in enumerate(held):
        here = fold_U[drawn] == fold
        departure[here] = taste_of.expected(history[here])
    inputs = pair_inputs(tastes, history, departure, odds[drawn], log_spend[drawn])
    values = np.stack([column.ravel() for column in np.broadcast_arrays(*inputs)], axis=1)
    bought = outcomes.lines_UC[drawn].toarray().ravel() > 0
    knots = Knots.fit(values, [config.knots] * values.shape[1])
    return additive.fit(knots, values, bought, 1.0, event=True)
