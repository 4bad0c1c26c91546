"""Rows of gold.recommendations."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import RECOMMENDATIONS, SILVER_USERS, USER_FEATURES, USER_SEQUENCES
from ml.common import lake
from ml.data.sequences import SEQUENCE_COLUMNS, pack
from ml.suggest.reasons import POPULAR, reasons
from ml.suggest.recommender import Recommender, blocks
from ml.users.states import States
from ml.users.vectors import chunks


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
