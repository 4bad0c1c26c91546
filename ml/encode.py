"""Every user as a vector, by the champion: python -m ml.encode --warehouse W --ds 2017-12-01 --run-id R

Replaces gold.user_embeddings at ds, of users who may be profiled: only those of whom the model reads something new are
encoded, the others keep the states of the newest night before by the same version, which is what they would get (--all
encodes everybody); what is expected by now is told anew of all.
And ops.rescored_embeddings at ds, see ml/users/rescore.py.
"""

from __future__ import annotations

import time

from jobs.tables import USER_EMBEDDINGS, USER_SEQUENCES
from ml.common import lake
from ml.common.cli import DataError, entry, parser, peak
from ml.common.registry import Registry
from ml.data.consents import refusing, rows_without
from ml.data.sequences import SEQUENCE_COLUMNS
from ml.users import rescore
from ml.users.states import FormerStates
from ml.users.vectors import chunks, load, vectors


def main(argv: list[str] | None = None) -> None:
    flags = parser(__doc__, "warehouse", "ds", "run-id", "device")
    flags.add_argument(
        "--all", action="store_true", help="encode everybody, as after an upgrade of torch or a new machine"
    )
    args = flags.parse_args(argv)
    sequences, registry = lake.open_table(USER_SEQUENCES, args.warehouse), Registry.of(args.warehouse)
    champion = registry.current_champion()
    encoder, version = load(registry, champion.run_id, args.device), str(champion.version)
    began, users, encoded = time.perf_counter(), 0, 0

    def count(of_batch: int, new: int) -> None:
        nonlocal users, encoded
        users, encoded = users + of_batch, encoded + new

    former = None if args.all else FormerStates.read(args.warehouse, version, args.ds)
    stamp = {"ds": args.ds, "model_version": version, "run_id": args.run_id}
    refused = refusing(args.warehouse, "profiling")
    rows = chunks(rows_without(lake.read_batches(sequences, SEQUENCE_COLUMNS, args.ds), refused))
    batches = lake.started(vectors(encoder, rows, USER_EMBEDDINGS, stamp, args.ds, former, count))
    if batches is None:
        raise DataError(
            f"expected rows of {USER_SEQUENCES.full_name} at ds={args.ds}, of users who may be profiled, found none; "
            "run `python -m jobs sequences` for that day"
        )
    lake.write_partition(USER_EMBEDDINGS, args.warehouse, str(args.ds), batches)
    seconds = time.perf_counter() - began
    rate = f"{seconds:.1f} s ({users / seconds:,.0f} users/s), {peak()}"
    print(
        f"{users:,} users by {registry.name} version {version} in {rate}: "
        f"{encoded:,} encoded, {users - encoded:,} as before"
    )
    print(rescore.write(registry, encoder, version, sequences, args.ds, args.run_id, args.device))


if __name__ == "__main__":
    entry(main)
