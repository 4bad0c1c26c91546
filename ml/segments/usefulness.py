"""How useful each number of segments was in the trial."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from sklearn.cluster import KMeans

from ml.heads.trial import Trial
from ml.measures.metrics import folds
from ml.measures.segment_value import value
from ml.segments.inputs import EXPECTATIONS, Users, fit_scaler
from ml.segments.settings import SegmentConfig


def usefulness(trial: Trial, config: SegmentConfig) -> dict[int, float]:
    """By number of segments: bits, eta2 and AUC (ml/measures/segment_value.py) in the trial, each as a share of the
    best number's, on average. Centres are fitted on what was expected, and on nothing else; what came true was never
    seen.
    """
    if not any(name in EXPECTATIONS and block.weight for name, block in config.blocks.items()):
        return {}
    values, fold, measured = values_of(trial, config), folds(trial.user_ids), {}
    for k in config.k.numbers(len(trial.user_ids)):
        labels = KMeans(k, n_init=10, random_state=config.seed).fit_predict(values)
        worth = value(labels, trial.truth, fold)
        measured[k] = [max(part, 0.0) for part in (worth.bits, worth.eta2, np.nan_to_num(worth.auc, nan=0.5))]
    best = np.maximum(np.max(list(measured.values()), axis=0), 1e-9)
    return {k: float(np.mean(np.array(parts) / best)) for k, parts in measured.items()}


def values_of(trial: Trial, config: SegmentConfig) -> np.ndarray:
    """What was expected in the trial (U, J), standardised and weighted as where segments are fitted."""
    nothing_UD = np.zeros((len(trial.user_ids), 0))
    users = Users(trial.user_ids.to_pylist(), pa.table({}), nothing_UD, trial.expected_UE, trial.kinds)
    alone = {name: block for name, block in config.blocks.items() if name in EXPECTATIONS and block.weight}
    scaler = fit_scaler(users, config.model_copy(update={"blocks": alone}))
    return scaler(users.raw(scaler.inputs))
