"""Suggests products as of a day: learns the ranking from the days before it, then ranks candidates of any users."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import USER_SEQUENCES
from ml.common import lake
from ml.common.cli import DataError
from ml.common.hashing import stable_hash
from ml.data.sequences import SEQUENCE_COLUMNS, Sequences, midnight, pack
from ml.suggest.candidates import BLOCK_USERS, INPUTS, Pairs, World, pairs
from ml.suggest.history import Cells, bought_between, purchase_id
from ml.suggest.neighbours import Neighbours
from ml.suggest.ranker import Ranker, first, ordinal
from ml.suggest.settings import RecommendConfig
from ml.suggest.shelf import Products, Sales, Shelf
from ml.transformer.encoder import Encoder

WINDOWS = (28, 7)  # days that the ranking is learned from: the first that enough was bought in
DAMP = 0.4  # of the popularity of what is bought together


@dataclass(frozen=True)
class Recommender:
    """What suggests products as of ds."""

    encoder: Encoder
    config: RecommendConfig
    world: World
    ranker: Ranker
    moment: int

    @classmethod
    def fit(cls, warehouse: str, ds: datetime.date, encoder: Encoder, config: RecommendConfig) -> Recommender:
        """Learns the ranking from the days that end at ds; then all that it knows is as of ds."""
        products, sales = shop(warehouse, ds - datetime.timedelta(days=WINDOWS[0]), ds, encoder, config)
        sample = read_sample(warehouse, ds, encoder, max(config.learn_users, config.neighbour_users))
        learners = first_users(sample, config.learn_users)
        for days in WINDOWS:
            then = ds - datetime.timedelta(days=days)
            past = world(products, sales, then, sample, encoder, config)
            parts = list(known(past, encoder, learners, then, config))
            values = [np.zeros((0, len(INPUTS)), np.float32), *(found.values_PJ for _, found in parts)]
            bought = (_bought(learners, users, found, past, encoder, then, ds) for users, found in parts)
            truth = np.concatenate([np.zeros(0, bool), *bought])
            ranker = Ranker.fit(np.concatenate(values), truth, days, config)
            if ranker.forest:
                break
        return cls(encoder, config, world(products, sales, ds, sample, encoder, config), ranker, midnight(ds))

    def suggest(self, sequences: Sequences, states_UD: np.ndarray) -> Iterator[tuple[np.ndarray, Cells, Pairs, tuple]]:
        """By blocks: the users (indices), their cells and candidates, and (indices of pairs, ranks, scores)."""
        purchase = purchase_id(self.encoder.vocabularies)
        for users in blocks(len(sequences)):
            part = sequences.part(users)
            cells = Cells.of(part, np.diff(part.offsets), self.moment, purchase, len(self.world.products),
                             self.config.half_life_days)  # fmt: skip
            found = pairs(self.world, states_UD[users], cells, self.config.candidates)
            score = self.ranker.score(found)
            category = self.world.products.category_I[self.world.shelf.items_E[found.place_P]]
            rows, rank = first(found, score, category, self.config)
            yield users, cells, found, (rows, rank, score[rows])

    def popular(self) -> np.ndarray:
        """Places among the eligible of what is suggested where nothing is known, most popular first."""
        places = self.world.shelf.first(len(self.world.shelf))
        if self.config.per_category:
            category = self.world.products.category_I[self.world.shelf.items_E[places]]
            places = places[ordinal(category) < self.config.per_category]
        return places[: self.config.top]


def blocks(users: int) -> list[np.ndarray]:
    return np.array_split(np.arange(users), max(1, -(-users // BLOCK_USERS))) if users else []


def read_sample(warehouse: str, ds: datetime.date, encoder: Encoder, most: int) -> Sequences:
    """Sequences as of ds of at most `most` users, the first by a stable hash, in that order."""
    opened = lake.open_table(USER_SEQUENCES, warehouse)
    ids = lake.read(opened, ["user_id"], ds)["user_id"].combine_chunks()
    if not len(ids):
        raise DataError(
            f"expected rows of {USER_SEQUENCES.full_name} at ds={ds}, found none; run `python -m jobs sequences`"
        )
    ids = ids.take(pc.array_sort_indices(ids))
    keep = ids.take(pa.array(np.argsort(stable_hash(ids), kind="stable")[:most]))
    return pack(lake.read_batches(opened, SEQUENCE_COLUMNS, ds), encoder.catalogue, encoder.vocabularies, keep)


def first_users(sequences: Sequences, most: int) -> Sequences:
    return sequences.part(np.arange(min(most, len(sequences))))


def shop(
    warehouse: str, first: datetime.date, ds: datetime.date, encoder: Encoder, config: RecommendConfig
) -> tuple[Products, Sales]:
    """The products in the order of the catalogue, and the sales that tell the shelf of any day from `first` to ds."""
    ids, back = encoder.catalogue.product_ids, max(config.eligible.sold_within_days, int(6 * config.half_life_days))
    sales = Sales.read(warehouse, first - datetime.timedelta(days=back - 1), ds, ids)
    return Products.read(warehouse, ids, config.eligible), sales


def world(
    products: Products, sales: Sales, ds: datetime.date, sample: Sequences, encoder: Encoder, config: RecommendConfig
) -> World:
    """What does not depend on the user as of ds, from the events of the sample up to then."""
    shelf = Shelf.of(products, sales, ds, config.eligible.sold_within_days, config.half_life_days)
    lengths, purchase = sample.lengths_before(midnight(ds)), purchase_id(encoder.vocabularies)
    cells = Cells.of(sample, lengths, midnight(ds), purchase, len(products), config.half_life_days)
    bought = cells.part(cells.bought_N > 0)
    held = bought.matrix(np.ones(len(bought.item_N), np.float32), len(products))
    near = Neighbours.of(held, shelf.places(len(products)), len(shelf), config.neighbours, DAMP)
    return World.of(products, shelf, near, cells, encoder)


def known(
    past: World, encoder: Encoder, sequences: Sequences, then: datetime.date, config: RecommendConfig
) -> Iterator[tuple[np.ndarray, Pairs]]:
    """By blocks: users who had done something by then, and their candidates as of then."""
    lengths, purchase = sequences.lengths_before(midnight(then)), purchase_id(encoder.vocabularies)
    active = np.flatnonzero(lengths > 0)
    for users in (active[block] for block in blocks(len(active))):
        part = sequences.part(users)
        cells = Cells.of(part, lengths[users], midnight(then), purchase, len(past.products), config.half_life_days)
        yield users, pairs(past, encoder.states(part, lengths[users]), cells, config.candidates)


def _bought(
    sequences: Sequences, users: np.ndarray, found: Pairs, past: World, encoder: Encoder, then: datetime.date,
    ds: datetime.date,
) -> np.ndarray:  # fmt: skip
    """Whether the user of each pair bought the product from `then` to ds."""
    products = len(past.products)
    user, item = bought_between(
        sequences.part(users), midnight(then), midnight(ds), purchase_id(encoder.vocabularies), products
    )
    return np.isin(found.user_P * products + past.shelf.items_E[found.place_P], user * products + item)
