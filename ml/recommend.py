"""Which products are suggested to each user: python -m ml.recommend --warehouse W --ds 2017-12-01 --run-id R

Replaces staged.recommendations at ds, which `publish` moves to gold once it is checked; needs gold.user_features,
gold.user_sequences and gold.user_embeddings at ds. By blocks of users, so that memory does not grow with them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import RECOMMENDATIONS
from ml.common import lake
from ml.common.cli import entry, parser, peak
from ml.common.registry import Registry
from ml.suggest.recommender import Recommender
from ml.suggest.rows import rows
from ml.suggest.settings import RecommendConfig
from ml.users.vectors import load


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "ds", "conf", "run-id", "device").parse_args(argv)
    config, registry, began = (
        RecommendConfig.load(args.conf, args.warehouse),
        Registry.of(args.warehouse),
        time.perf_counter(),
    )
    champion = registry.current_champion()
    version = str(champion.version)
    encoder = load(registry, champion.run_id, args.device)
    recommender = Recommender.fit(args.warehouse, args.ds, encoder, config)
    learned = time.perf_counter() - began
    suggestions = users = 0

    def counted(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        nonlocal suggestions, users
        for batch in batches:
            suggestions += batch.num_rows
            users += pc.sum(pc.equal(batch["rank"], 1)).as_py() or 0
            yield batch

    batches = lake.started(counted(rows(recommender, args.warehouse, args.ds, version, args.run_id)))
    lake.write_partition(RECOMMENDATIONS.staged(), args.warehouse, str(args.ds), batches or [])
    took = f"{time.perf_counter() - began:.1f} s ({learned:.1f} s of them to learn), {peak()}"
    print(f"{suggestions:,} suggestions for {users:,} users by {registry.name} version {version} in {took}")
    if looked := int(recommender.world.looked_I.sum()):
        print(f"nobody buys: looks stand for purchases of {looked:,} products")
    print(f"{len(recommender.world.shelf):,} of {len(encoder.catalogue.product_ids):,} products may be suggested")
    print(f"ranking: {recommender.ranker}")


if __name__ == "__main__":
    entry(main)
