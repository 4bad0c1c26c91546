"""Which users make a step: composed by a seed over all ranks, then dealt out, so that their number is no matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ml.catalogue import FIRST
from ml.config import Config, TrainConfig


@dataclass(frozen=True)
class Step:
    """One step of all ranks: places of users in the snapshot's order, the window of each, and the shared negatives.

    correction: float32, -log(expected draws) of each negative, added to its logits.
    """

    users: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    negatives: np.ndarray
    correction: np.ndarray

    def of_rank(self, rank: int, world: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The rank's users, as places in its own share (every world-th user), with starts and lengths; may be empty."""
        mine = self.users % world == rank
        return self.users[mine] // world, self.starts[mine], self.lengths[mine]


def step_count(train_events: np.ndarray, config: Config) -> int:
    """The most steps that an epoch can have."""
    return -(-int((train_events > 0).sum()) // config.train.batch_users) + 1


def epoch_steps(train_events: np.ndarray, log_count_I: np.ndarray, config: Config, epoch: int) -> Iterator[Step]:
    """Steps of one epoch, in an order drawn from (seed, epoch).

    train_events: events of each user in the training part, longest first. log_count_I: of the catalogue's rows.
    A step is a run of neighbours in that order: of similar length, and with equally many users of each rank (one owns
    every world-th user) up to one. Each epoch moves the borders of the runs and reads another window of a user whose
    history is longer than the model's input.
    """
    train, random = config.train, np.random.default_rng([config.train.seed, epoch])
    lengths = train_events[train_events > 0].astype(np.int64)
    kept = np.minimum(lengths, config.model.max_len)
    starts = np.floor(random.random(len(lengths)) * (lengths - kept + 1)).astype(np.int64)
    borders = np.arange(random.integers(train.batch_users), len(lengths), train.batch_users)
    runs = [run for run in np.split(np.arange(len(lengths)), borders) if len(run)]
    sold_I = np.exp(log_count_I[FIRST:].astype(np.float64))
    # Half by popularity: uniform draws alone hardly ever meet the products that make up most of the partition function.
    chance_I = 0.5 / len(sold_I) + 0.5 * sold_I / sold_I.sum()
    for index in random.permutation(len(runs)):
        users = runs[index]
        yield Step(users, starts[users], kept[users], *_negatives(chance_I, train, random))


def _negatives(chance_I: np.ndarray, train: TrainConfig, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the catalogue and their correction: all products once, or draws by chance."""
    if len(chance_I) <= train.full_softmax_below:
        return np.arange(FIRST, FIRST + len(chance_I)), np.zeros(len(chance_I), np.float32)
    drawn = random.choice(len(chance_I), train.negatives, p=chance_I)
    return FIRST + drawn, -np.log(train.negatives * chance_I[drawn]).astype(np.float32)
