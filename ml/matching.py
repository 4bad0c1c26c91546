"""Which segment of a new model is which of the champion's: ids survive, so that a segment means the same tomorrow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

MAJORITY = 0.5
PARENT = 0.25  # of a segment's users, from which on a segment of the version before is a parent


@dataclass(frozen=True)
class Identity:
    """A new segment's id, the old segments that most of its users come from (largest first), and what became of it."""

    segment_id: int
    parents: list[int]
    status: str


def first_identities(labels_U: np.ndarray, k: int) -> list[Identity]:
    """Without a version before: ids 1.. by size, the largest first."""
    order = np.argsort(-np.bincount(labels_U, minlength=k), kind="stable")
    rank = np.empty(k, int)
    rank[order] = np.arange(1, k + 1)
    return [Identity(int(number), [], "born") for number in rank]


def identities(labels_U: np.ndarray, previous_U: np.ndarray, k: int, highest: int, threshold: float) -> list[Identity]:
    """An identity for each new segment 0..k-1.

    labels_U, previous_U: new segment and old segment id of the same users. highest: the greatest id ever used. Old and
    new segments are paired so that the summed Jaccard overlap is largest (Kuhn 1955, by scipy); a pair at or above
    `threshold` keeps the id. Status: merged = it holds the majority of two or more old segments; kept = id kept;
    split = its majority comes from one old segment whose id went elsewhere or nowhere; born = none of these.
    """
    old_ids, old_U = np.unique(previous_U, return_inverse=True)
    overlap = np.zeros((k, len(old_ids)))
    np.add.at(overlap, (labels_U, old_U), 1)
    new_size, old_size = overlap.sum(axis=1, keepdims=True), overlap.sum(axis=0, keepdims=True)
    jaccard = overlap / np.maximum(new_size + old_size - overlap, 1)
    kept = {new: int(old_ids[old]) for new, old in zip(*linear_sum_assignment(-jaccard), strict=True)
            if jaccard[new, old] >= threshold}  # fmt: skip
    share = overlap / np.maximum(new_size, 1)
    swallowed = (overlap / old_size > MAJORITY).sum(axis=1)
    found = []
    for new in range(k):
        ranked = np.argsort(-share[new], kind="stable")
        parents = [int(old_ids[old]) for old in ranked if share[new, old] >= PARENT]
        if new not in kept:
            highest += 1
        if swallowed[new] > 1:
            status = "merged"
        elif new in kept:
            status = "kept"
        else:
            status = "split" if share[new].max() > MAJORITY else "born"
        found.append(Identity(kept.get(new, highest), parents, status))
    return found
