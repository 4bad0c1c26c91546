"""What an assignment of users to segments says of their future, measured on users that it was not learned from.

Each measure is out of fold: what a segment's users do is learned from four fifths of the users and held against the
last fifth, five times. Legend: U users, K segments, C categories.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from ml.data.outcomes import Outcomes
from ml.measures.metrics import FOLDS, auc, explained

CATEGORIES = 200  # the largest ones
PSEUDO_LINES = (100, 300, 1000, 3000, 10_000)


@dataclass(frozen=True)
class SegmentValue:
    """Of an assignment: see `bits`, `eta2` and `auc_of_segments`; auc is nan where all users bought, or none."""

    segments: int
    bits: float
    pseudo_lines: int
    eta2: float
    auc: float


def value(segment_U: np.ndarray, outcomes: Outcomes, fold_U: np.ndarray) -> SegmentValue:
    """The three measures of an assignment (any labels)."""
    names, label_U = np.unique(segment_U, return_inverse=True)
    information, pseudo = bits(label_U, outcomes.largest(CATEGORIES).lines_UC, fold_U)
    spread = eta2(label_U, np.log1p(outcomes.spend), fold_U)
    silence = auc_of_segments(label_U, outcomes.silent, fold_U)
    return SegmentValue(len(names), information, pseudo, spread, silence)


def bits(label_U: np.ndarray, lines_UC: csr_matrix, fold_U: np.ndarray) -> tuple[float, int]:
    """Information that the segment carries on the category of a purchase line, in bits a line, and its pseudo-lines.

    Mean over a user's lines of log2(rate of the category in the segment / base rate), averaged over users by the root
    of their lines, so that a few who buy a lot do not decide. Rates weigh users the same way. A segment's rates are
    shrunk to the base by that number of pseudo-lines of PSEUDO_LINES which is best among the four folds that they are
    learned from, each of them predicted by the other three; the usual one is given. 0 where nobody bought anything.
    """
    total_U = np.asarray(lines_UC.sum(axis=1)).ravel()
    weight_U = np.sqrt(total_U)
    if not weight_U.any():
        return 0.0, PSEUDO_LINES[-1]
    scale = np.divide(1.0, weight_U, out=np.zeros(len(weight_U)), where=weight_U > 0)
    mass_UC = lines_UC.multiply(scale[:, None]).tocsr()  # shares x weight
    k = int(label_U.max()) + 1
    parts = [_by_segment(mass_UC, label_U, k, fold_U == fold) for fold in range(FOLDS)]
    gained, chosen = 0.0, []
    for fold, held in enumerate(parts):
        others = [part for number, part in enumerate(parts) if number != fold]
        pseudo = max(PSEUDO_LINES, key=lambda pseudo: _gained_within(others, pseudo))
        gained += _gained(np.sum(others, axis=0), held, pseudo)
        chosen.append(pseudo)
    return gained / float(weight_U.sum()), max(PSEUDO_LINES, key=chosen.count)


def _gained_within(parts: list[np.ndarray], pseudo: int) -> float:
    """What each part gains by the others."""
    whole = np.stack(parts)
    gains = [_gained(np.delete(whole, k, axis=0).sum(axis=0), held, pseudo) for k, held in enumerate(parts)]
    return float(np.sum(gains))


def _gained(learned_KC: np.ndarray, held_KC: np.ndarray, pseudo: int) -> float:
    """Bits by which rates of the segments, shrunk by so many lines of the base, tell more of `held` than the base."""
    base_C = learned_KC.sum(axis=0)
    if not base_C.any():
        return 0.0
    base_C = (base_C + 1e-6) / (base_C + 1e-6).sum()  # a category that only the held-out users buy
    rate_KC = (learned_KC + pseudo * base_C) / (learned_KC.sum(axis=1, keepdims=True) + pseudo)
    return float((held_KC * np.log2(rate_KC / base_C)).sum())


def _by_segment(mass_UC: csr_matrix, label_U: np.ndarray, k: int, part_U: np.ndarray) -> np.ndarray:
    users = np.flatnonzero(part_U)
    member_KU = csr_matrix((np.ones(len(users)), (label_U[users], users)), (k, len(label_U)))
    return (member_KU @ mass_UC).toarray()


def eta2(label_U: np.ndarray, y_U: np.ndarray, fold_U: np.ndarray) -> float:
    """Share of the variance of y that the means of the segments explain; below 0 where they mislead."""
    share = explained(y_U, out_of_fold(label_U, y_U, fold_U))
    return 0.0 if np.isnan(share) else share


def auc_of_segments(label_U: np.ndarray, event_U: np.ndarray, fold_U: np.ndarray) -> float:
    """Area under the ROC curve of `event`, users ranked by its rate in their segment."""
    return auc(event_U, out_of_fold(label_U, event_U.astype(np.float64), fold_U))


def out_of_fold(label_U: np.ndarray, y_U: np.ndarray, fold_U: np.ndarray) -> np.ndarray:
    """Mean of y over the other folds' users of the same segment (U); over all of theirs where it has none there."""
    predicted = np.empty(len(y_U))
    k = int(label_U.max()) + 1
    for fold in range(FOLDS):
        learned, held = fold_U != fold, fold_U == fold
        count_K = np.bincount(label_U[learned], minlength=k)
        sum_K = np.bincount(label_U[learned], y_U[learned], minlength=k)
        overall = y_U[learned].mean() if learned.any() else 0.0
        mean_K = np.where(count_K > 0, sum_K / np.maximum(count_K, 1), overall)
        predicted[held] = mean_K[label_U[held]]
    return predicted
