"""A trained snapshot becomes a model version with segments, and the champion where gate and segments allow it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from jobs.tables import SEGMENT_MODELS
from ml.common import lake
from ml.common.cli import UsageError
from ml.common.registry import CHAMPION, NAME, champion, client, download
from ml.common.runs import Run
from ml.data.snapshot import Snapshot
from ml.heads.facts import expected_of
from ml.heads.heads import Heads
from ml.heads.trial import Trial
from ml.segments import kmeans
from ml.segments import rows as segment_rows
from ml.segments.continuity import Before, Continuity, identify, procrustes
from ml.segments.inputs import Scaler, Users
from ml.segments.model import SegmentModel, sizes
from ml.segments.settings import SegmentConfig
from ml.transformer.encoder import Encoder
from ml.transformer.package import model_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


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
    named = identify(model, users, before, highest_id(warehouse), config)
    heads = Heads.load(model_folder(snapshot))
    batch = segment_rows.rows(model, users, named, config, number, snapshot.ds, heads and heads.tastes)
    lake.write_partition(SEGMENT_MODELS, warehouse, number, [batch])
    users_of = dict(zip([n.segment_id for n in named], sizes(model, users), strict=True))
    for c in choices:
        useful = "" if c.useful is None else f", usefulness {c.useful:.3f}"
        print(f"k {c.k}: stability {c.stability:.3f}{useful}, smallest segment {c.smallest:.1%}")
    for row in batch.to_pylist():
        number_of_users, origin = users_of[row["segment_id"]], f" of {row['parents']}" if row["parents"] else ""
        print(f"segment {row['segment_id']} ({row['status']}{origin}): {number_of_users:,} users; {row['rule']} "
              f"(F1 {row['rule_fidelity']:.2f})")  # fmt: skip
    return Continuity.of(replace(model, ids=np.array([n.segment_id for n in named])), users, before)


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
