"""The Transformer of the next basket: its steps are visits, and one softmax holds repeats and new products.

A visit is the sum of its products' vectors over the root of their number. The state before a visit scores all products
(explore). To the pairs of ml/baskets/pairs.py is added what was counted of them: a sum of its columns, from which the
training starts (ml/baskets/straight.py), and what a small network reads in it with the state (copy). The counted is not
left to the Transformer to count: in the literature it then loses to counting.

Legend: U users, I products, P asked positions (a user at a cut), X their pairs, F columns, D width, H of the copy net.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ml.baskets.pairs import COLUMNS, Pairs
from ml.baskets.protocol import TOP
from ml.baskets.straight import apart
from ml.baskets.visits import Baskets
from ml.common.model_settings import ModelConfig
from ml.data.vocabulary import FIRST
from ml.transformer.layout import Layout
from ml.transformer.losses import log_partition
from ml.transformer.model import BehaviourModel

# Of a product's vector where it is scored. Adam's steps are equally long for all weights, so a product that was sold
# three times would be learned by heart within an epoch, and the softmax would trust that more than what was counted.
SLOW = 0.1


@dataclass(frozen=True)
class Asked:
    """Positions of a batch: the visits before them, and their pairs, by position.

    visit_E, item_E: of each entry of the visits, visits numbered over the batch. places_P: index among the
    Transformer's places. position_X ascends. told_*: the products of the baskets that are asked for.
    """

    layout: Layout
    visits: int
    visit_E: Tensor
    item_E: Tensor
    places_P: Tensor
    position_X: Tensor
    item_X: Tensor
    columns_XF: Tensor
    told_X: Tensor
    told_position_T: Tensor
    told_item_T: Tensor


class BasketModel(nn.Module):
    """Scores of all products as parts of the next basket."""

    def __init__(
        self, config: ModelConfig, popular_I: Tensor, mean_F: Tensor, spread_F: Tensor, straight_G: Tensor
    ) -> None:
        super().__init__()
        D, H = config.d_model, config.hidden
        self.config = config
        self.visits = BehaviourModel(config, FIRST + len(popular_I))
        self.counted, self.state = nn.Linear(len(COLUMNS), H), nn.Linear(D, H, bias=False)
        self.copy = nn.Sequential(nn.GELU(), nn.Linear(H, H // 2), nn.GELU(), nn.Linear(H // 2, 1))
        self.straight_G = nn.Parameter(straight_G.clone())
        nn.init.zeros_(self.copy[-1].weight)
        nn.init.zeros_(self.copy[-1].bias)
        for name, values in (("popular_I", popular_I), ("mean_F", mean_F), ("spread_F", spread_F)):
            self.register_buffer(name, values)

    def table(self) -> Tensor:
        """(I, D + 1): the products' vectors, and their popularity as one more channel."""
        return torch.cat([SLOW * self.visits.features.weight[FIRST:], self.popular_I[:, None]], dim=1)

    def forward(self, asked: Asked) -> tuple[Tensor, Tensor]:
        """States (P, D + 1), whose product with the table is the explore score; and the copy score of the pairs (X)."""
        size_E = torch.bincount(asked.visit_E, minlength=asked.visits)[asked.visit_E]
        vectors_VD = F.embedding(asked.item_E, self.visits.features.weight[FIRST:]) * size_E.rsqrt()[:, None]
        pooled_VD = vectors_VD.new_zeros(asked.visits, self.config.d_model).index_add(0, asked.visit_E, vectors_VD)
        nothing = torch.zeros(asked.visits, 0, dtype=torch.int64)
        states_PD = self.visits(pooled_VD, torch.arange(asked.visits), nothing, asked.layout)[asked.places_P]
        hidden_PH = self.state(F.dropout(states_PD, self.config.dropout, self.training))
        columns_XF = (asked.columns_XF - self.mean_F) / self.spread_F
        straight_X = apart(columns_XF, asked.columns_XF[:, COLUMNS.index("had")]) @ self.straight_G
        copy_X = straight_X + self.copy(self.counted(columns_XF) + hidden_PH[asked.position_X])[:, 0]
        weight_P1 = self.visits.popularity.expand(len(states_PD), 1)
        return torch.cat([states_PD, weight_P1], dim=1), copy_X

    def loss(self, asked: Asked) -> Tensor:
        """Summed -log softmax of the baskets' products, each weighed as NDCG does: by 1 / the best possible sum."""
        (states_PK, copy_X), table_IK = self(asked), self.table()
        sizes_P = torch.bincount(asked.told_position_T, minlength=len(states_PK))
        best_K = torch.log2(torch.arange(2.0, 2 + TOP)).reciprocal().cumsum(0)
        share_P = best_K[sizes_P.clamp(1, TOP) - 1].reciprocal()
        told_T = (states_PK[asked.told_position_T] * F.embedding(asked.told_item_T, table_IK)).sum(dim=1)
        every = log_partition(states_PK, table_IK, copy_X, asked.position_X, asked.item_X, share_P * sizes_P)
        told_X = asked.told_X * share_P[asked.position_X]
        return every - (told_T * share_P[asked.told_position_T]).sum() - (copy_X * told_X).sum()


class Positions:
    """Batches of users at cuts. pairs: of each cut, for all users that are asked there."""

    def __init__(self, baskets: Baskets, pairs: dict[int, Pairs], max_len: int) -> None:
        self.baskets, self.pairs, self.max_len = baskets, pairs, max_len
        users = np.arange(len(baskets.visits_U) + 1)
        self.entries_U = np.searchsorted(baskets.user_E, users)
        self.pairs_U = {cut: np.searchsorted(found.user_N, users) for cut, found in pairs.items()}
        self.told_U = {}
        for cut in pairs:
            told = np.flatnonzero(baskets.age_E == cut)
            self.told_U[cut] = (told, np.searchsorted(baskets.user_E[told], users))

    def sizes(self, cut: int) -> np.ndarray:
        """Products in the basket that is asked for at a cut, of each user with pairs there."""
        return np.diff(self.told_U[cut][1])[np.unique(self.pairs[cut].user_N)]

    def of(self, users: np.ndarray, cuts: list[int]) -> Asked:
        """The users at the cuts at which each has pairs."""
        baskets, newest = self.baskets, min(cuts)
        visits_B = np.minimum(baskets.visits_U[users] - newest, self.max_len + 1)  # the newest place asks
        ends_B = np.cumsum(visits_B)
        entry_E, row_E = _slices(self.entries_U, users)
        place_E = ends_B[row_E] - 1 - (baskets.age_E[entry_E] - newest)
        read_E = (baskets.age_E[entry_E] > newest) & (place_E >= (ends_B - visits_B)[row_E])
        position, places, parts = 0, [], []
        for cut in cuts:
            pair_N, row_N = _slices(self.pairs_U[cut], users)
            rows = np.unique(row_N)
            rows = rows[visits_B[rows] > cut - newest]
            place_B = np.full(len(users), -1)
            place_B[rows] = position + np.arange(len(rows))
            told_T, told_row_T = _slices(self.told_U[cut][1], users)
            kept_N, kept_T = place_B[row_N] >= 0, place_B[told_row_T] >= 0
            parts.append((pair_N[kept_N], place_B[row_N[kept_N]], self.told_U[cut][0][told_T[kept_T]],
                          place_B[told_row_T[kept_T]]))  # fmt: skip
            places.append(ends_B[rows] - 1 - (cut - newest))
            position += len(rows)
        found = list(zip((self.pairs[cut] for cut in cuts), parts, strict=True))
        put = torch.from_numpy
        return Asked(
            Layout.of(visits_B),
            int(ends_B[-1]),
            put(place_E[read_E]),
            put(baskets.item_E[entry_E[read_E]]),
            put(np.concatenate(places)),
            put(np.concatenate([part[1] for part in parts])),
            put(np.concatenate([pairs.item_N[part[0]] for pairs, part in found]).astype(np.int64)),
            put(np.concatenate([pairs.columns_NF[part[0]] for pairs, part in found]).astype(np.float32)),
            put(np.concatenate([pairs.told_N[part[0]] for pairs, part in found]).astype(np.float32)),
            put(np.concatenate([part[3] for part in parts])),
            put(np.concatenate([baskets.item_E[part[2]] for part in parts])),
        )


def _slices(starts_U: np.ndarray, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of what users own, one user after the other, and the row of each in `users`."""
    count_B = starts_U[users + 1] - starts_U[users]
    ends_B = np.cumsum(count_B)
    row = np.repeat(np.arange(len(users)), count_B)
    return np.arange(ends_B[-1]) + (starts_U[users] - (ends_B - count_B))[row], row
