"""A trained snapshot becomes a model version with segments, and the champion where gate and segments allow it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import SEGMENT_MODELS
from ml.common import lake
from ml.common.cli import UsageError
from ml.common.registry import Registry
from ml.common.runs import Run
from ml.data.snapshot import Snapshot
from ml.heads import expected
from ml.heads.heads import Heads
from ml.heads.trial import Trial
from ml.segments import kmeans
from ml.segments.balance import balanced
from ml.segments.continuity import Before, Continuity, identify, procrustes
from ml.segments.inputs import Scaler, Users
from ml.segments.levels import by_kind, levelled
from ml.segments.model import SegmentModel
from ml.segments.rows import rows
from ml.segments.settings import SegmentConfig
from ml.transformer.encoder import Encoder
from ml.transformer.package import folder_of

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


def promote(
    snapshot: Snapshot, warehouse: str, config: SegmentConfig, *, accept_moves: bool, say: Callable[[str], None]
) -> str:
    """Registers, fits segments and moves the alias where it may be moved; gives the decision in words.

    accept_moves: more users than max_moved may move. say: told a line of what was done, as it is done.
    """
    gate, registry = gate_of(snapshot), Registry.of(warehouse)
    run = Run.of(snapshot.folder, registry.mlflow)
    version = registry.version_of(run.run_id, {"ds": str(snapshot.ds), "git_sha": snapshot.git_sha})
    if "promoted" in version.tags:
        return f"{registry.name} version {version.version} was promoted before; the alias stays where it is"
    continuity = write_segments(registry, version, snapshot, config, say)
    for line in continuity.lines():
        say(line)
    moved, most = continuity.moved or 0.0, config.max_moved
    steady = moved <= most or accept_moves
    limit = f"{moved:.1%} of the users would move, {'at most' if moved <= most else 'more than'} max_moved {most:.0%}"
    accepted = " (accepted by hand)" if moved > most and accept_moves else ""
    run.tags({"gate.moved": f"{moved:.4f}", "gate.steady": str(steady).lower(), "gate.moved_reason": limit + accepted})
    run.tags({"gate.ended": json.dumps(continuity.ended)})
    if not gate["promote"]:
        decision = f"does not replace the champion: {gate['reason']}"
    elif not steady:
        decision = f"does not replace the champion: {limit}; the nights keep the former model, see --accept-moves"
    else:
        registry.promote(version)
        decision = f"is the champion now: {gate['reason']}; {limit}{accepted}"
    return f"{registry.name} version {version.version} {decision}"


def gate_of(snapshot: Snapshot) -> dict:
    """What ml.gate decided. Raises UsageError where it was not asked."""
    path = snapshot.folder / "gate.json"
    if not path.is_file():
        raise UsageError(
            f"expected the gate's decision at {path}, found none; run `python -m ml.gate` on the snapshot first"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def write_segments(
    registry: Registry, version: ModelVersion, snapshot: Snapshot, config: SegmentConfig,
    say: Callable[[str], None],
) -> Continuity:  # fmt: skip
    """Fits, names and writes the segments of a version that has none yet, and says a line a segment."""
    number, warehouse = str(version.version), registry.warehouse  # MLflow gives an int from some stores
    folder = folder_of(snapshot)
    features = snapshot.some_features(config.max_users)
    users = users_by(folder, snapshot, features)
    former = champion_before(registry, version)
    if (model := SegmentModel.read(warehouse, number)) is not None:
        say(f"gold.segment_models has version {number} already")
        return Continuity.of(model, users, view_of(former, registry, users, model.scaler, snapshot, features, say))
    trial = Trial.load(snapshot.folder)
    if by_kind(users, config):
        config, words = levelled(config, trial, users, former and len(former[0].ids))
    else:
        config, words = balanced(config, trial, users, former and former[0].scaler)
    say(words)
    scaler = kmeans.scaler_of(users, config)
    before = view_of(former, registry, users, scaler, snapshot, features, say)
    model, choices = kmeans.fit(users, config, scaler, before, trial)
    identities = identify(model, users, before, highest_id(warehouse), config)
    heads = Heads.load(folder)
    batch = rows(model, users, identities, config, number, snapshot.ds, heads and heads.tastes)
    lake.write_partition(SEGMENT_MODELS, warehouse, number, [batch])
    for choice in choices:
        useful = "" if choice.useful is None else f", usefulness {choice.useful:.3f}"
        say(f"k {choice.k}: stability {choice.stability:.3f}{useful}, smallest segment {choice.smallest:.1%}")
    sizes = dict(zip([identity.segment_id for identity in identities], model.sizes(users), strict=True))
    for row in batch.to_pylist():
        origin, members = f" of {row['parents']}" if row["parents"] else "", sizes[row["segment_id"]]
        say(f"segment {row['segment_id']} ({row['status']}{origin}): {members:,} users; {row['rule']} "
            f"(F1 {row['rule_fidelity']:.2f})")  # fmt: skip
    ids = np.array([identity.segment_id for identity in identities])
    return Continuity.of(replace(model, ids=ids), users, before)


def users_by(folder: Path, snapshot: Snapshot, features: pa.Table) -> Users:
    """The users of `features` with the vectors of the model in `folder`, after all events, and what it expects."""
    encoder, user_ids = Encoder.load(folder, snapshot.products()), features["user_id"].combine_chunks()
    sequences = snapshot.sequences_among(encoder.catalogue, encoder.vocabularies, user_ids)
    states = encoder.vectors(sequences, snapshot.ds)
    heads = Heads.load(folder)
    expected_UE, kinds = None, 0
    if heads is not None:
        expected_UE = expected.of_snapshot(heads, snapshot, features, sequences.user_ids, states)
        kinds = len(heads.kinds) if heads.kinds else 0
    return Users.of(features, sequences.user_ids, states, expected_UE, kinds)


def champion_before(registry: Registry, version: ModelVersion) -> tuple[SegmentModel, str] | None:
    """Segments and MLflow run of the champion at the moment when the version was made; None where there was none."""
    number = version.tags.get("previous", "")
    model = SegmentModel.read(registry.warehouse, number) if number else None
    former = registry.version(number) if model else None
    return (model, former.run_id) if model and former else None


def view_of(
    former: tuple[SegmentModel, str] | None, registry: Registry, users: Users, scaler: Scaler, snapshot: Snapshot,
    features: pa.Table, say: Callable[[str], None],
) -> Before | None:  # fmt: skip
    """What the champion says of the same users, carried into the new model's inputs; None without a champion."""
    if former is None:
        return None
    model, run_id = former
    with registry.files(run_id) as folder:
        theirs = users_by(folder, snapshot, features)
    turn = procrustes(theirs.embedding_UD, users.embedding_UD)
    say(f"vectors turned onto the champion's: {turn.fit:.0%} of their variance is the same")
    return Before.of(model, theirs, scaler, turn)


def highest_id(warehouse: str) -> int:
    """The greatest segment id that any version ever used; 0 before the first."""
    if not lake.exists(SEGMENT_MODELS, warehouse):
        return 0
    return pc.max(lake.read(lake.open_table(SEGMENT_MODELS, warehouse), ["segment_id"])["segment_id"]).as_py() or 0
