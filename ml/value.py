"""What the segments of a day are worth: python -m ml.value --warehouse W --ds 2017-09-30 [--segments FILE]

Holds them, and the usual ways to group users, against what the users did in the 28 days after ds (docs/value.md).
Ours is gold.user_segments at ds, or what is staged where nothing was published; --segments (Parquet: user_id, segment)
adds another assignment. Replaces ops.segment_value at ds; a table and a picture go to MLflow where it is set.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from jobs.tables import SEGMENT_VALUE, USER_FEATURES, USER_SEGMENTS
from ml.common import lake
from ml.common.cli import DataError, entry, parser
from ml.common.runs import log_night
from ml.data import outcomes
from ml.data.value_windows import COLUMNS
from ml.judge.assignments import TREE, assignments, ours
from ml.measures.metrics import folds
from ml.measures.report import OURS, values_picture, values_table
from ml.measures.segment_value import SegmentValue, value


def main(argv: list[str] | None = None) -> None:
    flags = parser(__doc__, "warehouse", "ds", "by-hand")
    flags.add_argument(
        "--segments", type=Path, help="another assignment: a Parquet file, first columns user_id, segment"
    )
    flags.add_argument("--where-published", action="store_true", help="do nothing where ds has no published segments")
    args = flags.parse_args(argv)
    where, ds = args.warehouse, args.ds
    if args.where_published and ours(where, ds, USER_SEGMENTS) is None:
        print(f"no segments of {ds} are published: nothing to measure")
        return
    columns = ["user_id", *COLUMNS]
    features = lake.read(lake.open_table(USER_FEATURES, where), columns, ds).sort_by("user_id")
    if not features.num_rows:
        raise DataError(f"expected rows of {USER_FEATURES.full_name} at ds={ds}, found none")
    user_ids = features["user_id"].combine_chunks()
    truth, fold = outcomes.read(where, ds, user_ids), folds(user_ids)
    values: dict[str, SegmentValue] = {}
    rows = []
    for name, labels, version in assignments(where, ds, features, args.segments):
        values[name] = value(labels, truth, fold)
        rows.append({"ds": ds, "assignment": name, "users": int((labels >= 0).sum()), "model_version": version,
                     "run_id": args.run_id, **vars(values[name])})  # fmt: skip
    lake.write_rows(SEGMENT_VALUE, where, str(ds), rows)
    first, last = (ds + datetime.timedelta(days=n) for n in (1, outcomes.HORIZON))
    print(f"{len(user_ids):,} users as of {ds}; {first} to {last}: {truth.silent.mean():.1%} bought nothing")
    print(values_table(values))
    if not any(name.startswith(TREE) for name in values):
        print(f"no tree: it learns from gold.user_features as of {ds - datetime.timedelta(days=outcomes.HORIZON)}")
    if OURS not in values:
        print(f"no segments of {ds} are published or staged, so that ours is missing")
    metrics = {f"value.{k}": float(getattr(values[OURS], k)) for k in ("bits", "eta2", "auc")} if OURS in values else {}
    figures = {"value.png": lambda: values_picture(values, ds)}
    print(log_night("value", where, ds, metrics, texts={"value.md": values_table(values)}, figures=figures))


if __name__ == "__main__":
    entry(main)
