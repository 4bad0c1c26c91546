"""One training of ml.benchmark's model on item lists: its weights averaged along the way, kept as they validated best.

Legend: E events of a step, P places that are asked, I items, D width.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ml.common.arrays import evenly
from ml.common.model_settings import Config
from ml.data.batches import GROUP, Step, step_count
from ml.data.vocabulary import FIRST
from ml.judge import list_neighbours
from ml.judge.leave_one_out import HELD_OUT, ItemLists, metrics, ranks
from ml.judge.list_followers import Followers, history
from ml.judge.list_model import ListLoss, ListModel, ModelScorer
from ml.judge.list_neighbours import Setting
from ml.training.data import TrainingData
from ml.training.processes import Ranks
from ml.training.trainer import Trainer

VALIDATION = HELD_OUT
AVERAGED = 0.25  # share of the training that the average of the weights reaches back
START_NORM = 0.2  # of an item's factors, which are added to its random vector of about half that


class ListTrainer(Trainer):
    """The nightly loop, whose softmax knows the followers. None: there are too many items for all of them in it.

    averaged: weights that fade by the step; they are what is judged.
    """

    def __init__(self, data: TrainingData, config: Config, followers: Followers | None) -> None:
        self.followers = followers
        super().__init__(data, config, Ranks(0, 1, torch.device("cpu")), folder=None)
        fading = 1 - 1 / max(1.0, AVERAGED * self.total_steps)
        self.averaged = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(fading))

    def step(self, step: Step, epoch: int) -> tuple[float, float]:
        done = super().step(step, epoch)
        self.averaged.update_parameters(self.model)
        return done

    def _built(self) -> ListModel:
        return ListModel(self.config.model, self.data.feature_count)

    def _lossed(self) -> nn.Module:
        over_all = super()._lossed()
        return over_all if self.followers is None else ListLoss(self.model, over_all)

    def _read(self, step: Step) -> tuple[tuple[Any, ...], int]:
        read, targets = super()._read(step)
        if self.followers is None:
            return read, targets
        items_E, asked_P = read[0].numpy() - FIRST, np.arange(len(read[0]))
        entries = self.followers.entries(items_E, step.lengths, asked_P, learned=True)
        return (*read, *entries, history(items_E, step.lengths, asked_P)), targets


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


def followers_of(lists: ItemLists, config: Config, setting: Setting) -> Followers | None:
    """None where there are more items than the softmax goes over."""
    return Followers.of(lists, setting) if len(lists.names) <= config.train.full_softmax_below else None


def trainer_of(lists: ItemLists, config: Config, followers: Followers | None) -> ListTrainer:
    """A training that validates on validation items, from vectors of items that start near their neighbours'."""
    catalogue, count = lists.catalogue()
    users = lists.judged[evenly(len(lists.judged), config.train.validation_users)]

    def validate(_: ListModel) -> dict[str, float]:
        begun = time.perf_counter()
        averaged = ModelScorer.of(trainer.averaged.module, followers, lists)
        quality = metrics(ranks(lists, averaged, VALIDATION, users))
        seconds = time.perf_counter() - begun
        return {"val_hr_10": quality["hr@10"], "val_ndcg_10": quality["ndcg@10"], "validation_seconds": seconds}

    everybody = np.arange(len(lists.train_events))
    data = TrainingData(lists.train_events, everybody, lists.sequences(), catalogue, count, validate)
    trainer = ListTrainer(data, config, followers)
    with torch.no_grad():
        start_ID = torch.from_numpy(START_NORM * list_neighbours.factors(lists, config.model.d_model))
        trainer.model.features.weight[FIRST : FIRST + len(start_ID)] += start_ID
    return trainer


def train(
    lists: ItemLists,
    config: Config,
    followers: Followers | None,
    say: Callable[[str], None],
    watch: Callable[[dict[str, float], int], None] = lambda row, epoch: None,
) -> tuple[ListModel, int]:
    """The model as it validated best, and the epochs until then. watch: told each validated epoch's row and number."""
    trainer = trainer_of(lists, config, followers)
    best, kept, at, waited = -1.0, {}, 0, 0

    def report(row: dict[str, float]) -> None:
        nonlocal best, kept, at, waited
        if "val_ndcg_10" not in row:
            return
        waited += 1
        watch(row, len(trainer.history))
        if row["val_ndcg_10"] > best:
            best, at, waited = row["val_ndcg_10"], len(trainer.history), 0
            kept = copy.deepcopy(trainer.averaged.module.state_dict())
        say(f"epoch {len(trainer.history)} of {config.train.epochs}: loss {row['loss']:.4f}, {row['seconds']:.1f} s, "
            f"validation hr@10 {row['val_hr_10']:.4f} ndcg@10 {row['val_ndcg_10']:.4f}")  # fmt: skip

    while len(trainer.history) < config.train.epochs and not (
        config.train.patience and waited >= config.train.patience
    ):
        trainer.fit(len(trainer.history) + 1, report, advance=lambda epoch: None)
    trainer.model.load_state_dict(kept)
    return trainer.model, at
