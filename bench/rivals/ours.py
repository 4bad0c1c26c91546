"""Ours: one training of the preset `benchmark`, no attributes or averaging; see bench/rivals/lane.py."""

from __future__ import annotations

import time

from bench.rivals import lane
from bench.training import CONF
from ml.common.model_settings import load
from ml.judge import list_neighbours, list_training


def main() -> None:
    said = lane.asked()
    lists = lane.lists_of(said)
    config = load(CONF, "benchmark").with_train(seed=said.seed, patience=0)
    config = list_training.fitted_to(config, lists).with_train(validate_every=1, validation_users=len(lists.judged))
    begun, scored = time.perf_counter(), 0.0

    def say(row: dict[str, float], epoch: int) -> None:
        nonlocal scored
        scored += row["validation_seconds"]
        found = {"hr@10": row["val_hr_10"], "ndcg@10": row["val_ndcg_10"]}
        lane.say(epoch, time.perf_counter() - begun - scored, found, row["validation_seconds"])

    followers = list_training.followers_of(lists, config, list_neighbours.fit(lists).setting)
    list_training.train(lists, config.with_train(epochs=min(said.epochs, config.train.epochs)), followers, print, say)


if __name__ == "__main__":
    main()
