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
from ml.heads import additive, grounds, second_opinion, taste
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

    def crossed(self, y_U: np.ndarray, name: str) -> tuple[Additive, np.ndarray]:
        """Curves of all users, and scores (U) by those that did not learn from a user's fold."""
        score_U = np.empty(len(y_U))
        for fold in np.unique(self.fold_U):
            held = self.fold_U == fold
            score_U[held] = self._fit(y_U, name, ~held).score(self.values_UJ[held])
        return self._fit(y_U, name), score_U

    def flat(self, y_U: np.ndarray, name: str) -> tuple[Additive, np.ndarray]:
        """The same for everybody."""
        model = additive.flat(self.knots, additive.log_odds(y_U) if name in EVENTS else float(y_U.mean()))
        return model, model.score(self.values_UJ)

    def _fit(self, y_U: np.ndarray, name: str, part: np.ndarray | slice = slice(None)) -> Additive:
        values, event = self.values_UJ[part], name in EVENTS
        return additive.fit(self.knots, values, y_U[part], self.penalty, event=event, ease_J=self.ease_J)


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
    y_UO = np.column_stack([truth, np.log1p(outcomes.spend)])
    fitted = [curves.crossed(y_U, name) if name not in lacking else curves.flat(y_U, name)
              for name, y_U in zip((*EVENTS, SPEND), y_UO.T, strict=True)]  # fmt: skip
    models, held_UO = [model for model, _ in fitted], np.column_stack([score_U for _, score_U in fitted])
    second = None
    if len(facts) >= second_opinion.LEAST_ROWS:
        level_O = np.array([model.intercept if name in lacking else np.nan
                            for name, model in zip((*EVENTS, SPEND), models, strict=True)])  # fmt: skip
        read_UJ = second_opinion.inputs(curves.knots, curves.values_UJ, len(config.inputs))
        second, theirs_UO = second_opinion.crossed(read_UJ, y_UO, level_O, fold, config)
        held_UO = (held_UO + theirs_UO) / 2
    platt = [(1.0, 0.0) if name in lacking else _platt(score_U, happened_U)
             for name, score_U, happened_U in zip(EVENTS, held_UO.T, truth.T, strict=False)]  # fmt: skip
    held_spend = held_UO[:, -1]
    money = IsotonicRegression(out_of_bounds="clip").fit(held_spend, outcomes.spend)
    if CATEGORIES in lacking:
        tastes = taste.none(outcomes.lines_UC, outcomes.categories, config.pseudo_lines)
        held = [tastes] * FOLDS
    else:
        tastes, held = taste.crossed(
            facts.history_UC, outcomes.lines_UC, outcomes.categories, fold, config.pseudo_lines, config.factors
        )
    odds = held_UO[:, len(EVENTS) - 1] * platt[-1][0] + platt[-1][1]
    expected = told_apart(held_spend, additive.sigmoid(odds), _held_factors(facts, held, fold))
    tastes = taste.turned(tastes, like) if like is not None else tastes
    pair = _fit_pairs(facts, outcomes, held, fold, odds, held_spend, config)
    learned = Heads(
        config, vector, tuple(models[:-1]), np.array(platt), models[-1],
        np.stack([money.X_thresholds_, money.y_thresholds_]), tastes, pair,
        grounds.refusals(outcomes, config.slice_of(facts.features), config), second=second,
    )  # fmt: skip
    return learned, expected


def _held_factors(facts: UserFacts, held: list[Taste], fold_U: np.ndarray) -> np.ndarray:
    """Factors (U, F) of the expected categories, by tastes that the user taught nothing."""
    factors_UF = np.zeros((len(facts), held[0].factors_CF.shape[1]))
    for fold, tastes in enumerate(held):
        here = fold_U == fold
        factors_UF[here] = tastes.factors(facts.history_UC[here])
    return factors_UF


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
