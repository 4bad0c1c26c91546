"""Groups users by k-means and chooses the number of groups.

Legend: U users, J inputs, K segments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from ml.common.cli import DataError
from ml.common.hashing import first_by_hash
from ml.heads.trial import Trial
from ml.segments import levels
from ml.segments.continuity import Before
from ml.segments.inputs import KINDS, SPEND, Scaler, Users, fit_scaler
from ml.segments.model import SegmentModel, nearest
from ml.segments.settings import Block, SegmentConfig
from ml.segments.usefulness import usefulness

STABILITY_USERS = 20_000


@dataclass(frozen=True)
class Choice:
    """A number of segments, tried: mean adjusted Rand index against resamples, share of the smallest segment, and how
    useful it was in the trial (None without a trial).
    """

    k: int
    stability: float
    smallest: float
    centers_KJ: np.ndarray
    useful: float | None = None

    @property
    def merit(self) -> float:
        return self.stability if self.useful is None else self.useful


def try_k(values_UJ: np.ndarray, k: int, config: SegmentConfig, start_KJ: np.ndarray | None = None) -> Choice:
    """Fits k segments and measures how alike they come out on other draws (Hennig 2007, cluster-wise stability).

    start_KJ: centres to set out from, where they are k; else the best of ten random starts.
    """
    warm = start_KJ is not None and len(start_KJ) == k
    start, tries = (start_KJ, 1) if warm else ("k-means++", 10)
    fitted = KMeans(k, init=start, n_init=tries, random_state=config.seed).fit(values_UJ)
    smallest = np.bincount(fitted.labels_, minlength=k).min() / len(values_UJ)
    random = np.random.default_rng([config.seed, k])
    drawn = values_UJ[:STABILITY_USERS]  # users come in hash order
    base = nearest(drawn, fitted.cluster_centers_)
    size = max(k, int(config.stability.share * len(drawn)))
    alike = []
    for _ in range(config.stability.resamples):
        sample = drawn[random.choice(len(drawn), size, replace=False)]
        other = KMeans(k, n_init=3, random_state=config.seed).fit(sample)
        alike.append(adjusted_rand_score(base, nearest(drawn, other.cluster_centers_)))
    return Choice(k, float(np.mean(alike)), float(smallest), fitted.cluster_centers_.astype(np.float64))


def choose(choices: list[Choice], config: SegmentConfig, current: int | None = None) -> Choice:
    """Of those that are stable enough and have no tiny segment the most useful one (without a trial, the most stable);
    within the tie, the largest k. If all have a tiny segment, the least tiny.

    `current`, the champion's number, stays while it has no tiny segment and none is better by more than `switch`.
    """
    allowed = [choice for choice in choices if choice.smallest >= config.min_share]
    if not allowed:
        return max(choices, key=lambda choice: (choice.smallest, -choice.k))
    allowed = [choice for choice in allowed if choice.stability >= config.stability.least] or allowed
    best = max(choice.merit for choice in allowed)
    for choice in allowed:
        if choice.k == current and choice.merit >= best - config.stability.switch:
            return choice
    return max((c for c in allowed if c.merit >= best - config.stability.tie), key=lambda choice: choice.k)


def scaler_of(users: Users, config: SegmentConfig) -> Scaler:
    """Of what the users are grouped by: their kinds where they are of kinds by themselves, and expected money where
    kinds have levels; else conf's blocks.
    """
    if levels.by_kind(users, config):
        others = {name: block.model_copy(update={"weight": 0.0}) for name, block in config.blocks.items()}
        money = {SPEND: Block(weight=config.levels.weight)} if config.levels.most > 1 else {}
        config = config.model_copy(update={"blocks": {KINDS: Block(together=True)} | others | money})
    return fit_scaler(users, config)


def fit(
    users: Users,
    config: SegmentConfig,
    scaler: Scaler | None = None,
    before: Before | None = None,
    trial: Trial | None = None,
) -> tuple[SegmentModel, list[Choice]]:
    """Centres for the users' day and the numbers of segments that were tried. Deterministic: seeded, one thread.

    scaler: of the users, where the caller has it already. before: the champion's view, to set out from its centres.
    trial: what heads expected of users whom they did not know, and what came true. Where users are of kinds by
    themselves, the kinds are the segments, by `levels.most` levels. Raises DataError where there are no users.
    """
    if not len(users.user_ids):
        raise DataError("expected users to group, found none; run `python -m jobs sequences` and features for the day")
    scaler = scaler or scaler_of(users, config)
    start, current = (None, None) if before is None else (before.centers_KJ, len(before.ids_K))
    order = first_by_hash(pa.array(users.user_ids), config.max_users)
    values = scaler(users.raw(scaler.inputs))[order]
    if levels.by_kind(users, config):
        with threadpool_limits(1):
            begin = levels.starts(users, values, order, config)
            choices = [try_k(values, len(begin), config, begin)]
        return SegmentModel(scaler, choices[0].centers_KJ, np.arange(len(begin))), choices
    useful: dict[int, float] = {}
    with threadpool_limits(1):
        if trial is not None and users.expected_UE is not None and len(trial.user_ids) >= config.k.max:
            useful = usefulness(trial, config)
        choices = [
            replace(try_k(values, k, config, start), useful=useful.get(k)) for k in config.k.numbers(len(values))
        ]
    chosen = choose(choices, config, current)
    return SegmentModel(scaler, chosen.centers_KJ, np.arange(chosen.k)), choices
