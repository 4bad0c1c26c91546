"""Candidates of users, and what is known of each pair. Legend: U users, E eligible products, P pairs, J inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

from ml.data.vocabulary import FIRST
from ml.suggest.history import Cells
from ml.suggest.neighbours import Neighbours
from ml.suggest.settings import Candidates
from ml.suggest.shelf import Products, Shelf
from ml.transformer.encoder import Encoder

BLOCK_USERS = 256  # scores of a block: users x eligible products
INPUTS = ("model", "together", "popular", "bought", "fresh", "slow", "often", "since", "overdue", "seen", "category",
          "rebought", "visits", "lately")  # fmt: skip
SOURCES = ("together", "model", "popular")


@dataclass(frozen=True)
class World:
    """What does not depend on the user, as of a moment.

    rebought_E: of the users who bought a product, the share who bought it again, shrunk to the mean of all; nan where
    nobody of the sample bought it.
    """

    products: Products
    shelf: Shelf
    neighbours: Neighbours
    rebought_E: np.ndarray
    vectors_ED: torch.Tensor
    prior_E: torch.Tensor

    @classmethod
    def of(cls, products: Products, shelf: Shelf, near: Neighbours, cells: Cells, encoder: Encoder) -> World:
        """cells: of the sample of users."""
        rows = torch.from_numpy(FIRST + shelf.items_E).to(encoder.vectors_ID.device)
        counts = torch.from_numpy(encoder.catalogue.log_count_I).to(encoder.vectors_ID.device)
        prior = encoder.model.popularity.detach() * counts[rows]
        place = shelf.places(len(products))[cells.item_N]
        held = (place >= 0) & (cells.bought_N > 0)
        buyers = np.bincount(place[held], minlength=len(shelf)).astype(np.float64)
        again = np.bincount(place[held], cells.bought_N[held] > 1, minlength=len(shelf))
        mean = again.sum() / max(buyers.sum(), 1)
        rebought = np.where(buyers > 0, (again + 10 * mean) / (buyers + 10), np.nan)
        return cls(products, shelf, near, rebought, encoder.vectors_ID[rows], prior)


@dataclass(frozen=True)
class Pairs:
    """Candidates by user, then place among the eligible. rank_PS: place in the list of each of SOURCES, from 0; a large
    number where the source did not name it.
    """

    users: int
    user_P: np.ndarray
    place_P: np.ndarray
    rank_PS: np.ndarray
    values_PJ: np.ndarray

    def bought(self) -> np.ndarray:
        return self.values_PJ[:, INPUTS.index("bought")] > 0


@torch.no_grad()
def pairs(world: World, states_UD: np.ndarray, cells: Cells, wanted: Candidates) -> Pairs:
    """Candidates of a block of users: each source's first, and what they had to do with themselves."""
    users, eligible = cells.users, len(world.shelf)
    place_N = world.shelf.places(len(world.products))[cells.item_N]
    together_UE = together(world, cells).toarray()
    scores_UE = torch.from_numpy(states_UD).to(world.vectors_ED) @ world.vectors_ED.T + world.prior_E
    log_UE = torch.log_softmax(scores_UE, dim=1).cpu()
    named = {
        "together": _top(torch.from_numpy(together_UE), wanted.together, above=0.0),
        "model": _top(log_UE, wanted.model),
        "popular": _popular(world, users, wanted.popular),
    }
    own = place_N >= 0
    code = np.unique(np.concatenate([(cells.user_N * eligible + place_N)[own], *(c for c, _ in named.values())]))
    user, place = code // eligible, code % eligible
    rank = np.full((len(code), len(SOURCES)), np.iinfo(np.int32).max, np.int32)
    for column, source in enumerate(SOURCES):
        theirs, order = named[source]
        rank[np.searchsorted(code, theirs), column] = order
    cell = find(code, (cells.user_N * eligible + place_N)[own])
    mine = cells.part(own)
    values = {
        "model": log_UE.numpy()[user, place],
        "together": np.log1p(1000 * together_UE[user, place]),
        "popular": np.log1p(world.shelf.popular_E[place]),
        "bought": np.log1p(_take(mine.bought_N, cell, 0.0)),
        "fresh": np.log1p(_take(mine.fresh_N, cell, 0.0)),
        "slow": np.log1p(_take(mine.slow_N, cell, 0.0)),
        "often": _take(mine.bought_N / np.maximum(mine.visits_U[mine.user_N], 1), cell, 0.0),
        "since": _take(mine.since(), cell, np.nan),
        "overdue": _take(mine.since() / np.maximum(mine.between_N, 0.5), cell, np.nan),
        "seen": np.log1p(_take(mine.seen_N, cell, 0.0)),
        "category": np.log1p(_of_category(world, cells, user, place)),
        "rebought": world.rebought_E[place],
        "visits": np.log1p(cells.visits_U)[user],
        "lately": np.log1p(cells.lately_U)[user],
    }
    return Pairs(users, user, place, rank, np.stack([values[name] for name in INPUTS], axis=1).astype(np.float32))


def together(world: World, cells: Cells) -> sparse.csr_array:
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


def _popular(world: World, users: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    first = world.shelf.first(most)
    code = np.arange(users)[:, None] * len(world.shelf) + first
    return code.ravel(), np.tile(np.arange(len(first)), users)


def _of_category(world: World, cells: Cells, user: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Fresh purchases (P) of the pair's user in the pair's category."""
    category_I = world.products.category_I
    groups = int(category_I.max(initial=-1)) + 2
    total = np.bincount(cells.user_N * groups + category_I[cells.item_N] + 1, cells.fresh_N,
                        minlength=cells.users * groups)  # fmt: skip
    return total[user * groups + category_I[world.shelf.items_E[place]] + 1]


def find(codes: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Index in `among` (ascending) of each code; -1 where it is not there."""
    if not len(among):
        return np.full(len(codes), -1)
    at = np.minimum(np.searchsorted(among, codes), len(among) - 1)
    return np.where(among[at] == codes, at, -1)


def _take(values: np.ndarray, index: np.ndarray, absent: float) -> np.ndarray:
    return np.append(values.astype(np.float64), absent)[index]
