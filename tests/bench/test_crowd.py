"""The crowd that a night is timed on has the shape of a night's tables, and the same users on both nights."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from bench import crowd
from bench.crowd import Chunk
from jobs.tables import WINDOWS

DS = date(2026, 6, 30)


@pytest.fixture(scope="module")
def chunk() -> Chunk:
    return Chunk(seed=1, first=100, count=3000)


def numbers(batch: pa.RecordBatch, name: str) -> np.ndarray:
    return batch[name].cast(pa.float64()).to_numpy(zero_copy_only=False)


def test_every_table_is_whole(chunk: Chunk) -> None:
    for make in (Chunk.features, Chunk.embeddings, Chunk.predictions, Chunk.sequences):
        batch = make(chunk, DS, True)
        batch.validate(full=True)
        assert batch["user_id"].to_pylist() == chunk.user_ids.to_pylist()
        assert pc.unique(batch["ds"]).to_pylist() == [DS]
        assert make(Chunk(1, 100, 3000), DS, True) == batch
    suggested = chunk.recommendations(DS, second=True)
    suggested.validate(full=True)
    for name in ("price", "last_sold_ds", "reason", "reason_zh"):  # the check of staged.recommendations asks for them
        assert suggested[name].null_count == 0
    assert pc.min(suggested["price"]).as_py() > 0
    people = chunk.people(DS)
    people.validate(full=True)
    assert people["user_id"].null_count == people["first_seen_ds"].null_count == 0


def test_windows_are_nested_and_who_never_bought_has_no_recency(chunk: Chunk) -> None:
    features = chunk.features(DS, second=False)
    for stem in ("frequency", "monetary", "views", "products"):
        counts = np.stack([numbers(features, f"{stem}_{window}d") for window in WINDOWS])
        assert (np.diff(counts, axis=0) >= 0).all(), stem
        assert counts[-1].max() > counts[0].max()
    never = numbers(features, "frequency_365d") == 0
    assert 0.05 < never.mean() < 0.6
    assert (features["recency_days"].is_null().to_numpy(zero_copy_only=False) == never).all()
    recent = numbers(features, "recency_days") < 28
    assert (recent[~never] == (numbers(features, "frequency_28d") > 0)[~never]).all()
    shares = features["department_shares_365d"]
    assert shares.null_count == never.sum()
    assert sum(value for _, value in shares[int(np.argmin(never))].as_py()) == pytest.approx(1)


def test_on_the_second_night_only_the_active_are_others(chunk: Chunk) -> None:
    first, second = (chunk.features(DS, second=night) for night in (False, True))
    assert 0.05 < chunk.active.mean() < 0.3
    assert first["frequency_90d"] == second["frequency_90d"]
    silent = ~chunk.active & first["inactive_days"].is_valid().to_numpy(zero_copy_only=False)
    days = numbers(second, "inactive_days") - numbers(first, "inactive_days")
    assert (days[silent] == 1).all()
    moved = np.abs(chunk.expected(True) - chunk.expected(False)).max(axis=1)
    assert np.median(moved[chunk.active]) > 10 * np.median(moved[~chunk.active])


def test_money_is_exact() -> None:
    assert crowd.decimals(np.array([0, 5, 12345, -250])).to_pylist() == [
        Decimal("0"), Decimal("0.0005"), Decimal("1.2345"), Decimal("-0.0250")]  # fmt: skip


def test_chunks_hold_every_user_once() -> None:
    parts = list(crowd.chunks(crowd.CHUNK + 7, seed=1))
    assert [(part.first, part.count) for part in parts] == [(0, crowd.CHUNK), (crowd.CHUNK, 7)]
