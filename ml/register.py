"""Registers a trained snapshot and names its segments: python -m ml.register --warehouse W --snapshot DIR

Makes the model version (settings, state_dict, vocabularies: the run's artefacts), writes its gold.segment_models, and
only where the gate said so moves the alias `champion` to it. Centres come before the alias, so that a night never
meets a champion without segments. Running it again for the same snapshot changes nothing.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from jobs.tables import SEGMENT_MODELS
from ml import lake, segments
from ml.cli import UsageError, entry, parser
from ml.evaluate import model_folder
from ml.inputs import SegmentConfig, Users
from ml.package import Encoder
from ml.snapshot import Snapshot
from ml.tracking import CHAMPION, NAME, Run, champion, client, download

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


def gate_of(snapshot: Snapshot) -> dict:
    path = snapshot.folder / "gate.json"
    if not path.is_file():
        raise UsageError(
            f"expected the gate's decision at {path}, found none; run `python -m ml.gate` on the snapshot first"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def version_of(mlflow: MlflowClient, run: Run, snapshot: Snapshot) -> ModelVersion:
    """The model version of the run, made where there is none. Its tag `previous` is the champion of that moment."""
    from mlflow.exceptions import MlflowException

    try:
        mlflow.create_registered_model(NAME, description="States of users by the behaviour Transformer")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    if found := mlflow.search_model_versions(f"name = '{NAME}' and run_id = '{run.run_id}'"):
        return found[0]
    current = champion(mlflow)
    tags = {"ds": str(snapshot.ds), "git_sha": snapshot.git_sha, "previous": str(current.version) if current else ""}
    return mlflow.create_model_version(NAME, source=f"runs:/{run.run_id}/model", run_id=run.run_id, tags=tags)


def users_by(folder: Path, snapshot: Snapshot) -> Users:
    """The snapshot's users with the states of the model in `folder`, after all their events."""
    encoder = Encoder.load(folder, snapshot.products())
    sequences = snapshot.sequences(encoder.catalogue, encoder.vocabularies)
    return Users.of(snapshot.features(), sequences.user_ids, encoder.states(sequences))


def previous_segments(mlflow: MlflowClient, version: str, warehouse: str, snapshot: Snapshot):
    """Segment ids (U) of the snapshot's users by the model version before; None where it left no segments."""
    model = segments.SegmentModel.read(warehouse, version) if version else None
    if model is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        folder = download(mlflow, mlflow.get_model_version(NAME, version).run_id, Path(scratch))
        return model.ids[model.assign(users_by(folder, snapshot))]


def highest_id(warehouse: str) -> int:
    """The greatest segment id that any version ever used; 0 before the first."""
    if not lake.exists(SEGMENT_MODELS, warehouse):
        return 0
    return pc.max(lake.read(lake.open_table(SEGMENT_MODELS, warehouse), ["segment_id"])["segment_id"]).as_py() or 0


def write_segments(mlflow: MlflowClient, version: ModelVersion, warehouse: str, snapshot: Snapshot, conf: Path) -> str:
    """Fits, names and writes the segments of a version that has none yet; says what it did, a line a segment."""
    number = str(version.version)  # MLflow gives an int from some stores
    if segments.SegmentModel.read(warehouse, number) is not None:
        return f"gold.segment_models has version {number} already"
    config = SegmentConfig.load(conf)
    users = users_by(model_folder(snapshot), snapshot)
    model, choices = segments.fit(users, config)
    before = previous_segments(mlflow, version.tags.get("previous", ""), warehouse, snapshot)
    named = segments.identify(model, users, before, highest_id(warehouse), config)
    batch = segments.rows(model, users, named, config, number, snapshot.ds)
    lake.write_partition(SEGMENT_MODELS, warehouse, number, [batch])
    sizes = dict(zip([n.segment_id for n in named], segments.sizes(model, users), strict=True))
    lines = [f"k {c.k}: stability {c.stability:.3f}, smallest segment {c.smallest:.1%}" for c in choices]
    lines += [f"segment {row['segment_id']} ({row['status']}{' of ' + str(row['parents']) if row['parents'] else ''}): "
              f"{sizes[row['segment_id']]:,} users; {row['rule']} (F1 {row['rule_fidelity']:.2f})"
              for row in batch.to_pylist()]  # fmt: skip
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    said = parser(__doc__, "warehouse", "snapshot", "conf").parse_args(argv)
    snapshot = Snapshot.open(said.snapshot)
    gate, mlflow = gate_of(snapshot), client()
    run = Run.of(snapshot, mlflow)
    version = version_of(mlflow, run, snapshot)
    report = write_segments(mlflow, version, said.warehouse, snapshot, said.conf)
    print(report)
    if "promoted" in version.tags:
        decision = "was promoted before; the alias stays where it is"
    elif gate["promote"]:
        mlflow.set_registered_model_alias(NAME, CHAMPION, version.version)
        mlflow.set_model_version_tag(NAME, version.version, "promoted", "true")
        decision = f"is the champion now: {gate['reason']}"
    else:
        decision = f"does not replace the champion: {gate['reason']}"
    print(f"{NAME} version {version.version} {decision}")


if __name__ == "__main__":
    entry(main)
