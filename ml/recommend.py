"""Which products are suggested to each user: python -m ml.recommend --warehouse W --ds 2017-12-01 --run-id R

Replaces staged.recommendations at ds, which `publish` moves to gold once it is checked; needs gold.user_features,
gold.user_sequences and gold.user_embeddings at ds. By blocks of users, so that memory does not grow with them.
"""

from __future__ import annotations

import itertools
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import RECOMMENDATIONS
from ml.common import lake
from ml.common.cli import entry, parser
from ml.common.registry import NAME, client, current_champion
from ml.suggest.recommender import Recommender
from ml.suggest.rows import rows
from ml.suggest.settings import RecommendConfig
from ml.users.vectors import load


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "ds", "conf")
    args.add_argument("--run-id", required=True, help="the run that the rows are written by")
    args.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    said = args.parse_args(argv)
    conf: Path = said.conf
    config, mlflow, started = RecommendConfig.load(conf), client(), time.perf_counter()
    champion = current_champion(mlflow)
    version = str(champion.version)
    encoder = load(mlflow, champion.run_id, said.warehouse, said.device)
    recommender = Recommender.fit(said.warehouse, said.ds, encoder, config)
    learned = time.perf_counter() - started
    batches = rows(recommender, said.warehouse, said.ds, version, said.run_id)
    ahead = list(itertools.islice(batches, 1))  # inside a streamed write delta-rs could not open what is read
    count = {"rows": 0, "users": 0}

    def counted() -> Iterator[pa.RecordBatch]:
        for batch in itertools.chain(ahead, batches):
            count["rows"] += batch.num_rows
            count["users"] += pc.sum(pc.equal(batch["rank"], 1)).as_py() or 0
            yield batch

    lake.write_partition(RECOMMENDATIONS.staged(), said.warehouse, str(said.ds), counted())
    seconds, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count['rows']:,} suggestions for {count['users']:,} users by {NAME} version {version} in {seconds:.1f} s "
        f"({learned:.1f} s of them to learn), peak {peak:,.0f} MiB"
    )
    print(f"{len(recommender.world.shelf):,} of {len(encoder.catalogue.product_ids):,} products may be suggested")
    print(f"ranking: {recommender.ranker}")


if __name__ == "__main__":
    entry(main)
