"""Trains and scores the model on a public benchmark file of item lists, one user a line (`user item item ...`):

python -m ml.benchmark FILE [--attributes JSON] [--seed S] [--preset NAME] [--threads N]

Protocol: ml/leave_one_out.py. The rows: the built-in item neighbours (ml/cooccurrence.py), the model of the nightly
training (ml/model.py), and their mix. Epochs, neighbours' setting and the mix are chosen on validation items; the test
items are looked at once, at the end. The last line is one JSON object; its hr@k and ndcg@k are the row that validates
best. Seconds are of the whole command, or of a row: what it takes to have it, training included.
"""

from __future__ import annotations

import copy
import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ml import cooccurrence, leave_one_out
from ml.batches import GROUP, step_count
from ml.catalogue import FIRST
from ml.cli import UsageError, entry, parser
from ml.config import Config, load
from ml.layout import Layout
from ml.leave_one_out import HELD_OUT, PROTOCOL, ItemLists, Scorer, metrics, ranks
from ml.model import BehaviourModel
from ml.ranks import Ranks
from ml.train import Trainer, TrainingData

VALIDATION, TEST = HELD_OUT, HELD_OUT - 1
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
_BATCH = 1_024


@dataclass(frozen=True)
class ModelScorer:
    """Log-probabilities of the model; a scorer of ml/leave_one_out.py. vectors and prior are of the items alone."""

    model: BehaviourModel
    lists: ItemLists
    vectors_ID: Tensor
    prior_I: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, model: BehaviourModel, lists: ItemLists) -> ModelScorer:
        catalogue, _ = lists.catalogue()
        vectors_ID = model.eval().items(torch.from_numpy(catalogue.features_IF))
        return cls(
            model, lists, vectors_ID, model.popularity.detach() * torch.from_numpy(catalogue.log_count_I[FIRST:])
        )

    @torch.no_grad()
    def __call__(self, users: np.ndarray, ends: np.ndarray) -> Tensor:
        arrays = self.lists.sequences().latest(users, ends, self.model.config.max_len)
        items_P, context_PC, places_B = arrays
        layout = Layout.of(places_B)
        states_PD = self.model(self.vectors_ID, torch.from_numpy(items_P), torch.from_numpy(context_PC), layout)
        logits_BI = torch.addmm(self.prior_I, states_PD[layout.last_B], self.vectors_ID[FIRST:].T)
        return logits_BI - logits_BI.logsumexp(dim=1, keepdim=True)


def mix(model: Scorer, neighbours: Scorer, share: float) -> Scorer:
    """(1 - share) x the model's probabilities + share x the neighbours' scores, scaled to sum to one."""

    def scorer(users: np.ndarray, ends: np.ndarray) -> Tensor:
        near_BI = neighbours(users, ends)
        near_BI /= near_BI.sum(dim=1, keepdim=True).clamp_min(1e-12)
        return model(users, ends).exp_().mul_(1 - share).add_(near_BI, alpha=share)

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


def train(lists: ItemLists, config: Config, say: Callable[[str], None]) -> tuple[BehaviourModel, int]:
    """The model as it validated best, and the epochs until then."""
    catalogue, count = lists.catalogue()
    users = lists.judged[np.unique(np.linspace(0, len(lists.judged) - 1, config.train.validation_users).astype(int))]

    def validate(model: BehaviourModel) -> dict[str, float]:
        found = metrics(ranks(lists, ModelScorer.of(model, lists), VALIDATION, users))
        return {"val_hr_10": found["hr@10"], "val_ndcg_10": found["ndcg@10"]}

    data = TrainingData(lists.train_events, lists.sequences(), catalogue, count, validate)
    trainer = Trainer(data, config, Ranks(0, 1, torch.device("cpu")), folder=None)
    best, kept, at, waited = -1.0, {}, 0, 0

    def report(row: dict[str, float]) -> None:
        nonlocal best, kept, at, waited
        if "val_ndcg_10" not in row:
            return
        waited += 1
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


def run(lists: ItemLists, config: Config, say: Callable[[str], None]) -> dict:
    """All rows: settings, validation and test metrics, and what each took."""
    config, started, rows = fitted_to(config, lists), time.perf_counter(), {}
    users = lists.judged

    def row(scorer: Scorer, seconds: float, validation: dict | None = None, **settings: object) -> dict:
        judged = validation or metrics(ranks(lists, scorer, VALIDATION, users))
        return {"validation": judged, "test": metrics(ranks(lists, scorer, TEST, users)), "seconds": seconds} | settings

    neighbours = cooccurrence.fit(lists)
    near_seconds = time.perf_counter() - started
    rows["item_knn"] = row(neighbours, near_seconds, setting=vars(neighbours.setting))
    say(_said("item_knn", rows["item_knn"]))
    begun = time.perf_counter()
    trained, epochs = train(lists, config, say)
    model, seconds = ModelScorer.of(trained, lists), time.perf_counter() - begun
    rows["model"] = row(model, seconds, epochs=epochs)
    say(_said("model", rows["model"]))
    begun = time.perf_counter()
    tried = {share: metrics(ranks(lists, mix(model, neighbours, share), VALIDATION, users)) for share in SHARES}
    share = max(tried, key=lambda share: tried[share]["ndcg@10"])
    seconds += near_seconds + time.perf_counter() - begun
    rows["mix"] = row(mix(model, neighbours, share), seconds, tried[share], share=share)
    say(_said("mix", rows["mix"]))
    best = max(rows, key=lambda name: rows[name]["validation"]["ndcg@10"])
    return rows[best]["test"] | {
        "row": best,
        "item_knn": rows["item_knn"]["test"],
        "rows": rows,
        "users": len(users),
        "items": len(lists.names),
        "attributes": int(lists.features_IF.max(initial=0)),
        "epochs": epochs,
        "seconds": time.perf_counter() - started,
        "seed": config.train.seed,
        "threads": torch.get_num_threads(),
        "protocol": PROTOCOL,
    }


def _said(name: str, row: dict) -> str:
    figures = ", ".join(f"{key} {value:.4f}" for key, value in row["test"].items())
    return f"{name}: test {figures}; validation ndcg@10 {row['validation']['ndcg@10']:.4f}; {row['seconds']:.1f} s"


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, 5) if isinstance(value, float) else value


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "conf")
    args.add_argument("file", type=Path, help="lines of `user item item ...`, oldest item first")
    args.add_argument("--attributes", type=Path, help="JSON object: item -> list of attributes")
    args.add_argument("--seed", type=int, help="default: the preset's")
    args.add_argument("--preset", default="benchmark", help="of conf/model.yaml (default: benchmark)")
    args.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: all cores")
    said = args.parse_args(argv)
    if said.threads < 1:
        raise UsageError(f"--threads: expected at least 1, found {said.threads}")
    torch.set_num_threads(said.threads)
    config = load(said.conf, said.preset).with_train(seed=said.seed)
    lists = leave_one_out.read(said.file, said.attributes)
    print(f"{len(lists.lengths):,} users ({len(lists.judged):,} judged), {len(lists.names):,} items, "
          f"{len(lists.items):,} events; {PROTOCOL}", flush=True)  # fmt: skip
    found = run(lists, config, lambda line: print(line, file=sys.stdout, flush=True))
    print(json.dumps(_rounded(found)))


if __name__ == "__main__":
    entry(main)
