"""How good suggestions were, once the days are over: python -m ml.recommend_accuracy --warehouse W --ds 2017-09-30

Holds gold.recommendations of ds, and simple ways to suggest, against what users bought in the 7 and 28 days after it;
replaces ops.recommendation_accuracy at ds. Where ds + 28 is not loaded yet it is an error (exit 3); where nothing was
suggested as of ds there is nothing to score (exit 0). --model DIR/model suggests by a model that was trained as of ds
(python -m ml.snapshot, ml.train) in place of what is published, and only prints.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa

from jobs.tables import RECOMMENDATION_ACCURACY, RECOMMENDATIONS
from ml.common import lake
from ml.common.cli import entry, parser
from ml.common.runs import log_night
from ml.measures.report import OURS, SUGGESTION_MEASURES, suggestions_table
from ml.suggest.settings import RecommendConfig

PUBLISHED = ["user_id", "rank", "product_id", "model_version"]


def main(argv: list[str] | None = None) -> None:
    flags = parser(__doc__, "warehouse", "ds", "conf", "by-hand")
    flags.add_argument("--model", type=Path, help="folder of a model trained as of ds; nothing is written")
    args = flags.parse_args(argv)
    where, ds, config = args.warehouse, args.ds, RecommendConfig.load(args.conf, args.warehouse)
    ours = args.model or _published(where, ds)
    if ours is None:
        print(f"nothing was suggested as of {ds}: nothing to score")
        return
    from ml.judge import suggestions  # with torch: seconds, which a night without suggestions to score is spared

    rows = suggestions.judged(where, ds, config, ours, say=print)
    print(suggestions_table(rows))
    if args.model is None:
        version, stamp = ours["model_version"][0].as_py(), {"ds": ds, "run_id": args.run_id}
        stamped = [row | stamp | {"model_version": version if row["method"] == OURS else None} for row in rows]
        lake.write_rows(RECOMMENDATION_ACCURACY, where, str(ds), stamped)
        metrics = {f"recommend.{row['purchases']}.{row['days']}d.{name}": row[name] for row in rows
                   for name in SUGGESTION_MEASURES if row["method"] == OURS}  # fmt: skip
        texts = {"recommendations.md": suggestions_table(rows)}
        print(log_night("recommendations", where, ds, metrics, texts=texts))


def _published(warehouse: str, ds: datetime.date) -> pa.Table | None:
    """The rows of gold.recommendations at ds; None where nothing was suggested."""
    if not lake.exists(RECOMMENDATIONS, warehouse):
        return None
    rows = lake.read(lake.open_table(RECOMMENDATIONS, warehouse), PUBLISHED, ds)
    return rows if rows.num_rows else None


if __name__ == "__main__":
    entry(main)
