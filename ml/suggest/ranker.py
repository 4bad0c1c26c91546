"""Which candidates come first: a forest of small trees, fitted on the last four weeks.

Legend: P pairs, J inputs, K suggested.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from ml.suggest.candidates import INPUTS, SOURCES, UNNAMED, Pairs
from ml.suggest.settings import RecommendConfig

DECIMALS = 6
NEW = [*SOURCES].index("new")


@dataclass(frozen=True)
class Ranker:
    """forest: None where the days were too thin to learn from; then what is popular comes first, and has no score.
    without: the inputs that it does not see.
    """

    forest: HistGradientBoostingClassifier | None
    days: int
    pairs: int = 0
    purchases: int = 0
    without: tuple[str, ...] = ()

    @classmethod
    def fit(
        cls, values_PJ: np.ndarray, bought_P: np.ndarray, days: int, config: RecommendConfig,
        without: tuple[str, ...] = (),
    ) -> Ranker:  # fmt: skip
        """bought_P: whether the user of the pair bought the product in the `days` after the moment of the values."""
        purchases = int(bought_P.sum())
        if purchases < config.least_purchases:
            return cls(None, days, len(bought_P), purchases, without)
        values_PJ = _blank(values_PJ, without)
        unknown_J = np.isnan(values_PJ).all(axis=0)  # of which no bins can be made, as of purchases where nobody buys
        values_PJ = np.where(unknown_J, np.float32(0), values_PJ) if unknown_J.any() else values_PJ
        # Deterministic: seeded, histograms are summed feature by feature. Early stopping would ask for a second sample.
        forest = HistGradientBoostingClassifier(
            max_iter=100, learning_rate=0.08, max_leaf_nodes=12, min_samples_leaf=500, l2_regularization=10.0,
            early_stopping=False, random_state=config.seed,
        )  # fmt: skip
        return cls(forest.fit(values_PJ, bought_P), days, len(bought_P), purchases, without)

    def __str__(self) -> str:
        seen = f"{self.purchases:,} purchases among {self.pairs:,} candidates of the last {self.days} days"
        return f"learned from {seen}" if self.forest else f"what is popular comes first, as there were only {seen}"

    def score(self, pairs: Pairs) -> np.ndarray:
        """Probability (P) of a purchase in as many days after the moment; nan where nothing was learned, as of what
        did not sell lately, to which the model gives no probability.
        """
        score_P, known_P = np.full(len(pairs.user_P), np.nan), ~np.isneginf(pairs.values_PJ[:, INPUTS.index("model")])
        if self.forest is not None and known_P.any():
            values_PJ = _blank(pairs.values_PJ[known_P], self.without)
            score_P[known_P] = np.round(self.forest.predict_proba(values_PJ)[:, 1], DECIMALS) + 0.0
        return score_P


def _blank(values_PJ: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """The same with nothing said by some of the inputs."""
    return np.where(np.isin(INPUTS, names), np.float32(0), values_PJ) if names else values_PJ


def first(
    pairs: Pairs, score_P: np.ndarray, had_P: np.ndarray, category_P: np.ndarray, sold_P: np.ndarray,
    new_P: np.ndarray, config: RecommendConfig,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Indices (K) of the suggested pairs, by user and rank, their ranks, from 1, and whether each has one of the places
    for what is new.

    Of what sold lately (sold_P) the best score first, ties by popularity, then by the order of the products; repeat,
    least_new (by what the user had: had_P), per_category hold. The last config.exploring places are for new products
    (new_P) that the user did not have and that have no place of the others'.
    """
    popular = pairs.values_PJ[:, INPUTS.index("popular")]
    worth = np.where(np.isnan(score_P), -1.0, score_P)
    most_old = 0 if config.repeat == "never" else config.top - config.least_new
    order = np.lexsort((pairs.place_P, -popular, -worth, pairs.user_P))
    order = order[sold_P[order]]
    order = order[~had_P[order] | (ordinal(pairs.user_P[order], had_P[order]) < most_old)]
    if config.per_category:
        order = order[ordinal(pairs.user_P[order], category_P[order]) < config.per_category]
    free_P = new_P & ~had_P
    free_P[order[ordinal(pairs.user_P[order]) < config.top - config.exploring]] = False
    tried = _tried(pairs, free_P, config.exploring)
    order = order[~np.isin(order, tried)]
    left_U = config.top - np.bincount(pairs.user_P[tried], minlength=pairs.users)
    order = order[ordinal(pairs.user_P[order]) < left_U[pairs.user_P[order]]]
    kept = np.concatenate([order, tried])
    by_user = np.argsort(pairs.user_P[kept], kind="stable")
    kept = kept[by_user]
    return kept, ordinal(pairs.user_P[kept]) + 1, by_user >= len(order)


def _tried(pairs: Pairs, free_P: np.ndarray, most: int) -> np.ndarray:
    """Indices of at most `most` of the pairs of each user that are free, by user, those that fit him best first."""
    rank_P = pairs.rank_PS[:, NEW]
    order = np.flatnonzero(free_P & (rank_P != UNNAMED))
    order = order[np.lexsort((pairs.place_P[order], rank_P[order], pairs.user_P[order]))]
    return order[ordinal(pairs.user_P[order]) < most]


def ordinal(*keys: np.ndarray) -> np.ndarray:
    """How many rows before this one have the same keys."""
    order = np.lexsort(keys[::-1])  # stable: equal keys keep their order
    change = np.zeros(len(order), bool)
    for key in keys:
        change[1:] |= key[order][1:] != key[order][:-1]
    start = np.maximum.accumulate(np.where(change, np.arange(len(order)), 0))
    nth = np.empty(len(order), np.int64)
    nth[order] = np.arange(len(order)) - start
    return nth
