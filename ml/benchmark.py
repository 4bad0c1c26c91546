"""Trains and scores the model on a public benchmark file of item lists, one user a line (`user item item ...`):

python -m ml.benchmark FILE [--attributes JSON] [--seed S] [--preset NAME] [--threads N]

Protocol: ml/judge/leave_one_out.py. The rows (ml/judge/members.py): the built-in item neighbours, the model of the
nightly training, the average of several trainings of it from seeds S, S + 1000 .., and both mixed with the neighbours.
Epochs, neighbours' setting and the mix are chosen on validation items; the test items only judge. The last line is one
JSON object; its hr@k and ndcg@k are the row that validates best. Seconds are of the whole command, or of a row: what it
takes to have it, training included.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch

from ml.common.cli import UsageError, entry, parser
from ml.common.model_settings import load
from ml.judge import leave_one_out
from ml.judge.leave_one_out import PROTOCOL
from ml.judge.members import rounded, run


def main(argv: list[str] | None = None) -> None:
    flags = parser(__doc__, "conf")
    flags.add_argument("file", type=Path, help="lines of `user item item ...`, oldest item first")
    flags.add_argument("--attributes", type=Path, help="JSON object: item -> list of attributes")
    flags.add_argument("--seed", type=int, help="default: the preset's")
    flags.add_argument("--preset", default="benchmark", help="of conf/model.yaml (default: benchmark)")
    flags.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: all cores")
    args = flags.parse_args(argv)
    if args.threads < 1:
        raise UsageError(f"--threads: expected at least 1, found {args.threads}")
    torch.set_num_threads(args.threads)
    config = load(args.conf, args.preset).with_train(seed=args.seed)
    lists = leave_one_out.read(args.file, args.attributes)
    print(f"{len(lists.lengths):,} users ({len(lists.judged):,} judged), {len(lists.names):,} items, "
          f"{len(lists.items):,} events; {PROTOCOL}", flush=True)  # fmt: skip
    result = run(lists, config, args.threads, lambda line: print(line, flush=True))
    print(json.dumps(rounded(result)))


if __name__ == "__main__":
    entry(main)
