"""Every user as a vector, by the champion: python -m ml.encode --warehouse W --ds 2017-12-01 --run-id R

Replaces gold.user_embeddings at ds: only users of whom the model reads something new are encoded, the others keep the
vector of the newest night before by the same version, which is what they would get (--all encodes everybody).
And ops.rescored_embeddings at ds, see ml/users/rescore.py.
"""

from __future__ import annotations

import itertools
import resource
import time

from jobs.tables import USER_EMBEDDINGS, USER_SEQUENCES
from ml.common import lake
from ml.common.cli import DataError, entry, parser
from ml.common.registry import NAME, client, current_champion
from ml.data.sequences import SEQUENCE_COLUMNS
from ml.users import rescore
from ml.users.vectors import Known, chunks, load, vectors


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "ds")
    args.add_argument("--run-id", required=True, help="the run that the rows are written by")
    args.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    args.add_argument(
        "--all", action="store_true", help="encode everybody, as after an upgrade of torch or a new machine"
    )
    said = args.parse_args(argv)
    sequences, mlflow = lake.open_table(USER_SEQUENCES, said.warehouse), client()
    found = current_champion(mlflow)
    encoder, version = load(mlflow, found.run_id, said.warehouse, said.device), str(found.version)
    started, users, encoded = time.perf_counter(), 0, 0
    stamp = {"ds": said.ds, "model_version": version, "run_id": said.run_id}
    rows = chunks(lake.read_batches(sequences, SEQUENCE_COLUMNS, said.ds))

    def count(of: int, new: int) -> None:
        nonlocal users, encoded
        users, encoded = users + of, encoded + new

    known = None if said.all else Known.read(said.warehouse, version, said.ds)
    batches = vectors(encoder, rows, USER_EMBEDDINGS, stamp, known, count)
    first = next(batches, None)  # before anything is written
    if first is None:
        name = USER_SEQUENCES.full_name
        raise DataError(
            f"expected rows of {name} at ds={said.ds}, found none; run `python -m jobs sequences` for that day"
        )

    lake.write_partition(USER_EMBEDDINGS, said.warehouse, str(said.ds), itertools.chain([first], batches))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = f"{seconds:.1f} s ({users / seconds:,.0f} users/s), peak {peak:,.0f} MiB"
    print(f"{users:,} users by {NAME} version {version} in {rate}: {encoded:,} encoded, {users - encoded:,} as before")
    print(rescore.write(mlflow, encoder, version, sequences, said))


if __name__ == "__main__":
    entry(main)
