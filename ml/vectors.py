"""Users as vectors: sequences through a registered model, by chunks, so that memory stays bounded.

A chunk's users go by id and in batches of similar length, so that the same input and model give the same bits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from jobs.tables import SILVER_PRODUCTS, Table
from ml import lake
from ml.catalogue import PRODUCT_COLUMNS
from ml.package import Encoder
from ml.sequences import pack
from ml.tracking import download

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


def vectors(
    encoder: Encoder, chunked: Iterable[pa.Table], table: Table, stamp: dict[str, object]
) -> Iterator[pa.RecordBatch]:
    """Rows of `table`: user_id and embedding, rounded to DECIMALS, and the same `stamp` on all of them."""
    schema = lake.arrow_schema(table)
    for chunk in chunked:
        if not chunk.num_rows:
            continue
        sequences = pack(chunk.combine_chunks().to_batches(), encoder.catalogue, encoder.vocabularies)
        states = np.round(encoder.states(sequences), DECIMALS) + np.float32(0)  # no -0.0
        users, width = states.shape
        offsets = pa.array(np.arange(0, users * width + 1, width, dtype=np.int32))
        lists = pa.ListArray.from_arrays(offsets, pa.array(states.ravel()), type=schema.field("embedding").type)
        columns = {"user_id": sequences.user_ids, "embedding": lists}
        columns |= {name: pa.repeat(pa.scalar(value, schema.field(name).type), users) for name, value in stamp.items()}
        yield pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def load(mlflow: MlflowClient, run_id: str, warehouse: str, device: str) -> Encoder:
    """The model of an MLflow run, with today's products."""
    products = lake.read(lake.open_table(SILVER_PRODUCTS, warehouse), PRODUCT_COLUMNS)
    with tempfile.TemporaryDirectory() as scratch:
        return Encoder.load(download(mlflow, run_id, Path(scratch)), products, device)
