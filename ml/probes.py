"""What frozen vectors know of users, beside counts and a random encoder: python -m ml.probes --snapshot DIR [DIR ..]

The model of a snapshot has seen nothing after the snapshot's ds; asked is what users did in the 28 days after it
(silver.events must reach that far) and who they are (silver.users, where it says so):

churn     AUC of "no purchase", logistic regression
spend     share of the variance of log(1 + spend) explained, ridge regression
category  NDCG@10 of the categories bought, ranked by ridge regressions of log(1 + lines); users who bought
age, income, children   AUC of 55 or older, 75K or more, children at home, logistic regression; users who said so

Each user is predicted by a probe that learned from other users: five folds by a hash of the id. How strongly a probe is
held back, and how much blocks weigh against each other, is chosen inside the four folds that it learns from. The
interval of a difference is a paired bootstrap over users. Of several snapshots, each of its own day, figures are means
over the days, and a user is drawn with all of his days. Legend: U users, J inputs, D width, C categories.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from threadpoolctl import threadpool_limits

from jobs.tables import SILVER_USERS
from ml.common import lake
from ml.common.cli import entry, parser
from ml.data import outcomes
from ml.data.snapshot import Snapshot
from ml.judge.probing import Night, Probe, compared
from ml.judge.questions import of_future, of_people
from ml.judge.readings import rows_of
from ml.measures.metrics import folds
from ml.measures.report import probes_table
from ml.transformer.encoder import Encoder
from ml.transformer.package import folder_of


def main(argv: list[str] | None = None) -> None:
    flags = parser(__doc__)
    flags.add_argument(
        "--snapshot", required=True, nargs="+", type=Path, help="folders made by `python -m ml.snapshot`"
    )
    flags.add_argument("--json", type=Path, help="file for the figures")
    args, began = flags.parse_args(argv), time.perf_counter()
    nights, against, seed = [], {}, 0
    for folder in args.snapshot:
        snapshot = Snapshot.open(folder)
        encoder = Encoder.load(folder_of(snapshot), snapshot.products())
        sequences = snapshot.sequences_among(encoder.catalogue, encoder.vocabularies)
        probes = asked(snapshot, sequences.user_ids)
        print(f"{len(sequences):,} users as of {snapshot.ds}; asked: "
              + ", ".join(f"{p.name} ({p.kind} of {len(p.y):,})" for p in probes), flush=True)  # fmt: skip
        with threadpool_limits(1):
            rows, fold = rows_of(snapshot, encoder, sequences), folds(sequences.user_ids)
            nights.append(Night.of(rows, probes, sequences.user_ids, fold, lambda line: print(line, flush=True)))
        against, seed = {row.name: row.against for row in rows}, snapshot.config.train.seed
    results = compared(nights, against, seed)
    print(probes_table(results))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"{time.perf_counter() - began:.0f} s")


def asked(snapshot: Snapshot, user_ids: pa.Array) -> list[Probe]:
    """What the users of a snapshot did in the days after it, and who they are."""
    probes = of_future(outcomes.read(snapshot.warehouse, snapshot.ds, user_ids))
    if lake.exists(SILVER_USERS, snapshot.warehouse):
        columns = ["user_id", "age_band", "income_band", "attributes"]
        people = lake.read(lake.open_table(SILVER_USERS, snapshot.warehouse), columns)
        probes += of_people(people.take(pc.index_in(user_ids, value_set=people["user_id"].combine_chunks())))
    return probes


if __name__ == "__main__":
    entry(main)
