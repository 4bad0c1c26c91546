"""Suggestions of a day held against what users bought after it, beside simple ways to suggest."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from jobs.tables import SILVER_PRODUCTS
from ml.common import lake
from ml.common.registry import Registry
from ml.data.catalogue import PRODUCT_COLUMNS
from ml.judge import hits
from ml.measures.report import OURS
from ml.suggest.recommender import Recommender, cells_as_of, read_sample, shop, world
from ml.suggest.settings import RecommendConfig
from ml.transformer.encoder import Encoder
from ml.users.vectors import load


def judged(
    warehouse: str, ds: datetime.date, config: RecommendConfig, ours: pa.Table | Path, say: Callable[[str], None]
) -> list[dict]:
    """Rows of ops.recommendation_accuracy less the stamps.

    ours: rows of gold.recommendations at ds, or the folder of a model that was trained as of ds, which suggests anew.
    """
    if isinstance(ours, Path):
        encoder = Encoder.load(ours, lake.read(lake.open_table(SILVER_PRODUCTS, warehouse), PRODUCT_COLUMNS))
    else:
        registry = Registry.of(warehouse)  # of the champion only the numbers of products and events are used
        encoder = load(registry, registry.current_champion().run_id, "cpu")
    sample, ids = read_sample(warehouse, ds, encoder, hits.SCORED), encoder.catalogue.product_ids
    products, sales = shop(warehouse, ds, ds, encoder, config)
    bought = hits.read_truth(warehouse, ds, sample.user_ids, ids, sales.looked_I)
    past = world(products, sales, ds, sample, encoder, config)
    cells = cells_as_of(sample, ds, encoder, config)
    if isinstance(ours, Path):
        recommender = Recommender.fit(warehouse, ds, encoder, config)
        say(f"ranking: {recommender.ranker}")
        lists = hits.of_recommender(recommender, sample)
    else:
        lists = hits.of_rows(ours, sample.user_ids, ids)
    say(f"{len(sample):,} users as of {ds}, {len(past.shelf):,} of {len(ids):,} products could be suggested")
    return hits.scores({OURS: lists, **hits.of_simple_ways(past, cells)}, hits.truths(bought, cells, sales.looked_I))
