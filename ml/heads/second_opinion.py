"""A second opinion beside the curves of ml/heads/additive.py: a small network on the same features, which sees what two
of them say together. The mean of both is better than either (docs/value.md).

Legend: N rows, J inputs, O log-odds of the events, then log(1 + spend).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ml.heads.additive import Knots
from ml.heads.settings import PredictionConfig
from ml.transformer.readout import Outlook

LEAST_ROWS = 500  # fewer would be learned by heart


def inputs(knots: Knots, values_NJ: np.ndarray, features: int) -> np.ndarray:
    """Of the first inputs, which are features: logarithms, level beyond the ends of the curves, and which are missing
    (N, 2 features).
    """
    values, at_JK = values_NJ[:, :features], knots.at_JK[:features]
    missing = np.isnan(values)
    within = np.clip(np.where(missing, 0, values), at_JK[:, 0], at_JK[:, -1])
    logs = np.where(missing, 0, np.sign(within) * np.log1p(np.abs(within)))
    return np.hstack([logs, missing])


def crossed(
    inputs_NJ: np.ndarray, y_NO: np.ndarray, level_O: np.ndarray, fold_N: np.ndarray, config: PredictionConfig
) -> tuple[Outlook, np.ndarray]:
    """A network that learned from all rows, and what (N, O) those say that did not learn from a row's fold.

    y_NO: whether each event happened, then log(1 + spend). level_O: what everybody is told; nan where it is learned.
    """
    held_NO = np.empty(y_NO.shape)
    for fold in np.unique(fold_N):
        here = fold_N == fold
        held_NO[here] = _learned(inputs_NJ[~here], y_NO[~here], level_O, config)(inputs_NJ[here])
    return _learned(inputs_NJ, y_NO, level_O, config), held_NO


def _learned(inputs_NJ: np.ndarray, y_NO: np.ndarray, level_O: np.ndarray, config: PredictionConfig) -> Outlook:
    from ml.training.outlook import learned  # torch, which predicting is spared

    events_NE, log_money_N = y_NO[:, :-1], y_NO[:, -1]
    network = learned(inputs_NJ, events_NE, log_money_N[:, None], config.seed, config.second_steps)
    none_E = np.zeros(events_NE.shape[1])
    unit_O, middle_O = np.append(none_E + 1, log_money_N.std()), np.append(none_E, log_money_N.mean())
    learns_O = np.isnan(level_O)
    return replace(network, out_HO=network.out_HO * unit_O * learns_O,
                   out_O=np.where(learns_O, network.out_O * unit_O + middle_O, level_O))  # fmt: skip
