"""The usual ways to group users, which ours is held against: RFM, value windows, taste, topics, and their grids; and a
tree that learned from the four weeks before ds what users do.

Each is a function of what was known at ds. Legend: U users, C categories.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix, hstack

from ml.data.outcomes import Outcomes
from ml.data.value_windows import COLUMNS, RFM, VALUE, logged, standardised

TASTES, TOPICS = 32, 16
TREE_CATEGORIES, TREE_LEAF = 60, 10  # the largest categories that a tree reads and foretells; least users of a leaf


def all_of(
    features: pa.Table, history_UC: csr_matrix, fitted_U: np.ndarray, seed: int
) -> Iterator[tuple[str, np.ndarray]]:
    """(name, labels U) of every usual segmentation.

    features: rows of gold.user_features, in the order of the users. history_UC: purchase lines of the year by category.
    fitted_U: the users whom centres are fitted on; everybody is assigned.
    """
    from sklearn.cluster import KMeans

    def grouped(values: np.ndarray, k: int) -> np.ndarray:
        means = KMeans(min(k, len(fitted_U)), n_init=10, random_state=seed).fit(values[fitted_U])
        return means.predict(values)

    rfm, windows = standardised(features, RFM), standardised(features, VALUE)
    taste = tastes(history_UC, TASTES, seed)
    for k in (12, 25):
        yield f"RFM k-means {k}", grouped(rfm, k)
        yield f"value windows k-means {k}", grouped(windows, k)
    yield "LDA topics k-means 12", grouped(topics(history_UC, fitted_U, seed), 12)
    for k in (12, 25):
        yield f"taste k-means {k}", grouped(taste, k)
    worth = windows.mean(axis=1)
    for rows, columns in ((5, 5), (3, 8)):
        step = np.searchsorted(np.quantile(worth, np.arange(1, rows) / rows), worth, side="right")
        yield f"grid value {rows} x taste {columns}", step * columns + grouped(taste, columns)


@dataclass(frozen=True)
class Known:
    """What is known of users as of a day: rows of gold.user_features in the order of the users, and their purchase
    lines of the year by category.
    """

    features: pa.Table
    lines_UC: csr_matrix
    categories: list[str]

    def inputs(self, categories: list[str]) -> np.ndarray:
        """COLUMNS as logarithms, then roots of the shares of some categories."""
        place = {name: column for column, name in enumerate(self.categories)}
        padded = hstack([self.lines_UC, csr_matrix((self.lines_UC.shape[0], 1))], format="csc")
        lines = padded[:, [place.get(name, len(self.categories)) for name in categories]].toarray()
        total = np.maximum(np.asarray(self.lines_UC.sum(axis=1)), 1)
        return np.hstack([logged(self.features, COLUMNS), np.sqrt(lines / total)])


def supervised_tree(now: Known, then: Known, came_true: Outcomes, leaves: int, seed: int) -> np.ndarray:
    """Leaf (U) of the users of `now` in a tree of as many leaves, grown on what the users of `then` did in the days
    after it (Breiman et al. 1984, best leaf first): money, silence and shares of categories, each of variance one.
    """
    from sklearn.tree import DecisionTreeRegressor

    largest = came_true.largest(TREE_CATEGORIES)
    lines_UC, total_U = largest.lines_UC.toarray(), np.maximum(largest.lines, 1)
    base_C = (lines_UC.sum(axis=0) + 1) / (lines_UC.sum() + lines_UC.shape[1])
    departure_UC = (lines_UC / total_U[:, None] - base_C) / np.sqrt(base_C) * ~largest.silent[:, None]
    parts = [np.log1p(largest.spend)[:, None], largest.silent[:, None].astype(np.float64), departure_UC]
    target = np.hstack([part / max(np.sqrt(part.var(axis=0).sum()), 1e-9) for part in parts])
    tree = DecisionTreeRegressor(max_leaf_nodes=leaves, min_samples_leaf=TREE_LEAF, random_state=seed)
    return tree.fit(then.inputs(largest.categories), target).apply(now.inputs(largest.categories))


def tastes(history_UC: csr_matrix, factors: int, seed: int) -> np.ndarray:
    """Factors of the roots of the category shares (U, at most factors - 1).

    The first one is left out: it is what all users have in common, and grows with the number of categories of a user.
    """
    from sklearn.decomposition import TruncatedSVD

    total = np.asarray(history_UC.sum(axis=1)).ravel()
    shares = history_UC.multiply(1 / np.maximum(total, 1)[:, None]).sqrt().tocsr()
    factors = min(factors, min(shares.shape) - 1)
    if factors < 2:
        return np.zeros((history_UC.shape[0], 1))
    return TruncatedSVD(factors, random_state=seed).fit_transform(shares)[:, 1:]


def topics(history_UC: csr_matrix, fitted_U: np.ndarray, seed: int) -> np.ndarray:
    """Shares of TOPICS topics in each user's purchase lines (Blei, Ng and Jordan, JMLR 2003); of less than two
    categories there are none.
    """
    if history_UC.shape[1] < 2:
        return np.zeros((history_UC.shape[0], 1))
    from sklearn.decomposition import LatentDirichletAllocation

    model = LatentDirichletAllocation(TOPICS, learning_method="online", batch_size=256, random_state=seed)
    return model.fit(history_UC[fitted_U]).transform(history_UC)
