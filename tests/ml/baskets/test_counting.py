"""Reading, judging and counting baskets, by hand on four shoppers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ml.baskets import counting, protocol, visits
from ml.baskets.visits import Baskets
from ml.common.cli import DataError, UsageError

HISTORY = {
    "ann": [[-1], ["tea"], ["tea", "milk"], ["bread"], [-1]],
    "bob": [[-1], ["milk"], ["bread"], [-1]],
    "eve": [[-1], ["milk", "rye"], [-1]],
    "tom": [[-1], ["soap"], ["soap"], [-1]],
}
FUTURE = {"ann": [[-1], ["tea", "jam"], [-1]], "bob": [[-1], ["milk"], [-1]], "eve": [[-1], ["bread"], [-1]]}


def written(folder: Path, history: object = HISTORY, future: object = FUTURE) -> list[Path]:
    files = [folder / "history.json", folder / "future.json"]
    for file, value in zip(files, (history, future), strict=True):
        file.write_text(json.dumps(value), encoding="utf-8")
    return files


@pytest.fixture
def baskets(tmp_path: Path) -> Baskets:
    return visits.read(*written(tmp_path))


def row(baskets: Baskets, scores_I: np.ndarray) -> dict[str, float]:
    """The scores of products that have one, by name."""
    return {name: round(float(scores_I[place]), 4) for place, name in enumerate(baskets.names) if scores_I[place]}


def test_a_cut_knows_what_is_older_than_the_basket_that_it_asks_for(baskets: Baskets) -> None:
    assert baskets.asked(0).tolist() == [0, 1, 2]  # tom's next basket is not told
    assert baskets.asked(1).tolist() == [0, 1, 3]  # eve has nothing before her only basket
    known_UI = baskets.counted(1, np.ones(9)).toarray()
    assert row(baskets, known_UI[0]) == {"tea": 2, "milk": 1}
    assert row(baskets, baskets.told(1).toarray()[0]) == {"bread": 1}
    newest_UI = baskets.counted(0, np.array([1, 0.5])).toarray()
    assert row(baskets, newest_UI[0]) == {"bread": 1, "tea": 0.5, "milk": 0.5}


def test_products_are_numbered_in_an_order_that_says_nothing(tmp_path: Path) -> None:
    history = {str(user): [[3 * user], [3 * user], [3 * user + 1]] for user in range(40)}
    future = {str(user): [[3 * user + 2]] for user in range(40)}
    baskets = visits.read(*written(tmp_path, history, future))
    assert len(baskets.names) == 120
    told_N = baskets.item_E[baskets.age_E == 0]
    assert (told_N == baskets.item_E[baskets.age_E == 1] + 1).sum() < 5


def test_judged_as_a_whole_and_by_repeats_and_new_products(baskets: Baskets) -> None:
    baskets_of = {"ann": ["jam", "soap"], "bob": ["milk"], "eve": ["soap"]}
    place = {name: index for index, name in enumerate(baskets.names)}

    def scorer(users: np.ndarray) -> np.ndarray:
        scores_BI = np.zeros((len(users), len(place)))
        for scores_I, user in zip(scores_BI, users, strict=True):
            for score, name in enumerate(reversed(baskets_of[["ann", "bob", "eve"][user]]), start=1):
                scores_I[place[name]] = score
        return scores_BI

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "TOP", 1)
        means = protocol.judge(baskets, 0, baskets.asked(0), scorer)
    # ann: jam of tea and jam; bob: milk; eve: nothing.
    assert means["recall@1"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert means["hit@1"] == means["ndcg@1"] == pytest.approx(2 / 3)
    assert means["repeats"] == {"recall@1": 0.5, "ndcg@1": 0.5, "hit@1": 0.5, "users": 2}  # tea, milk
    assert means["new"] == {"recall@1": 0.5, "ndcg@1": 0.5, "hit@1": 0.5, "users": 2}  # jam, bread


def test_of_equal_scores_the_popular_product_comes_first(baskets: Baskets) -> None:
    scorer = counting.popular(baskets, 0)
    listed = baskets.names[protocol.lists(baskets, 0, np.array([0]), scorer)[0]]
    assert listed[0] == "milk"  # of ann, bob and eve
    assert listed[-1] == "jam"  # nobody's yet


def test_tifu_counts_fade_inside_and_between_groups_of_visits(baskets: Baskets) -> None:
    vectors = counting.Tifu(0.5, 0.1, 2, 1, 0.5).vectors(baskets, 0).toarray()
    # ann, newest first: bread 1, tea and milk 0.5 | tea 0.1; two groups of two.
    assert row(baskets, vectors[0]) == {"bread": 0.25, "milk": 0.125, "tea": 0.15}
    near = counting.Tifu(0.5, 0.1, 2, 1, 0.5).near(baskets.counted(0, np.ones(3)), np.array([1]))[0]
    assert row(baskets, near) == {"milk": 1, "rye": 1}  # eve's: sqrt 2 from bob, ann is sqrt 4
    alone = counting.Tifu(0.5, 0.1, 2, 2, 0.5).near(baskets.counted(0, np.ones(3)), np.array([3]))[0]
    assert row(baskets, alone) == {}  # nobody shares tom's soap, however little is known of them


def test_up_cf_sums_the_newest_baskets_of_alike_users(baskets: Baskets) -> None:
    scores = counting.UpCf(recency=1, power=1, asymmetry=0.5).scorer(baskets, 0)(np.array([1]))[0]
    # bob has two products: ann shares both of her three, eve one of her two.
    assert row(baskets, scores) == {"bread": round(1 + 2 / 6**0.5, 4), "milk": 0.5, "rye": 0.5}


def test_mistakes_in_the_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="found none"):
        visits.read(tmp_path / "a.json", tmp_path / "b.json")
    with pytest.raises(DataError, match="expected one basket, the next, found 2"):
        visits.read(*written(tmp_path, future={"ann": [["tea"], ["jam"]]}))
    with pytest.raises(DataError, match="user ann: expected a list of baskets"):
        visits.read(*written(tmp_path, history={"ann": "tea"}))
    with pytest.raises(DataError, match="expected users with three baskets"):
        visits.read(*written(tmp_path, history={"ann": [["tea"]]}))
