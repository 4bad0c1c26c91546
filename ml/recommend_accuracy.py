"""How good suggestions were, once the days are over: python -m ml.recommend_accuracy --warehouse W --ds 2017-09-30

Holds gold.recommendations of ds, and simple ways to suggest, against what users bought in the 7 and 28 days after it;
replaces ops.recommendation_accuracy at ds. Where ds + 28 is not loaded yet it is an error (exit 3); where nothing was
suggested as of ds there is nothing to score (exit 0). --model DIR/model suggests by a model that was trained as of ds
(python -m ml.snapshot, ml.train) in place of what is published, and only prints.
"""

from __future__ import annotations

from pathlib import Path

from jobs.tables import RECOMMENDATION_ACCURACY, SILVER_PRODUCTS
from ml.common import lake
from ml.common.cli import entry, parser
from ml.common.registry import client, current_champion
from ml.common.runs import log_night
from ml.data.catalogue import PRODUCT_COLUMNS
from ml.judge import hits
from ml.measures.report import OURS, SUGGESTION_MEASURES, suggestions_table
from ml.suggest.recommender import Recommender, cells_as_of, read_sample, shop, world
from ml.suggest.settings import RecommendConfig
from ml.transformer.encoder import Encoder
from ml.users.vectors import load


def main(argv: list[str] | None = None) -> None:
    flags = parser(__doc__, "warehouse", "ds", "conf", "by-hand")
    flags.add_argument("--model", type=Path, help="folder of a model trained as of ds; nothing is written")
    args = flags.parse_args(argv)
    where, ds, config = args.warehouse, args.ds, RecommendConfig.load(args.conf)
    if args.model is not None:
        encoder = Encoder.load(args.model, lake.read(lake.open_table(SILVER_PRODUCTS, where), PRODUCT_COLUMNS))
    else:
        if (published := hits.published(where, ds)) is None:
            print(f"nothing was suggested as of {ds}: nothing to score")
            return
        mlflow = client()  # of the champion only the numbers of products and events are used
        encoder = load(mlflow, current_champion(mlflow).run_id, where, "cpu")
    sample, ids = read_sample(where, ds, encoder, hits.SCORED), encoder.catalogue.product_ids
    bought = hits.read_truth(where, ds, sample.user_ids, ids)
    past = world(*shop(where, ds, ds, encoder, config), ds, sample, encoder, config)
    cells = cells_as_of(sample, ds, encoder, config)
    if args.model is not None:
        recommender = Recommender.fit(where, ds, encoder, config)
        print(f"ranking: {recommender.ranker}")
        ours = hits.of_recommender(recommender, sample)
    else:
        ours = hits.of_rows(published, sample.user_ids, ids)
    rows = hits.scores({OURS: ours, **hits.of_simple_ways(past, cells)}, hits.truths(bought, cells))
    print(f"{len(sample):,} users as of {ds}, {len(past.shelf):,} of {len(ids):,} products could be suggested")
    print(suggestions_table(rows))
    if args.model is None:
        version, stamp = published["model_version"][0].as_py(), {"ds": ds, "run_id": args.run_id}
        stamped = [row | stamp | {"model_version": version if row["method"] == OURS else None} for row in rows]
        lake.write_rows(RECOMMENDATION_ACCURACY, where, str(ds), stamped)
        metrics = {f"recommend.{row['purchases']}.{row['days']}d.{name}": row[name] for row in rows
                   for name in SUGGESTION_MEASURES if row["method"] == OURS}  # fmt: skip
        print(log_night("recommendations", ds, metrics, texts={"recommendations.md": suggestions_table(rows)}))


if __name__ == "__main__":
    entry(main)
