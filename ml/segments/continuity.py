"""Which segment of a new model is which of the champion's: ids survive, so that a segment means the same tomorrow.

Legend: U users, D width of a vector, J inputs, K segments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.optimize import linear_sum_assignment

from ml.segments.inputs import EMBEDDING, Scaler, Users
from ml.segments.model import SegmentModel
from ml.segments.settings import SegmentConfig

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
    named = []
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
        named.append(Identity(kept.get(new, highest), parents, status))
    return named


def endings(ids_U: np.ndarray, previous_U: np.ndarray, living: set[int]) -> dict[int, list[int]]:
    """Old segments whose id no new one has, each with the new ids that took PARENT or more of its users, most first."""
    takers = {}
    for ended in sorted({int(old) for old in np.unique(previous_U)} - living):
        into, users = np.unique(ids_U[previous_U == ended], return_counts=True)
        order = np.lexsort((into, -users))
        takers[ended] = [int(into[i]) for i in order if users[i] >= PARENT * users.sum()]
    return takers


@dataclass(frozen=True)
class Turn:
    """new = (old - old_mean) @ rotation_DD * scale + new_mean; `fit` = share of the new vectors' variance explained."""

    old_mean: np.ndarray
    new_mean: np.ndarray
    rotation_DD: np.ndarray
    scale: float
    fit: float

    def __call__(self, old_UD: np.ndarray) -> np.ndarray:
        return (old_UD - self.old_mean) @ self.rotation_DD * self.scale + self.new_mean


def procrustes(old_UD: np.ndarray, new_UD: np.ndarray) -> Turn:
    """The rotation or reflection, with one scale, that brings old vectors closest to new ones of the same users.

    Schoenemann 1966. Users without a vector (nan) are left out; vectors of another width are turned into the plane that
    they share with the new ones.
    """
    both = ~(np.isnan(old_UD).any(axis=1) | np.isnan(new_UD).any(axis=1))
    old_mean, new_mean = old_UD[both].mean(axis=0), new_UD[both].mean(axis=0)
    old, new = old_UD[both] - old_mean, new_UD[both] - new_mean
    # Of vectors of unequal width the narrower ones are given columns of zeros.
    width = max(old.shape[1], new.shape[1])
    wide = (np.pad(values, ((0, 0), (0, width - values.shape[1]))) for values in (old, new))
    rotation, strength = orthogonal_procrustes(*wide)
    rotation = rotation[: old.shape[1], : new.shape[1]]
    turned = old @ rotation
    scale = float(strength / max((turned**2).sum(), 1e-12))
    missed = ((new - turned * scale) ** 2).sum() / max((new**2).sum(), 1e-12)
    return Turn(old_mean, new_mean, rotation, scale, float(1 - missed))


def carried(centers_KJ: np.ndarray, old: Scaler, new: Scaler, turn: Turn) -> np.ndarray:
    """The centres, standardised by `old`, in the inputs of `new`; an input that `old` lacks stands at its mean."""
    values = centers_KJ * old.scale + old.mean
    values = np.where(old.log_scaled, np.expm1(values), values)
    by_name = {name: values[:, j] for j, name in enumerate(old.inputs)}
    if any(name.startswith(EMBEDDING) for name in old.inputs):
        vectors_KD = np.stack([by_name[f"{EMBEDDING}{d}"] for d in range(len(turn.old_mean))], axis=1)
        by_name |= {f"{EMBEDDING}{d}": column for d, column in enumerate(turn(vectors_KD).T)}
    middle = np.where(new.log_scaled, np.expm1(new.mean), new.mean)
    raw = [by_name.get(name, np.full(len(values), middle[j])) for j, name in enumerate(new.inputs)]
    return new(np.stack(raw, axis=1))


@dataclass(frozen=True)
class Before:
    """What the champion says of the same users: its segments `ids_K` with their centres in the new model's inputs, and
    the segment id of each user.
    """

    ids_K: np.ndarray
    centers_KJ: np.ndarray
    ids_U: np.ndarray

    @classmethod
    def of(cls, model: SegmentModel, users: Users, scaler: Scaler, turn: Turn) -> Before:
        """`users` with the champion's states, in the order in which the new model has them."""
        centers = carried(model.centers_KJ, model.scaler, scaler, turn)
        return cls(model.ids, centers, model.ids[model.assign(users)])


def identify(
    model: SegmentModel, users: Users, before: Before | None, highest: int, config: SegmentConfig
) -> list[Identity]:
    """Ids of the model's segments: those of the champion's segments that they continue, see `identities`."""
    labels = model.assign(users)
    if before is None:
        return first_identities(labels, len(model.ids))
    near = nearness(model.centers_KJ, before.centers_KJ)
    by_id = {int(number): near[:, column] for column, number in enumerate(before.ids_K)}
    return identities(labels, before.ids_U, len(model.ids), highest, config.match, by_id)


@dataclass(frozen=True)
class Continuity:
    """How far the version's segments are the champion's: share of the users who would move, and what ended."""

    moved: float | None
    users: int
    ended: dict[int, list[int]]

    @classmethod
    def of(cls, model: SegmentModel, users: Users, before: Before | None) -> Continuity:
        """`model` with its final ids."""
        if before is None:
            return cls(None, len(users.user_ids), {})
        ids = model.ids[model.assign(users)]
        ended = endings(ids, before.ids_U, {int(number) for number in model.ids})
        return cls(float((ids != before.ids_U).mean()), len(ids), ended)

    def lines(self) -> list[str]:
        """The same for a person."""
        if self.moved is None:
            return ["no champion to be held against: every segment is new"]
        died = [f"segment {old} died; most of its users are in {into or 'no one segment'}"
                for old, into in self.ended.items()]  # fmt: skip
        return [f"{self.moved:.1%} of {self.users:,} users would change their segment by the model alone", *died]
