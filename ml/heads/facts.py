"""What is known of users at the end of a day, as the heads read it.

Legend: U users, J inputs, C categories, K kinds.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix, vstack

from ml.common import lake
from ml.common.arrays import of_users
from ml.data.features import numbers
from ml.data.sequences import midnight
from ml.heads import visits
from ml.heads.kinds import Kinds


@dataclass(frozen=True)
class UserFacts:
    """Of users. features: PredictionConfig.columns of gold.user_features. state_UD: nan where there is none.
    history_UC: events of the sequence by category. kind_UK: probabilities of ml/heads/kinds.py, None without kinds.
    """

    features: pa.Table
    state_UD: np.ndarray
    history_UC: csr_matrix
    kind_UK: np.ndarray | None = None

    def __len__(self) -> int:
        return self.features.num_rows

    def part(self, rows: np.ndarray | slice) -> UserFacts:
        """Those of some of the users."""
        index = np.arange(len(self))[rows]
        kind = None if self.kind_UK is None else self.kind_UK[index]
        return UserFacts(self.features.take(pa.array(index)), self.state_UD[index], self.history_UC[index], kind)

    def values(self, names: list[str], vector: bool) -> np.ndarray:
        """Raw inputs (U, J), nan = missing: the named features, then the state."""
        values_UJ = np.stack([numbers(self.features, name) for name in names], axis=1)
        return np.hstack([values_UJ, self.state_UD]) if vector else values_UJ


def one_after_the_other(parts: list[UserFacts]) -> UserFacts:
    """Of several days, without kinds."""
    return UserFacts(
        pa.concat_tables([part.features for part in parts]).combine_chunks(),
        np.vstack([part.state_UD for part in parts]),
        vstack([part.history_UC for part in parts], format="csr"),
    )


def events_by_category(batches: Iterable[pa.RecordBatch], user_ids: pa.Array, categories: list[str]) -> csr_matrix:
    """Events (U, C) in the sequences of user_ids; batches hold user_id and categories (a list a user), a user once."""
    names, row_U = pa.array(categories, pa.string()), np.zeros(len(user_ids), np.int64)
    parts, rows = [csr_matrix((1, len(categories)))], 1  # of who is in no batch
    for batch in batches:
        batch, place = of_users(batch, user_ids)
        column = pc.index_in(batch["categories"].flatten(), value_set=names)
        lengths = batch["categories"].value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        row = np.repeat(np.arange(len(place)), lengths)
        known = column.is_valid().to_numpy(zero_copy_only=False)
        cells = (np.ones(int(known.sum())), (row[known], column.drop_null().to_numpy()))
        parts.append(csr_matrix(cells, (len(place), len(categories))))
        row_U[place] = rows + np.arange(len(place))
        rows += len(place)
    return vstack(parts, format="csr")[row_U]


def read_events(
    sequences: lake.DeltaTable, ds: datetime.date, user_ids: pa.Array, categories: list[str], kinds: Kinds | None
) -> tuple[csr_matrix, np.ndarray | None]:
    """What the sequences of user_ids as of ds say: events by category, and probabilities of the kinds."""
    history = events_by_category(lake.read_batches(sequences, ["user_id", "categories"], ds), user_ids, categories)
    if kinds is None:
        return history, None
    batches = lake.read_batches(sequences, visits.COLUMNS, ds)
    return history, kinds.filtered(batches, user_ids, midnight(ds))
