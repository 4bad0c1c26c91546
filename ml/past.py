"""Days to learn from that are not there yet: python -m ml.past --warehouse W --ds 2017-12-01

Prints, oldest first and one a line, the days that `python -m ml.learn` would learn from as of ds (`cuts` of
conf/predictions.yaml) that have no gold.user_features or gold.user_sequences, though events reach back far enough: a
first load of a history writes them as of its last day alone. The training DAG runs `python -m jobs features` and
`python -m jobs sequences` for each of them.
"""

from __future__ import annotations

from ml.common.cli import entry, parser
from ml.heads.days import missing
from ml.heads.settings import PredictionConfig


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "ds", "conf").parse_args(argv)
    for day in missing(args.warehouse, args.ds, PredictionConfig.load(args.conf)):
        print(day)


if __name__ == "__main__":
    entry(main)
