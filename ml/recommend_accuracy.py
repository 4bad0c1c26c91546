"""How good suggestions were, once the days are over: python -m ml.recommend_accuracy --warehouse W --ds 2017-09-30

Holds gold.recommendations of ds, and simple ways to suggest, against what users bought in the 7 and 28 days after it;
replaces ops.recommendation_accuracy at ds. Where ds + 28 is not loaded yet it is an error (exit 3); where nothing was
suggested as of ds there is nothing to score (exit 0). --model DIR/model suggests by a model that was trained as of ds
(python -m ml.snapshot, ml.train) in place of what is published, and only prints.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from jobs.tables import RECOMMENDATION_ACCURACY, SILVER_PRODUCTS
from ml.common import lake
from ml.common.cli import entry, parser
from ml.common.registry import client, current_champion
from ml.data.catalogue import PRODUCT_COLUMNS
from ml.data.sequences import midnight
from ml.judge.hits import OURS, SCORED, lists, log, published, read_truth, scores, simple, suggested, table, truths
from ml.suggest.history import Cells, purchase_id
from ml.suggest.recommender import Recommender, read_sample, shop, world
from ml.suggest.settings import RecommendConfig
from ml.transformer.encoder import Encoder
from ml.users.vectors import load


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "ds", "conf")
    args.add_argument("--run-id", default="by-hand", help="the run that the rows are written by")
    args.add_argument("--model", type=Path, help="folder of a model trained as of ds; nothing is written")
    said = args.parse_args(argv)
    where, ds, config = said.warehouse, said.ds, RecommendConfig.load(said.conf)
    if said.model is not None:
        encoder = Encoder.load(said.model, lake.read(lake.open_table(SILVER_PRODUCTS, where), PRODUCT_COLUMNS))
    else:
        if (rows := published(where, ds)) is None:
            print(f"nothing was suggested as of {ds}: nothing to score")
            return
        mlflow = client()  # of the champion only the numbers of products and events are used
        encoder = load(mlflow, current_champion(mlflow).run_id, where, "cpu")
    sample, ids = read_sample(where, ds, encoder, SCORED), encoder.catalogue.product_ids
    bought = read_truth(where, ds, sample.user_ids, ids)
    past = world(*shop(where, ds, ds, encoder, config), ds, sample, encoder, config)
    cells = Cells.of(sample, np.diff(sample.offsets), midnight(ds), purchase_id(encoder.vocabularies), len(ids),
                     config.half_life_days)  # fmt: skip
    if said.model is not None:
        recommender = Recommender.fit(where, ds, encoder, config)
        print(f"ranking: {recommender.ranker}")
        ours = suggested(recommender, sample)
    else:
        ours = lists(rows, sample.user_ids, ids)
    found = scores({OURS: ours, **simple(past, cells)}, truths(bought, cells))
    print(f"{len(sample):,} users as of {ds}, {len(past.shelf):,} of {len(ids):,} products could be suggested")
    print(table(found))
    if said.model is None:
        stamp = {"ds": ds, "run_id": said.run_id}
        version = rows["model_version"][0].as_py()
        batch = [row | stamp | {"model_version": version if row["method"] == OURS else None} for row in found]
        schema = lake.arrow_schema(RECOMMENDATION_ACCURACY)
        lake.write_partition(RECOMMENDATION_ACCURACY, where, str(ds), [pa.RecordBatch.from_pylist(batch, schema)])
        print(log(found, ds))


if __name__ == "__main__":
    entry(main)
