"""Users of a day by segment: ours, and the usual ways to group them, for the same measures. Legend: U users."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from jobs.tables import USER_FEATURES, USER_SEGMENTS, Table
from ml.common import lake
from ml.common.cli import UsageError
from ml.common.hashing import first_by_hash
from ml.data import outcomes
from ml.data.outcomes import HORIZON, lines_of_year
from ml.judge import rival_segmentations
from ml.judge.rival_segmentations import Known, supervised_tree
from ml.measures.report import OURS

TREE = "supervised tree"
LEAVES = 25  # of it, where we have no segments
FITTED = 50_000  # users on whom the usual centres are fitted
SEED = 7


def ours(warehouse: str, ds: datetime.date, *tables: Table) -> tuple[pa.Table, str] | None:
    """(user_id, segment_id) at ds, and the model version, by the first of the tables (published, else staged) that has
    rows of it; else None.
    """
    for table in tables or (USER_SEGMENTS, USER_SEGMENTS.staged()):
        if lake.exists(table, warehouse):
            rows = lake.read(lake.open_table(table, warehouse), ["user_id", "segment_id", "model_version"], ds)
            if rows.num_rows:
                return rows.select(["user_id", "segment_id"]), rows["model_version"][0].as_py()
    return None


def placed(assignment: pa.Table, user_ids: pa.Array) -> np.ndarray:
    """Label (U) of user_ids by an assignment (user_id, segment); -1 for who has none."""
    names, segment = (assignment.column(k).combine_chunks() for k in (0, 1))
    row = pc.index_in(user_ids, value_set=names.cast(pa.string()))
    code = segment.dictionary_encode().indices.take(row)
    return pc.fill_null(code, -1).to_numpy(zero_copy_only=False)


def assignments(
    warehouse: str, ds: datetime.date, features: pa.Table, more: Path | None
) -> Iterator[tuple[str, np.ndarray, str | None]]:
    """(name, labels U, model version) of all that are held against each other, ours first.

    features: rows of gold.user_features. more: a Parquet file with another assignment. Raises UsageError where it has
    no two columns.
    """
    user_ids, leaves = features["user_id"].combine_chunks(), LEAVES
    if (own := ours(warehouse, ds)) is not None:
        labels = placed(own[0], user_ids)
        yield OURS, labels, own[1]
        leaves = max(2, len(np.unique(labels[labels >= 0])))
    if more is not None:
        given = pq.read_table(more)
        if given.num_columns < 2:
            raise UsageError(f"expected the columns user_id and segment in {more}, found {given.column_names}")
        yield more.stem, placed(given, user_ids), None
    fitted = np.sort(first_by_hash(user_ids, FITTED))
    now = Known(features, *lines_of_year(warehouse, ds, user_ids))
    with threadpool_limits(1):
        for name, labels in rival_segmentations.all_of(features, now.lines_UC, fitted, SEED):
            yield name, labels, None
        before = ds - datetime.timedelta(days=HORIZON)
        rows = lake.read(lake.open_table(USER_FEATURES, warehouse), features.column_names, before)
        if rows.num_rows:
            ids = rows["user_id"].combine_chunks()
            then = Known(rows.combine_chunks(), *lines_of_year(warehouse, before, ids))
            came_true = outcomes.read(warehouse, before, ids, loaded_until=ds)
            yield f"{TREE} {leaves}", supervised_tree(now, then, came_true, leaves, SEED), None
