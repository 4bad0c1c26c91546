"""Prints the champion and its metrics, or goes back to a former one:

python -m ml.champion [--missing | --rollback [VERSION]]

With --missing: exit 0 where there is NO champion (so: train one), exit 99 where there is one (Airflow skips on 99).
With --rollback: the alias moves to VERSION, or to the champion that the present one replaced; the next night encodes
and segments by it again, as its segments are still in gold.segment_models. A tag of the version left names the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.common.cli import UsageError, entry, parser
from ml.common.registry import CHAMPION, NAME, champion, client

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

SKIP = 99


def rollback(mlflow: MlflowClient, current: ModelVersion | None, wanted: str) -> str:
    """Moves the alias and says so. Raises UsageError where there is nothing to go back to, or no such version.

    wanted: a version; empty: the one that `current` replaced (its tag `previous`).
    """
    from mlflow.exceptions import MlflowException

    if current is None:
        raise UsageError(f"expected a champion of {NAME} to go back from, found none")
    number = wanted or current.tags.get("previous", "")
    if not number:
        raise UsageError(
            f"{NAME} version {current.version} replaced no other one; name the version: --rollback VERSION"
        )
    try:
        mlflow.get_model_version(NAME, number)
    except MlflowException:
        raise UsageError(f"expected version {number} of {NAME}, found none; `mlflow models` lists them") from None
    mlflow.set_registered_model_alias(NAME, CHAMPION, number)
    mlflow.set_model_version_tag(NAME, current.version, "rolled_back_to", number)
    return f"{NAME} version {number} is the champion again, instead of {current.version}; the next night uses it"


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
