"""Carries the segments of one model version into the inputs of another: the same centres, seen by the new scaler.

An encoder that was trained anew gives the same users other vectors, turned and moved as a whole. Where both encoders
have seen the same users, the turn is known. Legend: U users, D width of a vector, J inputs, K segments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.segments.inputs import EMBEDDING, Scaler


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
    left, strength, right = np.linalg.svd(old.T @ new, full_matrices=False)
    rotation = left @ right
    turned = old @ rotation
    scale = float(strength.sum() / max((turned**2).sum(), 1e-12))
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
