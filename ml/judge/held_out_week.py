"""The held-out week of a snapshot: its model beside rankings that need no training."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ml.common.cli import DataError
from ml.common.hashing import first_by_hash
from ml.data.snapshot import Snapshot
from ml.judge import baselines
from ml.measures.next_product import HeldOutWeek, Scores, score
from ml.transformer.encoder import Encoder
from ml.transformer.package import folder_of

MAX_USERS = 100_000


def held_out(snapshot: Snapshot, encoder: Encoder) -> HeldOutWeek:
    """The held-out week of at most MAX_USERS users (by stable hash), sorted by id, as the encoder's catalogue sees it.

    Raises DataError where nobody bought or viewed a known product in that week.
    """
    users = snapshot.users()["user_id"].combine_chunks()
    kept = users.take(pa.array(first_by_hash(users, MAX_USERS)))
    kept = kept.take(pc.array_sort_indices(kept))
    sequences = snapshot.sequences(encoder.catalogue, encoder.vocabularies, kept)
    week = HeldOutWeek.of(sequences, encoder.catalogue, snapshot.cutoff)
    if not len(week.users):
        raise DataError(
            f"expected events with a known product in the 7 days that end at {snapshot.ds}, found none in "
            f"{snapshot.folder}; take the snapshot at a day with data"
        )
    return week


def evaluate(snapshot: Snapshot) -> dict[str, Scores]:
    """Scores by ranking: model, popularity, item_knn."""
    encoder = Encoder.load(folder_of(snapshot), snapshot.products())
    week = held_out(snapshot, encoder)
    scorers = {
        "model": encoder.next_product(week.sequences, week.history),
        "popularity": baselines.popularity(encoder.catalogue),
        "item_knn": baselines.item_knn(week, encoder.catalogue),
    }
    return {name: score(week, scorer, encoder.catalogue) for name, scorer in scorers.items()}
