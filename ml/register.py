"""Registers a trained snapshot and names its segments: python -m ml.register --warehouse W --snapshot DIR

Makes the model version (settings, state_dict, vocabularies: the run's artefacts), writes its gold.segment_models, and
moves the alias `champion` to it where the gate said so and the segments stay themselves: at most `max_moved` of the
users (conf/segments.yaml) may change their segment, on the very same data. Else the nights keep the champion; the
figures are in the log and in the run's tags, and --accept-moves promotes the version all the same. Centres come before
the alias, so that a night never meets a champion without segments. Running it again for the same snapshot changes
nothing more.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from jobs.tables import SEGMENT_MODELS
from ml.common import lake
from ml.common.cli import UsageError, entry, parser
from ml.common.registry import CHAMPION, NAME, Run, champion, client, download
from ml.evaluate import model_folder
from ml.heads.heads import Heads
from ml.heads.trial import Trial
from ml.predict import expected_of
from ml.segments import kmeans
from ml.segments.alignment import procrustes
from ml.segments.inputs import Scaler, SegmentConfig, Users
from ml.segments.kmeans import Before, SegmentModel
from ml.segments.matching import endings
from ml.snapshot import Snapshot
from ml.transformer.encoder import Encoder

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
    """The snapshot's users with the states of the model in `folder`, after all their events, and what it expects."""
    encoder = Encoder.load(folder, snapshot.products())
    sequences = snapshot.sequences(encoder.catalogue, encoder.vocabularies)
    states = encoder.states(sequences)
    heads = Heads.load(folder)
    expected, kinds = None, 0
    if heads is not None:
        expected = expected_of(heads, snapshot, sequences.user_ids, states)
        kinds = len(heads.kinds) if heads.kinds else 0
    return Users.of(snapshot.features(), sequences.user_ids, states, expected, kinds)


def champion_before(mlflow: MlflowClient, version: ModelVersion, warehouse: str) -> tuple[SegmentModel, str] | None:
    """Segments and MLflow run of the champion at the moment when the version was made; None where there was none."""
    number = version.tags.get("previous", "")
    model = SegmentModel.read(warehouse, number) if number else None
    return None if model is None else (model, mlflow.get_model_version(NAME, number).run_id)


def view_of(
    former: tuple[SegmentModel, str] | None, mlflow: MlflowClient, users: Users, scaler: Scaler, snapshot: Snapshot
) -> Before | None:
    """What the champion says of the snapshot's users, carried into the new model's inputs; None without a champion."""
    if former is None:
        return None
    model, run_id = former
    with tempfile.TemporaryDirectory() as scratch:
        theirs = users_by(download(mlflow, run_id, Path(scratch)), snapshot)
    turn = procrustes(theirs.embedding_UD, users.embedding_UD)
    print(f"vectors turned onto the champion's: {turn.fit:.0%} of their variance is the same")
    return Before.of(model, theirs, scaler, turn)


def highest_id(warehouse: str) -> int:
    """The greatest segment id that any version ever used; 0 before the first."""
    if not lake.exists(SEGMENT_MODELS, warehouse):
        return 0
    return pc.max(lake.read(lake.open_table(SEGMENT_MODELS, warehouse), ["segment_id"])["segment_id"]).as_py() or 0


@dataclass(frozen=True)
class Continuity:
    """How far the version's segments are the champion's: share of the users who would move, and what ended."""

    moved: float | None
    users: int
    ended: dict[int, list[int]]

    @classmethod
    def of(cls, model: SegmentModel, users: Users, before: Before | None) -> Continuity:
        """`model` with its final ids."""
        if before is None:
            return cls(None, len(users.user_ids), {})
        ids = model.ids[model.assign(users)]
        ended = endings(ids, before.ids_U, {int(number) for number in model.ids})
        return cls(float((ids != before.ids_U).mean()), len(ids), ended)

    def lines(self) -> list[str]:
        if self.moved is None:
            return ["no champion to be held against: every segment is new"]
        died = [f"segment {old} died; most of its users are in {into or 'no one segment'}"
                for old, into in self.ended.items()]  # fmt: skip
        return [f"{self.moved:.1%} of {self.users:,} users would change their segment by the model alone", *died]


def write_segments(
    mlflow: MlflowClient, version: ModelVersion, warehouse: str, snapshot: Snapshot, config: SegmentConfig
) -> Continuity:
    """Fits, names and writes the segments of a version that has none yet; prints what it did, a line a segment."""
    number = str(version.version)  # MLflow gives an int from some stores
    users = users_by(model_folder(snapshot), snapshot)
    former = champion_before(mlflow, version, warehouse)
    if (known := SegmentModel.read(warehouse, number)) is not None:
        print(f"gold.segment_models has version {number} already")
        return Continuity.of(known, users, view_of(former, mlflow, users, known.scaler, snapshot))
    scaler = kmeans.scaler_of(users, config)
    before = view_of(former, mlflow, users, scaler, snapshot)
    model, choices = kmeans.fit(users, config, scaler, before, Trial.load(snapshot.folder))
    named = kmeans.identify(model, users, before, highest_id(warehouse), config)
    heads = Heads.load(model_folder(snapshot))
    batch = kmeans.rows(model, users, named, config, number, snapshot.ds, heads and heads.tastes)
    lake.write_partition(SEGMENT_MODELS, warehouse, number, [batch])
    sizes = dict(zip([n.segment_id for n in named], kmeans.sizes(model, users), strict=True))
    for c in choices:
        useful = "" if c.useful is None else f", usefulness {c.useful:.3f}"
        print(f"k {c.k}: stability {c.stability:.3f}{useful}, smallest segment {c.smallest:.1%}")
    for row in batch.to_pylist():
        of = f" of {row['parents']}" if row["parents"] else ""
        print(f"segment {row['segment_id']} ({row['status']}{of}): {sizes[row['segment_id']]:,} users; {row['rule']} "
              f"(F1 {row['rule_fidelity']:.2f})")  # fmt: skip
    return Continuity.of(replace(model, ids=np.array([n.segment_id for n in named])), users, before)


def promote(snapshot: Snapshot, warehouse: str, config: SegmentConfig, *, accept_moves: bool) -> str:
    """Registers, fits segments and moves the alias where it may be moved; says what was decided."""
    gate, mlflow = gate_of(snapshot), client()
    run = Run.of(snapshot, mlflow)
    version = version_of(mlflow, run, snapshot)
    if "promoted" in version.tags:
        return f"{NAME} version {version.version} was promoted before; the alias stays where it is"
    found = write_segments(mlflow, version, warehouse, snapshot, config)
    print(*found.lines(), sep="\n")
    moved, most = found.moved or 0.0, config.max_moved
    steady = moved <= most or accept_moves
    limit = f"{moved:.1%} of the users would move, {'at most' if moved <= most else 'more than'} max_moved {most:.0%}"
    accepted = " (accepted by hand)" if moved > most and accept_moves else ""
    run.tags({"gate.moved": f"{moved:.4f}", "gate.steady": str(steady).lower(), "gate.moved_reason": limit + accepted})
    run.tags({"gate.ended": json.dumps(found.ended)})
    if not gate["promote"]:
        decision = f"does not replace the champion: {gate['reason']}"
    elif not steady:
        decision = f"does not replace the champion: {limit}; the nights keep the former model, see --accept-moves"
    else:
        mlflow.set_registered_model_alias(NAME, CHAMPION, version.version)
        mlflow.set_model_version_tag(NAME, version.version, "promoted", "true")
        decision = f"is the champion now: {gate['reason']}; {limit}{accepted}"
    return f"{NAME} version {version.version} {decision}"


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "snapshot", "conf")
    args.add_argument("--accept-moves", action="store_true", help="promote though more than max_moved would move")
    said = args.parse_args(argv)
    snapshot, config = Snapshot.open(said.snapshot), SegmentConfig.load(said.conf)
    print(promote(snapshot, said.warehouse, config, accept_moves=said.accept_moves))


if __name__ == "__main__":
    entry(main)
