"""What is expected of each user, by the champion's heads: python -m ml.predict --warehouse W --ds 2017-12-01 --run-id R

Replaces gold.predictions at ds; needs gold.user_embeddings at ds (ml.encode). A prediction that the data are too thin
for is null, with the reason in `refused`. By chunks, so that memory stays bounded.
"""

from __future__ import annotations

import datetime
import json
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from jobs.tables import (
    NUMERIC_FEATURES,
    PREDICTIONS,
    RESCORED_EMBEDDINGS,
    RESCORED_EXPECTATIONS,
    USER_EMBEDDINGS,
    USER_FEATURES,
    USER_SEQUENCES,
)
from ml.common import lake
from ml.common.cli import DataError, UsageError, entry, parser
from ml.common.registry import NAME, champion, client, download
from ml.data.sequences import midnight
from ml.heads import kinds, taste
from ml.heads.heads import DAYS, EVENTS, TOP, Expectations, Heads, Known
from ml.snapshot import Snapshot

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHUNK_USERS = 32_768
DECIMALS = 6
REASONS = 3
_ZH = {column.name: column.zh for column in NUMERIC_FEATURES}


def states(
    warehouse: str, ds: datetime.date, user_ids: pa.Array, version: str, table: lake.Table = USER_EMBEDDINGS
) -> np.ndarray:
    """States (U, D) of user_ids; nan for who has none. DataError where ds was encoded by another model version."""
    columns = ["user_id", "embedding", "model_version"]
    if table is RESCORED_EMBEDDINGS:
        found = lake.read(lake.open_table(table, warehouse), [*columns, "as_of"], ds).filter(pc.field("as_of") == ds)
    else:
        found = lake.read(lake.open_table(table, warehouse), columns, ds)
    versions = found["model_version"].unique().to_pylist()
    if versions != [version]:
        raise DataError(
            f"expected {table.full_name} at ds={ds} by model version {version}, found versions "
            f"{versions}; run `python -m ml.encode` for that day"
        )
    flat = found["embedding"].combine_chunks().flatten().to_numpy().reshape(found.num_rows, -1)
    return aligned(found["user_id"].combine_chunks(), flat, user_ids)


def aligned(ids: pa.Array, rows: np.ndarray, user_ids: pa.Array) -> np.ndarray:
    """The rows of `ids`, in the order of user_ids, float64; nan for who has none."""
    place = pc.fill_null(pc.index_in(user_ids, value_set=ids), -1).to_numpy()
    return np.vstack([rows, np.full((1, rows.shape[1]), np.nan)])[place].astype(np.float64)


def read_known(
    warehouse: str, ds: datetime.date, heads: Heads, version: str, table: lake.Table = USER_EMBEDDINGS
) -> tuple[pa.Array, Known]:
    """All users as of ds, sorted by id, and what is known of them, with the states of `table`."""
    opened = lake.open_table(USER_FEATURES, warehouse)
    features = lake.read(opened, heads.config.columns, ds).sort_by("user_id").combine_chunks()
    if not features.num_rows:
        raise DataError(
            f"expected rows of {USER_FEATURES.full_name} at ds={ds}, found none; run `python -m jobs features`"
        )
    user_ids = features["user_id"].combine_chunks()
    state = states(warehouse, ds, user_ids, version, table) if heads.vector else np.zeros((len(user_ids), 0))
    history, kind = events_of(lake.open_table(USER_SEQUENCES, warehouse), ds, user_ids, heads)
    return user_ids, Known(features, state, history, kind)


def events_of(
    sequences: lake.DeltaTable, ds: datetime.date, user_ids: pa.Array, heads: Heads
) -> tuple[csr_matrix, np.ndarray | None]:
    """What the sequences of user_ids as of ds say: events by category, and probabilities of the heads' kinds."""
    history = taste.history(
        lake.read_batches(sequences, ["user_id", "categories"], ds), user_ids, heads.tastes.categories
    )
    if heads.kinds is None:
        return history, None
    batches = lake.read_batches(sequences, kinds.COLUMNS, ds)
    return history, heads.kinds.filtered(batches, user_ids, midnight(ds))


def expected_of(heads: Heads, snapshot: Snapshot, sequence_ids: pa.Array, states_UD: np.ndarray) -> np.ndarray:
    """gold.predictions.expected (U, E) of the snapshot's users, in order of their ids.

    states_UD: of the model that the heads are of, in the order of sequence_ids.
    """
    features = snapshot.features().select(heads.config.columns).sort_by("user_id").combine_chunks()
    user_ids = features["user_id"].combine_chunks()
    state = aligned(sequence_ids, states_UD, user_ids)
    opened = lake.open_table(USER_SEQUENCES, snapshot.warehouse, snapshot.versions[USER_SEQUENCES.full_name])
    return expected(heads, Known(features, state, *events_of(opened, snapshot.ds, user_ids, heads)))


def expected(heads: Heads, known: Known) -> np.ndarray:
    """gold.predictions.expected (U, E)."""
    parts = [heads.expect(known.part(slice(start, start + CHUNK_USERS))).expected_UE
             for start in range(0, len(known), CHUNK_USERS)]  # fmt: skip
    return np.round(np.vstack(parts), DECIMALS) + 0.0


def rescore(mlflow: MlflowClient, warehouse: str, ds: datetime.date, version: str, run_id: str) -> str:
    """Replaces ops.rescored_expectations at ds, where ml.encode scored the night again by a former model; says so."""
    found = former_version(warehouse, ds, version)
    batches: list[pa.RecordBatch] = []
    if found is not None:
        with tempfile.TemporaryDirectory() as scratch:
            heads = Heads.load(download(mlflow, mlflow.get_model_version(NAME, found).run_id, Path(scratch)))
        if heads is not None:
            user_ids, known = read_known(warehouse, ds, heads, found, RESCORED_EMBEDDINGS)
            values = expected(heads, known)
            lists = _lists(values.ravel(), values.shape[1], np.zeros(len(user_ids), bool), pa.float64())
            schema, users = lake.arrow_schema(RESCORED_EXPECTATIONS), len(user_ids)
            columns = [
                user_ids,
                pa.repeat(pa.scalar(ds), users),
                lists.cast(schema.field("expected").type),
                pa.repeat(found, users),
                pa.repeat(run_id, users),
            ]
            batches = [pa.RecordBatch.from_arrays(columns, schema=schema)]
    if batches or lake.exists(RESCORED_EXPECTATIONS, warehouse):
        lake.write_partition(RESCORED_EXPECTATIONS, warehouse, str(ds), batches)
    return f"; scored again by the heads of version {found}" if batches else ""


def former_version(warehouse: str, ds: datetime.date, version: str) -> str | None:
    """The other model version that everybody was encoded by again at ds; None where there is none."""
    if not lake.exists(RESCORED_EMBEDDINGS, warehouse):
        return None
    found = lake.read(lake.open_table(RESCORED_EMBEDDINGS, warehouse), ["model_version", "as_of"], ds)
    versions = set(found.filter(pc.field("as_of") == ds)["model_version"].to_pylist()) - {version}
    return versions.pop() if versions else None


def rows(
    user_ids: pa.Array, known: Known, heads: Heads, ds: datetime.date, version: str, run_id: str
) -> Iterator[pa.RecordBatch]:
    """Rows of gold.predictions, in the order of the users."""
    for start in range(0, len(user_ids), CHUNK_USERS):
        chunk = slice(start, start + CHUNK_USERS)
        part = known.part(chunk)
        yield _batch(user_ids[chunk], part, heads, heads.expect(part), ds, version, run_id)


def _batch(
    user_ids: pa.Array, known: Known, heads: Heads, found: Expectations, ds: datetime.date, version: str, run_id: str
) -> pa.RecordBatch:
    schema, users = lake.arrow_schema(PREDICTIONS), len(user_ids)
    names = np.array([one.name for one in heads.config.slices] + [None], object)
    slice_U = heads.config.slice_of(known.features)
    refused = [heads.refused.get(name, {}) for name in names]
    null = {event: np.array([event in why for why in refused])[slice_U] for event in EVENTS}
    why = [[f"{event}: {reason}" for event, reason in reasons.items()] for reasons in refused]
    hidden = null[EVENTS[-1]]  # what stands on the purchases of the whole horizon
    category = np.array(heads.tastes.categories, object)
    columns = {
        "churn_28d": _numbers(1 - found.purchase_U3[:, -1], hidden),
        **{f"purchase_{d}d": _numbers(p, null[e])
           for d, e, p in zip(DAYS, EVENTS, found.purchase_U3.T, strict=True)},
        "spend_28d": _numbers(found.spend, hidden, 2),
        "days_to_next_order": _numbers(found.day, np.logical_or.reduce(list(null.values())) | np.isnan(found.day), 1),
        "next_categories": _lists(category[found.category_UT].ravel(), TOP, hidden, pa.string()),
        "next_category_scores": _lists(found.category_score_UT.ravel(), TOP, hidden, pa.float64()),
        "expected": _lists(found.expected_UE.ravel(), found.expected_UE.shape[1], np.zeros(users, bool), pa.float64()),
        "slice": pa.array(names[slice_U], pa.string()),
        "refused": pa.array([why[index] for index in slice_U], schema.field("refused").type),
    }  # fmt: skip
    english, chinese = _reasons(found.parts_UJ, known, heads)
    columns |= {
        "user_id": user_ids, "ds": pa.repeat(pa.scalar(ds), users), "reasons": english, "reasons_zh": chinese,
        "model_version": pa.repeat(version, users), "run_id": pa.repeat(run_id, users),
    }  # fmt: skip
    return pa.RecordBatch.from_arrays(
        [columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema
    )


def _numbers(values: np.ndarray, null: np.ndarray, decimals: int = DECIMALS) -> pa.Array:
    return pa.array(np.round(values, decimals) + 0.0, pa.float64(), mask=null)


def _lists(flat: np.ndarray, width: int, null: np.ndarray, kind: pa.DataType) -> pa.Array:
    width = min(width, len(flat) // max(len(null), 1))
    values = pa.array(np.round(flat, DECIMALS) + 0.0 if pa.types.is_floating(kind) else flat, kind)
    offsets = np.arange(0, len(flat) + 1, max(width, 1), dtype=np.int32)[: len(null) + 1]
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(null))


def _reasons(parts_UJ: np.ndarray, known: Known, heads: Heads) -> tuple[pa.Array, pa.Array]:
    """The inputs that move the log-odds of churn most, with their values; all numbers of the vector are one input."""
    inputs = len(heads.config.inputs)
    grouped = np.column_stack([parts_UJ[:, :inputs], parts_UJ[:, inputs:].sum(axis=1)])
    values = np.column_stack([known.values(heads.config.inputs, vector=False), np.zeros(len(known))])
    top = np.argsort(-np.abs(grouped), axis=1, kind="stable")[:, :REASONS]
    names = [*heads.config.inputs, "latest events"]
    chinese = [*(_ZH[name] for name in heads.config.inputs), "近期行为序列"]
    english_text, chinese_text = [], []
    for row, (part, value) in enumerate(zip(grouped, values, strict=True)):
        said_en, said_zh = [], []
        for j in top[row]:
            more = part[j] > 0
            shown_en = "" if j == inputs else " unknown" if np.isnan(value[j]) else f" {value[j]:.4g}"
            shown_zh = "" if j == inputs else "未知" if np.isnan(value[j]) else f"{value[j]:.4g}"
            said_en.append(f"{names[j]}{shown_en}: {'more' if more else 'less'} likely to be silent ({part[j]:+.2f})")
            said_zh.append(f"{chinese[j]}{shown_zh}：流失可能{'更高' if more else '更低'}（{part[j]:+.2f}）")
        english_text.append(said_en)
        chinese_text.append(said_zh)
    kind = pa.list_(pa.string())
    return pa.array(english_text, kind), pa.array(chinese_text, kind)


def refused_rows(
    batches: Iterable[pa.RecordBatch], ds: datetime.date, why: str, version: str, run_id: str
) -> Iterator[pa.RecordBatch]:
    """Rows without a single prediction, where the champion has no heads, for batches of user_id."""
    schema = lake.arrow_schema(PREDICTIONS)
    for batch in batches:
        known = {"ds": ds, "refused": [why], "model_version": version, "run_id": run_id}
        yield pa.RecordBatch.from_pylist([{"user_id": user} | known for user in batch["user_id"].to_pylist()], schema)


def load_heads(folder: Path) -> Heads | str:
    """The heads of a model, or why there are none."""
    heads = Heads.load(folder)
    if heads is not None:
        return heads
    said = folder / "heads.json"
    if said.is_file():
        return json.loads(said.read_text(encoding="utf-8"))["why"]
    return "the model has no heads: run `python -m ml.learn` on its snapshot"


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "ds")
    args.add_argument("--run-id", required=True, help="the run that the rows are written by")
    said = args.parse_args(argv)
    started, mlflow = time.perf_counter(), client()
    found = champion(mlflow)
    if found is None:
        raise UsageError(f"expected a registered model {NAME} with the alias `champion`, found none; train one first")
    version = str(found.version)
    with tempfile.TemporaryDirectory() as scratch:
        heads = load_heads(download(mlflow, found.run_id, Path(scratch)))
    if isinstance(heads, str):
        users = lake.read_batches(lake.open_table(USER_FEATURES, said.warehouse), ["user_id"], said.ds)
        nothing = refused_rows(users, said.ds, heads, version, said.run_id)
        lake.write_partition(PREDICTIONS, said.warehouse, str(said.ds), nothing)
        print(f"nothing is predicted as of {said.ds}: {heads}")
        return
    user_ids, known = read_known(said.warehouse, said.ds, heads, version)
    batches = rows(user_ids, known, heads, said.ds, version, said.run_id)
    lake.write_partition(PREDICTIONS, said.warehouse, str(said.ds), batches)
    seconds, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    refused = "; ".join(f"{name}: {', '.join(why)}" for name, why in heads.refused.items()) or "none"
    print(f"{len(user_ids):,} users predicted by {NAME} version {version} in {seconds:.1f} s, peak {peak:,.0f} MiB; "
          f"refused for slices: {refused}{rescore(mlflow, said.warehouse, said.ds, version, said.run_id)}")  # fmt: skip


if __name__ == "__main__":
    entry(main)
