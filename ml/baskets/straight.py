"""What is counted of a pair, as a sum: a conditional logit by which the model starts.

Where repeats are few, a network that has to find everything in them ends behind this sum, and one that starts from it
ahead. Legend: N pairs, F columns, G of them for repeats and for new products apart, Q asked baskets, I products.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ml.baskets.pairs import COLUMNS, Pairs

_STEPS = 80  # of L-BFGS
_RIDGE = 1e-3
_MOST_PAIRS = 1_500_000


def apart(columns_NF: Tensor, had_N: Tensor) -> Tensor:
    """(N, G): the columns where the user had the product, then where he had not; 0 in the other half."""
    return torch.cat([columns_NF * had_N[:, None], columns_NF * (1 - had_N[:, None])], dim=1)


def fit(
    examples: list[tuple[Pairs, np.ndarray]], log_count_I: np.ndarray, mean_F: np.ndarray, spread_F: np.ndarray
) -> Tensor:
    """Weights (G) of the best softmax over all products, whose logits are the popularity, and for pairs what the
    weights make of their standardised columns. examples: pairs, and the size of the basket of each of their users.
    """
    starts_Q, size_Q, pairs_so_far = [], [], 0
    for pairs, sizes in examples:
        starts_Q.append(pairs_so_far + np.flatnonzero(np.diff(pairs.user_N, prepend=-1)))
        size_Q.append(sizes)
        pairs_so_far += len(pairs.user_N)
    starts, sizes = np.concatenate(starts_Q), np.concatenate(size_Q).astype(np.float32)
    basket_N = np.repeat(np.arange(len(starts)), np.diff(starts, append=pairs_so_far))
    kept_N = basket_N % -(-pairs_so_far // _MOST_PAIRS) == 0

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(pairs, name) for pairs, _ in examples])[kept_N]

    columns_NF = torch.from_numpy(joined("columns_NF").astype(np.float32))
    told_N, item_N = torch.from_numpy(joined("told_N").astype(np.float32)), joined("item_N")
    had_N = columns_NF[:, COLUMNS.index("had")].clone()
    columns_NG = apart((columns_NF - torch.from_numpy(mean_F)) / torch.from_numpy(spread_F), had_N)
    kept_Q, place_N = np.unique(basket_N[kept_N], return_inverse=True)
    basket_N, size_Q = torch.from_numpy(place_N), torch.from_numpy(sizes[kept_Q])
    told_share_N, sold_N = told_N / size_Q[basket_N], torch.from_numpy(np.exp(log_count_I[item_N]))
    sold = float(np.exp(log_count_I).sum())
    weight_G = torch.zeros(columns_NG.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weight_G], max_iter=_STEPS, history_size=10, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        more_N = (columns_NG @ weight_G).clamp(max=30)
        every_Q = torch.full((len(size_Q),), sold).index_add(0, basket_N, sold_N * torch.expm1(more_N))
        total = (every_Q.log().sum() - (more_N * told_share_N).sum()) / len(size_Q) + _RIDGE * weight_G.square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    return weight_G.detach()
