"""Prints the champion and its metrics: python -m ml.champion [--missing]

With --missing: exit 0 where there is NO champion (so: train one), exit 99 where there is one (Airflow skips on 99).
"""

from __future__ import annotations

from ml.cli import entry, parser
from ml.tracking import NAME, champion, client

SKIP = 99


def main(argv: list[str] | None = None) -> int:
    args = parser(__doc__)
    args.add_argument("--missing", action="store_true", help="exit 0 where there is no champion, 99 where there is one")
    missing = args.parse_args(argv).missing
    mlflow = client()
    found = champion(mlflow)
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
