"""Rows of gold.predictions."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from jobs.tables import NUMERIC_FEATURES, PREDICTIONS
from ml.common import lake
from ml.heads.facts import CHUNK_USERS, DECIMALS
from ml.heads.heads import DAYS, EVENTS, TOP, Expectations, Heads, Known

REASONS = 3
_ZH = {column.name: column.zh for column in NUMERIC_FEATURES}


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
