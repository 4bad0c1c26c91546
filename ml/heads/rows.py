"""Rows of gold.predictions. Legend: U users, J inputs, T categories that are named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from jobs.tables import NUMERIC_FEATURES, PREDICTIONS
from ml.common import lake
from ml.common.arrays import lists
from ml.heads.expected import CHUNK_USERS, DECIMALS
from ml.heads.facts import UserFacts
from ml.heads.grounds import NO_SLICE
from ml.heads.heads import CATEGORIES, DAYS, EVENTS, PREDICTED, SPEND, Heads

REASONS = 3
_ZH = {column.name: column.zh for column in NUMERIC_FEATURES}


def rows(user_ids: pa.Array, facts: UserFacts, heads: Heads, stamp: Mapping[str, object]) -> Iterator[pa.RecordBatch]:
    """One row a user, in the order of the users. stamp: ds, model_version and run_id of all rows."""
    for start in range(0, len(user_ids), CHUNK_USERS):
        chunk = slice(start, start + CHUNK_USERS)
        yield _batch(user_ids[chunk], facts.part(chunk), heads, stamp)


def _batch(user_ids: pa.Array, facts: UserFacts, heads: Heads, stamp: Mapping[str, object]) -> pa.RecordBatch:
    expectations = heads.expect(facts)
    names = np.array([part.name for part in heads.config.slices] + [None], object)
    slice_U = heads.config.slice_of(facts.features)
    refused = [heads.refused.get(name or NO_SLICE, {}) for name in names]
    null = {what: np.array([what in reasons for reasons in refused])[slice_U] for what in PREDICTED}
    texts = [[f"{what}: {reason}" for what, reason in reasons.items()] for reasons in refused]
    no_day = np.logical_or.reduce([null[event] for event in EVENTS]) | np.isnan(expectations.day)
    category = np.array(heads.tastes.categories, object)
    english, chinese = _reasons(expectations.parts_UJ, facts, heads)
    columns = {
        "user_id": user_ids,
        "churn_28d": _numbers(1 - expectations.purchase_U3[:, -1], null[EVENTS[-1]]),
        **{f"purchase_{days}d": _numbers(chance, null[event])
           for days, event, chance in zip(DAYS, EVENTS, expectations.purchase_U3.T, strict=True)},
        "spend_28d": _numbers(expectations.spend, null[SPEND], 4),
        "days_to_next_order": _numbers(expectations.day, no_day, 1),
        "next_categories": lists(category[expectations.category_UT], pa.string(), null[CATEGORIES]),
        "next_category_scores": lists(_rounded(expectations.category_score_UT), pa.float64(), null[CATEGORIES]),
        "expected": lists(_rounded(expectations.expected_UE), pa.float64()),
        "slice": pa.array(names[slice_U], pa.string()),
        "refused": pa.array([texts[index] for index in slice_U], pa.list_(pa.string())),
        "reasons": english,
        "reasons_zh": chinese,
    }  # fmt: skip
    return lake.batch(PREDICTIONS, columns, stamp)


def _rounded(values: np.ndarray, decimals: int = DECIMALS) -> np.ndarray:
    return np.round(values, decimals) + 0.0  # no -0.0


def _numbers(values: np.ndarray, null: np.ndarray, decimals: int = DECIMALS) -> pa.Array:
    return pa.array(_rounded(values, decimals), pa.float64(), mask=null)


def _reasons(parts_UJ: np.ndarray, facts: UserFacts, heads: Heads) -> tuple[pa.Array, pa.Array]:
    """The inputs that move the log-odds of churn most, with their values, in English and Chinese; all numbers of the
    vector are one input.
    """
    inputs = len(heads.config.inputs)
    grouped = np.column_stack([parts_UJ[:, :inputs], parts_UJ[:, inputs:].sum(axis=1)])
    values = np.column_stack([facts.values(heads.config.inputs, vector=False), np.zeros(len(facts))])
    top = np.argsort(-np.abs(grouped), axis=1, kind="stable")[:, :REASONS]
    names = [*heads.config.inputs, "latest events"]
    names_zh = [*(_ZH[name] for name in heads.config.inputs), "近期行为序列"]
    english, chinese = [], []
    for row, (part, value) in enumerate(zip(grouped, values, strict=True)):
        texts, texts_zh = [], []
        for j in top[row]:
            more = part[j] > 0
            shown = "" if j == inputs else " unknown" if np.isnan(value[j]) else f" {value[j]:.4g}"
            shown_zh = "" if j == inputs else "未知" if np.isnan(value[j]) else f"{value[j]:.4g}"
            texts.append(f"{names[j]}{shown}: {'more' if more else 'less'} likely to be silent ({part[j]:+.2f})")
            texts_zh.append(f"{names_zh[j]}{shown_zh}：流失可能{'更高' if more else '更低'}（{part[j]:+.2f}）")
        english.append(texts)
        chinese.append(texts_zh)
    kind = pa.list_(pa.string())
    return pa.array(english, kind), pa.array(chinese, kind)


def refused_rows(
    batches: Iterable[pa.RecordBatch], reason: str, stamp: Mapping[str, object]
) -> Iterator[pa.RecordBatch]:
    """Rows without a single prediction, where the champion has no heads, for batches of user_id."""
    schema = lake.arrow_schema(PREDICTIONS)
    same = {"refused": [reason], **stamp}
    for batch in batches:
        yield pa.RecordBatch.from_pylist([{"user_id": user} | same for user in batch["user_id"].to_pylist()], schema)
