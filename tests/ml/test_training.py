"""A training: the same on any number of ranks, after a break, and twice; it says so when it fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import command

from ml import checkpoint
from ml.batches import GROUP, epoch_steps
from ml.cli import DataError, UsageError
from ml.config import Config
from ml.ranks import Ranks
from ml.snapshot import Snapshot
from ml.train import Trainer

ALONE = Ranks(0, 1, torch.device("cpu"))


def fitted(snapshot: Snapshot, config: Config, until: int | None = None) -> Trainer:
    trainer = Trainer.of(snapshot, config, ALONE)
    trainer.fit(until or config.train.epochs, report=lambda row: None, advance=lambda epoch: None)
    return trainer


def losses(trainer: Trainer) -> list[float]:
    return [row["loss"] for row in trainer.history]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint.path_in(folder), weights_only=True)["model"]


def test_same_seed_same_bits_and_a_break_changes_nothing(frozen: Snapshot, debug: Config) -> None:
    config = debug.model_copy(update={"model": debug.model.model_copy(update={"dropout": 0.2})})
    whole = losses(fitted(frozen, config))
    undisturbed = weights(frozen.folder)
    shutil.rmtree(frozen.folder / "checkpoints")
    fitted(frozen, config, until=1)
    resumed = fitted(frozen, config)
    assert losses(resumed) == whole
    assert whole[1] < whole[0]
    for name, weight in weights(frozen.folder).items():
        assert torch.equal(weight, undisturbed[name]), name


def test_two_ranks_learn_what_one_does(frozen: Snapshot, debug: Config, tracking: str) -> None:
    """61 users make the last step uneven: one rank has a user more, and it must end."""
    alone = fitted(frozen, debug)
    one = weights(frozen.folder)
    shutil.rmtree(frozen.folder / "checkpoints")
    words = (
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        2,
        "-m",
        "ml.train",
        "--snapshot",
        frozen.folder,
    )
    done = command(*words, MLFLOW_TRACKING_URI=tracking)
    assert done.returncode == 0, done.stderr
    two = torch.load(checkpoint.path_in(frozen.folder), weights_only=True)
    assert [row["loss"] for row in two["history"]] == pytest.approx(losses(alone), abs=1e-4)
    for name, weight in two["model"].items():
        torch.testing.assert_close(weight, one[name], atol=1e-4, rtol=1e-3, msg=name)


def test_every_user_once_an_epoch_and_even_ranks(debug: Config) -> None:
    lengths = np.sort(np.random.default_rng(0).integers(0, 60, 103))[::-1]
    for epoch in range(3):
        steps = list(epoch_steps(lengths, np.zeros(502, np.float32), debug, epoch))
        seen = np.concatenate([step.users for step in steps])
        assert sorted(seen) == list(range((lengths > 0).sum()))
        for step in steps:
            sizes = [len(step.of_rank(rank, 3)[0]) for rank in range(3)]
            assert max(sizes) - min(sizes) <= debug.train.batch_users // GROUP  # a group is 8 users, 3 ranks: 3, 3, 2
            assert (step.starts + step.lengths <= lengths[step.users]).all()


def test_a_loss_that_is_no_number_keeps_the_last_checkpoint(frozen: Snapshot, debug: Config) -> None:
    trainer = fitted(frozen, debug, until=1)
    with torch.no_grad():
        trainer.model.bos_D.fill_(float("nan"))
    with pytest.raises(DataError, match="expected a finite gradient, found nan in epoch 2"):
        trainer.fit(2, report=lambda row: None, advance=lambda epoch: None)
    assert all(torch.isfinite(weight).all() for weight in weights(frozen.folder).values())


def test_a_checkpoint_of_other_settings_is_refused(frozen: Snapshot, debug: Config) -> None:
    fitted(frozen, debug, until=1)
    with pytest.raises(UsageError, match=r"train.seed: wanted 8, found 7"):
        Trainer.of(frozen, debug.with_train(seed=8), ALONE)
