"""The ways to tell the next basket that count and learn nothing: own frequency, UP-CF, TIFU-KNN.

Legend: U users, I products, B users of a chunk, V visits since, 0 = the newest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ml.baskets.protocol import BasketScorer
from ml.baskets.visits import Baskets


def popular(baskets: Baskets, cut: int) -> BasketScorer:
    """All products alike, which leaves the order to the tie, popularity."""
    return lambda users: np.zeros((len(users), len(baskets.names)), np.float32)


def own_frequency(baskets: Baskets, cut: int) -> BasketScorer:
    """Baskets of the user with the product, then what is popular."""
    counted_UI = baskets.counted(cut, np.ones(baskets.most_visits))
    return lambda users: counted_UI[users].toarray()


@dataclass(frozen=True)
class UpCf:
    """UP-CF (Faggioli, Polato & Aiolli 2020): what alike users bought in their newest baskets.

    recency: baskets that count. power: of a likeness. asymmetry: 0.5 is the cosine.
    """

    recency: int
    power: float
    asymmetry: float

    def scorer(self, baskets: Baskets, cut: int) -> BasketScorer:
        bought_UI = baskets.counted(cut, np.ones(baskets.most_visits))
        bought_UI.data[:] = 1
        recent_UI = baskets.counted(cut, np.ones(self.recency))
        seen_U = np.clip(baskets.visits_U - cut - 1, 1, self.recency)
        recent_UI = (sparse.diags_array(1 / seen_U) @ recent_UI).tocsr()
        size_U = np.maximum(np.diff(bought_UI.indptr), 1).astype(float)

        def scores(users: np.ndarray) -> np.ndarray:
            both_BU = (bought_UI[users] @ bought_UI.T).tocoo()
            own, other = users[both_BU.row], both_BU.col
            like = both_BU.data / (size_U[own] ** self.asymmetry * size_U[other] ** (1 - self.asymmetry))
            like_BU = sparse.csr_array(((like**self.power).astype(np.float32), both_BU.coords), both_BU.shape)
            return (like_BU @ recent_UI).toarray()

        return scores


@dataclass(frozen=True)
class Tifu:
    """TIFU-KNN (Hu, He, Gao & Zhang 2020): a user's decayed counts, mixed with the mean of the nearest users'.

    inside, between: decay a visit inside a group of `group` visits, and from group to group. own: the share of the
    user's own counts in the mix.
    """

    inside: float
    between: float
    group: int
    neighbours: int
    own: float

    def vectors(self, baskets: Baskets, cut: int) -> sparse.csr_array:
        """float32 (U, I): each user's decayed counts; at most 1, which is a product of each visit without decay."""
        since_V = np.arange(baskets.most_visits)
        worth_V = self.inside ** (since_V % self.group) * self.between ** (since_V // self.group)
        groups_U = np.maximum(1, -(-(baskets.visits_U - cut - 1) // self.group))
        return (sparse.diags_array(1 / (groups_U * self.group)) @ baskets.counted(cut, worth_V)).tocsr()

    def near(self, vectors_UI: sparse.csr_array, users: np.ndarray) -> np.ndarray:
        """float32 (B, I): the mean of the vectors of the users nearest by distance, oneself left out.

        Of the nearest, those that share no product count as nobody: by distance they are the users of whom least is
        known, and how many of those there are changes from cut to cut.
        """
        square_U = vectors_UI.multiply(vectors_UI).sum(axis=1)
        shared_BU = (vectors_UI[users] @ vectors_UI.T).toarray()
        close_BU = np.where(shared_BU > 0, 2 * shared_BU - square_U, -np.inf)
        close_BU[np.arange(len(users)), users] = -np.inf
        kept = min(self.neighbours, close_BU.shape[1] - 1)
        if kept < 1:
            return np.zeros((len(users), vectors_UI.shape[1]), np.float32)
        nearest_BK = np.argpartition(-close_BU, kept - 1, axis=1)[:, :kept]
        share_BK = np.where(np.take_along_axis(close_BU, nearest_BK, axis=1) > -np.inf, 1 / kept, 0)
        starts_B = np.arange(len(users) + 1) * kept
        mean_BU = sparse.csr_array((share_BK.ravel().astype(np.float32), nearest_BK.ravel(), starts_B), close_BU.shape)
        mean_BU.eliminate_zeros()
        return (mean_BU @ vectors_UI).toarray()

    def scorer(self, baskets: Baskets, cut: int) -> BasketScorer:
        vectors_UI = self.vectors(baskets, cut)

        def scores(users: np.ndarray) -> np.ndarray:
            return self.own * vectors_UI[users].toarray() + (1 - self.own) * self.near(vectors_UI, users)

        return scores


# Tried on the basket before the last; about what the papers chose over their files.
UP_CF = [UpCf(recency, power, 0.25) for recency in (5, 100) for power in (1, 10)]
TIFU = [Tifu(0.9, 0.7, group, neighbours, own) for group in (3, 7) for neighbours in (300, 900) for own in (0.5, 0.7)]
