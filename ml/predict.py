"""What is expected of each user, by the champion's heads: python -m ml.predict --warehouse W --ds 2017-12-01 --run-id R

Replaces gold.predictions at ds; needs gold.user_embeddings at ds (ml.encode). A prediction that the data are too thin
for is null, with the reason in `refused`. By chunks, so that memory stays bounded.
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

from jobs.tables import PREDICTIONS, USER_FEATURES
from ml.common import lake
from ml.common.cli import UsageError, entry, parser
from ml.common.registry import NAME, champion, client, download
from ml.heads.facts import read_known
from ml.heads.rescored import rescore
from ml.heads.rows import load_heads, refused_rows, rows


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "ds")
    args.add_argument("--run-id", required=True, help="the run that the rows are written by")
    said = args.parse_args(argv)
    started, mlflow = time.perf_counter(), client()
    found = champion(mlflow)
    if found is None:
        raise UsageError(f"expected a registered model {NAME} with the alias `champion`, found none; train one first")
    version = str(found.version)
    with tempfile.TemporaryDirectory() as scratch:
        heads = load_heads(download(mlflow, found.run_id, Path(scratch)))
    if isinstance(heads, str):
        users = lake.read_batches(lake.open_table(USER_FEATURES, said.warehouse), ["user_id"], said.ds)
        nothing = refused_rows(users, said.ds, heads, version, said.run_id)
        lake.write_partition(PREDICTIONS, said.warehouse, str(said.ds), nothing)
        print(f"nothing is predicted as of {said.ds}: {heads}")
        return
    user_ids, known = read_known(said.warehouse, said.ds, heads, version)
    batches = rows(user_ids, known, heads, said.ds, version, said.run_id)
    lake.write_partition(PREDICTIONS, said.warehouse, str(said.ds), batches)
    seconds, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    refused = "; ".join(f"{name}: {', '.join(why)}" for name, why in heads.refused.items()) or "none"
    print(f"{len(user_ids):,} users predicted by {NAME} version {version} in {seconds:.1f} s, peak {peak:,.0f} MiB; "
          f"refused for slices: {refused}{rescore(mlflow, said.warehouse, said.ds, version, said.run_id)}")  # fmt: skip


if __name__ == "__main__":
    entry(main)
