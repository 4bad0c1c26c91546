"""The held-out week of a snapshot: its model beside rankings that need no training."""

from __future__ import annotations

from ml.data.snapshot import Snapshot
from ml.judge import baselines
from ml.measures.next_product import HeldOutWeek, Scores, score
from ml.transformer.encoder import Encoder
from ml.transformer.package import folder_of

MAX_USERS = 100_000


def held_out(snapshot: Snapshot, encoder: Encoder) -> HeldOutWeek:
    """The held-out week of at most MAX_USERS users (by stable hash), sorted by id, as the encoder's catalogue sees it;
    of no users where nobody bought or viewed a known product in it.
    """
    users = snapshot.sample(MAX_USERS).sort_by("user_id")
    sequences = snapshot.sequences(encoder.catalogue, encoder.vocabularies, users)
    return HeldOutWeek.of(sequences, encoder.catalogue, snapshot.cutoff)


def evaluate(snapshot: Snapshot) -> dict[str, Scores]:
    """Scores by ranking: model, popularity, item_knn; none where the week has no users."""
    encoder = Encoder.load(folder_of(snapshot), snapshot.products())
    week = held_out(snapshot, encoder)
    if not len(week.users):
        return {}
    scorers = {
        "model": encoder.next_product(week.sequences, week.history),
        "popularity": baselines.popularity(encoder.catalogue),
        "item_knn": baselines.item_knn(week, encoder.catalogue),
    }
    return {name: score(week, scorer, encoder.catalogue) for name, scorer in scorers.items()}
