"""How good suggestions of a day were, beside simple ways to suggest. Legend: U users, I products, K suggested."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from jobs.tables import RECOMMENDATIONS, SILVER_EVENTS
from ml.common import lake
from ml.common.arrays import find
from ml.common.cli import DataError
from ml.common.registry import NIGHTLY
from ml.data import events
from ml.data.outcomes import HORIZON
from ml.data.sequences import Sequences
from ml.suggest.candidates import World, together
from ml.suggest.history import Cells
from ml.suggest.recommender import Recommender, blocks

OURS = "ours"
TOP = 10
SCORED = 50_000  # users, by a stable hash
WINDOWS = (7, HORIZON)
MEASURES = ("recall_10", "ndcg_10", "hit_rate_10", "precision_10")
PUBLISHED = ["user_id", "rank", "product_id", "model_version"]


@dataclass(frozen=True)
class Truth:
    """Products (U, I) that users bought in the days after ds; `new` leaves out what was in their sequence before."""

    days: int
    purchases: str
    bought_UI: sparse.csr_array


def read_truth(
    warehouse: str, ds: datetime.date, user_ids: pa.Array, product_ids: pa.Array
) -> dict[int, sparse.csr_array]:
    """1 where a user bought a product in the first 7, 28 days after ds. DataError where they are not over."""
    end = ds + datetime.timedelta(days=HORIZON)
    if not events.any_from(warehouse, end):
        raise DataError(f"expected events up to {end} in {SILVER_EVENTS.full_name}, found none of that day or later; "
                        "the days are not over yet: ask for an earlier day, or load them")  # fmt: skip
    lines = events.purchases(warehouse, ds + datetime.timedelta(days=1), end, ["user_id", "product_id", "ds"])
    parts: dict[int, list[np.ndarray]] = {days: [np.zeros(0, np.int64)] for days in WINDOWS}
    for batch in lines:
        user, item = find(batch["user_id"], user_ids), find(batch["product_id"], product_ids)
        day = pc.cast(batch["ds"], pa.int32()).to_numpy() - (ds - datetime.date(1970, 1, 1)).days
        for days, codes in parts.items():
            kept = (user >= 0) & (item >= 0) & (day <= days)
            codes.append(np.unique(user[kept].astype(np.int64) * len(product_ids) + item[kept]))
    return {days: cells_of(np.concatenate(codes), (len(user_ids), len(product_ids))) for days, codes in parts.items()}


def cells_of(codes: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    """1 at each code (row x columns + column), once."""
    code = np.unique(codes)
    return sparse.csr_array((np.ones(len(code)), (code // shape[1], code % shape[1])), shape)


def measure(items_UK: np.ndarray, bought_UI: sparse.csr_array) -> dict[str, float]:
    """recall, ndcg, hit rate and precision of the first ten over users who bought something. items_UK: -1 = no more."""
    asked = np.diff(bought_UI.indptr)
    users = np.flatnonzero(asked)
    products = bought_UI.shape[1]
    truth = bought_UI.tocoo().coords
    listed = items_UK[users]
    hit = np.isin(users[:, None] * products + listed, truth[0].astype(np.int64) * products + truth[1]) & (listed >= 0)
    worth = 1 / np.log2(2 + np.arange(listed.shape[1]))
    best = np.cumsum(worth)[np.minimum(asked[users], listed.shape[1]) - 1]
    return {
        "users": len(users), "recall_10": float((hit.sum(axis=1) / asked[users]).mean()),
        "ndcg_10": float((hit @ worth / best).mean()), "hit_rate_10": float(hit.any(axis=1).mean()),
        "precision_10": float(hit.mean()),
    }  # fmt: skip


def filled(items_UK: np.ndarray, popular_K: np.ndarray) -> np.ndarray:
    """Lists of TOP, each ended by what is popular and not in it yet."""
    found = np.full((len(items_UK), TOP), -1)
    for user, own in enumerate(items_UK):
        own = own[own >= 0]
        line = np.concatenate([own, popular_K[~np.isin(popular_K, own)]])[:TOP]
        found[user, : len(line)] = line
    return found


def simple(world: World, cells: Cells) -> dict[str, np.ndarray]:
    """Lists (U, TOP) of eligible products, rows of the catalogue, by simple ways to suggest."""
    items, users = world.shelf.items_E, cells.users
    popular = items[world.shelf.first(2 * TOP)]
    place = world.shelf.places(len(world.products))[cells.item_N]
    own = cells.part((place >= 0) & (cells.bought_N > 0))
    order = np.lexsort((own.item_N, -own.last_N, -own.bought_N, own.user_N))
    often = np.full((users, TOP), -1)
    near = np.full((users, TOP), -1)
    starts = own.offsets()
    for user in range(users):
        mine = own.item_N[order[starts[user] : starts[user + 1]]][:TOP]
        often[user, : len(mine)] = mine
    for block in blocks(users):
        score = together(world, cells.of_users(block[0], block[-1] + 1)).toarray()
        best = np.argsort(-score, axis=1, kind="stable")[:, :TOP]
        near[block, : best.shape[1]] = np.where(np.take_along_axis(score, best, axis=1) > 0, items[best], -1)
    return {
        "popularity": np.tile(popular[:TOP], (users, 1)), "item kNN": filled(near, popular),
        "buy again": filled(often, popular),
    }  # fmt: skip


def published(warehouse: str, ds: datetime.date) -> pa.Table | None:
    """The rows of gold.recommendations at ds; None where nothing was suggested."""
    if not lake.exists(RECOMMENDATIONS, warehouse):
        return None
    rows = lake.read(lake.open_table(RECOMMENDATIONS, warehouse), PUBLISHED, ds)
    return rows if rows.num_rows else None


def lists(rows: pa.Table, user_ids: pa.Array, product_ids: pa.Array) -> np.ndarray:
    """Lists (U, TOP) of user_ids from rows of gold.recommendations."""
    user, item = (find(rows[name].combine_chunks(), ids) for name, ids in
                  (("user_id", user_ids), ("product_id", product_ids)))  # fmt: skip
    rank = rows["rank"].to_numpy()
    kept = (user >= 0) & (rank <= TOP)
    found = np.full((len(user_ids), TOP), -1)
    found[user[kept], rank[kept] - 1] = item[kept]
    return found


def suggested(recommender: Recommender, sequences: Sequences) -> np.ndarray:
    """Lists (U, TOP) of a recommender."""
    found = np.full((len(sequences), max(TOP, recommender.config.top)), -1)
    states = recommender.encoder.states(sequences)
    for users, _, candidates, (kept, rank, _) in recommender.suggest(sequences, states):
        found[users[candidates.user_P[kept]], rank - 1] = recommender.world.shelf.items_E[candidates.place_P[kept]]
    return found[:, :TOP]


def truths(bought: dict[int, sparse.csr_array], cells: Cells) -> Iterator[Truth]:
    for days, matrix in bought.items():
        yield Truth(days, "all", matrix)
        products = matrix.shape[1]
        had = cells.bought_N > 0
        user, item = (axis.astype(np.int64) for axis in matrix.tocoo().coords)
        new = np.setdiff1d(user * products + item, cells.user_N[had] * products + cells.item_N[had])
        yield Truth(days, "new", cells_of(new, matrix.shape))


def scores(methods: dict[str, np.ndarray], wanted: Iterable[Truth]) -> list[dict]:
    """Rows of ops.recommendation_accuracy less the stamps."""
    return [{"method": name, "days": truth.days, "purchases": truth.purchases, **measure(items, truth.bought_UI)}
            for truth in wanted if truth.bought_UI.nnz for name, items in methods.items()]  # fmt: skip


def table(rows: list[dict]) -> str:
    """Markdown, a row a method and kind of purchases."""
    lines = [f"| days | purchases | method | users | {' | '.join(MEASURES)} |", "|" + "---|" * (4 + len(MEASURES))]
    lines += [f"| {r['days']} | {r['purchases']} | {r['method']} | {r['users']:,} | "
              f"{' | '.join(f'{r[name]:.4f}' for name in MEASURES)} |" for r in rows]  # fmt: skip
    return "\n".join(lines)


def log(rows: list[dict], ds: datetime.date) -> str:
    """To MLflow where MLFLOW_TRACKING_URI is set; says what was done."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return "MLFLOW_TRACKING_URI is not set: not logged to MLflow"
    import mlflow

    mlflow.set_experiment(NIGHTLY)
    with mlflow.start_run(run_name=f"recommendations {ds}", tags={"ds": str(ds)}) as run:
        mlflow.log_text(table(rows), "recommendations.md")
        mlflow.log_metrics({f"recommend.{row['purchases']}.{row['days']}d.{name}": row[name] for row in rows
                            for name in MEASURES if row["method"] == OURS})  # fmt: skip
        return f"MLflow run {run.info.run_id} in {NIGHTLY}"
