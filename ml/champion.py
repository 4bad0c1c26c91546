"""Prints the champion and its metrics, or goes back to a former one:

python -m ml.champion [--missing | --rollback [VERSION]]

With --missing: exit 0 where there is NO champion (so: train one), exit 99 where there is one (Airflow skips on 99).
With --rollback: the alias moves to VERSION, or to the champion that the present one replaced; the next night encodes
and segments by it again, as its segments are still in gold.segment_models. A tag of the version left names the other.
"""

from __future__ import annotations

from ml.common.cli import entry, parser
from ml.common.registry import NAME, champion, client, rollback

SKIP = 99


def main(argv: list[str] | None = None) -> int:
    args = parser(__doc__)
    what = args.add_mutually_exclusive_group()
    what.add_argument("--missing", action="store_true", help="exit 0 where there is no champion, 99 where there is one")
    what.add_argument(
        "--rollback", nargs="?", const="", metavar="VERSION", help="default: the one replaced by the champion"
    )
    said = args.parse_args(argv)
    missing = said.missing
    mlflow = client()
    found = champion(mlflow)
    if said.rollback is not None:
        print(rollback(mlflow, found, said.rollback))
        return 0
    if found is None:
        print(f"{NAME} has no champion; train one: python -m ml.snapshot, ml.train, ml.evaluate, ml.gate, ml.register")
        return 0
    metrics = mlflow.get_run(found.run_id).data.metrics
    shown = ", ".join(f"{name.removeprefix('test.model.')} {value:.4f}" for name, value in sorted(metrics.items())
                      if name.startswith("test.model."))  # fmt: skip
    print(
        f"{NAME} version {found.version}, run {found.run_id}, ds {found.tags.get('ds', '?')}: {shown or 'no metrics'}"
    )
    return SKIP if missing else 0


if __name__ == "__main__":
    entry(main)
