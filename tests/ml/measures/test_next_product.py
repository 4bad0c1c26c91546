"""What comes next is all that is bought at one time: no order of it is asked for, and none is learned from."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import torch

from ml.data.catalogue import Catalogue
from ml.data.events import day_number
from ml.data.sequences import Sequences
from ml.data.vocabulary import FIRST, UNKNOWN
from ml.measures.next_product import TOP, HeldOutWeek, _ranks, rank_of, score

CUTOFF = datetime.date(2017, 11, 25)
PRODUCTS = 12


def catalogue() -> Catalogue:
    rows = FIRST + PRODUCTS
    nothing = np.zeros(rows, np.int32)
    return Catalogue(pa.array([f"p{i}" for i in range(PRODUCTS)]), nothing[:, None], nothing, nothing, [""])


def sequences(*users: list[tuple[int, int]]) -> Sequences:
    """Of each user (day after the cutoff, product); a day is one time. Product -1 is unknown."""
    days = np.array([day for events in users for day, _ in events]) + day_number(CUTOFF)
    items = np.array([FIRST + product if product >= 0 else UNKNOWN for events in users for _, product in events])
    offsets = np.concatenate([[0], np.cumsum([len(events) for events in users])])
    names, context = pa.array([f"u{i}" for i in range(len(users))]), np.zeros((len(days), 0), np.uint8)
    return Sequences(names, offsets, days * 86_400, items.astype(np.int32), context, days.astype(np.int32))


def test_all_products_of_the_first_time_are_asked_for_in_any_order() -> None:
    ranking_I = -torch.arange(PRODUCTS, dtype=torch.float64)  # product 0 first
    scored = []
    for basket in ([(1, 3), (1, 0), (1, 11), (1, 3)], [(1, 11), (1, 3), (1, 0), (1, 3)]):
        week = HeldOutWeek.of(sequences([(-9, 5)], [(-2, 7), (0, -1), *basket, (2, 1)]), catalogue(), CUTOFF)
        assert week.users.tolist() == [1]
        assert week.target_T.tolist() == [0, 3, 11]
        scored.append(score(week, lambda users: ranking_I.expand(len(users), -1), catalogue()))
    gain = 1 / np.log2(1 + np.arange(1, 11))
    for found in scored:
        assert found.rank.tolist() == [1]
        np.testing.assert_allclose(found.ndcg, (gain[0] + gain[3]) / gain[:3].sum())


def test_only_ranks_that_count_are_told() -> None:
    scores_BI = torch.randint(0, 6, (40, 30), generator=torch.Generator().manual_seed(2)).double()
    owner_T, target_T = np.repeat(np.arange(40), 3), np.tile([1, 5, 20], 40)
    found = _ranks(owner_T, target_T, scores_BI)
    expected = rank_of(torch.from_numpy(target_T), scores_BI[torch.from_numpy(owner_T)]).numpy()
    told = np.isfinite(found)
    np.testing.assert_array_equal(found[told], expected[told])
    assert 0 < told.mean() < 1
    assert (expected[~told] > TOP).all()
    np.testing.assert_array_equal(found.reshape(40, 3).min(axis=1), expected.reshape(40, 3).min(axis=1))


def test_some_users_of_a_week_are_scored_as_among_all() -> None:
    shop = sequences([(-1, 2), (0, 4)], [(-1, 1)], [(1, 5), (1, 6)], [(-3, 2), (3, 2)])
    whole, some = HeldOutWeek.of(shop, catalogue(), CUTOFF), HeldOutWeek.of_some(shop, catalogue(), CUTOFF, 2)
    assert whole.users.tolist() == [0, 2, 3]
    assert some.sequences.user_ids.to_pylist() == ["u0", "u3"]
    assert some.history.tolist() == [1, 1]
    assert (some.users.tolist(), some.owner_T.tolist(), some.target_T.tolist()) == ([0, 1], [0, 1], [4, 2])
