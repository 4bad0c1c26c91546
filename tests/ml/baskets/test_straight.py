"""The sum of columns that the model starts from."""

from __future__ import annotations

import numpy as np
import torch

from ml.baskets import straight
from ml.baskets.pairs import COLUMNS, Pairs


def test_a_column_that_tells_weighs_more_for_the_kind_that_it_tells_of() -> None:
    """Each user has one product of two, the other one is proposed; what he has is bought where `since` is low."""
    users, random = 400, np.random.default_rng(1)
    columns_NF = np.zeros((2 * users, len(COLUMNS)), np.float16)
    columns_NF[::2, COLUMNS.index("had")] = 1
    since_U = random.integers(0, 2, users)
    columns_NF[::2, COLUMNS.index("since")] = columns_NF[1::2, COLUMNS.index("since")] = since_U
    told_N = np.zeros(2 * users, bool)
    told_N[::2], told_N[1::2] = since_U == 0, since_U == 1
    pairs = Pairs(np.repeat(np.arange(users), 2), np.tile([0, 1], users), columns_NF, told_N)
    mean_F, spread_F = np.zeros(len(COLUMNS), np.float32), np.ones(len(COLUMNS), np.float32)
    weight_G = straight.fit([(pairs, np.ones(users))], np.zeros(3, np.float32), mean_F, spread_F)
    logit_UK = (straight.apart(torch.from_numpy(columns_NF).float(), torch.tensor([1.0, 0.0] * users)) @ weight_G).view(
        -1, 2
    )
    assert ((logit_UK[:, 0] > logit_UK[:, 1]).numpy() == (since_U == 0)).all()
    again = straight.fit([(pairs, np.ones(users))], np.zeros(3, np.float32), mean_F, spread_F)
    assert torch.equal(weight_G, again)
