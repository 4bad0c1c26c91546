"""Suggests products as of a day: learns the ranking from the days before it, then ranks candidates of any users.

Legend: U users, K suggestions.
"""

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
from ml.common.hashing import first_by_hash
from ml.data.consents import refusing, without
from ml.data.sequences import DATED_COLUMNS, Sequences, midnight, pack, purchase_id
from ml.suggest.candidates import INPUTS, Pairs, World, pairs
from ml.suggest.history import Cells, bought_between
from ml.suggest.neighbours import ItemNeighbours
from ml.suggest.ranker import Ranker, first, ordinal
from ml.suggest.settings import RecommendConfig
from ml.suggest.shelf import Products, Sales, Shelf, untried
from ml.transformer.encoder import Encoder

WINDOWS = (28, 7)  # days that the ranking is learned from: the first that enough was bought in
DAMP = 0.4  # of the popularity of what is bought together
BLOCK_USERS = 256  # scores of a block: users x eligible products


@dataclass(frozen=True)
class Suggestions:
    """Of a block of users (their indices), with what they did and their candidates.

    kept_K: the suggested pairs, by user and rank. rank_K: from 1. score_K: nan where nothing was learned.
    """

    users: np.ndarray
    cells: Cells
    pairs: Pairs
    kept_K: np.ndarray
    rank_K: np.ndarray
    score_K: np.ndarray

    def owners(self) -> np.ndarray:
        """Whose each suggestion is (K)."""
        return self.users[self.pairs.user_P[self.kept_K]]

    def places(self) -> np.ndarray:
        """Place of each suggestion (K) among the eligible."""
        return self.pairs.place_P[self.kept_K]


@dataclass(frozen=True)
class Recommender:
    """What suggests products as of ds."""

    encoder: Encoder
    config: RecommendConfig
    world: World
    ranker: Ranker
    ds: datetime.date

    @classmethod
    def fit(cls, warehouse: str, ds: datetime.date, encoder: Encoder, config: RecommendConfig) -> Recommender:
        """Learns the ranking from the days that end at ds; then all that it knows is as of ds."""
        products, sales = shop(warehouse, ds - datetime.timedelta(days=WINDOWS[0]), ds, encoder, config)
        sample = read_sample(warehouse, ds, encoder, max(config.learn_users, config.neighbour_users))
        learners = sample.part(np.arange(min(config.learn_users, len(sample))))
        for days in WINDOWS:
            then = ds - datetime.timedelta(days=days)
            past = world(products, sales, then, sample, encoder, config)
            values, truth = [np.zeros((0, len(INPUTS)), np.float32)], [np.zeros(0, bool)]
            for users, candidates in candidates_then(past, encoder, learners, then, config):
                values.append(candidates.values_PJ)
                truth.append(_bought(learners.part(users), candidates, past, encoder, then, ds))
            ranker = Ranker.fit(np.concatenate(values), np.concatenate(truth), days, config)
            if ranker.forest:
                break
        now = world(products, sales, ds, sample, encoder, config, explore=config.exploring > 0)
        return cls(encoder, config, now, ranker, ds)

    def suggest(self, sequences: Sequences, states_UD: np.ndarray) -> Iterator[Suggestions]:
        """By blocks of users. sequences: as of ds; states_UD: after them."""
        for users in blocks(len(sequences)):
            cells = cells_as_of(sequences.part(users), self.ds, self.encoder, self.config)
            space_U = self.world.products.spaces.of(sequences.part(users).user_ids)
            exploring = self.config.exploring
            candidates = pairs(self.world, states_UD[users], cells, self.config.candidates, space_U, exploring)
            score, untried_P = self.ranker.score(candidates), self.world.shelf.untried_E[candidates.place_P]
            kept, rank = first(candidates, score, self._category(candidates.place_P), untried_P, self.config)
            yield Suggestions(users, cells, candidates, kept, rank, score[kept])

    def popular(self, space: int = 0) -> np.ndarray:
        """Places among the eligible of what is suggested in a namespace where nothing is known, most popular first."""
        places = self.world.popular(space, len(self.world.shelf))
        if self.config.per_category:
            places = places[ordinal(self._category(places)) < self.config.per_category]
        return places[: self.config.top]

    def _category(self, places: np.ndarray) -> np.ndarray:
        return self.world.products.category_I[self.world.shelf.items_E[places]]


def blocks(users: int) -> list[np.ndarray]:
    """Indices of the users, BLOCK_USERS or fewer at a time."""
    return np.array_split(np.arange(users), max(1, -(-users // BLOCK_USERS))) if users else []


def read_sample(warehouse: str, ds: datetime.date, encoder: Encoder, most: int) -> Sequences:
    """Sequences as of ds of at most `most` users, the first by a stable hash, in that order."""
    opened = lake.open_table(USER_SEQUENCES, warehouse)
    ids = lake.read(opened, ["user_id"], ds)["user_id"].combine_chunks()
    ids = without(ids, refusing(warehouse, "training"))
    if not len(ids):
        raise DataError(
            f"expected rows of {USER_SEQUENCES.full_name} at ds={ds}, found none; run `python -m jobs sequences`"
        )
    ids = ids.take(pc.array_sort_indices(ids))
    keep = ids.take(pa.array(first_by_hash(ids, most)))
    return pack(lake.read_batches(opened, DATED_COLUMNS, ds), encoder.catalogue, encoder.vocabularies, keep)


def shop(
    warehouse: str, first_day: datetime.date, ds: datetime.date, encoder: Encoder, config: RecommendConfig
) -> tuple[Products, Sales]:
    """The products in the order of the catalogue, and the sales that tell the shelf of any day from first_day to ds."""
    ids, back = encoder.catalogue.product_ids, max(config.eligible.sold_within_days, int(6 * config.half_life_days))
    products = Products.read(warehouse, ids, config.eligible)
    return products, Sales.read(warehouse, first_day - datetime.timedelta(days=back - 1), ds, products)


def cells_as_of(sequences: Sequences, ds: datetime.date, encoder: Encoder, config: RecommendConfig) -> Cells:
    """What users did up to the end of ds with the products of the catalogue."""
    moment, products = midnight(ds), len(encoder.catalogue.product_ids)
    lengths, purchase = sequences.lengths_until(ds), purchase_id(encoder.vocabularies)
    return Cells.of(sequences, lengths, moment, purchase, products, config.half_life_days)


def world(
    products: Products, sales: Sales, ds: datetime.date, sample: Sequences, encoder: Encoder, config: RecommendConfig,
    explore: bool = False,
) -> World:  # fmt: skip
    """What does not depend on the user as of ds, from the events of the sample up to then. explore: with products on
    the shelf that nobody bought yet.
    """
    cells = cells_as_of(sample, ds, encoder, config)
    bought = cells.part((cells.bought_N > 0) | sales.looked_I[cells.item_N])
    held = bought.matrix(np.ones(len(bought.item_N), np.float32), len(products))
    new = untried(products, sales, ds, np.isin(np.arange(len(products)), bought.item_N)) if explore else None
    shelf = Shelf.of(products, sales, ds, config.eligible.sold_within_days, config.half_life_days, new)
    near = ItemNeighbours.of(held, shelf.places(len(products)), len(shelf), config.neighbours, DAMP)
    return World.of(products, shelf, sales.looked_I, near, cells, encoder)


def candidates_then(
    past: World, encoder: Encoder, sequences: Sequences, then: datetime.date, config: RecommendConfig
) -> Iterator[tuple[np.ndarray, Pairs]]:
    """By blocks: users who had done something by the end of `then`, and their candidates as of then."""
    lengths = sequences.lengths_until(then)
    active = np.flatnonzero(lengths > 0)
    for users in (active[block] for block in blocks(len(active))):
        part = sequences.part(users)
        cells = cells_as_of(part, then, encoder, config)
        space_U = past.products.spaces.of(part.user_ids)
        yield users, pairs(past, encoder.states(part, lengths[users]), cells, config.candidates, space_U)


def _bought(
    sequences: Sequences, candidates: Pairs, past: World, encoder: Encoder, then: datetime.date, ds: datetime.date
) -> np.ndarray:
    """Whether the user of each pair bought the product after `then`, up to ds; looked at it, where nobody buys."""
    products, purchase = len(past.products), purchase_id(encoder.vocabularies)
    user, item = bought_between(sequences, then, ds, purchase, past.looked_I)
    code_P = candidates.user_P * products + past.shelf.items_E[candidates.place_P]
    return np.isin(code_P, user * products + item)
