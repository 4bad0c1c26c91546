"""The leave-one-out protocol on a file of item lists, one user a line: `user item item ...`, oldest first.

A user's last item is the test target, the one before it the validation target, the rest is for training. The test asks
after all items but the last, so the validation item is read but was never learned from. All items are ranked, those of
the user's own history are masked, equal scores share their mean rank. Users with fewer than three items only train.

Legend: U users, E events, B users of a chunk, I items, F features of an item.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ml.common.cli import DataError, UsageError
from ml.data.catalogue import Catalogue
from ml.data.sequences import Sequences
from ml.data.vocabulary import FIRST, PADDING, UNKNOWN
from ml.measures.metrics import hit_rate, ndcg_of_ranks
from ml.measures.next_product import rank_of

PROTOCOL = "leave-one-out, all items ranked, history masked, no refit"
HELD_OUT = 2
_CHUNK_SCORES = 6_000_000  # scores held at a time
# Users (indices) and the number of their events to read -> scores (B, I) of all items, higher is better.
ListScorer = Callable[[np.ndarray, np.ndarray], Tensor]


@dataclass(frozen=True)
class ItemLists:
    """Users by length of the training part, longest first, then by line; u owns items offsets[u] .. offsets[u + 1].

    items: int64, indices into names. features_IF: int32, indices of an item's attributes plus one, 0 = none.
    """

    offsets: np.ndarray
    items: np.ndarray
    names: np.ndarray
    features_IF: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    @property
    def train_events(self) -> np.ndarray:
        """Items of each user's training part."""
        return np.where(self.lengths > HELD_OUT, self.lengths - HELD_OUT, self.lengths)

    @property
    def judged(self) -> np.ndarray:
        """Indices of the users that have a validation and a test target."""
        return np.flatnonzero(self.lengths > HELD_OUT)

    def counts(self) -> np.ndarray:
        """Training events of each item."""
        return np.bincount(self.items[self.before(self.train_events)], minlength=len(self.names))

    def owner(self) -> np.ndarray:
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def before(self, ends: np.ndarray) -> np.ndarray:
        """bool (E): the events among the first `ends` of their user."""
        return np.arange(len(self.items)) < np.repeat(self.offsets[:-1] + ends, self.lengths)

    def sequences(self) -> Sequences:
        """As the model reads them: no context, and times that say the order alone."""
        nothing = np.zeros((len(self.items), 0), np.uint8)
        users = pa.array(np.arange(len(self.lengths)).astype(str))
        items = (self.items + FIRST).astype(np.int32)
        times, days = np.arange(len(items)), np.zeros(len(items), np.int32)
        return Sequences(users, self.offsets, times, items, nothing, days)

    def catalogue(self) -> tuple[Catalogue, int]:
        """Items described by their own id and their attributes, and the number of feature ids."""
        own = np.arange(FIRST, FIRST + len(self.names))
        base = FIRST + len(self.names) - 1
        described = np.where(self.features_IF == 0, PADDING, base + self.features_IF)
        features = np.zeros((FIRST + len(self.names), 1 + self.features_IF.shape[1]), np.int32)
        features[FIRST:] = np.column_stack([own, described])
        features[UNKNOWN, 0] = UNKNOWN
        log_count = np.concatenate([np.zeros(FIRST), np.log1p(self.counts())]).astype(np.float32)
        nothing = np.zeros(len(log_count), np.int32)
        count = base + int(self.features_IF.max(initial=0)) + 1
        return Catalogue(pa.array(self.names), features, log_count, nothing, [""]), count


def read(path: Path, attributes: Path | None = None) -> ItemLists:
    """Raises UsageError where a file is missing or no JSON, DataError where a line names no item or no user is judged.

    attributes: a JSON object, item -> list of attribute names; items without any are fine, foreign ones are ignored.
    """
    if not path.is_file():
        raise UsageError(f"expected a file of lines `user item item ...` at {path}, found none")
    lists = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.split()
        if len(words) == 1:
            raise DataError(f"{path}, line {number}: expected `user item item ...`, found {line[:80]!r}")
        if words:
            lists.append(words[1:])
    lengths = np.array([len(items) for items in lists], np.int64)
    if not (lengths > HELD_OUT).any():
        raise DataError(f"{path}: expected users with more than {HELD_OUT} items, found none among {len(lists)} users")
    names, items = np.unique(np.array([item for items in lists for item in items]), return_inverse=True)
    trained = np.where(lengths > HELD_OUT, lengths - HELD_OUT, lengths)
    order = np.argsort(-trained, kind="stable")
    kept = lengths[order]
    offsets = np.concatenate([[0], np.cumsum(kept)])
    starts = (np.cumsum(lengths) - lengths)[order]
    events = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], kept)
    return ItemLists(offsets, items[events].astype(np.int64), names, _attributes(attributes, names))


def _attributes(path: Path | None, names: np.ndarray) -> np.ndarray:
    if path is None:
        return np.zeros((len(names), 0), np.int32)
    if not path.is_file():
        raise UsageError(f"--attributes: expected a JSON file at {path}, found none")
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UsageError(f"--attributes: {path} is not valid JSON: {error}") from None
    if not (isinstance(given, dict) and all(isinstance(values, list) for values in given.values())):
        raise UsageError(f"--attributes: expected an object, item -> list of attributes, in {path}")
    # A name twice in a list counts once; sorted, so that the same file gives the same ids.
    lists = [sorted({str(value) for value in given.get(name, [])}) for name in names]
    place = {name: 1 + index for index, name in enumerate(sorted({value for values in lists for value in values}))}
    features = np.zeros((len(names), max(map(len, lists), default=0)), np.int32)
    for row, values in enumerate(lists):
        features[row, : len(values)] = [place[value] for value in values]
    return features


def ranks(lists: ItemLists, scorer: ListScorer, held_out: int, users: np.ndarray) -> np.ndarray:
    """Rank (U) of each user's target, 1 = first.

    held_out: 2 asks for the validation item, 1 for the test item.
    """
    ends = lists.lengths[users] - held_out
    target = lists.items[lists.offsets[users] + ends]
    size, parts = max(1, _CHUNK_SCORES // len(lists.names)), []
    for chunk in np.split(np.arange(len(users)), range(size, len(users), size)):
        scores = scorer(users[chunk], ends[chunk])
        rows, items = read_items(lists, users[chunk], ends[chunk])
        scores[torch.from_numpy(rows), torch.from_numpy(items)] = -torch.inf
        parts.append(rank_of(torch.from_numpy(target[chunk]), scores).numpy())
    return np.concatenate(parts)


def read_items(lists: ItemLists, users: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row (index into users) and item of each of the users' first `ends` events."""
    last = np.cumsum(ends)
    rows = np.repeat(np.arange(len(users)), ends)
    return rows, lists.items[np.arange(len(rows)) + np.repeat(lists.offsets[users] - (last - ends), ends)]


def repeated(lists: ItemLists) -> int:
    """Users whose test item is in their own history: masked, so that nothing can hit it."""
    users = lists.judged
    ends = lists.lengths[users] - 1
    rows, items = read_items(lists, users, ends)
    target = lists.items[lists.offsets[users] + ends]
    return len(np.unique(rows[items == target[rows]]))


def metrics(rank: np.ndarray) -> dict[str, float]:
    """hr@k: share of targets among the first k. ndcg@k: mean NDCG there."""
    means = {f"hr@{k}": hit_rate(rank, k) for k in (5, 10)}
    return means | {f"ndcg@{k}": float(ndcg_of_ranks(rank, k).mean()) for k in (5, 10)}
