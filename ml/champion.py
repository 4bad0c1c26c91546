"""Prints the champion and its metrics, or goes back to a former one:

python -m ml.champion --warehouse W [--missing | --rollback [VERSION]]

With --missing: exit 0 where there is NO champion (so: train one), exit 99 where there is one (Airflow skips on 99).
With --rollback: the alias moves to VERSION, or to the champion that the present one replaced; the next night encodes
and segments by it again, as its segments are still in gold.segment_models. A tag of the version left names the other.
"""

from __future__ import annotations

from ml.common.cli import SKIP, entry, parser
from ml.common.registry import Registry


def main(argv: list[str] | None = None) -> int:
    flags = parser(__doc__, "warehouse")
    either = flags.add_mutually_exclusive_group()
    either.add_argument(
        "--missing", action="store_true", help="exit 0 where there is no champion, 99 where there is one"
    )
    either.add_argument(
        "--rollback", nargs="?", const="", metavar="VERSION", help="default: the one replaced by the champion"
    )
    args = flags.parse_args(argv)
    registry = Registry.of(args.warehouse)
    current = registry.champion()
    if args.rollback is not None:
        print(registry.rollback(args.rollback))
        return 0
    if current is None:
        print(
            f"{registry.name} has no champion; train one: "
            "python -m ml.snapshot, ml.train, ml.evaluate, ml.gate, ml.register"
        )
        return 0
    metrics = registry.mlflow.get_run(current.run_id).data.metrics
    tested = ", ".join(f"{name.removeprefix('test.model.')} {value:.4f}" for name, value in sorted(metrics.items())
                       if name.startswith("test.model."))  # fmt: skip
    print(f"{registry.name} version {current.version}, run {current.run_id}, ds {current.tags.get('ds', '?')}: "
          f"{tested or 'no metrics'}")  # fmt: skip
    return SKIP if args.missing else 0


if __name__ == "__main__":
    entry(main)
