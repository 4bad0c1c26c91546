"""Which users make a step: composed by a seed over all ranks, then dealt out, so that their number is no matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ml.catalogue import FIRST
from ml.config import Config


@dataclass(frozen=True)
class Step:
    """One step of all ranks: places of users in the snapshot's order, the window of each, and the shared negatives."""

    users: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    negatives: np.ndarray

    def of_rank(self, rank: int, world: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The rank's users, as places in its own share (every world-th user), with starts and lengths; may be empty."""
        mine = self.users % world == rank
        return self.users[mine] // world, self.starts[mine], self.lengths[mine]


def step_count(train_events: np.ndarray, config: Config) -> int:
    """The most steps that an epoch can have."""
    return -(-int((train_events > 0).sum()) // config.train.batch_users) + 1


def epoch_steps(train_events: np.ndarray, products: int, config: Config, epoch: int) -> Iterator[Step]:
    """Steps of one epoch, in an order drawn from (seed, epoch).

    train_events: events of each user in the training part, longest first. A step is a run of neighbours in that order:
    of similar length, and with equally many users of each rank (a rank owns every world-th user) up to one. Each epoch
    moves the borders of the runs and reads another window of a user whose history is longer than the model's input.
    """
    train, random = config.train, np.random.default_rng([config.train.seed, epoch])
    lengths = train_events[train_events > 0].astype(np.int64)
    kept = np.minimum(lengths, config.model.max_len)
    starts = np.floor(random.random(len(lengths)) * (lengths - kept + 1)).astype(np.int64)
    borders = np.arange(random.integers(train.batch_users), len(lengths), train.batch_users)
    runs = [run for run in np.split(np.arange(len(lengths)), borders) if len(run)]
    for index in random.permutation(len(runs)):
        users = runs[index]
        if products <= train.full_softmax_below:
            negatives = np.arange(FIRST, FIRST + products)
        else:
            negatives = random.integers(FIRST, FIRST + products, train.negatives)
        yield Step(users, starts[users], kept[users], negatives)
