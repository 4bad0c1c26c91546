"""gold.predictions.expected, the few numbers that users are grouped by: of a night's users, and of a snapshot's.

Legend: U users, D width of a state, E numbers.
"""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import USER_EMBEDDINGS, USER_FEATURES, USER_SEQUENCES
from ml.common import lake
from ml.common.arrays import aligned
from ml.common.cli import DataError
from ml.data.consents import refusing
from ml.data.snapshot import Snapshot
from ml.heads.facts import UserFacts, read_events
from ml.heads.heads import Heads
from ml.users.states import States

CHUNK_USERS = 32_768
DECIMALS = 6


def read_facts(
    warehouse: str, ds: datetime.date, heads: Heads, version: str, table: lake.Table = USER_EMBEDDINGS
) -> tuple[pa.Array, UserFacts]:
    """All users as of ds who may be profiled, sorted by id, and what is known of them, with the states of `table`.

    Raises DataError where nobody is known as of ds, or the states are not of this model version.
    """
    opened = lake.open_table(USER_FEATURES, warehouse)
    features = lake.read(opened, heads.config.columns, ds)
    refused = pc.is_in(features["user_id"], value_set=refusing(warehouse, "profiling"))
    features = features.filter(pc.invert(refused)).sort_by("user_id").combine_chunks()
    if not features.num_rows:
        raise DataError(
            f"expected rows of {USER_FEATURES.full_name} at ds={ds}, of users who may be profiled, found none; "
            "run `python -m jobs features`"
        )
    user_ids = features["user_id"].combine_chunks()
    states = np.zeros((len(user_ids), 0))
    if heads.vector:
        states = States.read(warehouse, ds, version, table).where_known(user_ids)
    return user_ids, _facts(features, states, lake.open_table(USER_SEQUENCES, warehouse), ds, heads)


def of_snapshot(
    heads: Heads, snapshot: Snapshot, features: pa.Table, sequence_ids: pa.Array, states_UD: np.ndarray
) -> np.ndarray:
    """The numbers (U, E) of the users of `features` (gold.user_features as of the snapshot), in order of their ids.

    states_UD: of the model that the heads are of, in the order of sequence_ids.
    """
    features = features.select(heads.config.columns).sort_by("user_id").combine_chunks()
    states = aligned(sequence_ids, states_UD, features["user_id"].combine_chunks())
    return expected(heads, _facts(features, states, snapshot.opened(USER_SEQUENCES), snapshot.ds, heads))


def _facts(
    features: pa.Table, states_UD: np.ndarray, sequences: lake.DeltaTable, ds: datetime.date, heads: Heads
) -> UserFacts:
    user_ids = features["user_id"].combine_chunks()
    return UserFacts(features, states_UD, *read_events(sequences, ds, user_ids, heads.tastes.categories, heads.kinds))


def expected(heads: Heads, facts: UserFacts) -> np.ndarray:
    """The numbers (U, E), rounded to DECIMALS, chunk by chunk."""
    parts = [heads.expect(facts.part(slice(start, start + CHUNK_USERS))).expected_UE
             for start in range(0, len(facts), CHUNK_USERS)]  # fmt: skip
    return np.round(np.vstack(parts), DECIMALS) + 0.0
