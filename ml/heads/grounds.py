"""What there is to learn each prediction from: one that has too little is refused on its own grounds, with the reason.

Legend: U users.
"""

from __future__ import annotations

import numpy as np

from ml.data.outcomes import Outcomes
from ml.heads.heads import CATEGORIES, DAYS, EVENTS, SPEND
from ml.heads.settings import PredictionConfig
from ml.measures.metrics import FOLDS

NO_SLICE = ""  # users of no slice, among the reasons


def lacking(outcomes: Outcomes, config: PredictionConfig) -> dict[str, str]:
    """By prediction, why it cannot be learned of anybody."""
    need = config.minimum
    everybody = np.ones(len(outcomes.lines), bool)
    return _lacking(outcomes, everybody, "users", max(need.outcomes, 2 * FOLDS), need.users)


def refusals(outcomes: Outcomes, slice_U: np.ndarray, config: PredictionConfig) -> dict[str, dict[str, str]]:
    """Why a prediction is refused, by slice and prediction. slice_U: as PredictionConfig.slice_of gives them."""
    nobody, need = lacking(outcomes, config), config.minimum
    reasons = {NO_SLICE: nobody}
    for index, part in enumerate(config.slices):
        whose = f"users of slice '{part.name}'"
        reasons[part.name] = _lacking(outcomes, slice_U == index, whose, need.outcomes, need.users) | nobody
    return {name: why for name, why in reasons.items() if why}


def _lacking(outcomes: Outcomes, here_U: np.ndarray, whose: str, least: int, users: int) -> dict[str, str]:
    reasons, found = {}, int(here_U.sum())
    for prediction, (count, what) in _told(outcomes, here_U).items():
        if found < users:
            reasons[prediction] = f"{found:,} {whose} to learn from, at least {users:,} needed"
        elif count < least:
            reasons[prediction] = f"{count:,} of {found:,} {whose} {what}, at least {least:,} needed"
        elif prediction == CATEGORIES and len(outcomes.categories) < 2:
            reasons[prediction] = f"{len(outcomes.categories)} categories bought in, at least 2 needed"
    return reasons


def _told(outcomes: Outcomes, here_U: np.ndarray) -> dict[str, tuple[int, str]]:
    """By prediction: how many users tell something of it, and what they are."""
    first, told = outcomes.first_day[here_U], {}
    for event, days in zip(EVENTS, DAYS, strict=True):
        happened = first <= days
        told[event] = int(min(happened.sum(), (~happened).sum())), "with the rarer outcome"
    told[SPEND] = int((outcomes.spend[here_U] > 0).sum()), "who spent money"
    told[CATEGORIES] = int((np.diff(outcomes.lines_UC.indptr)[here_U] > 0).sum()), "who bought in a known category"
    return told
