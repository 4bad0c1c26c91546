"""Kinds of users by levels of expected money: how many levels the shop's own past speaks for, and where they begin.

What is bought decides the kind; levels tell who will spend much and who little, which kinds do not.
Legend: U users, J inputs, K segments.
"""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from ml.heads.trial import Trial
from ml.measures.metrics import folds
from ml.measures.segment_value import SegmentValue, value
from ml.segments.inputs import Users
from ml.segments.settings import SegmentConfig

STARTS = 3


def by_kind(users: Users, config: SegmentConfig) -> bool:
    """Whether the users' kinds are their segments."""
    return config.natural_kinds and users.kinds > 0


def levelled(
    config: SegmentConfig, trial: Trial | None, users: Users, champions: int | None = None
) -> tuple[SegmentConfig, str]:
    """`config` with the number of levels as `levels.most`, and what is said of it.

    The most levels that tell more of money and silence in the trial than kinds alone, and keep enough of their bits.
    champions: its number of segments; its levels stay while they keep enough, give or take `switch`. Without a trial
    of the same kinds there is one level.
    """
    levels = config.levels
    if trial is None or trial.kinds != users.kinds:
        return _with(config, 1), "the kinds are the segments: no trial of levels"
    numbers = range(1, min(levels.most, max(config.k.max // users.kinds, 1)) + 1)
    fold, found, smallest = folds(trial.user_ids), {}, {}
    with threadpool_limits(1):
        for number in numbers:
            label_U = cut(trial.expected_UE, trial.kinds, number, config.seed)
            found[number] = value(label_U, trial.truth, fold)
            smallest[number] = np.unique(label_U, return_counts=True)[1].min() / len(label_U)

    def kept(number: int) -> bool:
        slack = levels.switch if champions == number * users.kinds else 0.0
        return smallest[number] >= config.min_share and _better(found[number], found[1], levels.bits - slack)

    chosen = max((number for number in numbers[1:] if kept(number)), default=1)
    told = ", ".join(f"{n}: {f.bits:.3f} / {f.eta2:.3f} / {f.auc:.3f}" for n, f in found.items())
    return _with(config, chosen), f"kinds by levels of expected money: {chosen}; bits / eta2 / AUC by number: {told}"


def _better(levelled: SegmentValue, kinds: SegmentValue, bits: float) -> bool:
    more = levelled.eta2 > kinds.eta2 and not levelled.auc <= kinds.auc  # an AUC of nan is neither
    return more and levelled.bits >= bits * kinds.bits


def cut(expected_UE: np.ndarray, kinds: int, levels: int, seed: int) -> np.ndarray:
    """Likeliest kind (the last `kinds` expectations), times levels, plus the level of expected money in it (U).

    A kind with fewer users than levels has one.
    """
    spend, label = expected_UE[:, :1], expected_UE[:, -kinds:].argmax(axis=1) * levels
    for kind in np.unique(label):
        here = np.flatnonzero(label == kind)
        if levels == 1 or len(np.unique(spend[here])) < levels:
            continue
        fitted = KMeans(levels, n_init=STARTS, random_state=seed).fit(spend[here])
        label[here] += fitted.cluster_centers_.ravel().argsort().argsort()[fitted.labels_]
    return label


def starts(users: Users, values_UJ: np.ndarray, rows_U: np.ndarray, config: SegmentConfig) -> np.ndarray:
    """(K, J) mean of each kind's users of each level, among `rows_U`, whose inputs are values_UJ."""
    label = cut(users.expected_UE[rows_U], users.kinds, config.levels.most, config.seed)
    return np.stack([values_UJ[label == one].mean(axis=0) for one in np.unique(label)])


def _with(config: SegmentConfig, number: int) -> SegmentConfig:
    return config.model_copy(update={"levels": config.levels.model_copy(update={"most": number})})
