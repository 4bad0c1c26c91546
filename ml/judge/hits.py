"""How good suggestions of a day were, beside simple ways to suggest. Legend: U users, I products, K suggested."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy import sparse

from ml.common.arrays import find
from ml.data import events
from ml.data.outcomes import HORIZON
from ml.data.sequences import Sequences
from ml.measures.metrics import ndcg_of_hits
from ml.suggest.candidates import World, neighbour_scores
from ml.suggest.history import Cells
from ml.suggest.recommender import Recommender, Suggestions, blocks

TOP = 10
SCORED = 50_000  # users, by a stable hash
WINDOWS = (7, HORIZON)


@dataclass(frozen=True)
class Truth:
    """Products (U, I) that users bought in the `days` after ds: all, or `new` ones, not in their sequence before. Looks
    stand for purchases where nobody buys.
    """

    days: int
    purchases: str
    bought_UI: sparse.csr_array


def read_truth(
    warehouse: str, ds: datetime.date, user_ids: pa.Array, product_ids: pa.Array, looked_I: np.ndarray
) -> dict[int, sparse.csr_array]:
    """1 where a user bought a product in the first 7, 28 days after ds, or looked at it, of looked_I (see Sales).
    DataError where the days are not over.
    """
    end = ds + datetime.timedelta(days=HORIZON)
    events.require_until(warehouse, end)
    parts: dict[int, list[np.ndarray]] = {days: [np.zeros(0, np.int64)] for days in WINDOWS}

    def count(batches: Iterable[pa.RecordBatch], among_I: np.ndarray) -> None:
        for batch in batches:
            user, item = find(batch["user_id"], user_ids), find(batch["product_id"], product_ids)
            day, known = events.days_after(batch["ds"], ds), (user >= 0) & np.append(among_I, False)[item]
            for days, codes in parts.items():
                kept = known & (day <= days)
                codes.append(np.unique(user[kept].astype(np.int64) * len(product_ids) + item[kept]))

    asked = (warehouse, ds + datetime.timedelta(days=1), end, ["user_id", "product_id", "ds"])
    count(events.purchases(*asked), np.ones(len(product_ids), bool))
    if looked_I.any():
        count(events.looks(*asked), looked_I)
    return {days: cells_of(np.concatenate(codes), (len(user_ids), len(product_ids))) for days, codes in parts.items()}


def cells_of(codes: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    """1 at each code (row x columns + column), once."""
    code = np.unique(codes)
    return sparse.csr_array((np.ones(len(code)), (code // shape[1], code % shape[1])), shape)


def truths(bought: dict[int, sparse.csr_array], cells: Cells, looked_I: np.ndarray) -> Iterator[Truth]:
    """By days, all purchases and the new ones. cells: what users did up to ds."""
    for days, matrix in bought.items():
        yield Truth(days, "all", matrix)
        products = matrix.shape[1]
        had = (cells.bought_N > 0) | looked_I[cells.item_N]
        user, item = (axis.astype(np.int64) for axis in matrix.tocoo().coords)
        new = np.setdiff1d(user * products + item, cells.user_N[had] * products + cells.item_N[had])
        yield Truth(days, "new", cells_of(new, matrix.shape))


def measure(items_UK: np.ndarray, bought_UI: sparse.csr_array) -> dict[str, float]:
    """recall, ndcg, hit rate and precision of the first ten over users who bought something. items_UK: -1 = no more."""
    _, values = by_user(items_UK, bought_UI)
    return {"users": len(values["ndcg_10"]), **{name: float(each.mean()) for name, each in values.items()}}


def by_user(items_UK: np.ndarray, bought_UI: sparse.csr_array) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The users (N) who bought something, and the measures (N) of each."""
    asked = np.diff(bought_UI.indptr)
    users = np.flatnonzero(asked)
    products, listed = bought_UI.shape[1], items_UK[users]
    user, item = bought_UI.tocoo().coords
    hit = np.isin(users[:, None] * products + listed, user.astype(np.int64) * products + item) & (listed >= 0)
    return users, {
        "recall_10": hit.sum(axis=1) / asked[users], "ndcg_10": ndcg_of_hits(hit, asked[users]),
        "hit_rate_10": hit.any(axis=1), "precision_10": hit.mean(axis=1),
    }  # fmt: skip


def scores(lists: dict[str, np.ndarray], wanted: Iterable[Truth]) -> list[dict]:
    """Rows of ops.recommendation_accuracy less the stamps. lists: (U, K) by the way to suggest."""
    return [{"method": name, "days": truth.days, "purchases": truth.purchases, **measure(items, truth.bought_UI)}
            for truth in wanted if truth.bought_UI.nnz for name, items in lists.items()]  # fmt: skip


def of_rows(rows: pa.Table, user_ids: pa.Array, product_ids: pa.Array) -> np.ndarray:
    """Lists (U, TOP) of user_ids from rows of gold.recommendations."""
    user = find(rows["user_id"].combine_chunks(), user_ids)
    item = find(rows["product_id"].combine_chunks(), product_ids)
    rank = rows["rank"].to_numpy()
    kept = (user >= 0) & (rank <= TOP)
    items_UK = np.full((len(user_ids), TOP), -1)
    items_UK[user[kept], rank[kept] - 1] = item[kept]
    return items_UK


def of_recommender(recommender: Recommender, sequences: Sequences) -> np.ndarray:
    """Lists (U, TOP) of a recommender."""
    states_UD = recommender.encoder.states(sequences)
    return of_suggestions(recommender, recommender.suggest(sequences, states_UD), len(sequences))


def of_suggestions(recommender: Recommender, suggested: Iterable[Suggestions], users: int) -> np.ndarray:
    """Lists (U, TOP) of a recommender's blocks."""
    items_UK = np.full((users, max(TOP, recommender.config.top)), -1)
    for block in suggested:
        items_UK[block.owners(), block.rank_K - 1] = recommender.world.shelf.items_E[block.places()]
    return items_UK[:, :TOP]


def of_simple_ways(world: World, cells: Cells) -> dict[str, np.ndarray]:
    """Lists (U, TOP) of eligible products, rows of the catalogue, by simple ways to suggest."""
    items, users = world.shelf.items_E, cells.users
    popular = items[world.shelf.first(2 * TOP)]
    place = world.shelf.places(len(world.products))[cells.item_N]
    own = cells.part((place >= 0) & ((cells.bought_N > 0) | world.looked_I[cells.item_N]))
    times_N = own.bought_N + own.seen_N * world.looked_I[own.item_N]
    order = np.lexsort((own.item_N, -own.last_N, -times_N, own.user_N))
    often = np.full((users, TOP), -1)
    near = np.full((users, TOP), -1)
    starts = own.offsets()
    for user in range(users):
        mine = own.item_N[order[starts[user] : starts[user + 1]]][:TOP]
        often[user, : len(mine)] = mine
    for block in blocks(users):
        score = neighbour_scores(world, cells.of_users(block[0], block[-1] + 1)).toarray()
        best = np.argsort(-score, axis=1, kind="stable")[:, :TOP]
        near[block, : best.shape[1]] = np.where(np.take_along_axis(score, best, axis=1) > 0, items[best], -1)
    return {
        "popularity": np.tile(popular[:TOP], (users, 1)), "item kNN": filled(near, popular),
        "buy again": filled(often, popular),
    }  # fmt: skip


def filled(items_UK: np.ndarray, popular_K: np.ndarray) -> np.ndarray:
    """Lists of TOP, each ended by what is popular and not in it yet."""
    full_UK = np.full((len(items_UK), TOP), -1)
    for user, own in enumerate(items_UK):
        own = own[own >= 0]
        line = np.concatenate([own, popular_K[~np.isin(popular_K, own)]])[:TOP]
        full_UK[user, : len(line)] = line
    return full_UK
