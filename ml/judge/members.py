"""The rows of ml.benchmark: one training, the item neighbours, and the average of trainings; the best by validation."""

from __future__ import annotations

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
from ml.judge import leave_one_out, list_neighbours
from ml.judge.leave_one_out import PROTOCOL, ItemLists, ListScorer, metrics, ranks
from ml.judge.list_followers import Followers
from ml.judge.list_model import ListModel, ModelScorer
from ml.judge.list_training import VALIDATION, fitted_to, followers_of, train

TEST = VALIDATION - 1
SEED_STEP = 1_000  # between trainings that are averaged, so that those of seeds 1, 2, 3 share none


def average(models: list[ModelScorer]) -> ListScorer:
    """Mean of the models' probabilities."""

    def scorer(users: np.ndarray, ends: np.ndarray) -> Tensor:
        total_BI = models[0](users, ends)
        for model in models[1:]:
            total_BI += model(users, ends)
        return total_BI / len(models)

    return scorer


@dataclass(frozen=True)
class Member:
    """One training: its weights as it validated best, the epochs until then, the seconds of all its epochs."""

    model: ListModel
    epochs: int
    seconds: float


def _member(lists: ItemLists, config: Config, followers: Followers | None, threads: int, member: int) -> Member:
    torch.set_num_threads(threads)
    began = time.perf_counter()

    def say(line: str) -> None:  # in a process of its own, which the caller's `say` does not reach
        print(f"training {member + 1} of {config.train.members}, {line}", flush=True)

    seeded = config.with_train(seed=config.train.seed + SEED_STEP * member)
    model, epochs = train(lists, seeded, followers, say)
    return Member(model, epochs, time.perf_counter() - began)


def members(lists: ItemLists, config: Config, followers: Followers | None, threads: int) -> list[Member]:
    """All trainings, side by side where there are cores: one thread each is faster than many threads on one."""
    count = config.train.members
    at_once = min(count, threads)
    if at_once == 1:
        return [_member(lists, config, followers, threads, member) for member in range(count)]
    with ProcessPoolExecutor(at_once, mp_context=multiprocessing.get_context("spawn")) as pool:
        work = partial(_member, lists, config, followers, threads // at_once)
        return list(pool.map(work, range(count)))


def _judged(lists: ItemLists, scorer: ListScorer, seconds: float) -> dict:
    """A row: means over validation and test items; seconds: what it took to have the ranking."""
    begun = time.perf_counter()
    validation, test = (metrics(ranks(lists, scorer, left, lists.judged)) for left in (VALIDATION, TEST))
    scoring = (time.perf_counter() - begun) / 2
    return {"validation": validation, "test": test, "seconds": seconds, "scoring_seconds": scoring}


def run(lists: ItemLists, config: Config, threads: int, say: Callable[[str], None]) -> dict:
    """All rows: settings, validation and test metrics, and what each took. say: told a line a row."""
    config, began = fitted_to(config, lists), time.perf_counter()
    rows: dict[str, dict] = {}

    def judge(name: str, scorer: ListScorer, seconds: float, **settings: object) -> None:
        rows[name] = row = _judged(lists, scorer, seconds) | settings
        say(f"{name}: {seconds:.0f} s, test {_figures(row['test'])}; validation {_figures(row['validation'])}")

    neighbours = list_neighbours.fit(lists)
    near_seconds = time.perf_counter() - began
    followers = followers_of(lists, config, neighbours.setting)
    trained = members(lists, config, followers, threads)
    all_seconds = time.perf_counter() - began
    torch.set_num_threads(threads)
    models = [ModelScorer.of(member.model, followers, lists) for member in trained]
    judge("model", models[0], near_seconds + trained[0].seconds)
    judge("item_knn", neighbours, near_seconds, **vars(neighbours.setting))
    if len(models) > 1:
        judge("average", average(models), all_seconds)
    best = max(rows, key=lambda name: rows[name]["validation"]["ndcg@10"])
    return rows[best]["test"] | {
        "row": best,
        "item_knn": rows["item_knn"]["test"],
        "rows": rows,
        "users": len(lists.judged),
        "items": len(lists.names),
        "repeated_targets": leave_one_out.repeated(lists),
        "attributes": int(lists.features_IF.max(initial=0)),
        "epochs": [member.epochs for member in trained],
        "seconds": time.perf_counter() - began,
        "seed": config.train.seed,
        "threads": threads,
        "protocol": PROTOCOL,
    }


def _figures(means: dict[str, float]) -> str:
    return ", ".join(f"{key} {value:.4f}" for key, value in means.items())


def rounded(value: object) -> object:
    """All numbers of a result to five digits."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return round(value, 5) if isinstance(value, float) else value
