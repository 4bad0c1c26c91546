"""Trains and scores the model on a public benchmark file of item lists, one user a line (`user item item ...`):

python -m ml.benchmark FILE [--attributes JSON] [--seed S] [--preset NAME] [--threads N]

Protocol: ml/judge/leave_one_out.py. The rows: the built-in item neighbours (ml/judge/neighbours.py), the model of the
nightly training (ml/transformer/model.py), the average of several trainings of it from seeds S, S + 1000 .., and both
mixed with the neighbours. Epochs, neighbours' setting and the mix are chosen on validation items; the test items only
judge. The last line is one JSON object; its hr@k and ndcg@k are the row that validates best. Seconds are of the whole
command, or of a row: what it takes to have it, training included.
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
from ml.judge.members import _rounded, run


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "conf")
    args.add_argument("file", type=Path, help="lines of `user item item ...`, oldest item first")
    args.add_argument("--attributes", type=Path, help="JSON object: item -> list of attributes")
    args.add_argument("--seed", type=int, help="default: the preset's")
    args.add_argument("--preset", default="benchmark", help="of conf/model.yaml (default: benchmark)")
    args.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: all cores")
    said = args.parse_args(argv)
    if said.threads < 1:
        raise UsageError(f"--threads: expected at least 1, found {said.threads}")
    torch.set_num_threads(said.threads)
    config = load(said.conf, said.preset).with_train(seed=said.seed)
    lists = leave_one_out.read(said.file, said.attributes)
    print(f"{len(lists.lengths):,} users ({len(lists.judged):,} judged), {len(lists.names):,} items, "
          f"{len(lists.items):,} events; {PROTOCOL}", flush=True)  # fmt: skip
    found = run(lists, config, said.threads, lambda line: print(line, flush=True))
    print(json.dumps(_rounded(found)))


if __name__ == "__main__":
    entry(main)
