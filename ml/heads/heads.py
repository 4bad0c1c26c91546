"""What is expected of a user: heads on [features; the Transformer's state; categories of the sequence].

churn and purchase (7, 14, 28 days), spend, day of the next order, next categories, and `expected`, the few numbers that
users are grouped by. Fitted on days whose 28 days are over, see ml/heads/days.py; kept as plain arrays.
Legend: U users, J inputs, C categories, E expectations.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from ml.common.files import write_json
from ml.data.outcomes import HORIZON
from ml.heads import second_opinion
from ml.heads.additive import Additive, Knots, sigmoid
from ml.heads.facts import UserFacts
from ml.heads.kinds import Kinds
from ml.heads.settings import PredictionConfig
from ml.heads.taste import Taste, lift
from ml.heads.visits import Reading
from ml.transformer.readout import Outlook

DAYS = (7, 14, HORIZON)
EVENTS = tuple(f"purchase_{days}d" for days in DAYS)
SPEND, CATEGORIES = "spend_28d", "next_categories"
PREDICTED = (*EVENTS, SPEND, CATEGORIES)  # each is refused on its own grounds
TOP = 5


@dataclass(frozen=True)
class Expectations:
    """Of users: probability of a purchase by DAYS (U, 3), money, day of the next order (nan: beyond the horizon), the
    likeliest categories (U, TOP; indices) with their probabilities, what users are grouped by (U, E), and what each
    input adds to the log-odds of churn (U, J), as the curves have it.
    """

    purchase_U3: np.ndarray
    spend: np.ndarray
    day: np.ndarray
    category_UT: np.ndarray
    category_score_UT: np.ndarray
    expected_UE: np.ndarray
    parts_UJ: np.ndarray


@dataclass(frozen=True)
class Heads:
    """Fitted heads.

    platt_3x2: log-odds = a score + b of each event. money_2xN: scores of log_spend, and the money that they stand for.
    refused: why, by slice and prediction. kinds: those that there are by themselves, or None. A prediction that nobody
    can be told is the same for all. second: see ml/heads/second_opinion.py; None of heads that learned from too few, or
    of before there was one: then curves speak alone.
    """

    config: PredictionConfig
    vector: bool
    events: tuple[Additive, ...]
    platt_3x2: np.ndarray
    log_spend: Additive
    money_2xN: np.ndarray
    tastes: Taste
    pair: Additive
    refused: dict[str, dict[str, str]]
    kinds: Kinds | None = None
    second: Outlook | None = None

    def expect(self, facts: UserFacts) -> Expectations:
        """Expectations of users, all of them, refused or not."""
        values = facts.values(self.config.inputs, self.vector)
        parts = self.events[-1].parts(values)
        score_UO = np.stack([model.score(values) for model in (*self.events, self.log_spend)], axis=1)
        if self.second is not None:
            read = second_opinion.inputs(self.log_spend.knots, values, len(self.config.inputs))
            score_UO = (score_UO + self.second(read)) / 2
        logit, log_spend = score_UO[:, :-1] * self.platt_3x2[:, 0], score_UO[:, -1]
        purchase = np.maximum.accumulate(sigmoid(logit + self.platt_3x2[:, 1]), axis=1)
        departure = self.tastes.expected(facts.history_UC)
        chance = np.clip(purchase[:, -1], 1e-9, 1 - 1e-9)
        odds = np.log(chance / (1 - chance))
        inputs = pair_inputs(self.tastes, facts.history_UC, departure, odds, log_spend)
        score = self.pair.intercept + sum(self.pair.part(j, values) for j, values in enumerate(inputs))
        score = sigmoid(score) * chance[:, None]
        top = np.argsort(-score, axis=1, kind="stable")[:, :TOP]
        expected = told_apart(log_spend, chance, departure @ self.tastes.factors_CF)
        if facts.kind_UK is not None:
            expected = np.column_stack([expected, facts.kind_UK])
        return Expectations(
            purchase, np.interp(log_spend, *self.money_2xN), median_day(purchase), top,
            np.take_along_axis(score, top, axis=1), expected, -parts * self.platt_3x2[-1, 0],
        )  # fmt: skip

    def save(self, folder: Path) -> None:
        """folder/heads.npz and heads.json: arrays and settings, read back without unpickling."""
        arrays = {"platt": self.platt_3x2, "money": self.money_2xN, "knots": self.log_spend.knots.at_JK,
                  "pair_knots": self.pair.knots.at_JK}  # fmt: skip
        models = dict(zip((*EVENTS, "log_spend", "pair"), (*self.events, self.log_spend, self.pair), strict=True))
        for name, model in models.items():
            arrays |= {f"{name}.heights": model.heights_JK, f"{name}.missing": model.missing_J,
                       f"{name}.intercept": np.array(model.intercept)}  # fmt: skip
        arrays |= {f"taste.{f.name}": getattr(self.tastes, f.name) for f in fields(Taste) if "_" in f.name}
        arrays |= {} if self.second is None else self.second.named()
        if self.kinds is not None:
            arrays |= {"kinds.share": self.kinds.share_K, "kinds.log_rates": self.kinds.log_rates_KJ,
                       "kinds.change": np.array(self.kinds.change), "kinds.edges": self.kinds.reading.edges_CE,
                       "kinds.alike": np.array(self.kinds.reading.alike)}  # fmt: skip
        np.savez(folder / "heads.npz", allow_pickle=False, **arrays)
        settings = {"config": self.config.model_dump(), "vector": self.vector, "predicted": PREDICTED,
                    "refused": self.refused, "categories": self.tastes.categories,
                    "pseudo": self.tastes.pseudo}  # fmt: skip
        write_json(folder / "heads.json", settings)

    @classmethod
    def load(cls, folder: Path) -> Heads | None:
        """What `save` left; None where the folder has no heads (the data were too thin, or an older model)."""
        if not (folder / "heads.npz").is_file():
            return None
        settings = json.loads((folder / "heads.json").read_text(encoding="utf-8"))
        with np.load(folder / "heads.npz", allow_pickle=False) as file:
            arrays = dict(file)

        def model(name: str, knots: str = "knots") -> Additive:
            parts = (arrays[f"{name}.{part}"] for part in ("heights", "missing"))
            return Additive(Knots(arrays[knots]), *parts, float(arrays[f"{name}.intercept"]))

        named = {f.name: arrays[f"taste.{f.name}"] for f in fields(Taste) if "_" in f.name}
        tastes = Taste(categories=settings["categories"], pseudo=settings["pseudo"], **named)
        config, kinds = PredictionConfig.model_validate(settings["config"]), None
        if "kinds.share" in arrays:
            alike = tuple(float(value) for value in arrays["kinds.alike"])
            reading = Reading(settings["categories"], arrays["kinds.edges"], alike)
            parts = (arrays[f"kinds.{part}"] for part in ("share", "log_rates"))
            kinds = Kinds(reading, *parts, float(arrays["kinds.change"]))
        for reasons in settings["refused"].values():  # spend and categories had no grounds of their own once
            for name in set(PREDICTED) - set(settings.get("predicted", EVENTS)) if EVENTS[-1] in reasons else ():
                reasons[name] = reasons[EVENTS[-1]]
        return cls(config, settings["vector"], tuple(model(name) for name in EVENTS), arrays["platt"],
                   model("log_spend"), arrays["money"], tastes, model("pair", "pair_knots"), settings["refused"],
                   kinds, Outlook.of(arrays))  # fmt: skip


def told_apart(log_spend_U: np.ndarray, chance_U: np.ndarray, factors_UF: np.ndarray) -> np.ndarray:
    """What users are grouped by (U, E). chance_U: of a purchase."""
    silence_U = np.arcsin(np.sqrt(1 - chance_U))  # a step of it is as easy to see at .02 as at .5
    return np.column_stack([log_spend_U, silence_U, factors_UF])


def refuse(folder: Path, reason: str) -> None:
    """Leaves the reason in place of heads."""
    write_json(folder / "heads.json", {"why": reason})


def why_none(folder: Path) -> str:
    """Of a folder without heads: the reason that `refuse` left."""
    path = folder / "heads.json"
    if path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))["why"]
    return "the model has no heads: run `python -m ml.learn` on its snapshot"


def median_day(purchase_U3: np.ndarray) -> np.ndarray:
    """Time (U, in days) by which a purchase has probability 1/2; nan beyond the last of DAYS.

    Between two of them the hazard is constant: the log of the chance of no purchase runs straight.
    """
    left_U4 = np.column_stack([np.zeros(len(purchase_U3)), np.log(np.maximum(1 - purchase_U3, 1e-9))])
    day_U, half = np.full(len(purchase_U3), np.nan), np.log(0.5)
    for k, (start, end) in enumerate(zip((0, *DAYS[:-1]), DAYS, strict=True)):
        here = np.isnan(day_U) & (left_U4[:, k + 1] <= half)
        before, after = left_U4[here, k], left_U4[here, k + 1]
        day_U[here] = start + (end - start) * (before - half) / np.maximum(before - after, 1e-12)
    return day_U


def pair_inputs(
    tastes: Taste, history_UC: csr_matrix, departure_UC: np.ndarray, odds_U: np.ndarray, log_spend_U: np.ndarray
) -> list[np.ndarray]:
    """Inputs of "does this user, who buys, buy in this category", that broadcast to (U, C): his own events there (log)
    and their lift, the expected departure from the base, the base, and how likely and how much the user buys at all.
    """
    own = np.log1p(history_UC.toarray())
    own_lift = lift(history_UC, tastes.base_C, 30.0)
    relative = departure_UC / np.sqrt(tastes.base_C)
    return [own, own_lift, relative, np.log(tastes.base_C)[None, :], odds_U[:, None], log_spend_U[:, None]]
