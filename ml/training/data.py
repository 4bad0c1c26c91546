"""What one rank of a training reads, and validates on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ml.common.model_settings import Config
from ml.data.batches import owners, places
from ml.data.catalogue import Catalogue, feature_count
from ml.data.sequences import Sequences
from ml.data.snapshot import Snapshot
from ml.measures.next_product import TOP, HeldOutWeek, score
from ml.training.processes import Ranks
from ml.transformer.encoder import Encoder
from ml.transformer.model import BehaviourModel


@dataclass(frozen=True)
class TrainingData:
    """What one rank learns from.

    train_events: of all users (U), longest first. place_U: see ml/data/batches.py. sequences: of the rank's own users.
    docs/scale.md has the bytes of it all. validate: metrics of a model; every rank calls it equally often.
    """

    train_events: np.ndarray
    place_U: np.ndarray
    sequences: Sequences
    catalogue: Catalogue
    feature_count: int
    validate: Callable[[BehaviourModel], dict[str, float]]

    @classmethod
    def of(cls, snapshot: Snapshot, config: Config, ranks: Ranks) -> TrainingData:
        """The rank's share of a snapshot, read from the row groups that hold it; validates on its held-out week."""
        vocabularies, catalogue = snapshot.vocabularies(), snapshot.catalogue()
        users = snapshot.users(["train_events", "events", "part", "row"])
        events_U, part_U = users["train_events"].to_numpy(), users["part"].to_numpy()
        place_U = places(owners(part_U, events_U, ranks.world), ranks.rank)
        own = users if ranks.world == 1 else users.filter(pa.array(place_U >= 0))
        sequences = snapshot.sequences(catalogue, vocabularies, own)
        # Evenly over all lengths, as users go by them.
        most = -(-config.train.validation_users // ranks.world)
        week = HeldOutWeek.of_some(sequences, catalogue, snapshot.cutoff, most)

        def validate(model: BehaviourModel) -> dict[str, float]:
            sums = [0.0, 0.0, 0.0]
            if len(week.users):
                scorer = Encoder.of(model, vocabularies, catalogue).next_product(week.sequences, week.history)
                scores = score(week, scorer, catalogue)
                sums = [float((scores.rank <= TOP).sum()), float(scores.ndcg.sum()), float(len(week.users))]
            hits, ndcg, users = ranks.sum(*sums)
            return {f"val_hr_{TOP}": hits / users, f"val_ndcg_{TOP}": ndcg / users} if users else {}

        count = feature_count(vocabularies, config.model)
        return cls(events_U, place_U, sequences, catalogue, count, validate)
