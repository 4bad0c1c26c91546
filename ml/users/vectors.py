"""Users as vectors: sequences through a registered model, by chunks, so that memory stays bounded.

The same input and model give the same bits, whoever else is encoded: of a vector of an earlier night, what only an
event changes is taken as it is where all that the model reads of its user is what it was; the rest is made anew.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa

from jobs.tables import SILVER_PRODUCTS, Table
from ml.common import lake
from ml.common.arrays import lists
from ml.common.registry import Registry
from ml.data.catalogue import PRODUCT_COLUMNS
from ml.data.sequences import pack
from ml.transformer.encoder import Encoder
from ml.users.states import FormerStates

CHUNK_USERS = 32_768
DECIMALS = 6


def load(registry: Registry, run_id: str, device: str) -> Encoder:
    """The model of an MLflow run, with today's products."""
    products = lake.read(lake.open_table(SILVER_PRODUCTS, registry.warehouse), PRODUCT_COLUMNS)
    with registry.files(run_id) as folder:
        return Encoder.load(folder, products, device)


def chunks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows again, about CHUNK_USERS at a time, each chunk sorted by user_id."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(part.num_rows for part in held) >= CHUNK_USERS:
            yield pa.Table.from_batches(held).sort_by("user_id")
            held = []
    if any(part.num_rows for part in held):
        yield pa.Table.from_batches(held).sort_by("user_id")


def vectors(
    encoder: Encoder,
    chunked: Iterable[pa.Table],
    table: Table,
    stamp: dict[str, object],
    as_of: datetime.date,
    former: FormerStates | None = None,
    count: Callable[[int, int], None] = lambda users, encoded: None,
) -> Iterator[pa.RecordBatch]:
    """Rows of `table`: user_id and embedding, rounded to DECIMALS, and the same `stamp` on all of them.

    as_of: the day that vectors are true at the end of. former: by the same model. count: told the users of each batch,
    and how many of them were encoded.
    """
    for chunk in chunked:
        if not chunk.num_rows:
            continue
        sequences = pack(chunk.combine_chunks().to_batches(), encoder.catalogue, encoder.vocabularies)
        prints = encoder.fingerprints(sequences)
        place = former.places(sequences.user_ids, prints) if former else np.full(len(sequences), -1)
        new = np.flatnonzero(place < 0)
        lasting = np.empty((len(sequences), encoder.lasting_width), np.float32)
        if len(new) < len(sequences):
            lasting[place >= 0] = former.rows_UD[place[place >= 0], : encoder.lasting_width]
        lasting[new] = encoder.lasting(sequences.part(new))
        whole = np.hstack([lasting, encoder.outlook(sequences, as_of)])
        count(len(sequences), len(new))
        embeddings = lists(np.round(whole, DECIMALS) + np.float32(0), pa.float32())  # no -0.0
        columns = {"user_id": sequences.user_ids, "embedding": embeddings, "input_hash": pa.array(prints)}
        yield lake.batch(table, columns, stamp)
