"""Users as vectors: sequences through a registered model, by chunks, so that memory stays bounded.

The same input and model give the same bits, whoever else is encoded: a vector of an earlier night is taken as it is
where all that the model reads of its user is what it was.
"""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import SILVER_PRODUCTS, USER_EMBEDDINGS, Table
from ml.common import lake
from ml.common.arrays import find
from ml.common.registry import download
from ml.data.catalogue import PRODUCT_COLUMNS
from ml.data.sequences import pack
from ml.transformer.encoder import Encoder

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHUNK_USERS = 32_768
DECIMALS = 6


def chunks(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows again, about CHUNK_USERS at a time, each chunk sorted by user_id."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(part.num_rows for part in held) >= CHUNK_USERS:
            yield pa.Table.from_batches(held).sort_by("user_id")
            held = []
    if any(part.num_rows for part in held):
        yield pa.Table.from_batches(held).sort_by("user_id")


@dataclass(frozen=True)
class Known:
    """Vectors by one model version: input_hash int64 (U), embedding float32 (U, D); 4 D + 8 bytes and an id a user."""

    user_ids: pa.Array
    input_hash: np.ndarray
    embedding_UD: np.ndarray

    @classmethod
    def read(cls, warehouse: str, version: str, ds: datetime.date) -> Known | None:
        """Those of the newest night up to ds; None where there is none, or another version wrote it."""
        if not lake.exists(USER_EMBEDDINGS, warehouse):
            return None
        opened = lake.open_table(USER_EMBEDDINGS, warehouse)
        nights = {part["ds"] for part in opened.partitions() if part["ds"] <= str(ds)}
        columns = ["user_id", "input_hash", "embedding", "model_version"]
        if not nights or not {*columns} <= {field.name for field in opened.schema().fields}:
            return None
        rows = lake.read(opened, columns, datetime.date.fromisoformat(max(nights))).combine_chunks()
        if pc.unique(rows["model_version"]).to_pylist() != [version] or rows["input_hash"].null_count:
            return None
        vectors = rows["embedding"].combine_chunks().flatten().to_numpy().reshape(rows.num_rows, -1)
        return cls(rows["user_id"].combine_chunks(), rows["input_hash"].to_numpy(), vectors)

    def places(self, user_ids: pa.Array, input_hash: np.ndarray) -> np.ndarray:
        """Index (B) of each user's vector; -1 where he has none, or of other input."""
        place = find(user_ids, self.user_ids)
        same = place >= 0
        same[same] = self.input_hash[place[same]] == input_hash[same]
        return np.where(same, place, -1)


def vectors(
    encoder: Encoder,
    chunked: Iterable[pa.Table],
    table: Table,
    stamp: dict[str, object],
    known: Known | None = None,
    count: Callable[[int, int], None] = lambda users, encoded: None,
) -> Iterator[pa.RecordBatch]:
    """Rows of `table`: user_id and embedding, rounded to DECIMALS, and the same `stamp` on all of them.

    known: vectors by the same model. count: told the users of each batch, and how many of them were encoded.
    """
    schema = lake.arrow_schema(table)
    for chunk in chunked:
        if not chunk.num_rows:
            continue
        sequences = pack(chunk.combine_chunks().to_batches(), encoder.catalogue, encoder.vocabularies)
        prints = encoder.fingerprints(sequences)
        place = known.places(sequences.user_ids, prints) if known else np.full(len(sequences), -1)
        new = np.flatnonzero(place < 0)
        states = np.empty((len(sequences), encoder.model.config.d_model), np.float32)
        if len(new) < len(sequences):
            states[place >= 0] = known.embedding_UD[place[place >= 0]]
        states[new] = np.round(encoder.states(sequences.part(new)), DECIMALS) + np.float32(0)  # no -0.0
        count(len(sequences), len(new))
        users, width = states.shape
        offsets = pa.array(np.arange(0, users * width + 1, width, dtype=np.int32))
        lists = pa.ListArray.from_arrays(offsets, pa.array(states.ravel()), type=schema.field("embedding").type)
        columns = {"user_id": sequences.user_ids, "embedding": lists, "input_hash": pa.array(prints)}
        columns |= {name: pa.repeat(pa.scalar(value, schema.field(name).type), users) for name, value in stamp.items()}
        yield pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def load(mlflow: MlflowClient, run_id: str, warehouse: str, device: str) -> Encoder:
    """The model of an MLflow run, with today's products."""
    products = lake.read(lake.open_table(SILVER_PRODUCTS, warehouse), PRODUCT_COLUMNS)
    with tempfile.TemporaryDirectory() as scratch:
        return Encoder.load(download(mlflow, run_id, Path(scratch)), products, device)
