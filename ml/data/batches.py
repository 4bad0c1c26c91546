"""Which users make a step: composed by a seed over all ranks, then dealt out, so that their number is no matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ml.common.hashing import mixed
from ml.common.model_settings import Config, TrainConfig
from ml.data.vocabulary import FIRST

UNEVEN = 1.1  # events of the rank with most to their mean, up to which ranks hold whole row groups
GROUP = 8  # neighbours by length that stay together, so that ranks get equal shares; even a step of 32 mixes four


@dataclass(frozen=True)
class Step:
    """One step of all ranks: places of users in the snapshot's order, the window of each, and the shared negatives.

    keys: uint64, what a user's events at one time are shuffled by. negatives: None where the softmax goes over all
    products. correction: float32, -log(expected draws) of each negative, added to its logits.
    """

    users: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    keys: np.ndarray
    negatives: np.ndarray | None
    correction: np.ndarray | None

    def of_rank(self, place_U: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """A rank's users, as places in its own share (see `places`), with starts, lengths and keys; may be empty."""
        place = place_U[self.users]
        mine = place >= 0
        return place[mine], self.starts[mine], self.lengths[mine], self.keys[mine]


def owners(part_U: np.ndarray, train_events: np.ndarray, world: int) -> np.ndarray:
    """Rank (U) that holds each user.

    part_U: row group of gold.user_sequences that a user lies in. Whole row groups go to ranks, the largest first and
    each to the rank with the fewest events so far, so that a rank reads its own alone. Where they cannot be dealt out
    evenly (few of them), every world-th user in the order of users, and each rank reads all row groups.
    """
    events_G = np.bincount(part_U, weights=train_events)
    rank_G, load = np.zeros(len(events_G), np.int64), np.zeros(world)
    for part in np.argsort(-events_G, kind="stable"):
        rank_G[part] = np.argmin(load)
        load[rank_G[part]] += events_G[part]
    if len(part_U) and load.max() <= UNEVEN * load.mean():
        return rank_G[part_U]
    return np.arange(len(part_U)) % world


def places(owner_U: np.ndarray, rank: int) -> np.ndarray:
    """Place (U) of each user in the rank's share, which keeps the order of the users; -1 for another rank's."""
    mine = owner_U == rank
    return np.where(mine, np.cumsum(mine) - 1, -1)


def step_count(train_events: np.ndarray, config: Config) -> int:
    """The most steps that an epoch can have."""
    groups = -(-int((train_events > 0).sum()) // GROUP) + 1
    return -(-groups // _groups_a_step(config.train))


def _groups_a_step(train: TrainConfig) -> int:
    return max(1, train.batch_users // GROUP)


def epoch_steps(train_events: np.ndarray, log_count_I: np.ndarray, config: Config, epoch: int) -> Iterator[Step]:
    """Steps of one epoch, in an order drawn from (seed, epoch); none without products: the next one is what is learned.

    train_events: events of each user in the training part, longest first. log_count_I: of the catalogue's rows.
    A step is a draw of groups of neighbours in that order, so that it mixes all lengths and each rank has about an
    equal share of its users and events (where it holds every world-th user, a really equal one). Each epoch moves the
    borders of the groups and reads another window of a user whose history is longer than the model's input.
    """
    train, random = config.train, np.random.default_rng([config.train.seed, epoch])
    lengths = train_events[: np.count_nonzero(train_events)].astype(np.int32, copy=False)
    kept = np.minimum(lengths, config.model.max_len, dtype=np.int32)
    starts = np.floor(random.random(len(lengths)) * (lengths - kept + 1)).astype(np.int32)
    edges = np.concatenate([[0], np.arange(random.integers(1, GROUP + 1), len(lengths), GROUP), [len(lengths)]])
    if len(log_count_I) <= FIRST:
        return
    (key,) = np.random.SeedSequence([train.seed, epoch]).generate_state(1, np.uint64)
    draw = Negatives.of(log_count_I[FIRST:].astype(np.float64), train)
    size, order = _groups_a_step(train), random.permutation(len(edges) - 1)
    for first in range(0, len(order), size):
        groups = np.sort(order[first : first + size])
        users = np.concatenate([np.arange(edges[group], edges[group + 1]) for group in groups])
        keys = mixed(key + users.astype(np.uint64))
        yield Step(users, starts[users], kept[users], keys, *draw(random))


@dataclass(frozen=True)
class Negatives:
    """What the softmax of a step goes over: all products (chance_I is None), or some that are drawn.

    Half of them by popularity: uniform draws alone hardly ever meet the products that make up most of the partition
    function. up_to_I: the sum of the chances of a product and those before it, so that a draw is a search.
    """

    count: int
    chance_I: np.ndarray | None = None
    up_to_I: np.ndarray | None = None

    @classmethod
    def of(cls, log_count_I: np.ndarray, train: TrainConfig) -> Negatives:
        """log_count_I: of the products."""
        if len(log_count_I) <= train.full_softmax_below:
            return cls(train.negatives)
        sold_I = np.exp(log_count_I)
        chance_I = 0.5 / len(sold_I) + 0.5 * sold_I / sold_I.sum()
        up_to_I = np.cumsum(chance_I)
        return cls(train.negatives, chance_I, up_to_I / up_to_I[-1])

    def __call__(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
        """Rows of the catalogue, and their correction."""
        if self.chance_I is None:
            return None, None
        drawn = self.up_to_I.searchsorted(random.random(self.count), side="right")
        return FIRST + drawn, -np.log(self.count * self.chance_I[drawn]).astype(np.float32)
