"""Hours and weekdays that a model reads are the shop's; a model of before they were known goes on reading UTC's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ml.data import sequences
from ml.data.catalogue import PRICE_BUCKETS
from ml.data.sequences import GAPS, HOURS, TYPES, pack
from ml.data.snapshot import Snapshot
from ml.data.vocabulary import Vocabularies

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
