"""Candidates of users, and what is known of each pair. Legend: U users, E eligible products, P pairs, J inputs.

A source of candidates is an entry of SOURCES, a field of settings.Candidates (how many of it) and a kind of reason
(reasons.KIND_OF_SOURCE). What the ranking learns from is an entry of INPUTS and a value of it in `_inputs`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

from ml.common.arrays import find_sorted
from ml.data.vocabulary import FIRST
from ml.suggest.discovery import likeness
from ml.suggest.history import Cells
from ml.suggest.neighbours import ItemNeighbours
from ml.suggest.settings import Candidates
from ml.suggest.shelf import Products, Shelf
from ml.transformer.encoder import Encoder

INPUTS = ("model", "together", "popular", "bought", "fresh", "slow", "often", "since", "overdue", "seen", "category",
          "rebought", "visits", "lately", "discovery")  # fmt: skip
UNNAMED = np.iinfo(np.int32).max  # rank of a product that a source did not name


@dataclass(frozen=True)
class World:
    """What does not depend on the user, as of a moment.

    rebought_E: of the users who bought a product, the share who bought it again, shrunk to the mean of all; nan where
    nobody of the sample bought it. looked_I: see Sales.
    """

    products: Products
    shelf: Shelf
    looked_I: np.ndarray
    neighbours: ItemNeighbours
    rebought_E: np.ndarray
    vectors_ED: torch.Tensor
    prior_E: torch.Tensor

    @classmethod
    def of(
        cls, products: Products, shelf: Shelf, looked_I: np.ndarray, near: ItemNeighbours, cells: Cells,
        encoder: Encoder,
    ) -> World:  # fmt: skip
        """cells: of the sample of users."""
        rows = torch.from_numpy(FIRST + shelf.items_E).to(encoder.vectors_ID.device)
        place = shelf.places(len(products))[cells.item_N]
        held = (place >= 0) & (cells.bought_N > 0)
        buyers = np.bincount(place[held], minlength=len(shelf)).astype(np.float64)
        again = np.bincount(place[held], cells.bought_N[held] > 1, minlength=len(shelf))
        mean = again.sum() / max(buyers.sum(), 1)
        rebought = np.where(buyers > 0, (again + 10 * mean) / (buyers + 10), np.nan)
        return cls(products, shelf, looked_I, near, rebought, encoder.vectors_ID[rows], encoder.prior()[rows])

    def space_of_shelf(self) -> np.ndarray:
        """The namespace of each eligible product."""
        return self.products.space_I[self.shelf.items_E]

    def popular(self, space: int, most: int) -> np.ndarray:
        """Places of the most popular products of a namespace, most first."""
        places = self.shelf.first(len(self.shelf))
        return places[self.space_of_shelf()[places] == space][:most]


@dataclass(frozen=True)
class Pairs:
    """Candidates by user, then place among the eligible. rank_PS: place in the list of each of SOURCES, from 0; UNNAMED
    where the source did not name it.
    """

    users: int
    user_P: np.ndarray
    place_P: np.ndarray
    rank_PS: np.ndarray
    values_PJ: np.ndarray

    def bought(self) -> np.ndarray:
        return self.values_PJ[:, INPUTS.index("bought")] > 0

    def had(self, looked_E: np.ndarray) -> np.ndarray:
        """Whether the user (P) bought the product; looked at it, of those where looks stand for purchases."""
        return self.bought() | (looked_E[self.place_P] & (self.values_PJ[:, INPUTS.index("seen")] > 0))


@dataclass(frozen=True)
class Block:
    """A block of users, and two scores of all eligible products for them.

    space_U: the users' namespaces; only products of his own are suggested to a user. together_UE: what their products
    speak for. log_UE: logarithm of the model's probabilities of what sold lately. new_UE: how well what is new in the
    shop fits, whatever sold of it.
    """

    world: World
    cells: Cells
    space_U: np.ndarray
    together_UE: np.ndarray
    log_UE: torch.Tensor
    new_UE: torch.Tensor

    @classmethod
    def of(cls, world: World, states_UD: np.ndarray, cells: Cells, space_U: np.ndarray) -> Block:
        fits_UE = torch.from_numpy(states_UD).to(world.vectors_ED) @ world.vectors_ED.T
        together_UE = neighbour_scores(world, cells).toarray()
        if world.products.spaces.names:
            foreign_UE = space_U[:, None] != world.space_of_shelf()
            fits_UE = fits_UE.masked_fill(torch.from_numpy(foreign_UE).to(fits_UE.device), -torch.inf)
            together_UE[foreign_UE] = 0
        sold_E, new_E = (torch.from_numpy(of_E).to(fits_UE.device) for of_E in (world.shelf.sold_E, world.shelf.new_E))
        scores_UE = fits_UE + world.prior_E
        scores_UE = scores_UE if sold_E.all() else scores_UE.masked_fill(~sold_E, -torch.inf)
        new_UE = fits_UE.masked_fill(~new_E, -torch.inf) if new_E.any() else fits_UE[:, :0]
        return cls(world, cells, space_U, together_UE, torch.log_softmax(scores_UE, dim=1).cpu(), new_UE.cpu())


def neighbour_scores(world: World, cells: Cells) -> sparse.csr_array:
    """Sum of what a user's products speak for each eligible one (U, E); fresh purchases weigh more."""
    weight = np.log1p(cells.fresh_N + 0.1 * cells.seen_N)
    return cells.matrix(weight, len(world.products)) @ world.neighbours.near_IE


def _top(scores_UE: torch.Tensor, most: int, above: float = -np.inf) -> tuple[np.ndarray, np.ndarray]:
    """Codes (user x E + place) of the `most` best of each user that are above a score, by code, and their ranks."""
    users, eligible = scores_UE.shape
    value_UK, place_UK = scores_UE.topk(min(most, eligible), dim=1)
    rank = np.broadcast_to(np.arange(place_UK.shape[1]), place_UK.shape)
    code = np.arange(users)[:, None] * eligible + place_UK.numpy()
    kept = value_UK.numpy() > above
    return code[kept], rank[kept]


def _popular(block: Block, most: int) -> tuple[np.ndarray, np.ndarray]:
    codes, ranks = [], []
    for space in np.unique(block.space_U):
        users, first = np.flatnonzero(block.space_U == space), block.world.popular(space, most)
        codes.append((users[:, None] * len(block.world.shelf) + first).ravel())
        ranks.append(np.tile(np.arange(len(first)), len(users)))
    return np.concatenate(codes), np.concatenate(ranks)


# By the name of the setting: the candidates of each user of a block, at most so many, as codes (user x E + place), and
# the rank of each one.
SOURCES: dict[str, Callable[[Block, int], tuple[np.ndarray, np.ndarray]]] = {
    "together": lambda block, most: _top(torch.from_numpy(block.together_UE), most, above=0.0),
    "model": lambda block, most: _top(block.log_UE, most),
    "popular": _popular,
    "new": lambda block, most: _top(block.new_UE, most),
}


@torch.no_grad()
def pairs(
    world: World, states_UD: np.ndarray, aims_UD: np.ndarray, cells: Cells, wanted: Candidates, space_U: np.ndarray,
    new: int = 0,
) -> Pairs:  # fmt: skip
    """Candidates of a block of users: each source's first, and what they had to do with themselves. aims_UD: see
    Discovery. new: how many of them that are new in the shop.
    """
    most = wanted.model_dump() | {"new": new}
    block, eligible = Block.of(world, states_UD, cells, space_U), len(world.shelf)
    named = [source(block, most[name]) for name, source in SOURCES.items()]
    place_N = world.shelf.places(len(world.products))[cells.item_N]
    own = place_N >= 0
    own_code = (cells.user_N * eligible + place_N)[own]
    code = np.unique(np.concatenate([own_code, *(codes for codes, _ in named)]))
    user, place = code // eligible, code % eligible
    rank = np.full((len(code), len(SOURCES)), UNNAMED, np.int32)
    for column, (codes, ranks) in enumerate(named):
        rank[np.searchsorted(code, codes), column] = ranks
    values = _inputs(block, user, place, find_sorted(code, own_code), cells.part(own))
    values["discovery"] = likeness(aims_UD, world.vectors_ED, user, place)
    return Pairs(cells.users, user, place, rank, np.stack([values[name] for name in INPUTS], axis=1).astype(np.float32))


def _inputs(
    block: Block, user_P: np.ndarray, place_P: np.ndarray, cell_P: np.ndarray, own: Cells
) -> dict[str, np.ndarray]:
    """By the names of INPUTS, all but `discovery`. cell_P: the pair's cell of `own`, which are those of eligible
    products; -1: none.
    """
    world, cells = block.world, block.cells
    return {
        "model": block.log_UE.numpy()[user_P, place_P],
        "together": np.log1p(1000 * block.together_UE[user_P, place_P]),
        "popular": np.log1p(world.shelf.popular_E[place_P]),
        "bought": np.log1p(_take(own.bought_N, cell_P, 0.0)),
        "fresh": np.log1p(_take(own.fresh_N, cell_P, 0.0)),
        "slow": np.log1p(_take(own.slow_N, cell_P, 0.0)),
        "often": _take(own.bought_N / np.maximum(own.visits_U[own.user_N], 1), cell_P, 0.0),
        "since": _take(own.since(), cell_P, np.nan),
        "overdue": _take(own.since() / np.maximum(own.between_N, 0.5), cell_P, np.nan),
        "seen": np.log1p(_take(own.seen_N, cell_P, 0.0)),
        "category": np.log1p(_of_category(world, cells, user_P, place_P)),
        "rebought": world.rebought_E[place_P],
        "visits": np.log1p(cells.visits_U)[user_P],
        "lately": np.log1p(cells.lately_U)[user_P],
    }


def _of_category(world: World, cells: Cells, user_P: np.ndarray, place_P: np.ndarray) -> np.ndarray:
    """Fresh purchases (P) of the pair's user in the pair's category."""
    category_I = world.products.category_I
    groups = int(category_I.max(initial=-1)) + 2
    total = np.bincount(cells.user_N * groups + category_I[cells.item_N] + 1, cells.fresh_N,
                        minlength=cells.users * groups)  # fmt: skip
    return total[user_P * groups + category_I[world.shelf.items_E[place_P]] + 1]


def _take(values: np.ndarray, index: np.ndarray, absent: float) -> np.ndarray:
    return np.append(values.astype(np.float64), absent)[index]
