"""Rows of gold.recommendations. Legend: U users, K suggestions."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import RECOMMENDATIONS, USER_FEATURES, USER_SEQUENCES
from ml.common import lake
from ml.data.consents import refusing, without
from ml.data.sequences import DATED_COLUMNS, pack
from ml.suggest.reasons import POPULAR, Reasons, reasons
from ml.suggest.recommender import Recommender, blocks
from ml.users.states import States
from ml.users.vectors import chunks


def rows(
    recommender: Recommender, warehouse: str, ds: datetime.date, version: str, run_id: str
) -> Iterator[pa.RecordBatch]:
    """Rows of the users of gold.user_features at ds, by chunks: none, or what is popular, of who refuses marketing or
    to be profiled.
    """
    opened, width = lake.open_table(USER_SEQUENCES, warehouse), recommender.encoder.model.config.d_model
    states = States.read(warehouse, ds, version, first=width)  # the state comes first in a vector
    ids = lake.read(lake.open_table(USER_FEATURES, warehouse), ["user_id"], ds)["user_id"].combine_chunks()
    wanted = without(without(ids, refusing(warehouse, "marketing")), refusing(warehouse, "profiling"))
    asked = ids if recommender.config.consent == "popular" else wanted
    stamp = {"ds": ds, "model_version": version, "run_id": run_id}
    written = [pa.array([], pa.string())]
    encoder = recommender.encoder
    for chunk in chunks(lake.read_batches(opened, DATED_COLUMNS, ds)):
        chunk = chunk.filter(pc.is_in(chunk["user_id"], value_set=wanted)).combine_chunks()
        sequences = pack(chunk.to_batches(), encoder.catalogue, encoder.vocabularies)
        if not len(sequences):
            continue
        written.append(sequences.user_ids)
        for block in recommender.suggest(sequences, states.of(sequences.user_ids)):
            owner = sequences.user_ids.take(pa.array(block.owners()))
            why = reasons(recommender.world, block.cells, block.pairs, block.kept_K, block.tried_K)
            yield _batch(recommender, owner, block.rank_K, block.places(), block.score_K, why, stamp)
    rest = without(asked, pa.concat_arrays(written))
    yield from popular_rows(recommender, rest.take(pc.array_sort_indices(rest)), stamp)


def popular_rows(recommender: Recommender, user_ids: pa.Array, stamp: Mapping[str, object]) -> Iterator[pa.RecordBatch]:
    """The same products for all of user_ids of a namespace: who has no history, or refused to be looked at."""
    space_U = recommender.world.products.spaces.of(user_ids)
    for space in np.unique(space_U):
        yield from _popular_rows(recommender, user_ids.filter(pa.array(space_U == space)), space, stamp)


def _popular_rows(
    recommender: Recommender, user_ids: pa.Array, space: int, stamp: Mapping[str, object]
) -> Iterator[pa.RecordBatch]:
    places = recommender.popular(space)
    for users in blocks(len(user_ids) if len(places) else 0):
        count = len(users) * len(places)
        owner = user_ids.take(pa.array(np.repeat(users, len(places))))
        rank, place = np.tile(np.arange(1, len(places) + 1), len(users)), np.tile(places, len(users))
        texts = (pa.repeat("Popular now", count), pa.repeat("近期热门", count))
        why = Reasons(np.full(count, POPULAR, object), np.full(count, -1), *texts)
        yield _batch(recommender, owner, rank, place, np.full(count, np.nan), why, stamp)


def _batch(
    recommender: Recommender, owner: pa.Array, rank_K: np.ndarray, place_K: np.ndarray, score_K: np.ndarray,
    why: Reasons, stamp: Mapping[str, object],
) -> pa.RecordBatch:  # fmt: skip
    products, shelf = recommender.world.products, recommender.world.shelf
    ids, item, last_K = products.product_ids, pa.array(shelf.items_E[place_K]), shelf.last_sold_E[place_K]
    columns = {
        "user_id": owner,
        "rank": pa.array(rank_K, pa.int32()),
        "product_id": ids.take(item),
        "price": products.price.take(item),
        "last_sold_ds": pa.array(last_K, pa.int32(), mask=last_K < 0).cast(pa.date32()),
        "score": pa.array(score_K, mask=np.isnan(score_K)),
        "reason_kind": pa.array(why.kind_K, pa.string()),
        "because_product_id": ids.take(pa.array(why.because_K, mask=why.because_K < 0)),
        "reason": why.english,
        "reason_zh": why.chinese,
    }
    return lake.batch(RECOMMENDATIONS, columns, stamp)
