"""Trains and scores the model on public benchmark files, of item lists or of baskets:

python -m ml.benchmark FILE [--attributes JSON] [--seed S] [--preset NAME] [--threads N]
python -m ml.benchmark --baskets HISTORY.json FUTURE.json [--seed S] [--threads N]

FILE has one user a line (`user item item ...`). Protocol: ml/judge/leave_one_out.py. The rows (ml/judge/members.py):
the model of the nightly training, which here knows the lists of others (ml/judge/list_model.py), the built-in item
neighbours, and where the preset has members the average of so many trainings from seeds S, S + 1000 .. Epochs and the
neighbours' setting are chosen on validation items; the test items only judge. The last line is one JSON object; its
hr@k and ndcg@k are the row that validates best.

--baskets asks for the next basket. Protocol: ml/baskets/protocol.py; the rows: ml/baskets/comparison.py. The last line
is one JSON object, too. Seconds are of the whole command, or of a row: what it takes to have it, training included.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch

from ml.baskets import comparison, visits
from ml.common.cli import UsageError, entry, parser
from ml.common.model_settings import Config, load
from ml.judge import leave_one_out
from ml.judge.leave_one_out import PROTOCOL
from ml.judge.members import rounded, run


def main(argv: list[str] | None = None) -> None:
    flags = parser(__doc__, "conf")
    flags.add_argument("file", type=Path, nargs="?", help="lines of `user item item ...`, oldest item first")
    flags.add_argument("--baskets", type=Path, nargs=2, metavar=("HISTORY", "FUTURE"), help="JSON files of baskets")
    flags.add_argument("--attributes", type=Path, help="JSON object: item -> list of attributes")
    flags.add_argument("--seed", type=int, help="default: the preset's")
    flags.add_argument("--preset", help="of conf/model.yaml (default: benchmark, of baskets: baskets)")
    flags.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: all cores")
    args = flags.parse_args(argv)
    if args.threads < 1:
        raise UsageError(f"--threads: expected at least 1, found {args.threads}")
    if (args.file is None) == (args.baskets is None):
        raise UsageError("expected either FILE or --baskets HISTORY FUTURE")
    if args.baskets and args.attributes:
        raise UsageError("--attributes: expected with FILE alone, found with --baskets")
    torch.set_num_threads(args.threads)
    config = load(args.conf, args.preset or ("baskets" if args.baskets else "benchmark")).with_train(seed=args.seed)
    result = (
        _baskets(args.baskets, config) if args.baskets else _lists(args.file, args.attributes, config, args.threads)
    )
    print(json.dumps(rounded(result)))


def _lists(file: Path, attributes: Path | None, config: Config, threads: int) -> dict:
    lists = leave_one_out.read(file, attributes)
    print(f"{len(lists.lengths):,} users ({len(lists.judged):,} judged), {len(lists.names):,} items, "
          f"{len(lists.items):,} events; {PROTOCOL}", flush=True)  # fmt: skip
    return run(lists, config, threads, _say)


def _baskets(files: list[Path], config: Config) -> dict:
    baskets = visits.read(*files)
    print(f"{len(baskets.asked(0)):,} users judged, {len(baskets.names):,} products, "
          f"{len(baskets.item_E):,} products in {baskets.visits_U.sum():,} baskets; {comparison.PROTOCOL}",
          flush=True)  # fmt: skip
    return comparison.run(baskets, config, _say)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    entry(main)
