"""Inputs of probes: what a model's vectors, counts and a random encoder say of users. Legend: U users, D width."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
import torch

from jobs.tables import USER_FEATURES
from ml.common import lake
from ml.data import outcomes
from ml.data.sequences import Sequences
from ml.data.snapshot import Snapshot
from ml.data.value_windows import COLUMNS, standardised
from ml.judge.probing import CATEGORIES, Row
from ml.transformer.encoder import Encoder
from ml.transformer.model import BehaviourModel

WEIGHTS = (0.3, 1.0, 2.0)


def block(values: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and equal variances that sum up to one; constant ones are 0."""
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(spread > 1e-9, spread, np.inf) / np.sqrt(values.shape[1])


def whole(values: np.ndarray) -> np.ndarray:
    """Columns of mean 0 whose variances sum up to one and keep their shares of it, as the blocks of a vector do."""
    spread = np.sqrt(values.var(axis=0).sum())
    return (values - values.mean(axis=0)) / (spread if spread > 1e-9 else np.inf)


def beside(base: np.ndarray, more: np.ndarray) -> list[np.ndarray]:
    """Designs of two blocks: the first one alone, and with the second at each weight."""
    return [base, *(np.hstack([base, weight * more]) for weight in WEIGHTS)]


def random_encoder(encoder: Encoder, seed: int) -> Encoder:
    """The same, untrained."""
    torch.manual_seed(seed)
    texts = encoder.catalogue.texts
    model = BehaviourModel(encoder.model.config, encoder.model.features.num_embeddings, texts.width if texts else 0)
    return Encoder.of(model, encoder.vocabularies, encoder.catalogue)


def rows_of(snapshot: Snapshot, encoder: Encoder, sequences: Sequences) -> list[Row]:
    """The rows that are compared. counts: money, orders, lines of 7, 28, 90, 365 days, days since the last order.
    categories: lines of the year.
    """
    user_ids = sequences.user_ids
    columns = ["user_id", *COLUMNS]
    features = lake.read(snapshot.opened(USER_FEATURES), columns, snapshot.ds)
    features = features.take(pc.index_in(user_ids, value_set=features["user_id"].combine_chunks()))
    lines_UC, _ = outcomes.lines_of_year(snapshot.warehouse, snapshot.ds, user_ids)
    largest = np.sort(np.argsort(-np.asarray(lines_UC.sum(axis=0)).ravel(), kind="stable")[:CATEGORIES])
    counts = block(standardised(features, COLUMNS))
    categories = block(np.log1p(lines_UC[:, largest].toarray()))
    state = block(encoder.states(sequences))
    vectors = np.split(encoder.vectors(sequences, snapshot.ds), [encoder.lasting_width], axis=1)
    lasting, outlook = map(whole, vectors)
    vector = np.hstack([lasting, outlook])
    noise = block(random_encoder(encoder, snapshot.config.train.seed).readings(sequences)[1])  # the better of its two
    detailed = [np.hstack([counts, weight * categories]) for weight in WEIGHTS]
    return [
        Row("counts", [counts]),
        Row("random encoder", [noise]),
        Row("state", [state]),
        Row("published vector", [vector]),
        Row("counts + random", beside(counts, noise), "counts"),
        Row("counts + state", beside(counts, state), "counts"),
        Row("counts + lasting block", beside(counts, lasting), "counts"),
        Row("counts + outlook block", beside(counts, outlook), "counts"),
        Row("counts + published vector", [*beside(counts, outlook), *beside(counts, vector)[1:]], "counts"),
        Row("counts + categories", [counts, *detailed]),
        Row("counts + categories + published vector",
            [counts, *(np.hstack([base, weight * vector]) for base in detailed for weight in (0.0, *WEIGHTS[:2]))],
            "counts + categories"),
    ]  # fmt: skip
