"""What is expected of each user, by the champion's heads: python -m ml.predict --warehouse W --ds 2017-12-01 --run-id R

Replaces gold.predictions at ds, of users who may be profiled; needs gold.user_embeddings at ds (ml.encode). A
prediction that the data are too thin for is null, with the reason in `refused`. By chunks, so memory stays bounded.
"""

from __future__ import annotations

import time

from jobs.tables import PREDICTIONS, USER_FEATURES
from ml.common import lake
from ml.common.cli import entry, parser, peak
from ml.common.registry import Registry
from ml.data.consents import refusing, rows_without
from ml.heads.expected import read_facts
from ml.heads.heads import Heads, why_none
from ml.heads.rescored import rescore
from ml.heads.rows import refused_rows, rows


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "ds", "run-id").parse_args(argv)
    began, registry = time.perf_counter(), Registry.of(args.warehouse)
    champion = registry.current_champion()
    version = str(champion.version)
    stamp = {"ds": args.ds, "model_version": version, "run_id": args.run_id}
    with registry.files(champion.run_id) as folder:
        heads = Heads.load(folder)
        reason = why_none(folder) if heads is None else None
    if heads is None:
        users = lake.read_batches(lake.open_table(USER_FEATURES, args.warehouse), ["user_id"], args.ds)
        asked = rows_without(users, refusing(args.warehouse, "profiling"))
        lake.write_partition(PREDICTIONS, args.warehouse, str(args.ds), refused_rows(asked, reason, stamp))
        print(f"nothing is predicted as of {args.ds}: {reason}")
        return
    user_ids, facts = read_facts(args.warehouse, args.ds, heads, version)
    lake.write_partition(PREDICTIONS, args.warehouse, str(args.ds), rows(user_ids, facts, heads, stamp))
    took = f"{time.perf_counter() - began:.1f} s, {peak()}"
    refused = "; ".join(f"{name or 'no slice'}: {', '.join(of)}" for name, of in heads.refused.items()) or "none"
    again = rescore(registry, args.ds, version, args.run_id)
    print(
        f"{len(user_ids):,} users predicted by {registry.name} version {version} in {took}; "
        f"refused for slices: {refused}{again}"
    )


if __name__ == "__main__":
    entry(main)
