"""The days that heads learn from: what was known of users then, and what they did in the 28 days after."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import USER_FEATURES, USER_SEQUENCES
from ml.common import lake
from ml.common.arrays import aligned
from ml.data import events, outcomes, value_windows
from ml.data.outcomes import HORIZON, Outcomes
from ml.data.sequences import SEQUENCE_COLUMNS, pack
from ml.data.snapshot import Snapshot
from ml.heads.facts import UserFacts, events_by_category, one_after_the_other
from ml.heads.settings import PredictionConfig

if TYPE_CHECKING:
    from ml.transformer.encoder import Encoder


@dataclass(frozen=True)
class Day:
    """A day to learn from: what was known of its users, and what they did after. History follows truth.categories."""

    ds: datetime.date
    user_ids: pa.Array
    facts: UserFacts
    truth: Outcomes


def before(ds: datetime.date, config: PredictionConfig) -> list[datetime.date]:
    """The days that heads as of ds would learn from, newest first."""
    return [ds - datetime.timedelta(days=number * HORIZON) for number in range(1, config.cuts + 1)]


def _holds(opened: lake.DeltaTable, ds: datetime.date) -> bool:
    return bool(opened.to_pyarrow_dataset().head(1, columns=["ds"], filter=pc.field("ds") == ds).num_rows)


def missing(warehouse: str, ds: datetime.date, config: PredictionConfig) -> list[datetime.date]:
    """Those without rows, oldest first; those with less than HORIZON days of events before them are left out."""
    tables = [lake.open_table(table, warehouse) for table in (USER_FEATURES, USER_SEQUENCES)]
    absent = [day for day in reversed(before(ds, config)) if not all(_holds(table, day) for table in tables)]
    return [day for day in absent if events.any_until(warehouse, day - datetime.timedelta(days=HORIZON))]


def usable(snapshot: Snapshot, config: PredictionConfig) -> tuple[list[datetime.date], list[str]]:
    """Those that the snapshot has rows of, newest first, and why others are left out."""
    kept, reasons = [], []
    for day in before(snapshot.ds, config):
        absent = [t.full_name for t in (USER_FEATURES, USER_SEQUENCES) if not _holds(snapshot.opened(t), day)]
        if absent:
            reasons.append(f"{' and '.join(absent)} have no rows as of {day}")
        else:
            kept.append(day)
    return kept, reasons


def unseen(days: list[datetime.date], cutoff: datetime.date) -> bool:
    """Whether an encoder that trained on the days before `cutoff` saw nothing of what came true after any of `days`.

    Vectors of one that did know a user's next days better than those of a night ever will.
    """
    return cutoff <= min(days) + datetime.timedelta(days=1)


def read(
    snapshot: Snapshot, ds: datetime.date, encoder: Encoder | None, config: PredictionConfig, categories: list[str]
) -> Day:
    """A sample of the users known at ds (by hash), sorted by id; `categories` are those of the histories. encoder:
    None: without vectors.
    """
    columns = sorted({*config.columns, *value_windows.COLUMNS})
    features = snapshot.some_features(config.max_users, columns, ds).sort_by("user_id").combine_chunks()
    user_ids = features["user_id"].combine_chunks()

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        return lake.read_batches(snapshot.opened(USER_SEQUENCES), columns, ds)

    states = np.zeros((len(user_ids), 0))
    if encoder is not None:
        sequences = pack(batches(SEQUENCE_COLUMNS), encoder.catalogue, encoder.vocabularies, keep=user_ids)
        states = aligned(sequences.user_ids, encoder.vectors(sequences, ds), user_ids)
    history = events_by_category(batches(["user_id", "categories"]), user_ids, categories)
    truth = outcomes.read(snapshot.warehouse, ds, user_ids, loaded_until=snapshot.ds)
    return Day(ds, user_ids, UserFacts(features, states, history), truth)


def largest_categories(snapshot: Snapshot, days: list[datetime.date], most: int) -> list[str]:
    """The categories of most purchase lines in the 28 days after any of the days, by name."""
    first, until = min(days) + datetime.timedelta(days=1), max(days) + datetime.timedelta(days=HORIZON)
    lines: dict[str, int] = {}
    for batch in events.purchases(snapshot.warehouse, first, until, ["category"]):
        for pair in pc.value_counts(batch["category"].drop_null()).to_pylist():
            lines[pair["values"]] = lines.get(pair["values"], 0) + pair["counts"]
    return sorted(sorted(lines, key=lambda name: (-lines[name], name))[:most])


def joined(days: list[Day], categories: list[str]) -> tuple[UserFacts, Outcomes, pa.Array]:
    """The days' users, one day after the other: what was known of them, what they did, their ids."""
    truth = outcomes.joined([day.truth.of_categories(categories) for day in days], len(categories))
    user_ids = pa.concat_arrays([day.user_ids for day in days])
    return one_after_the_other([day.facts for day in days]), truth.of_categories(categories), user_ids
