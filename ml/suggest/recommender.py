"""Suggests products as of a day: learns the ranking from the days before it, then ranks candidates of any users.

Legend: U users, K suggestions.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse
from torch import Tensor

from jobs.tables import USER_SEQUENCES
from ml.common import lake
from ml.common.cli import DataError
from ml.common.hashing import first_by_hash
from ml.data.consents import refusing, without
from ml.data.sequences import DATED_COLUMNS, Sequences, midnight, pack, purchase_id
from ml.suggest.candidates import INPUTS, Pairs, World, pairs
from ml.suggest.discovery import Discovery, known
from ml.suggest.history import Cells, bought_between
from ml.suggest.neighbours import ItemNeighbours
from ml.suggest.ranker import Ranker, first, ordinal
from ml.suggest.settings import RecommendConfig
from ml.suggest.shelf import Products, Sales, Shelf, new_products
from ml.transformer.encoder import Encoder

WINDOWS = (28, 7)  # days that the ranking is learned from: the first that enough was bought in
DAMP = 0.4  # of the popularity of what is bought together
BLOCK_USERS = 256  # scores of a block: users x eligible products


@dataclass(frozen=True)
class Suggestions:
    """Of a block of users (their indices), with what they did and their candidates.

    kept_K: the suggested pairs, by user and rank. rank_K: from 1. score_K: nan where nothing was learned. tried_K: in a
    place that is kept for what is new.
    """

    users: np.ndarray
    cells: Cells
    pairs: Pairs
    kept_K: np.ndarray
    rank_K: np.ndarray
    score_K: np.ndarray
    tried_K: np.ndarray

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
    discovery: Discovery
    ds: datetime.date

    @classmethod
    def fit(cls, warehouse: str, ds: datetime.date, encoder: Encoder, config: RecommendConfig) -> Recommender:
        """Learns the ranking from the days that end at ds; then all that it knows is as of ds."""
        return cls.ablated(warehouse, ds, encoder, config, [()])[0]

    @classmethod
    def ablated(
        cls, warehouse: str, ds: datetime.date, encoder: Encoder, config: RecommendConfig,
        without: Iterable[tuple[str, ...]],
    ) -> list[Recommender]:  # fmt: skip
        """The same without some inputs of the ranking, for each of `without`."""
        products, sales = shop(warehouse, ds - datetime.timedelta(days=WINDOWS[0]), ds, encoder, config)
        sample = read_sample(warehouse, ds, encoder, max(config.learn_users, config.neighbour_users))
        learners = sample.part(np.arange(min(config.learn_users, len(sample))))
        for days in WINDOWS:
            then = ds - datetime.timedelta(days=days)
            past = world(products, sales, then, sample, encoder, config)
            learned = Learned.of(past, learners, encoder, then, ds, config)
            values, truth = learned.examples(past, config)
            if truth.sum() >= config.least_purchases:
                break
        now = world(products, sales, ds, sample, encoder, config, explore=config.exploring > 0)
        rankers = [Ranker.fit(values, truth, days, config, names) for names in without]
        return [cls(encoder, config, now, ranker, learned.discovery(), ds) for ranker in rankers]

    def suggest(self, sequences: Sequences, states_UD: np.ndarray) -> Iterator[Suggestions]:
        """By blocks of users. sequences: as of ds; states_UD: after them."""
        for users in blocks(len(sequences)):
            cells = cells_as_of(sequences.part(users), self.ds, self.encoder, self.config)
            space_U = self.world.products.spaces.of(sequences.part(users).user_ids)
            # Some of those he bought, or they have a place among the others.
            new = self.config.exploring + self.config.top if self.config.exploring else 0
            place_I = self.world.shelf.places(len(self.world.products))
            aims_UD = self.discovery.aims(known(states_UD[users], cells, self.world.vectors_ED, place_I))
            wanted = self.config.candidates
            candidates = pairs(self.world, states_UD[users], aims_UD, cells, wanted, space_U, new)
            yield self.ranked(users, cells, candidates)

    def ranked(self, users: np.ndarray, cells: Cells, candidates: Pairs) -> Suggestions:
        """Of a block of users."""
        score, shelf = self.ranker.score(candidates), self.world.shelf
        had = candidates.had(self.world.looked_I[shelf.items_E])
        kept, rank, tried = first(
            candidates, score, had, self._category(candidates.place_P), shelf.sold_E[candidates.place_P],
            shelf.new_E[candidates.place_P], self.config,
        )  # fmt: skip
        return Suggestions(users, cells, candidates, kept, rank, np.where(tried, np.nan, score[kept]), tried)

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
    the shelf that are new in the shop.
    """
    cells = cells_as_of(sample, ds, encoder, config)
    bought = cells.part((cells.bought_N > 0) | sales.looked_I[cells.item_N])
    held = bought.matrix(np.ones(len(bought.item_N), np.float32), len(products))
    new_I = new_products(products, sales, ds, config.new_within_days, config.new_sold) if explore else None
    shelf = Shelf.of(products, sales, ds, config.eligible.sold_within_days, config.half_life_days, new_I)
    near = ItemNeighbours.of(held, shelf.places(len(products)), len(shelf), config.neighbours, DAMP)
    return World.of(products, shelf, sales.looked_I, near, cells, encoder)


@dataclass(frozen=True)
class Learned:
    """What the ranking is learned from: users who had done something by the end of a day, with all as of it, and what
    they bought after it, up to ds.

    bought_UI: 1 where a user bought a product after the day; looked at it, where nobody buys. halves: learned from
    every second user, and from the others.
    """

    sequences: Sequences
    states_UD: np.ndarray
    known_UK: Tensor
    cells: Cells
    bought_UI: sparse.csr_array
    halves: tuple[Discovery, Discovery]

    @classmethod
    def of(
        cls, past: World, sequences: Sequences, encoder: Encoder, then: datetime.date, ds: datetime.date,
        config: RecommendConfig,
    ) -> Learned:  # fmt: skip
        lengths = sequences.lengths_until(then)
        active = np.flatnonzero(lengths > 0)
        sequences, lengths, shape = sequences.part(active), lengths[active], (len(active), len(past.products))
        states, cells = encoder.states(sequences, lengths), cells_as_of(sequences, then, encoder, config)
        bought = bought_between(sequences, then, ds, purchase_id(encoder.vocabularies), past.looked_I)
        bought_UI = sparse.csr_array((np.ones(len(bought[0]), np.float32), bought), shape)
        what_UK = known(states, cells, past.vectors_ED, past.shelf.places(shape[1]))
        had_UI = cells.matrix(np.ones(len(cells.item_N), np.float32), shape[1])
        had_UE, bought_UE = (whole[:, past.shelf.items_E].tocsr() for whole in (had_UI, bought_UI))
        first_UE = (bought_UE - bought_UE.multiply(had_UE)).tocsr()
        halves = [
            Discovery.fit(
                what_UK[half::2], had_UE[half::2], first_UE[half::2], past.vectors_ED, past.shelf.popular_E, config.seed
            )
            for half in (0, 1)
        ]
        return cls(sequences, states, what_UK, cells, bought_UI, (halves[0], halves[1]))

    def discovery(self) -> Discovery:
        return self.halves[0].mean(self.halves[1])

    def examples(self, past: World, config: RecommendConfig) -> tuple[np.ndarray, np.ndarray]:
        """Candidates' inputs (P, J), and whether the user bought the product (P).

        A user's aims are by what the other half of the users bought: by what he then bought himself they would look
        better here than they are tomorrow.
        """
        aims_UD = np.zeros_like(self.states_UD)
        for half in (0, 1):
            aims_UD[half::2] = self.halves[1 - half].aims(self.known_UK[half::2])
        values, truth = [np.zeros((0, len(INPUTS)), np.float32)], [np.zeros(0, bool)]
        for users in blocks(len(self.sequences)):
            cells = self.cells.of_users(users[0], users[-1] + 1)
            space_U = past.products.spaces.of(self.sequences.part(users).user_ids)
            found = pairs(past, self.states_UD[users], aims_UD[users], cells, config.candidates, space_U)
            if len(found.user_P):  # a sparse array gives no row of numbers for no index
                values.append(found.values_PJ)
                truth.append(self.bought_UI[users[found.user_P], past.shelf.items_E[found.place_P]] > 0)
        return np.concatenate(values), np.concatenate(truth)
