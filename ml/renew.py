"""Where the champion stayed, its heads are learned anew: python -m ml.renew --warehouse W --snapshot DIR [--conf DIR]

What is expected of users ages by the week, whether or not there is a better encoder. After ml.register: DIR/renewed
gets the champion's encoder, heads that know the newest days, segments, and a model version of its own, which becomes
the champion unless too many users would move (see ml/register.py). Exit 99 (Airflow skips on it) where the champion is
of this snapshot and its heads are new already, or where there are too few users to learn from.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ml.champion import SKIP
from ml.common.cli import UsageError, entry, parser
from ml.common.files import write_json
from ml.common.registry import NAME, champion, client, download
from ml.common.runs import Run
from ml.data.snapshot import Snapshot
from ml.heads import learning
from ml.heads.heads import Heads
from ml.heads.settings import PredictionConfig
from ml.segments import promotion
from ml.segments.settings import SegmentConfig
from ml.transformer.package import model_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


def renewed(snapshot: Snapshot, mlflow: MlflowClient, current: ModelVersion) -> tuple[Snapshot, Run]:
    """The snapshot with the champion's encoder in place of the one trained on it, in a folder and a run of its own."""
    new = replace(snapshot, folder=snapshot.folder / "renewed")
    if (new.folder / "run.json").is_file():
        return new, Run.start(new)
    shutil.rmtree(new.folder, ignore_errors=True)
    download(mlflow, current.run_id, new.folder)
    new.save()
    run = Run.start(new)
    run.tags({"encoder_of": str(current.version), "mlflow.runName": f"{NAME} {new.ds}, heads on {current.version}"})
    return new, run


def renew(snapshot: Snapshot, warehouse: str, conf: Path, *, accept_moves: bool) -> tuple[str, int]:
    """What was done, and the exit code."""
    mlflow = client()
    current = champion(mlflow)
    if current is None:
        raise UsageError(f"expected a champion of {NAME}, found none; run `python -m ml.register` on {snapshot.folder}")
    here = [folder / "run.json" for folder in (snapshot.folder, snapshot.folder / "renewed")]
    if current.run_id in [json.loads(path.read_text())["run_id"] for path in here if path.is_file()]:
        return f"{NAME} version {current.version} is of {snapshot.ds}: its heads are new", SKIP
    new, run = renewed(snapshot, mlflow, current)
    said = learning.learn(new, PredictionConfig.load(conf))
    print(said)
    if Heads.load(model_folder(new)) is None:
        run.end("FINISHED")
        return f"{NAME} version {current.version} keeps its heads", SKIP
    reason = f"heads of {new.ds} on the encoder of version {current.version}"
    write_json(new.folder / "gate.json", {"promote": True, "reason": reason})
    run.tags({"gate.promote": "true", "gate.reason": reason})
    decision = promotion.promote(new, warehouse, SegmentConfig.load(conf), accept_moves=accept_moves)
    run.end("FINISHED")
    return decision, 0


def main(argv: list[str] | None = None) -> int:
    args = parser(__doc__, "warehouse", "snapshot", "conf")
    args.add_argument("--accept-moves", action="store_true", help="promote though more than max_moved would move")
    said = args.parse_args(argv)
    text, code = renew(Snapshot.open(said.snapshot), said.warehouse, said.conf, accept_moves=said.accept_moves)
    print(text)
    return code


if __name__ == "__main__":
    entry(main)
