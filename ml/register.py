"""Registers a trained snapshot and names its segments: python -m ml.register --warehouse W --snapshot DIR

Makes the model version (settings, state_dict, vocabularies: the run's artefacts), writes its gold.segment_models, and
moves the alias `champion` to it where the gate said so and the segments stay themselves: at most `max_moved` of the
users (conf/segments.yaml) may change their segment, on the very same data. Else the nights keep the champion; the
figures are in the log and in the run's tags, and --accept-moves promotes the version all the same. Centres come before
the alias, so that a night never meets a champion without segments. Running it again for the same snapshot changes
nothing more.
"""

from __future__ import annotations

from ml.common.cli import entry, parser
from ml.data.snapshot import Snapshot
from ml.segments.promotion import promote
from ml.segments.settings import SegmentConfig


def main(argv: list[str] | None = None) -> None:
    flags = parser(__doc__, "warehouse", "snapshot", "conf")
    flags.add_argument("--accept-moves", action="store_true", help="promote though more than max_moved would move")
    args = flags.parse_args(argv)
    snapshot, config = Snapshot.open(args.snapshot), SegmentConfig.load(args.conf)
    print(promote(snapshot, args.warehouse, config, accept_moves=args.accept_moves, say=print))


if __name__ == "__main__":
    entry(main)
