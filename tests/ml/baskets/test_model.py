"""The model of visits, on shoppers that were made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ml.baskets import pairs, training, visits
from ml.baskets.counting import Tifu
from ml.baskets.model import Positions
from ml.baskets.pairs import Pairs
from ml.baskets.visits import Baskets
from ml.common.model_settings import Config, ModelConfig, TrainConfig
from tests.ml.baskets.test_comparison import shoppers
from tests.ml.baskets.test_counting import written

CONFIG = Config(
    model=ModelConfig(d_model=8, layers=1, heads=2, hidden=16, max_len=4, dropout=0.0),
    train=TrainConfig(epochs=2, batch_users=16, learning_rate=0.01, warmup_steps=2, full_softmax_below=1_000, seed=3),
)


def counted(baskets: Baskets, *cuts: int) -> dict[int, Pairs]:
    tifu = Tifu(0.9, 0.7, 3, 10, 0.5)
    return {cut: pairs.pairs_of(baskets, cut, baskets.asked(cut), tifu) for cut in cuts}


@pytest.fixture
def baskets(tmp_path: Path) -> Baskets:
    return visits.read(*written(tmp_path, *shoppers(40)))


def test_the_loss_is_the_softmax_over_all_products_weighed_as_ndcg_does(baskets: Baskets) -> None:
    found = counted(baskets, 0, 1, 2)
    model, _ = training.train(baskets, found, CONFIG, None, 1, lambda line: None)
    positions, cut, users = Positions(baskets, found, 4), 1, baskets.asked(1)[:7]
    scores_BI = torch.from_numpy(training.scorer_of(model, positions, cut)(users))
    told_BI = torch.from_numpy(baskets.told(cut)[users].toarray())
    best_B1 = torch.where(told_BI.sum(1, keepdim=True) == 1, 1, 1 + 1 / np.log2(3))  # baskets of one and of two
    expected = -(scores_BI.log_softmax(1) * told_BI / best_B1).sum()
    # bfloat16 rounds a logit of 4 by up to 0.016.
    assert model.loss(positions.of(users, [cut])).item() == pytest.approx(expected.item(), abs=0.03 * len(users))


def test_a_state_reads_no_visit_that_the_cut_does_not_know(baskets: Baskets) -> None:
    found = counted(baskets, 0, 1, 2)
    model, _ = training.train(baskets, found, CONFIG, None, 1, lambda line: None)
    users = baskets.asked(2)[:5]
    positions = Positions(baskets, found, 4)
    alone = model.eval()(positions.of(users, [2]))
    together = model.eval()(positions.of(users, [0, 1, 2]))  # later visits are there, for the other cuts
    # The oldest visits drop out of a window of four places; those that keep all agree.
    whole = baskets.visits_U[users] <= 5
    assert whole.any()
    assert torch.allclose(alone[0][whole], together[0][-len(users) :][whole], atol=1e-5)


def test_a_seed_gives_one_training_and_epochs_are_chosen_by_the_figure(baskets: Baskets) -> None:
    found, asked = counted(baskets, 1, 2, 3), baskets.asked(1)
    figures = iter([0.5, 0.4, 0.5, 0.4])

    def valid(scorer: object) -> float:
        return next(figures)

    first, best = training.train(baskets, found, CONFIG, valid, 2, lambda line: None)
    second, _ = training.train(baskets, found, CONFIG, valid, 2, lambda line: None)
    assert best == 1
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    scores = training.scorer_of(first, Positions(baskets, found, 4), 1)(asked[:3])
    assert scores.shape == (3, len(baskets.names))
    assert np.isfinite(scores).all()
