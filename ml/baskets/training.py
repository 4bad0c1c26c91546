"""A training of the next-basket model: the repository's loop over users, each asked at several cuts at once."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from torch import nn

from ml.baskets import straight
from ml.baskets.model import Asked, BasketModel, Positions
from ml.baskets.pairs import Pairs
from ml.baskets.protocol import BasketScorer
from ml.baskets.visits import Baskets
from ml.common.model_settings import Config
from ml.data.batches import Step
from ml.data.catalogue import Catalogue
from ml.data.sequences import Sequences
from ml.data.vocabulary import FIRST
from ml.training.data import TrainingData
from ml.training.processes import Ranks
from ml.training.trainer import Trainer

_SCORED = 128  # users scored at a time


@dataclass(frozen=True)
class BasketData(TrainingData):
    """user_U: index in the baskets of each user of the training, those of most visits first."""

    user_U: np.ndarray
    positions: Positions
    cuts: list[int]


class BasketTrainer(Trainer):
    data: BasketData

    def _built(self) -> nn.Module:
        examples = [self.data.positions.pairs[cut] for cut in self.data.cuts]
        learned_NF, popular_I = examples[0].columns_NF.astype(np.float32), self.data.catalogue.log_count_I[FIRST:]
        mean_F, spread_F = learned_NF.mean(axis=0), learned_NF.std(axis=0)
        spread_F = np.where(spread_F > 1e-4, spread_F, 1)
        asked = [(pairs, self.data.positions.sizes(cut)) for cut, pairs in zip(self.data.cuts, examples, strict=True)]
        straight_G = straight.fit(asked, popular_I, mean_F, spread_F)
        popular, mean, spread = (torch.from_numpy(array) for array in (popular_I, mean_F, spread_F))
        return BasketModel(self.config.model, popular, mean, spread, straight_G)

    def _lossed(self) -> nn.Module:
        return _Loss(self.model)

    def _read(self, step: Step) -> tuple[tuple[Asked], int]:
        asked = self.data.positions.of(self.data.user_U[step.users], self.data.cuts)
        return (asked,), len(asked.places_P)


class _Loss(nn.Module):
    def __init__(self, model: BasketModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, asked: Asked) -> torch.Tensor:
        return self.model.loss(asked)


def train(
    baskets: Baskets,
    pairs: dict[int, Pairs],
    config: Config,
    validate: Callable[[BasketScorer], float] | None,
    until: int,
    say: Callable[[str], None],
) -> tuple[BasketModel, int]:
    """The model after `until` epochs, or with `validate` after the epoch that validates best; and that epoch.

    pairs: of the cuts to learn from, and of the one below them, which is asked. validate: figure of a scorer.
    """
    asked, *cuts = sorted(pairs)
    positions = Positions(baskets, pairs, config.model.max_len)
    user_U = np.unique(np.concatenate([pairs[cut].user_N for cut in cuts]))
    user_U = user_U[np.argsort(-baskets.visits_U[user_U], kind="stable")]
    popular_I = baskets.counted(asked, np.ones(baskets.most_visits)).sum(axis=0)
    data = BasketData(
        baskets.visits_U[user_U] - cuts[0],
        np.arange(len(user_U)),
        _no_sequences(),
        _catalogue(baskets.names, popular_I),
        FIRST + len(baskets.names),
        lambda model: {"valid": validate(scorer_of(model, positions, asked))} if validate else {},
        user_U,
        positions,
        cuts,
    )
    trainer = BasketTrainer(data, config, Ranks(0, 1, torch.device("cpu")), folder=None)
    best: tuple[float, int, dict] = (-1.0, until, {})

    def report(row: dict[str, float]) -> None:
        nonlocal best
        epoch = len(trainer.history)
        say(f"epoch {epoch}: loss {row['loss']:.4f}, {row['seconds']:.0f} s, validation {row.get('valid', 0):.4f}")
        if row.get("valid", -1) > best[0]:
            best = (row["valid"], epoch, copy.deepcopy(trainer.model.state_dict()))

    trainer.fit(until, report, advance=lambda epoch: None)
    if best[2]:
        trainer.model.load_state_dict(best[2])
    return trainer.model, best[1]


def scorer_of(model: BasketModel, positions: Positions, cut: int) -> BasketScorer:
    """The model at a cut: explore and copy scores of all products."""

    @torch.no_grad()
    def scores(users: np.ndarray) -> np.ndarray:
        model.eval()
        out, table_IK = [], model.table()
        for chunk in np.split(users, range(_SCORED, len(users), _SCORED)):
            asked = positions.of(chunk, [cut])
            states_PK, copy_X = model(asked)
            scores_PI = states_PK @ table_IK.T
            scores_PI[asked.position_X, asked.item_X] += copy_X
            out.append(scores_PI.numpy())
        return np.concatenate(out)

    return scores


def _catalogue(names: np.ndarray, popular_I: np.ndarray) -> Catalogue:
    log_count = np.concatenate([np.zeros(FIRST), np.log1p(popular_I)]).astype(np.float32)
    nothing = np.zeros(len(log_count), np.int32)
    return Catalogue(pa.array(names), np.arange(len(log_count), dtype=np.int32)[:, None], log_count, nothing, [""])


def _no_sequences() -> Sequences:
    empty = np.zeros(0, np.int64)
    return Sequences(pa.array([], pa.string()), np.zeros(1, np.int64), empty, empty, np.zeros((0, 0), np.uint8), empty)
