"""Every user as a vector, by the champion: python -m ml.encode --warehouse W --ds 2017-12-01 --run-id R

Replaces gold.user_embeddings at ds. Works by chunks, so that memory stays bounded; a chunk's users go
by id and in batches of similar length, so that the same input and champion give the same bits.
"""

from __future__ import annotations

import datetime
import itertools
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from jobs.tables import SILVER_PRODUCTS, USER_EMBEDDINGS, USER_SEQUENCES
from ml import lake
from ml.catalogue import PRODUCT_COLUMNS
from ml.cli import DataError, UsageError, entry, parser
from ml.package import Encoder
from ml.sequences import SEQUENCE_COLUMNS, pack
from ml.tracking import NAME, champion, client, download

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


def embeddings(
    encoder: Encoder, batches: Iterator[pa.RecordBatch], ds: datetime.date, version: str, run_id: str
) -> Iterator[pa.RecordBatch]:
    """Rows of gold.user_embeddings; vectors rounded to DECIMALS."""
    schema = lake.arrow_schema(USER_EMBEDDINGS)
    for chunk in chunks(batches):
        sequences = pack(chunk.combine_chunks().to_batches(), encoder.catalogue, encoder.vocabularies)
        states = np.round(encoder.states(sequences), DECIMALS) + np.float32(0)  # no -0.0
        users, width = states.shape
        offsets = pa.array(np.arange(0, users * width + 1, width, dtype=np.int32))
        columns = [
            sequences.user_ids,
            pa.repeat(pa.scalar(ds), users),
            pa.ListArray.from_arrays(offsets, pa.array(states.ravel()), type=schema.field("embedding").type),
            pa.repeat(version, users),
            pa.repeat(run_id, users),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def load_champion(warehouse: str, device: str) -> tuple[Encoder, str]:
    """The champion with today's products, and its version. Raises UsageError where there is none."""
    mlflow = client()
    found = champion(mlflow)
    if found is None:
        raise UsageError(
            f"expected a registered model {NAME} with the alias `champion`, found none; train one first: "
            "python -m ml.snapshot, ml.train, ml.evaluate, ml.gate, ml.register (in Airflow: the training DAG)"
        )
    products = lake.read(lake.open_table(SILVER_PRODUCTS, warehouse), PRODUCT_COLUMNS)
    with tempfile.TemporaryDirectory() as scratch:
        return Encoder.load(download(mlflow, found.run_id, Path(scratch)), products, device), str(found.version)


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "ds")
    args.add_argument("--run-id", required=True, help="the run that the rows are written by")
    args.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    said = args.parse_args(argv)
    sequences = lake.open_table(USER_SEQUENCES, said.warehouse)
    encoder, version = load_champion(said.warehouse, said.device)
    started, users = time.perf_counter(), 0
    rows = lake.read_batches(sequences, SEQUENCE_COLUMNS, said.ds)
    batches = embeddings(encoder, rows, said.ds, version, said.run_id)
    first = next(batches, None)  # before anything is written
    if first is None:
        name = USER_SEQUENCES.full_name
        raise DataError(
            f"expected rows of {name} at ds={said.ds}, found none; run `python -m jobs sequences` for that day"
        )

    def counted() -> Iterator[pa.RecordBatch]:
        nonlocal users
        for batch in itertools.chain([first], batches):
            users += batch.num_rows
            yield batch

    lake.write_partition(USER_EMBEDDINGS, said.warehouse, str(said.ds), counted())
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = f"{seconds:.1f} s ({users / seconds:,.0f} users/s), peak {peak:,.0f} MiB"
    print(f"{users:,} users encoded by {NAME} version {version} in {rate}")


if __name__ == "__main__":
    entry(main)
