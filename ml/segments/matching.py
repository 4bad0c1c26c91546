"""Which segment of a new model is which of the champion's: ids survive, so that a segment means the same tomorrow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

MAJORITY = 0.5
PARENT = 0.25  # of a segment's users, from which on a segment of the version before is a parent
CENTRES = 0.25  # what the nearness of centres weighs in a pair; the overlap of members weighs the rest


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


def nearness(new_KJ: np.ndarray, old_KJ: np.ndarray) -> np.ndarray:
    """(new, old) 1 = the same centre, 0 = as far as two old segments lie apart on average, or farther."""
    apart = np.linalg.norm(old_KJ[:, None] - old_KJ[None], axis=2)
    usual = apart.sum() / max(len(old_KJ) * (len(old_KJ) - 1), 1)
    distance = np.linalg.norm(new_KJ[:, None] - old_KJ[None], axis=2)
    return np.clip(1 - distance / max(usual, 1e-12), 0, 1)


def identities(
    labels_U: np.ndarray, previous_U: np.ndarray, k: int, highest: int, threshold: float,
    near: dict[int, np.ndarray] | None = None,
) -> list[Identity]:  # fmt: skip
    """An identity for each new segment 0..k-1.

    labels_U, previous_U: new segment and old segment id of the same users. highest: the greatest id ever used. near:
    by old id, the nearness (k) of its centre to the new ones, see `nearness`. Old and new segments are paired so that
    the sum over pairs is largest (Kuhn 1955, by scipy) of Jaccard overlap of members and nearness of centres; a pair at
    or above `threshold` keeps the id. Status: merged = it holds the majority of two or more old segments; kept = id
    kept; split = its majority comes from one old segment whose id went elsewhere or nowhere; born = none of these.
    """
    old_ids, old_U = np.unique(previous_U, return_inverse=True)
    overlap = np.zeros((k, len(old_ids)))
    np.add.at(overlap, (labels_U, old_U), 1)
    new_size, old_size = overlap.sum(axis=1, keepdims=True), overlap.sum(axis=0, keepdims=True)
    alike = overlap / np.maximum(new_size + old_size - overlap, 1)
    if near is not None:
        alike = (1 - CENTRES) * alike + CENTRES * np.stack([near[int(old)] for old in old_ids], axis=1)
    kept = {new: int(old_ids[old]) for new, old in zip(*linear_sum_assignment(-alike), strict=True)
            if alike[new, old] >= threshold}  # fmt: skip
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


def endings(ids_U: np.ndarray, previous_U: np.ndarray, living: set[int]) -> dict[int, list[int]]:
    """Old segments whose id no new one has, each with the new ids that took PARENT or more of its users, most first."""
    found = {}
    for ended in sorted({int(old) for old in np.unique(previous_U)} - living):
        into, users = np.unique(ids_U[previous_U == ended], return_counts=True)
        order = np.lexsort((into, -users))
        found[ended] = [int(into[i]) for i in order if users[i] >= PARENT * users.sum()]
    return found
