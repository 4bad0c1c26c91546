"""The usual segmentations where there is little to group by, and a tree that learned from the weeks before."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from ml.data.outcomes import Outcomes
from ml.data.value_windows import COLUMNS
from ml.judge import rival_segmentations
from ml.judge.rival_segmentations import Known, supervised_tree
from ml.measures.segment_value import value

USERS = 200
FOLD = np.arange(USERS) % 5


def features(orders: np.ndarray) -> pa.Table:
    """Everything that is counted is as many as the orders; who has none never bought."""
    recency = np.where(orders > 0, 30 - orders, np.nan)
    columns = {name: recency if name.startswith("recency") else orders.astype(float) for name in COLUMNS}
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})


def outcomes(bought: np.ndarray, lines_UC: np.ndarray) -> Outcomes:
    names = [f"c{k}" for k in range(lines_UC.shape[1])]
    first = np.where(bought, 3.0, np.nan)
    return Outcomes(10.0 * bought, bought.astype(int), first, csr_matrix(lines_UC.astype(float)), names)


@pytest.mark.parametrize("categories", [0, 1, 2])
@pytest.mark.parametrize("buying", [True, False])
def test_a_shop_of_few_categories_or_buyers_is_grouped_all_the_same(categories: int, buying: bool) -> None:
    orders = np.arange(USERS) % 9 * buying
    lines = np.tile(orders[:, None], categories)
    known = Known(features(orders), csr_matrix(lines.astype(float)), [f"c{k}" for k in range(categories)])
    truth = outcomes((orders > 4) & (FOLD > 1), lines * (orders > 4)[:, None])
    found = dict(rival_segmentations.all_of(known.features, known.lines_UC, np.arange(USERS), 7))
    found["tree"] = supervised_tree(known, known, truth, 4, 7)
    assert len(found) == 10
    for labels in found.values():
        assert len(labels) == USERS
        assert value(labels, truth, FOLD).bits >= 0 or categories == 2


def test_a_tree_has_as_many_leaves_and_finds_what_decides() -> None:
    """Who ordered five times or more buys again; categories of another day stand in another order."""
    orders, kind = np.arange(USERS) % 9, np.arange(USERS) // 9 % 2
    lines = np.stack([orders * (kind == 0), orders * (kind == 1)], axis=1)
    then = Known(features(orders), csr_matrix(lines.astype(float)), ["bread", "milk"])
    now = Known(features(orders), csr_matrix(lines[:, ::-1].astype(float)), ["milk", "bread"])
    truth = outcomes(orders >= 5, lines * (orders >= 5)[:, None])
    truth.categories[:] = ["bread", "milk"]
    leaves = supervised_tree(now, then, truth, 3, 7)
    assert len(set(leaves)) == 3
    assert not set(leaves[orders < 5]) & set(leaves[orders >= 5])
    assert set(leaves[(orders >= 5) & (kind == 0)]) != set(leaves[(orders >= 5) & (kind == 1)])
