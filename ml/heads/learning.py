"""Heads of a snapshot: tried on its newest day, fitted on all of its days, and kept with the model."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from jobs.tables import USER_SEQUENCES
from ml.common import lake
from ml.common.files import write_json
from ml.common.hashing import stable_hash
from ml.common.registry import champion, client, download
from ml.common.runs import Run
from ml.data.snapshot import Snapshot
from ml.heads import fit as heads_fit
from ml.heads import kinds, rows, visits
from ml.heads.days import Day, _open, largest_categories, read_day, together, too_thin, usable_days
from ml.heads.heads import Heads
from ml.heads.kinds import Kinds
from ml.heads.settings import PredictionConfig
from ml.heads.taste import Taste
from ml.heads.trial import FILE, Trial
from ml.measures import predictions
from ml.transformer.encoder import Encoder
from ml.transformer.package import model_folder


def learn(snapshot: Snapshot, config: PredictionConfig) -> str:
    """Fits, tries and saves; says what was done."""
    folder, started = model_folder(snapshot), time.perf_counter()
    for path in (folder / "heads.npz", folder / "heads.json", snapshot.folder / FILE):
        path.unlink(missing_ok=True)
    found, why = usable_days(snapshot, config)
    if not found:
        return refuse(snapshot, f"no day to learn from: {'; '.join(why)}")
    categories = largest_categories(snapshot, found, config.categories)
    encoder = Encoder.load(folder, snapshot.products())
    days = [read_day(snapshot, ds, encoder, config, categories) for ds in found]
    users = sum(len(day.user_ids) for day in days)
    if reason := too_thin(days, categories, config):
        return refuse(snapshot, reason)
    rows: list[dict] = []
    with threadpool_limits(1):
        if len(days) > 1 and not too_thin(days[1:], categories, config):
            rows, trial = tried(days, categories, config)
            trial.save(snapshot.folder)
        theirs = champions_heads()
        learned = fit(days, categories, config, theirs and theirs.tastes)
        natural, words = kinds_of(snapshot, categories, config, theirs and theirs.kinds)
        replace(learned, kinds=natural).save(folder)
    report(snapshot, rows)
    said = [
        f"heads learned from {users:,} users as of {', '.join(map(str, found))} in "
        f"{time.perf_counter() - started:.1f} s"
    ]
    said += [words, *(f"left out: {reason}" for reason in why)]
    said += ["no trial: it takes two days with enough users"] if not rows else []
    return "\n".join(
        said + [f"trial: {predictions.line(row)}" for row in rows if row["slice"] == predictions.EVERYBODY]
    )


def fit(days: list[Day], categories: list[str], config: PredictionConfig, like: Taste | None = None) -> Heads:
    known, truth, user_ids = together(days, categories)
    return heads_fit.fit(known, truth, config, user_ids, like)


def champions_heads() -> Heads | None:
    """None where there is no champion, or it has none."""
    mlflow = client()
    found = champion(mlflow)
    if found is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        return Heads.load(download(mlflow, found.run_id, Path(scratch)))


def kinds_of(
    snapshot: Snapshot, categories: list[str], config: PredictionConfig, like: Kinds | None
) -> tuple[Kinds | None, str]:
    """Kinds of a sample of the snapshot's users (by hash), in the order of the champion's; and what is said of them."""
    sequences = _open(snapshot, USER_SEQUENCES)
    user_ids = lake.read(sequences, ["user_id"], snapshot.ds)["user_id"].combine_chunks()
    user_ids = user_ids.take(pa.array(np.argsort(stable_hash(user_ids), kind="stable")[: config.max_users]))
    batches = lake.read_batches(sequences, visits.COLUMNS, snapshot.ds)
    done = visits.together(visits.read(batches, user_ids, categories))
    found, said = kinds.fit(done, categories, config.kinds, config.seed)
    return (kinds.in_order_of(found, like) if found and like else found), said


def tried(days: list[Day], categories: list[str], config: PredictionConfig) -> tuple[list[dict], Trial]:
    """Accuracy of heads of the older days on the newest (ml/predictions.py), and what they expect of its users."""
    newest = days[0]
    learned = fit(days[1:], categories, config)
    batches = list(rows.rows(newest.user_ids, newest.known, learned, newest.ds, "trial", "trial"))
    table = pa.Table.from_batches(batches)
    expected = table["expected"].combine_chunks().flatten().to_numpy().reshape(len(newest.user_ids), -1)
    return predictions.scores(table, newest.truth), Trial(newest.user_ids, expected, newest.truth)


def refuse(snapshot: Snapshot, reason: str) -> str:
    """Leaves the reason in place of heads."""
    write_json(model_folder(snapshot) / "heads.json", {"why": reason})
    report(snapshot, [])
    return f"refused: {reason}"


def report(snapshot: Snapshot, rows: list[dict]) -> None:
    """The model's files, the trial's numbers and its reliability curves, to the run."""
    run = Run.of(snapshot)
    run.artifacts(model_folder(snapshot), "model")
    if not rows:
        return
    write_json(snapshot.folder / "trial.json", {"rows": rows})
    figure = predictions.picture(rows, "predictions, tried on the newest day")
    figure.savefig(snapshot.folder / "reliability.png", dpi=110)
    for name in ("trial.json", "reliability.png"):
        run.artifacts(snapshot.folder / name, "evaluation")
    keys = ("brier", "auc", "r2", "precision", "recall")
    run.metrics({f"trial.{row['prediction']}.{key}": row[key] for row in rows for key in keys
                 if row["slice"] == predictions.EVERYBODY and row.get(key) is not None})  # fmt: skip
