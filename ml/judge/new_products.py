"""How well products are found that nobody bought before: by what the model is told of them.

Protocol: a tenth of the products that sold before the held-out week (by a stable hash of the id, `fold` says which) is
left out of the training: its events keep their time, kind and price, and name no product. A user with one of them in
the week is asked for those that he has at the first time, the history not masked. Each is ranked among all products,
as the nights rank (a product without a sale has the popularity of none, far below all others); among all, as if it
sold as usual (the mean of the logarithms); and among those left out, as offers of something untried are chosen. What
is told: nothing of the words, hashed words of the title, the text encoder's vector, or both; category path, brand and
price always.

Legend: U users, E events, I products, B users of a chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from ml.common.cli import DataError
from ml.common.hashing import stable_hash
from ml.common.model_settings import Config, ModelConfig
from ml.data.catalogue import Catalogue, feature_count
from ml.data.events import day_number
from ml.data.sequences import Sequences
from ml.data.snapshot import Snapshot
from ml.data.text_encoders import NONE
from ml.data.texts import texts_of, vectors
from ml.data.vocabulary import FIRST, UNKNOWN, Vocabularies
from ml.measures.metrics import hit_rate, ndcg_of_ranks
from ml.measures.next_product import TOP, HeldOutWeek, rank_of
from ml.training.data import TrainingData
from ml.training.processes import Ranks
from ml.training.trainer import Trainer
from ml.transformer.encoder import Encoder

FOLDS = 10
_CHUNK = 256


@dataclass(frozen=True)
class Row:
    """Users asked, products ranked, left-out products among them; metrics by what the product is ranked among."""

    told: str
    users: int
    products: int
    left_out: int
    metrics: dict[str, float]


def compare(
    snapshot: Snapshot, config: Config, text_encoder: str, fold: int, say: Callable[[str], None]
) -> Iterator[Row]:
    """A row for each way of telling a product; those with the encoder are left out where it is `none`.

    Raises DataError where nobody bought or viewed a left-out product in the held-out week.
    """
    words = config.model.title_words or ModelConfig().title_words
    ways = {"neither": (0, NONE), "hashed words": (words, NONE)}
    products, texts = snapshot.products(), None
    if text_encoder != NONE:
        ways |= {"text encoder": (0, text_encoder), "both": (words, text_encoder)}
        texts = vectors(text_encoder, texts_of(products))
    sold = snapshot.vocabularies().product.names
    hidden = sold.filter(pa.array(stable_hash(sold) % FOLDS == fold))
    vocabularies = _without(snapshot, products, hidden)
    for told, (title_words, encoder) in ways.items():
        model = config.model.model_copy(update={"title_words": title_words, "text_encoder": encoder})
        catalogue = Catalogue.of(products, vocabularies, model, texts)
        yield _row(snapshot, Config(model=model, train=config.train), catalogue, vocabularies, hidden, told, say)


def _without(snapshot: Snapshot, products: pa.Table, hidden: pa.Array) -> Vocabularies:
    """The snapshot's names and counts, as if the hidden products had never been sold."""
    known = snapshot.vocabularies()
    counts = dict(zip(known.product.names.to_pylist(), known.product.counts.tolist(), strict=True))
    for name in hidden.to_pylist():
        del counts[name]
    types = dict(zip(known.event_type.names.to_pylist(), known.event_type.counts.tolist(), strict=True))
    return Vocabularies.fit(products, counts, types, snapshot.config.model.min_count)


def _row(
    snapshot: Snapshot,
    config: Config,
    catalogue: Catalogue,
    vocabularies: Vocabularies,
    hidden: pa.Array,
    told: str,
    say: Callable[[str], None],
) -> Row:
    users = snapshot.users()
    sequences = snapshot.sequences(catalogue, vocabularies, users)
    hidden_I = np.zeros(FIRST + len(catalogue.product_ids), bool)
    hidden_I[FIRST:] = pc.is_in(catalogue.product_ids, value_set=hidden).to_numpy(zero_copy_only=False)
    week_E = sequences.days >= day_number(snapshot.cutoff)
    seen = _naming(sequences, ~hidden_I[sequences.items] & ~week_E)
    asked = _naming(sequences, hidden_I[sequences.items] == week_E)
    week = HeldOutWeek.of(asked, catalogue, snapshot.cutoff)
    if not len(week.users):
        raise DataError(
            f"expected users with one of the {len(hidden):,} left-out products in the week from {snapshot.cutoff}, "
            "found none; ask for another --fold, or take a snapshot of a larger shop"
        )
    events = users["train_events"].to_numpy()
    data = TrainingData(
        events, np.arange(len(events)), seen, catalogue, feature_count(vocabularies, config.model), lambda model: {}
    )
    trainer = Trainer(data, config, Ranks(0, 1, torch.device("cpu")), folder=None)
    trainer.fit(config.train.epochs, lambda row: say(f"{told}: loss {row['loss']:.4f}, {row['seconds']:.1f} s"),
                lambda epoch: None)  # fmt: skip
    new = torch.from_numpy(np.flatnonzero(hidden_I[FIRST:]))
    among_new = torch.from_numpy(np.cumsum(hidden_I[FIRST:]) - 1)
    usual = float(catalogue.log_count_I[catalogue.log_count_I > 0].mean())
    as_usual = replace(catalogue, log_count_I=np.where(hidden_I, np.float32(usual), catalogue.log_count_I))
    ranks: dict[str, list[np.ndarray]] = {"all": [], "as_usual": [], "new": []}
    for among, known in (("all", catalogue), ("as_usual", as_usual)):
        probabilities = Encoder.of(trainer.model, vocabularies, known).next_product(asked, week.history)
        for chunk in np.array_split(np.arange(len(week.target_T)), max(1, -(-len(week.target_T) // _CHUNK))):
            scores_BI = probabilities(week.users[week.owner_T[chunk]])
            target = torch.from_numpy(week.target_T[chunk]).long()
            ranks[among].append(rank_of(target, scores_BI).numpy())
            if among == "all":
                ranks["new"].append(rank_of(among_new[target], scores_BI[:, new]).numpy())
    metrics: dict[str, float] = {}
    for among, parts in ranks.items():
        metrics |= _metrics(np.concatenate(parts), among)
    return Row(told, len(week.users), len(catalogue.product_ids), len(new), metrics)


def _naming(sequences: Sequences, named_E: np.ndarray) -> Sequences:
    """The same, the product known of the events in named_E alone."""
    return replace(sequences, items=np.where(named_E | (sequences.items < FIRST), sequences.items, UNKNOWN))


def _metrics(rank: np.ndarray, among: str) -> dict[str, float]:
    return {f"hr_{TOP}_{among}": hit_rate(rank, TOP), f"ndcg_{TOP}_{among}": float(ndcg_of_ranks(rank, TOP).mean()),
            f"mrr_{among}": float((1 / rank).mean())}  # fmt: skip
