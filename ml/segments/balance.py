"""How much the expected categories weigh against money and silence: as much as they may.

The more they weigh, the more segments tell of what is bought, and the less of how much (eta2) and whether (AUC). They
get the weight with which neither falls further behind the usual grouping by value than conf/segments.yaml allows, in
the trial of the training. Legend: U users, J inputs, N weights.
"""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from ml.heads.trial import Trial
from ml.measures.metrics import folds
from ml.measures.segment_value import auc_of_segments, eta2
from ml.segments.inputs import CATEGORIES, Scaler, Users, expectations_of, weight_in
from ml.segments.settings import SegmentConfig
from ml.segments.usefulness import values_of

STARTS = 3
SAYS_NOTHING = 0.01  # an eta2 that cannot be fallen behind


def balanced(
    config: SegmentConfig, trial: Trial | None, users: Users, champion: Scaler | None = None
) -> tuple[SegmentConfig, str]:
    """`config` with the weight of the expected categories, and what is said of it.

    Without a trial the weight stays. champion: its weight stays while the trial is as content with it, see `switch`.
    """
    block, k = config.blocks.get(CATEGORIES), config.k.numbers(len(users.user_ids))[-1]
    if trial is None or users.expected_UE is None or block is None or not block.weight or k == 1:
        return config, "weights of the blocks: as in the settings"
    weights = [block.weight * share for share in config.balance.shares]
    with threadpool_limits(1):
        kept = shares_kept(trial, [_with(config, weight) for weight in weights], k)
    now = None if champion is None else weight_in(champion, users, expectations_of(users)[CATEGORIES])
    weight = chosen(np.array(weights), np.array(kept), config, now)
    told = ", ".join(f"{share:.3f} by {weight:.2f}" for weight, share in zip(weights, kept, strict=True))
    return _with(config, weight), f"expected categories weigh {weight:.2f}; kept of eta2 and AUC by value: {told}"


def shares_kept(trial: Trial, configs: list[SegmentConfig], k: int) -> list[float]:
    """By settings: eta2 and AUC of k segments as shares of those of k groups by windows of value, the lesser one."""
    fold, spend = folds(trial.user_ids), np.log1p(trial.truth.spend)

    def measured(values_UJ: np.ndarray) -> np.ndarray:
        labels = KMeans(k, n_init=STARTS, random_state=configs[0].seed).fit_predict(values_UJ)
        return np.array([eta2(labels, spend, fold), auc_of_segments(labels, trial.truth.silent, fold)])

    usual = measured(trial.windows_UV)
    told = usual > [SAYS_NOTHING, 0.5]  # an AUC of nan is not
    if not told.any():
        return [1.0] * len(configs)
    return [float((measured(values_of(trial, config)) / usual)[told].min()) for config in configs]


def chosen(weight_N: np.ndarray, kept_N: np.ndarray, config: SegmentConfig, now: float | None) -> float:
    """The largest weight that keeps enough, by a straight line through all, so that no lucky fit decides.

    now: the champion's weight, which stays where it keeps as much as is wanted, give or take `switch`.
    """
    slope, level = np.polyfit(weight_N, kept_N, 1)
    least, low, high = config.balance.least, weight_N.min(), weight_N.max()
    if now is not None and low <= now <= high and abs(level + slope * now - least) <= config.balance.switch:
        return now
    return high if slope >= 0 else float(np.clip(round((least - level) / slope, 2), low, high))


def _with(config: SegmentConfig, weight: float) -> SegmentConfig:
    block = config.blocks[CATEGORIES].model_copy(update={"weight": weight})
    return config.model_copy(update={"blocks": config.blocks | {CATEGORIES: block}})
