"""What the model adds to the suggestions: python -m ml.recommend_ablation --warehouse W --snapshot DIR [DIR ..]

For models that were trained as of a day (python -m ml.snapshot, ml.train): NDCG@10 of the suggestions of that day on
what users bought in the 7 and 28 days after it, all and new products, by rankings that see neither the model's score
of a product nor its map of first purchases, one of them, and both. Figures are means over the days; the interval is a
paired bootstrap over users, each with all of his days. Writes nothing.
"""

from __future__ import annotations

from pathlib import Path

from ml.common.cli import entry, parser
from ml.data.snapshot import Snapshot
from ml.judge.suggestion_ablation import compared, night
from ml.measures.report import probes_table
from ml.suggest.settings import RecommendConfig


def main(argv: list[str] | None = None) -> None:
    flags = parser(__doc__, "warehouse", "conf")
    flags.add_argument(
        "--snapshot", required=True, nargs="+", type=Path, help="folders made by `python -m ml.snapshot`"
    )
    args = flags.parse_args(argv)
    config, nights = RecommendConfig.load(args.conf, args.warehouse), []
    for folder in args.snapshot:
        snapshot = Snapshot.open(folder)
        nights.append(night(snapshot, args.warehouse, config))
        print(f"{snapshot.ds}: " + ", ".join(f"{len(one.user_ids):,} who bought {what}"
                                             for what, one in nights[-1].items()), flush=True)  # fmt: skip
    print(probes_table(compared(nights, config.seed), decimals=4))


if __name__ == "__main__":
    entry(main)
