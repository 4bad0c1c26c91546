"""What the programs of all contestants share: the lists, the padded batches to judge by, and lines of JSON to speak in.

A program is run as `python -m bench.rivals.NAME FILE --epochs N --seconds S --threads T` in its own environment. It
trains on the training part of ml/judge/leave_one_out.py and says after each epoch what it took (`seconds`: of training
alone) and how it validates, by the same code for all: all items ranked, the history masked. A rival ends after the
epoch in which it has trained for S seconds.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ml.judge.leave_one_out import HELD_OUT, ItemLists, metrics, ranks, read

LENGTH = 50  # newest items that a model reads

# Items (B, LENGTH) as indices into ItemLists.names, -1 = none, padded on the left -> scores of all items (B, I).
Scores = Callable[[Tensor], Tensor]


def asked() -> argparse.Namespace:
    """The arguments of a program; the threads are set."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    torch.set_num_threads(said.threads)
    torch.manual_seed(said.seed)
    return said


def lists_of(said: argparse.Namespace) -> ItemLists:
    return read(said.file)


def training(lists: ItemLists) -> tuple[np.ndarray, np.ndarray]:
    """(user, item) of the training events, in order."""
    kept = lists.before(lists.train_events)
    return lists.owner()[kept], lists.items[kept]


def padded(lists: ItemLists, users: np.ndarray, ends: np.ndarray) -> Tensor:
    """The newest LENGTH of the first `ends` items of users, as Scores reads them."""
    at = lists.offsets[users, None] + ends[:, None] - np.arange(LENGTH, 0, -1)
    inside = at >= lists.offsets[users, None]
    return torch.from_numpy(np.where(inside, lists.items[np.where(inside, at, 0)], -1))


class Clock:
    """Counts the seconds of training and says each epoch; `scores` are asked between epochs, off the clock."""

    def __init__(self, lists: ItemLists, most: float) -> None:
        self.lists, self.most, self.begun, self.seconds, self.epochs = lists, most, time.perf_counter(), 0.0, 0

    @property
    def over(self) -> bool:
        """Whether it has trained for as many seconds as it may."""
        return self.seconds >= self.most

    def epoch(self, scores: Scores) -> None:
        self.seconds += time.perf_counter() - self.begun
        self.epochs += 1
        begun = time.perf_counter()
        with torch.no_grad():
            found = metrics(ranks(self.lists, lambda users, ends: scores(padded(self.lists, users, ends)), HELD_OUT,
                                  self.lists.judged))  # fmt: skip
        say(self.epochs, self.seconds, found, time.perf_counter() - begun)
        self.begun = time.perf_counter()


def say(epoch: int, seconds: float, found: dict[str, float], scoring: float) -> None:
    print(json.dumps({"epoch": epoch, "seconds": seconds, "scoring_seconds": scoring} | found), flush=True)
