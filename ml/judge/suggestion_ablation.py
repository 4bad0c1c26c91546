"""What the model adds to the suggestions of a day: the ranking with and without its inputs, against what came true.

Candidates are the same in all; what differs is what the ranking sees of them. Legend: N users who bought.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from ml.data.snapshot import Snapshot
from ml.judge import hits
from ml.judge.probing import numbered
from ml.measures.metrics import Measure, gain
from ml.suggest.recommender import Recommender, cells_as_of, read_sample
from ml.suggest.settings import RecommendConfig
from ml.transformer.encoder import Encoder
from ml.transformer.package import folder_of

BARE = "without the model"
WITHOUT = {BARE: ("model", "discovery"), "its score": ("discovery",), "its map": ("model",), "both, as shipped": ()}


@dataclass(frozen=True)
class Asked:
    """ndcg_N by row of WITHOUT, of a night's users who bought something of a kind in some days."""

    user_ids: pa.Array
    ndcg_N: dict[str, np.ndarray]


def night(snapshot: Snapshot, warehouse: str, config: RecommendConfig) -> dict[str, Asked]:
    """By purchases (all, new) and days after the snapshot's. New ones are asked of lists of `repeat: never`."""
    encoder = Encoder.load(folder_of(snapshot), snapshot.products())
    sample = read_sample(warehouse, snapshot.ds, encoder, hits.SCORED)
    recommenders = Recommender.ablated(warehouse, snapshot.ds, encoder, config, WITHOUT.values())
    looked_I = recommenders[0].world.looked_I
    bought = hits.read_truth(warehouse, snapshot.ds, sample.user_ids, encoder.catalogue.product_ids, looked_I)
    blocks = list(recommenders[0].suggest(sample, encoder.states(sample)))
    never = config.model_copy(update={"repeat": "never"})

    def lists(how: RecommendConfig, recommender: Recommender) -> np.ndarray:
        one = replace(recommender, config=how)
        ranked = (one.ranked(block.users, block.cells, block.pairs) for block in blocks)
        return hits.of_suggestions(one, ranked, len(sample))

    listed = {purchases: {name: lists(how, one) for name, one in zip(WITHOUT, recommenders, strict=True)}
              for purchases, how in (("all", config), ("new", never))}  # fmt: skip
    found = {}
    for truth in hits.truths(bought, cells_as_of(sample, snapshot.ds, encoder, config), looked_I):
        measured = {name: hits.by_user(items, truth.bought_UI) for name, items in listed[truth.purchases].items()}
        ndcg = {name: values["ndcg_10"] for name, (_, values) in measured.items()}
        ids = sample.user_ids.take(pa.array(measured[BARE][0]))
        found[f"{truth.purchases}, {truth.days} days"] = Asked(ids, ndcg)
    return found


def compared(nights: list[dict[str, Asked]], seed: int) -> Iterator[dict]:
    """As ml/judge/probing.py compares: a dict a row and question, means over nights."""
    for name in WITHOUT:
        for question in nights[0]:
            asked = [night[question] for night in nights]
            now, before = ([_mean(one.ndcg_N[row]) for one in asked] for row in (name, BARE))
            everybody = [np.arange(len(one.user_ids)) for one in asked]
            metric = float(np.mean([measure(rows) for measure, rows in zip(now, everybody, strict=True)]))
            result = {"row": name, "probe": question, "metric": metric, "users": sum(map(len, everybody))}
            if name != BARE:
                result |= {"against": BARE, **gain(now, before, numbered([one.user_ids for one in asked]), seed)}
            yield result


def _mean(values_N: np.ndarray) -> Measure:
    return lambda rows: float(values_N[rows].mean())
