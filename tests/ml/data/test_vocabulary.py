"""What a model reads is the shop's: its hours, its prices; a model of before goes on reading as it learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ml.data import sequences
from ml.data.sequences import GAPS, HOURS, TYPES, pack
from ml.data.snapshot import Snapshot
from ml.data.vocabulary import PRICE_BUCKETS, USUAL_BUCKET, Vocabularies, Vocabulary, price_bucket

SUNDAY_20H = 1_772_395_200  # 2026-03-01 20:00 UTC: Monday, 4 o'clock in Shanghai
FIRST_HOUR = 1 + TYPES + PRICE_BUCKETS + GAPS


def read(frozen: Snapshot, vocabularies: Vocabularies, **more: object) -> tuple[int, int]:
    """Hour and weekday (0 = Monday) that are read of one event."""
    row = {"user_id": "u", "event_times": [SUNDAY_20H], "event_types": ["view"], "product_ids": ["p00"],
           "price_buckets": [1]} | more  # fmt: skip
    packed = pack(pa.Table.from_pylist([row]).to_batches(), frozen.catalogue(), vocabularies)
    hour, weekday = packed.context_EC[0, 3:5].astype(int) - FIRST_HOUR
    return hour, weekday - HOURS


def test_hours_are_the_shop_s_and_of_a_model_of_before_utc_s(frozen: Snapshot, tmp_path: Path) -> None:
    at_shop = {"event_days": [SUNDAY_20H // sequences.DAY_SECONDS + 1], "event_hours": [4]}
    now = frozen.vocabularies()
    assert read(frozen, now, **at_shop) == (4, 0)
    assert read(frozen, now, event_days=at_shop["event_days"]) == (20, 0), "hours that were never kept are UTC's"
    assert read(frozen, now) == (20, 6)

    path = tmp_path / "vocabulary.parquet"
    table = pq.read_table(frozen.folder / "vocabulary.parquet")
    pq.write_table(table.filter(pc.field("kind") != "clock"), path)  # as it was before
    before = Vocabularies.load(path)
    assert (now.reads_shop_hours, before.reads_shop_hours) == (True, False)
    assert read(frozen, before, **at_shop) == (20, 6)
    assert np.array_equal(before.product.ids, now.product.ids)


def test_prices_of_a_dear_currency_are_told_apart_and_those_of_a_model_of_before_read_as_they_were() -> None:
    names = {"product_id": ["a", "b", "c"], "category_path": [None] * 3, "brand": [None] * 3}
    usual, dear = np.array([2.0, 8.0, 50.0]), 20_000

    def learned(prices: np.ndarray) -> Vocabularies:
        return Vocabularies.fit(pa.table(names | {"usual_price": prices}), {"a": 1}, {}, 1)

    assert learned(usual).price_levels(price_bucket([*usual, None])).tolist() == [*price_bucket(usual), 0]
    moved = learned(dear * usual).price_levels(price_bucket([*(dear * usual), None]))
    assert moved.tolist() == [USUAL_BUCKET - 4, USUAL_BUCKET, USUAL_BUCKET + 5, 0]
    before = replace(learned(dear * usual), price=Vocabulary.fit({}))
    assert before.price_levels(np.array([0, 5, 31, 40])).tolist() == [0, 5, PRICE_BUCKETS - 1, PRICE_BUCKETS - 1]
    assert learned(np.zeros(3)).price_levels(np.array([5])).tolist() == [5]
