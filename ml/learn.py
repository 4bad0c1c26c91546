"""Fits the heads that say what is expected of a user: python -m ml.learn --snapshot DIR [--conf DIR]

After ml.train and before ml.register. Learns from the days 28, 56, ... before the snapshot's: inputs as of the day
(gold.user_features and gold.user_sequences must be there for it), labels from the 28 days strictly after it, all of
them over at the snapshot. First a trial: heads that know only the older days are held against the newest. Leaves
DIR/model/heads.* (part of the model version), DIR/trial.npz for the choice of segments (what heads expect of users whom
they did not learn from), and metrics of the run.
Where no day can be learned from, DIR/model/heads.json says why, and nothing will be predicted.
"""

from __future__ import annotations

from ml.common.cli import entry, parser
from ml.data.snapshot import Snapshot
from ml.heads.learning import learn
from ml.heads.settings import PredictionConfig


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "snapshot", "conf").parse_args(argv)
    print(learn(Snapshot.open(args.snapshot), PredictionConfig.load(args.conf)))


if __name__ == "__main__":
    entry(main)
