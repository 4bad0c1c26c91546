"""What is known of the users of a day, as the heads read it, and what they expect of them."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from jobs.tables import USER_EMBEDDINGS, USER_FEATURES, USER_SEQUENCES
from ml.common import lake
from ml.common.arrays import aligned
from ml.common.cli import DataError
from ml.data.sequences import midnight
from ml.data.snapshot import Snapshot
from ml.heads import taste, visits
from ml.heads.heads import Heads, Known
from ml.users.states import states

CHUNK_USERS = 32_768
DECIMALS = 6


def read_known(
    warehouse: str, ds: datetime.date, heads: Heads, version: str, table: lake.Table = USER_EMBEDDINGS
) -> tuple[pa.Array, Known]:
    """All users as of ds, sorted by id, and what is known of them, with the states of `table`."""
    opened = lake.open_table(USER_FEATURES, warehouse)
    features = lake.read(opened, heads.config.columns, ds).sort_by("user_id").combine_chunks()
    if not features.num_rows:
        raise DataError(
            f"expected rows of {USER_FEATURES.full_name} at ds={ds}, found none; run `python -m jobs features`"
        )
    user_ids = features["user_id"].combine_chunks()
    state = states(warehouse, ds, user_ids, version, table) if heads.vector else np.zeros((len(user_ids), 0))
    history, kind = events_of(lake.open_table(USER_SEQUENCES, warehouse), ds, user_ids, heads)
    return user_ids, Known(features, state, history, kind)


def events_of(
    sequences: lake.DeltaTable, ds: datetime.date, user_ids: pa.Array, heads: Heads
) -> tuple[csr_matrix, np.ndarray | None]:
    """What the sequences of user_ids as of ds say: events by category, and probabilities of the heads' kinds."""
    history = taste.history(
        lake.read_batches(sequences, ["user_id", "categories"], ds), user_ids, heads.tastes.categories
    )
    if heads.kinds is None:
        return history, None
    batches = lake.read_batches(sequences, visits.COLUMNS, ds)
    return history, heads.kinds.filtered(batches, user_ids, midnight(ds))


def expected_of(heads: Heads, snapshot: Snapshot, sequence_ids: pa.Array, states_UD: np.ndarray) -> np.ndarray:
    """gold.predictions.expected (U, E) of the snapshot's users, in order of their ids.

    states_UD: of the model that the heads are of, in the order of sequence_ids.
    """
    features = snapshot.features().select(heads.config.columns).sort_by("user_id").combine_chunks()
    user_ids = features["user_id"].combine_chunks()
    state = aligned(sequence_ids, states_UD, user_ids)
    opened = lake.open_table(USER_SEQUENCES, snapshot.warehouse, snapshot.versions[USER_SEQUENCES.full_name])
    return expected(heads, Known(features, state, *events_of(opened, snapshot.ds, user_ids, heads)))


def expected(heads: Heads, known: Known) -> np.ndarray:
    """gold.predictions.expected (U, E)."""
    parts = [heads.expect(known.part(slice(start, start + CHUNK_USERS))).expected_UE
             for start in range(0, len(known), CHUNK_USERS)]  # fmt: skip
    return np.round(np.vstack(parts), DECIMALS) + 0.0
