"""Which products are suggested to each user: python -m ml.recommend --warehouse W --ds 2017-12-01 --run-id R

Replaces staged.recommendations at ds, which `publish` moves to gold once it is checked; needs gold.user_features,
gold.user_sequences and gold.user_embeddings at ds. By blocks of users, so that memory does not grow with them.
"""

from __future__ import annotations

import datetime
import itertools
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import RECOMMENDATIONS, SILVER_USERS, USER_EMBEDDINGS, USER_FEATURES, USER_SEQUENCES
from ml.common import lake
from ml.common.cli import DataError, entry, parser
from ml.common.registry import NAME, client
from ml.data.catalogue import find
from ml.data.sequences import SEQUENCE_COLUMNS, Sequences, midnight, pack, stable_hash
from ml.encode import current_champion
from ml.suggest.candidates import BLOCK_USERS, INPUTS, Pairs, World, pairs
from ml.suggest.history import Cells, Neighbours, bought_between, purchase_id
from ml.suggest.ranker import Ranker, first, ordinal
from ml.suggest.reasons import POPULAR, reasons
from ml.suggest.settings import RecommendConfig
from ml.suggest.shelf import Products, Sales, Shelf
from ml.transformer.encoder import Encoder
from ml.users.vectors import chunks, load

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


class States:
    """gold.user_embeddings at ds, by user; read once: 4 bytes a number."""

    def __init__(self, warehouse: str, ds: datetime.date, version: str) -> None:
        found = lake.read(lake.open_table(USER_EMBEDDINGS, warehouse), ["user_id", "embedding", "model_version"], ds)
        versions = found["model_version"].unique().to_pylist()
        if versions != [version]:
            raise DataError(
                f"expected {USER_EMBEDDINGS.full_name} at ds={ds} by model version {version}, found versions "
                f"{versions}; run `python -m ml.encode` for that day"
            )
        self.user_ids = found["user_id"].combine_chunks()
        self.rows = found["embedding"].combine_chunks().flatten().to_numpy().reshape(found.num_rows, -1)

    def of(self, user_ids: pa.Array) -> np.ndarray:
        place = find(user_ids, self.user_ids)
        if (place < 0).any():
            raise DataError(f"expected a vector of each user with a sequence, {(place < 0).sum()} have none; "
                            "run `python -m ml.encode` for that day")  # fmt: skip
        return self.rows[place]


def refusing(warehouse: str) -> pa.Array:
    """Users who said no to marketing."""
    if not lake.exists(SILVER_USERS, warehouse):
        return pa.array([], pa.string())
    users = lake.open_table(SILVER_USERS, warehouse).to_pyarrow_dataset()
    said_no = pc.field("marketing_consent") == pa.scalar(False)
    return users.to_table(columns=["user_id"], filter=said_no)["user_id"].combine_chunks()


def rows(
    recommender: Recommender, warehouse: str, ds: datetime.date, version: str, run_id: str
) -> Iterator[pa.RecordBatch]:
    """Rows of gold.recommendations of the users of gold.user_features at ds, by chunks."""
    opened, states = lake.open_table(USER_SEQUENCES, warehouse), States(warehouse, ds, version)
    ids = lake.read(lake.open_table(USER_FEATURES, warehouse), ["user_id"], ds)["user_id"].combine_chunks()
    no = refusing(warehouse)
    wanted = ids.filter(pc.invert(pc.is_in(ids, value_set=no)))
    written = [pa.array([], pa.string())]
    encoder = recommender.encoder
    for chunk in chunks(lake.read_batches(opened, SEQUENCE_COLUMNS, ds)):
        chunk = chunk.filter(pc.is_in(chunk["user_id"], value_set=wanted)).combine_chunks()
        sequences = pack(chunk.to_batches(), encoder.catalogue, encoder.vocabularies)
        if not len(sequences):
            continue
        written.append(sequences.user_ids)
        found = recommender.suggest(sequences, states.of(sequences.user_ids))
        for users, cells, candidates, (kept, rank, score) in found:
            owner = sequences.user_ids.take(pa.array(users)).take(pa.array(candidates.user_P[kept]))
            why = reasons(recommender.world, cells, candidates, kept)
            told = (score, why.kind_K, why.because_K, why.english, why.chinese)
            yield _batch(recommender, owner, rank, candidates.place_P[kept], *told, ds, version, run_id)
    rest = ids if recommender.config.consent == "popular" else wanted
    rest = rest.filter(pc.invert(pc.is_in(rest, value_set=pa.concat_arrays(written))))
    yield from popular_rows(recommender, rest.take(pc.array_sort_indices(rest)), ds, version, run_id)


def popular_rows(
    recommender: Recommender, user_ids: pa.Array, ds: datetime.date, version: str, run_id: str
) -> Iterator[pa.RecordBatch]:
    """The same products for all of user_ids: who has no history, or refused to be looked at."""
    places = recommender.popular()
    for users in blocks(len(user_ids) if len(places) else 0):
        count = len(users) * len(places)
        owner = user_ids.take(pa.array(np.repeat(users, len(places))))
        rank, place = np.tile(np.arange(1, len(places) + 1), len(users)), np.tile(places, len(users))
        kind = np.full(count, POPULAR, object)
        texts = (pa.repeat("Popular now", count), pa.repeat("近期热销", count))
        told = (np.full(count, np.nan), kind, np.full(count, -1), *texts)
        yield _batch(recommender, owner, rank, place, *told, ds, version, run_id)


def _batch(
    recommender: Recommender, owner: pa.Array, rank: np.ndarray, place: np.ndarray, score: np.ndarray,
    kind: np.ndarray, because: np.ndarray, english: pa.Array, chinese: pa.Array,
    ds: datetime.date, version: str, run_id: str,
) -> pa.RecordBatch:  # fmt: skip
    schema, count = lake.arrow_schema(RECOMMENDATIONS), len(owner)
    products, shelf = recommender.world.products, recommender.world.shelf
    ids, item = products.product_ids, pa.array(shelf.items_E[place])
    columns = {
        "user_id": owner, "ds": pa.repeat(pa.scalar(ds), count), "rank": pa.array(rank, pa.int32()),
        "product_id": ids.take(item), "price": products.price.take(item),
        "last_sold_ds": pa.array(shelf.last_sold_E[place], pa.int32()).cast(pa.date32()),
        "score": pa.array(score, mask=np.isnan(score)),
        "reason_kind": pa.array(kind, pa.string()),
        "because_product_id": ids.take(pa.array(because, mask=because < 0)),
        "reason": english, "reason_zh": chinese,
        "model_version": pa.repeat(version, count), "run_id": pa.repeat(run_id, count),
    }  # fmt: skip
    return pa.RecordBatch.from_arrays(
        [columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema
    )


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "ds", "conf")
    args.add_argument("--run-id", required=True, help="the run that the rows are written by")
    args.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    said = args.parse_args(argv)
    conf: Path = said.conf
    config, mlflow, started = RecommendConfig.load(conf), client(), time.perf_counter()
    champion = current_champion(mlflow)
    version = str(champion.version)
    encoder = load(mlflow, champion.run_id, said.warehouse, said.device)
    recommender = Recommender.fit(said.warehouse, said.ds, encoder, config)
    learned = time.perf_counter() - started
    batches = rows(recommender, said.warehouse, said.ds, version, said.run_id)
    ahead = list(itertools.islice(batches, 1))  # inside a streamed write delta-rs could not open what is read
    count = {"rows": 0, "users": 0}

    def counted() -> Iterator[pa.RecordBatch]:
        for batch in itertools.chain(ahead, batches):
            count["rows"] += batch.num_rows
            count["users"] += pc.sum(pc.equal(batch["rank"], 1)).as_py() or 0
            yield batch

    lake.write_partition(RECOMMENDATIONS.staged(), said.warehouse, str(said.ds), counted())
    seconds, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count['rows']:,} suggestions for {count['users']:,} users by {NAME} version {version} in {seconds:.1f} s "
        f"({learned:.1f} s of them to learn), peak {peak:,.0f} MiB"
    )
    print(f"{len(recommender.world.shelf):,} of {len(encoder.catalogue.product_ids):,} products may be suggested")
    print(f"ranking: {recommender.ranker}")


if __name__ == "__main__":
    entry(main)
