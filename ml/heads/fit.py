"""Heads fitted on users whose next days are known, and refused where there are too few of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from ml.data.outcomes import Outcomes
from ml.heads import additive, taste
from ml.heads.additive import Additive, Knots
from ml.heads.heads import DAYS, EVENTS, Heads, Known, pairs
from ml.heads.settings import PredictionConfig
from ml.measures.metrics import folds


def fit(
    known: Known, outcomes: Outcomes, config: PredictionConfig, user_ids: pa.Array, like: taste.Taste | None = None
) -> Heads:
    """Fits all heads. A user may be there several times, as of several days: folds go by the user.

    Calibration (Platt 1999), and the money that a score stands for (isotonic: means of those with alike scores), are
    learned on predictions out of fold. history_UC and lines_UC follow outcomes.categories. like: the champion's
    tastes, whose factors the new ones keep to.
    """
    fold = folds(user_ids)
    vector = bool(config.vector_knots) and bool(known.state_UD.shape[1])
    values = known.values(config.inputs, vector)
    counts = [config.knots] * len(config.inputs) + [config.vector_knots] * (values.shape[1] - len(config.inputs))
    knots = Knots.fit(values, counts)
    ease = np.repeat([1.0, config.vector_ease], [len(config.inputs), values.shape[1] - len(config.inputs)])

    def learned(part: np.ndarray | slice, y: np.ndarray, event: bool) -> Additive:
        return additive.fit(knots, values[part], y[part], config.penalty, event=event, ease_J=ease)

    truth = np.stack([outcomes.first_day <= days for days in DAYS], axis=1)

    def out_of_fold(y: np.ndarray, event: bool) -> np.ndarray:
        found = np.empty(len(y))
        for k in range(int(fold.max()) + 1):
            held = fold == k
            if held.any():
                found[held] = learned(~held, y, event).score(values[held])
        return found

    events = tuple(learned(slice(None), column, event=True) for column in truth.T)
    scores = np.stack([out_of_fold(column, event=True) for column in truth.T], axis=1)
    platt = np.array([_platt(score, column) for score, column in zip(scores.T, truth.T, strict=True)])
    log_money = np.log1p(outcomes.spend)
    log_spend = learned(slice(None), log_money, event=False)
    held_spend = out_of_fold(log_money, event=False)
    money = IsotonicRegression(out_of_bounds="clip").fit(held_spend, outcomes.spend)
    tastes = taste.fit(
        known.history_UC, outcomes.lines_UC, outcomes.categories, fold, config.pseudo_lines, config.factors
    )
    tastes = taste.turned(tastes, like) if like is not None else tastes
    pair = _fit_pairs(known, outcomes, tastes, scores[:, -1] * platt[-1, 0] + platt[-1, 1], held_spend, config)
    return Heads(
        config, vector, events, platt, log_spend, np.stack([money.X_thresholds_, money.y_thresholds_]), tastes, pair,
        thin(config, config.slice_of(known.features), truth),
    )  # fmt: skip


def _platt(score: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    model = LogisticRegression(C=1e6).fit(score[:, None], truth)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _fit_pairs(
    known: Known,
    outcomes: Outcomes,
    tastes: taste.Taste,
    odds: np.ndarray,
    log_spend: np.ndarray,
    config: PredictionConfig,
) -> Additive:
    """On buyers drawn so that they make about config.pairs pairs."""
    wanted = max(1, config.pairs // len(tastes.categories))
    drawn = np.sort(np.random.default_rng(config.seed).permutation(np.flatnonzero(~outcomes.silent))[:wanted])
    history = known.history_UC[drawn]
    told = np.broadcast_arrays(*pairs(tastes, history, tastes.expected(history), odds[drawn], log_spend[drawn]))
    values = np.stack([column.ravel() for column in told], axis=1)
    bought = outcomes.lines_UC[drawn].toarray().ravel() > 0
    knots = Knots.fit(values, [config.knots] * values.shape[1])
    return additive.fit(knots, values, bought, 1.0, event=True)


def thin(config: PredictionConfig, slice_U: np.ndarray, truth_U3: np.ndarray) -> dict[str, dict[str, str]]:
    """Why a prediction is refused, by slice and event: too few users of the slice, or of either outcome among them."""
    why: dict[str, dict[str, str]] = {}
    for index, one in enumerate(config.slices):
        here = slice_U == index
        for event, truth in zip(EVENTS, truth_U3[here].T, strict=True):
            users, rarer = int(here.sum()), int(min(truth.sum(), (~truth).sum()))
            if users < config.minimum.users:
                reason = f"{users} users of slice '{one.name}' to learn from, at least {config.minimum.users} needed"
            elif rarer < config.minimum.outcomes:
                reason = (f"{rarer} of {users} users of slice '{one.name}' with the rarer outcome, at least "
                          f"{config.minimum.outcomes} needed")  # fmt: skip
            else:
                continue
            why.setdefault(one.name, {})[event] = reason
    return why
