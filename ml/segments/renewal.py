"""The champion's encoder with heads that know the newest days: a model version of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.tables import TRAINED
from ml.common.cli import SKIP, UsageError
from ml.common.files import write_json
from ml.common.registry import Registry
from ml.common.runs import Run
from ml.data.snapshot import Snapshot
from ml.heads.heads import Heads
from ml.heads.learning import learn
from ml.heads.settings import PredictionConfig
from ml.segments.promotion import promote
from ml.segments.settings import SegmentConfig
from ml.transformer.package import folder_of

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


def renew(
    snapshot: Snapshot, warehouse: str, conf: Path, *, accept_moves: bool, say: Callable[[str], None]
) -> tuple[str, int]:
    """What was decided, and the exit code: SKIP where the champion's heads are new already, or cannot be learned.

    say: told a line of what was done, as it is done. Raises UsageError where there is no champion.
    """
    registry = Registry.of(warehouse)
    if (current := registry.champion()) is None:
        raise UsageError(
            f"expected a champion of {registry.name}, found none; run `python -m ml.register` on {snapshot.folder}"
        )
    here = [folder / "run.json" for folder in (snapshot.folder, snapshot.folder / "renewed")]
    if current.run_id in [json.loads(path.read_text())["run_id"] for path in here if path.is_file()]:
        return f"{registry.name} version {current.version} is of {snapshot.ds}: its heads are new", SKIP
    if (of := current.tags.get("ds", "")) > str(snapshot.ds):
        return f"{registry.name} version {current.version} is of {of}, later than {snapshot.ds}: its heads stay", SKIP
    new, run = _on_the_champions_encoder(snapshot, registry, current)
    say(learn(new, PredictionConfig.load(conf)))
    if Heads.load(folder_of(new)) is None:
        run.end("FINISHED")
        return f"{registry.name} version {current.version} keeps its heads", SKIP
    reason = f"heads of {new.ds} on the encoder of version {current.version}"
    write_json(new.folder / "gate.json", {"promote": True, "reason": reason})
    run.tags({"gate.promote": "true", "gate.reason": reason})
    decision = promote(new, warehouse, SegmentConfig.load(conf), accept_moves=accept_moves, say=say)
    run.end("FINISHED")
    return decision, 0


def _on_the_champions_encoder(snapshot: Snapshot, registry: Registry, current: ModelVersion) -> tuple[Snapshot, Run]:
    """The snapshot with the champion's encoder in place of the one trained on it, in a folder and a run of its own."""
    new = replace(snapshot, folder=snapshot.folder / "renewed")
    if (new.folder / "run.json").is_file():
        return new, Run.start(new.folder, registry.warehouse, new.tags())
    shutil.rmtree(new.folder, ignore_errors=True)
    registry.download(current.run_id, new.folder)
    new.save()
    run = Run.start(new.folder, registry.warehouse, new.tags())
    run.tags({"encoder_of": str(current.version), "mlflow.runName": f"{TRAINED} {new.ds}, heads on {current.version}"})
    return new, run
