"""The last published night's model on tonight's behaviour: what `segment` tells the causes of moves apart by.

Where that night had another champion, everybody is seen by it as of ds; whoever late records touch since, as of that
night, as it is known tonight.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import RESCORED_EMBEDDINGS, RESTATED, RUNS
from ml.common import lake
from ml.common.registry import Registry
from ml.data.consents import refusing, rows_without
from ml.data.events import day_number
from ml.data.sequences import DATED_COLUMNS, SEQUENCE_COLUMNS, days_of
from ml.transformer.encoder import Encoder
from ml.users.vectors import chunks, load, vectors

if TYPE_CHECKING:
    from deltalake import DeltaTable


def known_by(chunk: pa.Table, as_of: datetime.date) -> pa.Table:
    """The sequences without their events after `as_of`; users who are left without any go.

    A user whose stored sequence is full and who did more since than the model's window leaves free is seen without his
    oldest events.
    """
    chunk = chunk.combine_chunks()
    times = chunk["event_times"].combine_chunks()
    early = pa.array(days_of(chunk) <= day_number(as_of))
    owner = np.repeat(np.arange(len(times)), times.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))
    kept = np.bincount(owner[early.to_numpy(zero_copy_only=False)], minlength=len(times))
    offsets = pa.array(np.concatenate([[0], np.cumsum(kept)]), pa.int32())
    for place, field in enumerate(chunk.schema):
        if pa.types.is_list(field.type):
            values = chunk[field.name].combine_chunks().flatten().filter(early)
            chunk = chunk.set_column(place, field, pa.ListArray.from_arrays(offsets, values, type=field.type))
    return chunk.filter(pa.array(kept > 0))


@dataclass(frozen=True)
class FormerNight:
    """The last night published before: its day, its model version, and whose days changed since by late records."""

    ds: datetime.date
    version: str
    late: pa.Array

    @classmethod
    def before(cls, warehouse: str, ds: datetime.date) -> FormerNight | None:
        """None before the first one."""
        if not lake.exists(RUNS, warehouse):
            return None
        runs = lake.read(lake.open_table(RUNS, warehouse), ["ds", "model_version", "published_at"])
        runs = runs.filter(pc.field("ds") < pa.scalar(ds)).sort_by(
            [("ds", "descending"), ("published_at", "descending")]
        )
        if not runs.num_rows:
            return None
        night, late = runs["ds"][0].as_py(), pa.array([], pa.string())
        if lake.exists(RESTATED, warehouse):
            landed, day = pc.field("landed_ds"), pc.field("ds")
            since = (landed > pa.scalar(night)) & (landed <= pa.scalar(ds)) & (day <= pa.scalar(night))
            restated = lake.open_table(RESTATED, warehouse).to_pyarrow_dataset()
            late = pc.unique(restated.to_table(columns=["user_id"], filter=since)["user_id"])
        return cls(night, runs["model_version"][0].as_py(), late)


def rescored(
    night: FormerNight, encoder: Encoder, warehouse: str, sequences: DeltaTable, ds: datetime.date, *,
    everyone: bool, run_id: str,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """Rows of ops.rescored_embeddings by the former night's model: `everyone` as of ds, late ones as of that night;
    nobody who refuses to be profiled.
    """
    stamp = {"ds": ds, "model_version": night.version, "run_id": run_id}
    parts, refused = [], refusing(warehouse, "profiling")
    if everyone:
        rows = chunks(rows_without(lake.read_batches(sequences, SEQUENCE_COLUMNS, ds), refused))
        parts.append(vectors(encoder, rows, RESCORED_EMBEDDINGS, stamp | {"as_of": ds}, ds))
    if len(night.late):
        rows = chunks(rows_without(lake.read_batches(sequences, DATED_COLUMNS, ds), refused))
        late = (known_by(chunk.filter(pc.is_in(chunk["user_id"], night.late)), night.ds) for chunk in rows)
        parts.append(vectors(encoder, late, RESCORED_EMBEDDINGS, stamp | {"as_of": night.ds}, night.ds))
    return itertools.chain(*parts)


def write(
    registry: Registry, encoder: Encoder, version: str, sequences: DeltaTable,
    ds: datetime.date, run_id: str, device: str,
) -> str:  # fmt: skip
    """Replaces ops.rescored_embeddings at ds; says what for. encoder, version: tonight's."""
    warehouse = registry.warehouse
    night, batches, reason = FormerNight.before(warehouse, ds), iter(()), "nothing to score again"
    if night is not None and (night.version != version or len(night.late)):
        same = night.version == version
        former = encoder if same else former_encoder(registry, night.version, device)
        if former is None:
            reason = f"version {night.version} of {night.ds} is gone from MLflow: moves are put down to the model"
        else:
            batches = rescored(night, former, warehouse, sequences, ds, everyone=not same, run_id=run_id)
            whom = f"{len(night.late):,} users with late records" if same else "everybody"
            reason = f"scored again by version {night.version} of {night.ds}: {whom}"
    rows = lake.started(batches)
    if rows is not None or lake.exists(RESCORED_EMBEDDINGS, warehouse):
        lake.write_partition(RESCORED_EMBEDDINGS, warehouse, str(ds), rows or [])
    return reason


def former_encoder(registry: Registry, version: str, device: str) -> Encoder | None:
    """The model of a version, or None where MLflow has it no more."""
    former = registry.version(version)
    return former and load(registry, former.run_id, device)
