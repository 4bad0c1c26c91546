"""What is counted of pairs, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.baskets import pairs, visits
from ml.baskets.counting import Tifu
from ml.baskets.pairs import COLUMNS, Pairs
from ml.baskets.visits import Baskets
from tests.ml.baskets.test_counting import written

TIFU = Tifu(0.9, 0.7, 3, 2, 0.5)
# ann buys tea every second visit, bob follows bread with jam, as eve does.
HISTORY = {
    "ann": [["tea"], ["milk"], ["tea"], ["milk"], ["tea"], ["milk"]],
    "bob": [["bread"], ["jam"], ["bread"], ["jam"]],
    "eve": [["milk"], ["bread"]],
}
FUTURE = {"ann": [["tea"]], "bob": [["milk"]], "eve": [["jam"]]}


@pytest.fixture
def baskets(tmp_path: Path) -> Baskets:
    return visits.read(*written(tmp_path, HISTORY, FUTURE))


def of(baskets: Baskets, counted: Pairs, user: int, product: str) -> dict[str, float]:
    place = baskets.names.tolist().index(product)
    (found,) = np.flatnonzero((counted.user_N == user) & (counted.item_N == place))
    return dict(zip(COLUMNS, counted.columns_NF[found].tolist(), strict=True)) | {"told": bool(counted.told_N[found])}


def test_a_pair_knows_how_often_how_long_ago_and_its_rhythm(baskets: Baskets) -> None:
    tea = of(baskets, pairs.pairs_of(baskets, 0, baskets.asked(0), TIFU), 0, "tea")
    assert tea["told"]
    assert tea["had"] == 1
    assert np.expm1([tea["times"], tea["since"], tea["gap"], tea["last_gap"]]) == pytest.approx([3, 1, 2, 2], rel=1e-2)
    assert tea["share"] == pytest.approx(3 / 6)
    assert tea["since_to_gap"] == pytest.approx(np.log1p(1 / 2), rel=1e-2)
    assert (tea["of_last_3"], tea["of_last_5"]) == (1, 2)
    assert tea["decayed_9"] == pytest.approx(0.9 + 0.9**3 + 0.9**5, rel=1e-2)


def test_neighbours_propose_what_came_after_in_other_baskets(baskets: Baskets) -> None:
    counted = pairs.pairs_of(baskets, 0, baskets.asked(0), TIFU)
    jam, tea = of(baskets, counted, 2, "jam"), of(baskets, counted, 2, "tea")
    assert jam["told"]
    assert not jam["had"]
    assert jam["after"] > tea["after"]


def test_nothing_of_the_basket_that_is_asked_for_is_counted(tmp_path: Path) -> None:
    counted = []
    for told in ("tea", "jam"):  # ann's last known basket, which the cut 1 asks for
        history = HISTORY | {"ann": [*HISTORY["ann"][:-1], [told]]}
        baskets = visits.read(*written(tmp_path, history, FUTURE))
        counted.append(pairs.pairs_of(baskets, 1, baskets.asked(1), TIFU))
        assert of(baskets, counted[-1], 0, told)["told"]
    assert (counted[0].columns_NF == counted[1].columns_NF).all()


def test_users_of_both_speak_for_what_they_also_have(baskets: Baskets) -> None:
    """Of eve's bread and milk, bob has the bread and ann the milk: jam and tea are spoken for once each."""
    counted = pairs.pairs_of(baskets, 0, baskets.asked(0), TIFU)
    jam, tea, bread = (of(baskets, counted, 2, product) for product in ("jam", "tea", "bread"))
    assert np.expm1([jam["users_of_both"], tea["users_of_both"]]) == pytest.approx([1, 1], rel=1e-2)
    assert bread["users_of_both"] > jam["users_of_both"]
