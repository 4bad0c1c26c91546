"""One training of the nightly model on item lists, kept as it validated best, and its ranking of all items.

Legend: B users of a chunk, P places of their events, I items, D width.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ml.common.arrays import evenly
from ml.common.model_settings import Config
from ml.data.batches import GROUP, step_count
from ml.data.sequences import Sequences
from ml.data.vocabulary import FIRST
from ml.judge import list_neighbours
from ml.judge.leave_one_out import HELD_OUT, ItemLists, metrics, ranks
from ml.training.data import TrainingData
from ml.training.processes import Ranks
from ml.training.trainer import Trainer
from ml.transformer.layout import Layout
from ml.transformer.model import BehaviourModel

VALIDATION = HELD_OUT
START_NORM = 0.2  # of an item's factors, which are added to its random vector of about half that


@dataclass(frozen=True)
class ModelScorer:
    """Probabilities of the model; a scorer of ml/judge/leave_one_out.py. vectors_ID: rows of the catalogue."""

    model: BehaviourModel
    sequences: Sequences
    vectors_ID: Tensor
    prior_I: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, model: BehaviourModel, lists: ItemLists) -> ModelScorer:
        catalogue, _ = lists.catalogue()
        vectors_ID = model.eval().items(torch.from_numpy(catalogue.features_IF))
        prior_I = model.popularity.detach() * torch.from_numpy(catalogue.log_count_I[FIRST:])
        return cls(model, lists.sequences(), vectors_ID, prior_I)

    @torch.no_grad()
    def __call__(self, users: np.ndarray, ends: np.ndarray) -> Tensor:
        items_P, context_PC, places_B = self.sequences.latest(users, ends, self.model.config.max_len)
        layout = Layout.of(places_B)
        states_PD = self.model(self.vectors_ID, torch.from_numpy(items_P), torch.from_numpy(context_PC), layout)
        logits_BI = torch.addmm(self.prior_I, states_PD[layout.last_B], self.vectors_ID[FIRST:].T)
        return logits_BI.softmax(dim=1)


def fitted_to(config: Config, lists: ItemLists) -> Config:
    """The preset with the step and the number of epochs that the size of the file asks for."""
    train, kept = config.train, np.minimum(lists.train_events, config.model.max_len)
    if train.batch_events:
        users = max(GROUP, round(train.batch_events / float(kept.mean())) // GROUP * GROUP)
        config = config.with_train(batch_users=users)
    steps = step_count(lists.train_events, config)
    epochs = min(max(train.epochs, math.ceil(train.min_steps / steps)), max(1, train.max_steps // steps))
    # As many validations as the preset's own epochs have.
    every = max(1, round(train.validate_every * epochs / train.epochs))
    return config.with_train(epochs=epochs, validate_every=every)


def trainer_of(lists: ItemLists, config: Config) -> Trainer:
    """A training that validates on validation items, from vectors of items that start near their neighbours'."""
    catalogue, count = lists.catalogue()
    users = lists.judged[evenly(len(lists.judged), config.train.validation_users)]

    def validate(model: BehaviourModel) -> dict[str, float]:
        begun = time.perf_counter()
        quality = metrics(ranks(lists, ModelScorer.of(model, lists), VALIDATION, users))
        seconds = time.perf_counter() - begun
        return {"val_hr_10": quality["hr@10"], "val_ndcg_10": quality["ndcg@10"], "validation_seconds": seconds}

    everybody = np.arange(len(lists.train_events))
    data = TrainingData(lists.train_events, everybody, lists.sequences(), catalogue, count, validate)
    trainer = Trainer(data, config, Ranks(0, 1, torch.device("cpu")), folder=None)
    with torch.no_grad():
        start_ID = torch.from_numpy(START_NORM * list_neighbours.factors(lists, config.model.d_model))
        trainer.model.features.weight[FIRST : FIRST + len(start_ID)] += start_ID
    return trainer


def train(
    lists: ItemLists,
    config: Config,
    say: Callable[[str], None],
    watch: Callable[[dict[str, float], int], None] = lambda row, epoch: None,
) -> tuple[BehaviourModel, int]:
    """The model as it validated best, and the epochs until then. watch: told each validated epoch's row and number."""
    trainer = trainer_of(lists, config)
    best, kept, at, waited = -1.0, {}, 0, 0

    def report(row: dict[str, float]) -> None:
        nonlocal best, kept, at, waited
        if "val_ndcg_10" not in row:
            return
        waited += 1
        watch(row, len(trainer.history))
        if row["val_ndcg_10"] > best:
            best, at, waited = row["val_ndcg_10"], len(trainer.history), 0
            kept = copy.deepcopy(trainer.model.state_dict())
        say(f"epoch {len(trainer.history)} of {config.train.epochs}: loss {row['loss']:.4f}, {row['seconds']:.1f} s, "
            f"validation hr@10 {row['val_hr_10']:.4f} ndcg@10 {row['val_ndcg_10']:.4f}")  # fmt: skip

    while len(trainer.history) < config.train.epochs and not (
        config.train.patience and waited >= config.train.patience
    ):
        trainer.fit(len(trainer.history) + 1, report, advance=lambda epoch: None)
    trainer.model.load_state_dict(kept)
    return trainer.model, at
