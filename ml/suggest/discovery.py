"""What a user is likely to buy for the first time, as a place in the space of the products' vectors.

The model is trained for the next product, which in a shop of repeats is one that the user had. Here a linear map of the
user's state and of the mean of what he buys is learned from products that users bought for the first time in the last
weeks: by a softmax over all that they had not bought, beside how well products sell.

Legend: U users, B of a step, E eligible products, D width, K = 2 D.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse
from torch import Tensor

from ml.suggest.history import Cells

STEPS, STEP_USERS, RATE, DECAY = 50, 128, 0.015, 0.02
LENGTH = 8.0  # of each half of what is mapped: about that of a state


def known(states_UD: np.ndarray, cells: Cells, vectors_ED: Tensor, place_I: np.ndarray) -> Tensor:
    """(U, K): the direction of each user's state, and of the mean vector of the eligible products that he bought."""
    place_N = place_I[cells.item_N]
    held = cells.part(place_N >= 0)
    bought_UE = sparse.csr_array(
        (np.log1p(held.slow_N).astype(np.float32), (held.user_N, place_N[place_N >= 0])), (cells.users, len(vectors_ED))
    )
    mean_UD = bought_UE @ vectors_ED.cpu().numpy()
    halves = [F.normalize(torch.from_numpy(half), dim=1) for half in (states_UD, mean_UD.astype(np.float32))]
    return LENGTH * torch.cat(halves, dim=1)


@dataclass(frozen=True)
class Discovery:
    map_KD: Tensor

    @classmethod
    def fit(
        cls, known_UK: Tensor, had_UE: sparse.csr_array, first_UE: sparse.csr_array, vectors_ED: Tensor,
        popular_E: np.ndarray, seed: int,
    ) -> Discovery:  # fmt: skip
        """had_UE: not 0 where a user had to do with a product before; first_UE: 1 where he bought it then, for the
        first time. All zeros where nobody did.
        """
        map_KD = torch.zeros(known_UK.shape[1], vectors_ED.shape[1], requires_grad=True)
        users = np.flatnonzero(first_UE.sum(axis=1))
        if not len(users):
            return cls(map_KD.detach())
        table_ED, sells_E = F.normalize(vectors_ED.cpu(), dim=1), torch.from_numpy(np.log1p(popular_E)).float()
        optimizer = torch.optim.AdamW([map_KD], lr=RATE, weight_decay=DECAY)
        random = np.random.default_rng(seed)
        for _ in range(STEPS):
            drawn = np.sort(random.choice(users, min(STEP_USERS, len(users)), replace=False))
            scores_BE = torch.addmm(sells_E, known_UK[drawn] @ map_KD, table_ED.T)
            scores_BE[had_UE[drawn].nonzero()] = -torch.inf
            row_N, place_N = (torch.from_numpy(at).long() for at in first_UE[drawn].nonzero())
            likely_N = scores_BE[row_N, place_N] - scores_BE.logsumexp(dim=1)[row_N]
            # One who buys much says more than one who buys little, but not in proportion.
            loss = -(likely_N / torch.bincount(row_N).sqrt()[row_N]).sum() / len(drawn)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return cls(map_KD.detach())

    def mean(self, other: Discovery) -> Discovery:
        return Discovery((self.map_KD + other.map_KD) / 2)

    def aims(self, known_UK: Tensor) -> np.ndarray:
        """(U, D): whose product with a product's direction is how likely a first purchase is, beside how it sells."""
        return (known_UK @ self.map_KD).numpy()


def likeness(aims_UD: np.ndarray, vectors_ED: Tensor, user_P: np.ndarray, place_P: np.ndarray) -> np.ndarray:
    """Of pairs (P). Rounded, as a threshold of the ranking must not depend on how a block was multiplied."""
    table_ED = F.normalize(vectors_ED.cpu(), dim=1).numpy()
    return np.round(np.einsum("pd,pd->p", aims_UD[user_P], table_ED[place_P]), 4)
