"""Trainings on item lists, averaged and mixed with item neighbours, and the best of them by validation."""

from __future__ import annotations

import copy
import math
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ml.common.model_settings import Config
from ml.data.batches import GROUP, step_count
from ml.data.sequences import Sequences
from ml.data.vocabulary import FIRST
from ml.judge import leave_one_out
from ml.judge import list_neighbours as cooccurrence
from ml.judge.leave_one_out import HELD_OUT, PROTOCOL, ItemLists, Scorer, metrics, ranks
from ml.training.data import TrainingData
from ml.training.processes import Ranks
from ml.training.trainer import Trainer
from ml.transformer.layout import Layout
from ml.transformer.model import BehaviourModel

VALIDATION, TEST = HELD_OUT, HELD_OUT - 1
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)  # of the neighbours, tried in the mix
SEED_STEP = 1_000  # between trainings that are averaged, so that those of seeds 1, 2, 3 share none
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


def average(models: list[ModelScorer]) -> Scorer:
    """Mean of the models' probabilities."""

    def scorer(users: np.ndarray, ends: np.ndarray) -> Tensor:
        total_BI = models[0](users, ends)
        for model in models[1:]:
            total_BI += model(users, ends)
        return total_BI / len(models)

    return scorer


def mix(model: Scorer, neighbours: Scorer, *shares: float) -> Scorer:
    """(1 - share) x the model's probabilities + share x the neighbours' scores, scaled to sum to one.

    One ranking a share.
    """

    def scorer(users: np.ndarray, ends: np.ndarray) -> Tensor:
        model_BI, near_BI = model(users, ends), neighbours(users, ends)
        near_BI /= near_BI.sum(dim=1, keepdim=True).clamp_min(1e-12)
        return torch.stack([torch.lerp(model_BI, near_BI, share) for share in shares])

    return scorer


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


def train(
    lists: ItemLists,
    config: Config,
    say: Callable[[str], None],
    watch: Callable[[dict[str, float], int], None] = lambda row, epoch: None,
) -> tuple[BehaviourModel, int]:
    """The model as it validated best, and the epochs until then. watch: told each validated epoch's row and number."""
    catalogue, count = lists.catalogue()
    users = _sample(lists.judged, config.train.validation_users)

    def validate(model: BehaviourModel) -> dict[str, float]:
        begun = time.perf_counter()
        found = metrics(ranks(lists, ModelScorer.of(model, lists), VALIDATION, users))
        seconds = time.perf_counter() - begun
        return {"val_hr_10": found["hr@10"], "val_ndcg_10": found["ndcg@10"], "validation_seconds": seconds}

    everybody = np.arange(len(lists.train_events))
    data = TrainingData(lists.train_events, everybody, lists.sequences(), catalogue, count, validate)
    trainer = Trainer(data, config, Ranks(0, 1, torch.device("cpu")), folder=None)
    with torch.no_grad():
        start_ID = torch.from_numpy(START_NORM * cooccurrence.factors(lists, config.model.d_model))
        trainer.model.features.weight[FIRST : FIRST + len(start_ID)] += start_ID
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


@dataclass(frozen=True)
class Member:
    """One training: its weights as it validated best, the epochs until then, the seconds of all its epochs."""

    model: BehaviourModel
    epochs: int
    seconds: float


def _member(lists: ItemLists, config: Config, threads: int, member: int) -> Member:
    torch.set_num_threads(threads)
    started = time.perf_counter()

    def say(line: str) -> None:
        print(f"training {member + 1} of {config.train.members}, {line}", flush=True)

    seeded = config.with_train(seed=config.train.seed + SEED_STEP * member)
    model, epochs = train(lists, seeded, say)
    return Member(model, epochs, time.perf_counter() - started)


def members(lists: ItemLists, config: Config, threads: int) -> list[Member]:
    """All trainings, side by side where there are cores: one thread each is faster than many threads on one."""
    count = config.train.members
    at_once = min(count, threads)
    if at_once == 1:
        return [_member(lists, config, threads, member) for member in range(count)]
    with ProcessPoolExecutor(at_once, mp_context=multiprocessing.get_context("spawn")) as pool:
        work = partial(_member, lists, config, threads // at_once)
        return list(pool.map(work, range(count)))


def run(lists: ItemLists, config: Config, threads: int, say: Callable[[str], None]) -> dict:
    """All rows: settings, validation and test metrics, and what each took."""
    config, started, rows, users = fitted_to(config, lists), time.perf_counter(), {}, lists.judged

    def judge(name: str, scorer: Scorer, seconds: float, **settings: object) -> None:
        begun = time.perf_counter()
        validation, test = (metrics(ranks(lists, scorer, left, users).ravel()) for left in (VALIDATION, TEST))
        scoring = (time.perf_counter() - begun) / 2
        rows[name] = {"validation": validation, "test": test, "seconds": seconds, "scoring_seconds": scoring} | settings
        say(f"{name}: {seconds:.0f} s, test {_figures(test)}; validation {_figures(validation)}")

    neighbours = cooccurrence.fit(lists)
    near_seconds = time.perf_counter() - started
    judge("item_knn", neighbours, near_seconds, **vars(neighbours.setting))
    begun = time.perf_counter()
    trained = members(lists, config, threads)
    all_seconds = time.perf_counter() - begun
    torch.set_num_threads(threads)
    models = [ModelScorer.of(member.model, lists) for member in trained]
    rankings = {"model": (models[0], trained[0].seconds)}
    if len(models) > 1:
        rankings["average"] = (average(models), all_seconds)
    for name, (scorer, seconds) in rankings.items():
        judge(name, scorer, seconds)
        begun = time.perf_counter()
        share = best_share(lists, scorer, neighbours, _sample(users, config.train.validation_users))
        seconds += near_seconds + time.perf_counter() - begun
        judge(f"{name}+item_knn", mix(scorer, neighbours, share), seconds, share=share)
    best = max(rows, key=lambda name: rows[name]["validation"]["ndcg@10"])
    return rows[best]["test"] | {
        "row": best,
        "item_knn": rows["item_knn"]["test"],
        "rows": rows,
        "users": len(users),
        "items": len(lists.names),
        "repeated_targets": leave_one_out.repeated(lists),
        "attributes": int(lists.features_IF.max(initial=0)),
        "epochs": [member.epochs for member in trained],
        "seconds": time.perf_counter() - started,
        "seed": config.train.seed,
        "threads": threads,
        "protocol": PROTOCOL,
    }


def best_share(lists: ItemLists, model: Scorer, neighbours: Scorer, users: np.ndarray) -> float:
    """The share of the neighbours in the mix that validates best by ndcg@10."""
    found_SU = ranks(lists, mix(model, neighbours, *SHARES), VALIDATION, users)
    return max(zip(SHARES, found_SU, strict=True), key=lambda pair: metrics(pair[1])["ndcg@10"])[0]


def _sample(users: np.ndarray, wanted: int) -> np.ndarray:
    """At most `wanted` of the users, evenly over all lengths."""
    return users[np.unique(np.linspace(0, len(users) - 1, wanted).astype(int))]


def _figures(found: dict[str, float]) -> str:
    return ", ".join(f"{key} {value:.4f}" for key, value in found.items())


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, 5) if isinstance(value, float) else value
