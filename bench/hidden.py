"""Segments and vectors against a hidden truth: who was which persona from which day on.

Legend: U users, N nights.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

BOT = "bot"
NIGHTS = 7  # within which a drifted user should be found


@dataclass(frozen=True)
class Drift:
    """A user who became another persona: `day` is the first one of the new."""

    day: date
    before: str
    after: str


@dataclass(frozen=True)
class Truth:
    """Of each user, the personas with the first day of each, in order of days. Bots are left out."""

    phases: dict[str, list[tuple[date, str]]]

    @classmethod
    def of(cls, rows: pa.Table) -> Truth:
        """rows: user_id, ds, persona, as `simulate` leaves them."""
        found: dict[str, list[tuple[date, str]]] = {}
        for row in sorted(rows.select(["user_id", "ds", "persona"]).to_pylist(), key=lambda row: row["ds"]):
            if row["persona"] != BOT:
                found.setdefault(row["user_id"], []).append((row["ds"], row["persona"]))
        return cls(found)

    def on(self, users: list[str], ds: date) -> np.ndarray:
        """Persona (U, text) of each user on ds; empty text for a bot, or who had not come yet."""

        def one(user: str) -> str:
            held = [persona for first, persona in self.phases.get(user, []) if first <= ds]
            return held[-1] if held else ""

        return np.array([one(user) for user in users], dtype=str)

    def drifts(self) -> dict[str, Drift]:
        """By user. Who came after the day on which he would have drifted has one phase, and is none."""
        return {user: Drift(phases[1][0], phases[0][1], phases[1][1])
                for user, phases in self.phases.items() if len(phases) > 1}  # fmt: skip

    def settled(self, user: str) -> bool:
        return len(self.phases.get(user, [])) == 1


def rand_index(segment_U: np.ndarray, persona_U: np.ndarray) -> float:
    """Adjusted Rand index (Hubert and Arabie 1985): 1 = the same groups, 0 = as alike as chance has it."""
    return float(adjusted_rand_score(persona_U, segment_U))


def majority(segment_U: np.ndarray, persona_U: np.ndarray) -> dict[int, str]:
    """By segment, the persona of most of its users; ties by name."""
    found = {}
    for segment in np.unique(segment_U):
        names, users = np.unique(persona_U[segment_U == segment], return_counts=True)
        found[int(segment)] = str(names[users.argmax()])
    return found


def purity(segment_U: np.ndarray, persona_U: np.ndarray) -> dict[str, tuple[int, float]]:
    """By persona: its users, and the share of them who are in a segment that is mostly of their persona."""
    of = majority(segment_U, persona_U)
    mine_U = np.array([of[int(segment)] for segment in segment_U])
    return {str(name): (int((persona_U == name).sum()), float((mine_U[persona_U == name] == name).mean()))
            for name in np.unique(persona_U)}  # fmt: skip


def probe() -> LogisticRegression:
    """A linear reader of numbers: multinomial logistic regression of standardised inputs."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=300))


def told(values_UJ: np.ndarray, persona_U: np.ndarray, fold_U: np.ndarray) -> np.ndarray:
    """Persona (U) that a probe of the other folds' users tells of each user."""
    folds = [(np.flatnonzero(fold_U != fold), np.flatnonzero(fold_U == fold)) for fold in np.unique(fold_U)]
    return cross_val_predict(probe(), values_UJ, persona_U, cv=folds)


def accuracy(told_U: np.ndarray, persona_U: np.ndarray) -> tuple[float, float]:
    """Share told right, and its standard error."""
    share = float((told_U == persona_U).mean())
    return share, float(np.sqrt(share * (1 - share) / len(persona_U)))


def nights_to_find(told: dict[date, str], drift: Drift) -> int | None:
    """Nights from the drift (the night of its day is the first) until the user is first told to be what he became; None
    where that does not come. told: persona of the user's segment, by night.
    """
    for ds in sorted(told):
        if ds >= drift.day and told[ds] == drift.after:
            return (ds - drift.day).days + 1
    return None


@dataclass(frozen=True)
class Found:
    """Of drifted users who were not told to be their new persona the night before: nights until they were (nan: not
    within the nights looked at), and of settled users the share of those whose told persona was another NIGHTS later.
    """

    nights: np.ndarray
    already: int
    unsettled: float

    def within(self, nights: int) -> float:
        return float((self.nights <= nights).mean()) if len(self.nights) else float("nan")

    @property
    def median(self) -> float:
        """Infinite where most are not found."""
        return float(np.median(np.where(np.isnan(self.nights), np.inf, self.nights)))


def drifted(told: dict[date, dict[str, str]], truth: Truth, among: set[str] | None = None) -> Found:
    """How soon drifted users are found. told: by night, the persona that each user is told to be.

    Only users who drifted when at least NIGHTS nights were still to come count, and who were there the night before;
    among: only these.
    """
    days, found, already = sorted(told), [], 0
    for user, drift in truth.drifts().items():
        eve = drift.day - timedelta(days=1)
        if eve not in told or user not in told[eve] or drift.day + timedelta(days=NIGHTS - 1) > days[-1]:
            continue
        if among is not None and user not in among:
            continue
        if told[eve][user] == drift.after:
            already += 1
            continue
        nights = nights_to_find({ds: told[ds][user] for ds in days if user in told[ds]}, drift)
        found.append(np.nan if nights is None else nights)
    moved = [told[early][user] != told[late][user]
             for early, late in zip(days, days[NIGHTS:], strict=False)
             for user in told[early] if truth.settled(user) and user in told[late]]  # fmt: skip
    return Found(np.array(found, float), already, float(np.mean(moved)) if moved else float("nan"))
