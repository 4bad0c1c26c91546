"""What the segments of a day are worth: python -m ml.value --warehouse W --ds 2017-09-30 [--segments FILE]

Holds them, and the usual ways to group users, against what the users did in the 28 days after ds (docs/value.md).
Ours is gold.user_segments at ds, or what is staged where nothing was published; --segments (Parquet: user_id, segment)
adds another assignment. Replaces ops.segment_value at ds; a table and a picture go to MLflow where it is set.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa

from jobs.tables import SEGMENT_VALUE, USER_FEATURES, USER_SEGMENTS
from ml.common import lake
from ml.common.cli import DataError, entry, parser
from ml.data import outcomes
from ml.judge import rival_segmentations
from ml.judge.assignments import OURS, assignments, log, ours, table
from ml.measures.metrics import folds
from ml.measures.segment_value import value


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "ds")
    args.add_argument(
        "--segments", type=Path, help="another assignment: a Parquet file, first columns user_id, segment"
    )
    args.add_argument("--run-id", default="by-hand", help="the run that the rows are written by")
    args.add_argument("--where-published", action="store_true", help="do nothing where ds has no published segments")
    said = args.parse_args(argv)
    if said.where_published and ours(said.warehouse, said.ds, USER_SEGMENTS) is None:
        print(f"no segments of {said.ds} are published: nothing to measure")
        return
    columns = ["user_id", *rival_segmentations.COLUMNS]
    features = lake.read(lake.open_table(USER_FEATURES, said.warehouse), columns, said.ds).sort_by("user_id")
    if not features.num_rows:
        raise DataError(f"expected rows of {USER_FEATURES.full_name} at ds={said.ds}, found none")
    user_ids = features["user_id"].combine_chunks()
    truth, fold = outcomes.read(said.warehouse, said.ds, user_ids), folds(user_ids)
    found, rows = {}, []
    for name, labels, version in assignments(said.warehouse, said.ds, features, said.segments):
        found[name] = measured = value(labels, truth, fold)
        rows.append({"ds": said.ds, "assignment": name, "users": int((labels >= 0).sum()), "model_version": version,
                     "run_id": said.run_id, **vars(measured)})  # fmt: skip
    schema = lake.arrow_schema(SEGMENT_VALUE)
    lake.write_partition(SEGMENT_VALUE, said.warehouse, str(said.ds), [pa.RecordBatch.from_pylist(rows, schema)])
    first, last = (said.ds + datetime.timedelta(days=n) for n in (1, outcomes.HORIZON))
    share = truth.silent.mean()
    print(f"{len(user_ids):,} users as of {said.ds}; {first} to {last}: {share:.1%} bought nothing")
    print(table(found))
    if OURS not in found:
        print(f"no segments of {said.ds} are published or staged, so that ours is missing")
    print(log(found, said.ds))


if __name__ == "__main__":
    entry(main)
