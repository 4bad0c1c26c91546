"""Where the champion stayed, its heads are learned anew: python -m ml.renew --warehouse W --snapshot DIR [--conf DIR]

What is expected of users ages by the week, whether or not there is a better encoder. After ml.register: DIR/renewed
gets the champion's encoder, heads that know the newest days, segments, and a model version of its own, which becomes
the champion unless too many users would move (see ml/register.py). Exit 99 (Airflow skips on it) where the champion is
of this snapshot and its heads are new already, or where there are too few users to learn from.
"""

from __future__ import annotations

from ml.common.cli import entry, parser
from ml.data.snapshot import Snapshot
from ml.segments.renewal import renew


def main(argv: list[str] | None = None) -> int:
    flags = parser(__doc__, "warehouse", "snapshot", "conf")
    flags.add_argument("--accept-moves", action="store_true", help="promote though more than max_moved would move")
    args = flags.parse_args(argv)
    snapshot = Snapshot.open(args.snapshot)
    decision, code = renew(snapshot, args.warehouse, args.conf, accept_moves=args.accept_moves, say=print)
    print(decision)
    return code


if __name__ == "__main__":
    entry(main)
