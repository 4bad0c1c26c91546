"""The days that heads learn from: what was known of users then, and what they did in the 28 days after."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import vstack

from jobs.tables import USER_FEATURES, USER_SEQUENCES
from ml.common import lake
from ml.common.arrays import aligned
from ml.common.hashing import stable_hash
from ml.data import events, outcomes
from ml.data.outcomes import HORIZON, Outcomes
from ml.data.sequences import SEQUENCE_COLUMNS, pack
from ml.data.snapshot import Snapshot
from ml.heads import taste
from ml.heads.heads import DAYS, Known
from ml.heads.settings import PredictionConfig
from ml.measures.metrics import FOLDS
from ml.transformer.encoder import Encoder


def missing(warehouse: str, ds: datetime.date, config: PredictionConfig) -> list[datetime.date]:
    """The days, oldest first; those with less than HORIZON days of events before them are left out."""
    tables = [lake.open_table(table, warehouse).to_pyarrow_dataset() for table in (USER_FEATURES, USER_SEQUENCES)]
    found = []
    for number in range(config.cuts, 0, -1):
        day = ds - datetime.timedelta(days=number * HORIZON)
        there = all(table.head(1, columns=["ds"], filter=pc.field("ds") == day).num_rows for table in tables)
        if not there and events.any_until(warehouse, day - datetime.timedelta(days=HORIZON)):
            found.append(day)
    return found


@dataclass(frozen=True)
class Day:
    """A day to learn from: what was known of its users, and what they did after. History follows truth.categories."""

    ds: datetime.date
    user_ids: pa.Array
    known: Known
    truth: Outcomes


def read_day(
    snapshot: Snapshot, ds: datetime.date, encoder: Encoder, config: PredictionConfig, categories: list[str]
) -> Day:
    """A sample of the users known at ds (by hash), sorted by id; `categories` are those of the histories."""
    features = lake.read(_open(snapshot, USER_FEATURES), config.columns, ds)
    first = np.argsort(stable_hash(features["user_id"].combine_chunks()), kind="stable")[: config.max_users]
    features = features.take(pa.array(first)).sort_by("user_id").combine_chunks()
    user_ids = features["user_id"].combine_chunks()

    def batches(columns: list[str]):
        return lake.read_batches(_open(snapshot, USER_SEQUENCES), columns, ds)

    if config.vector_knots:
        sequences = pack(batches(SEQUENCE_COLUMNS), encoder.catalogue, encoder.vocabularies, keep=user_ids)
        states = aligned(sequences.user_ids, encoder.states(sequences), user_ids)
    else:
        states = np.zeros((len(user_ids), 0))
    history = taste.history(batches(["user_id", "categories"]), user_ids, categories)
    truth = outcomes.read(snapshot.warehouse, ds, user_ids, loaded_until=snapshot.ds)
    return Day(ds, user_ids, Known(features, states, history), truth)


def _open(snapshot: Snapshot, table: lake.Table) -> lake.DeltaTable:
    return lake.open_table(table, snapshot.warehouse, snapshot.versions[table.full_name])


def usable_days(snapshot: Snapshot, config: PredictionConfig) -> tuple[list[datetime.date], list[str]]:
    """Days to learn from, newest first, and why others of them are left out."""
    found, why = [], []
    for number in range(1, config.cuts + 1):
        ds = snapshot.ds - datetime.timedelta(days=number * HORIZON)
        absent = [table.full_name for table in (USER_FEATURES, USER_SEQUENCES)
                  if not _open(snapshot, table).to_pyarrow_dataset()
                  .head(1, columns=["ds"], filter=pc.field("ds") == ds).num_rows]  # fmt: skip
        if absent:
            why.append(f"{' and '.join(absent)} have no rows as of {ds}")
        else:
            found.append(ds)
    return found, why


def largest_categories(snapshot: Snapshot, days: list[datetime.date], most: int) -> list[str]:
    """The categories of most purchase lines in the 28 days after any of the days, by name."""
    first, until = min(days) + datetime.timedelta(days=1), max(days) + datetime.timedelta(days=HORIZON)
    counted: dict[str, int] = {}
    for batch in events.purchases(snapshot.warehouse, first, until, ["category"]):
        for pair in pc.value_counts(batch["category"].drop_null()).to_pylist():
            counted[pair["values"]] = counted.get(pair["values"], 0) + pair["counts"]
    return sorted(sorted(counted, key=lambda name: (-counted[name], name))[:most])


def together(days: list[Day], categories: list[str]) -> tuple[Known, Outcomes, pa.Array]:
    """The days' users, one day after the other."""
    known = Known(
        pa.concat_tables([day.known.features for day in days]).combine_chunks(),
        np.vstack([day.known.state_UD for day in days]),
        vstack([day.known.history_UC for day in days], format="csr"),
    )
    truth = outcomes.joined([day.truth.of_categories(categories) for day in days], len(categories))
    return known, truth.of_categories(categories), pa.concat_arrays([day.user_ids for day in days])


def too_thin(days: list[Day], categories: list[str], config: PredictionConfig) -> str | None:
    """Why nothing at all can be learned, or None."""
    first = np.concatenate([day.truth.first_day for day in days])
    rarer = min(min((first <= n).sum(), (~(first <= n)).sum()) for n in DAYS)
    need = config.minimum
    if len(first) >= need.users and rarer >= max(need.outcomes, 2 * FOLDS) and len(categories) > 1:
        return None
    return (
        f"{len(first):,} users as of {', '.join(str(day.ds) for day in days)}, {rarer} with the rarer outcome, "
        f"{len(categories)} categories bought in; at least {need.users:,}, {max(need.outcomes, 2 * FOLDS)} and 2 needed"
    )
