"""Heads of a snapshot: tried on its newest day, fitted on all of its days, and kept with the model."""

from __future__ import annotations

import datetime
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from jobs.tables import USER_SEQUENCES
from ml.common import lake
from ml.common.files import write_json
from ml.common.hashing import first_by_hash
from ml.common.registry import Registry
from ml.common.runs import Run
from ml.data.consents import without
from ml.data.sequences import midnight
from ml.data.snapshot import Snapshot
from ml.data.value_windows import VALUE, standardised
from ml.heads import days as cuts
from ml.heads import grounds, kinds, visits
from ml.heads.days import Day
from ml.heads.fit import crossed, fit
from ml.heads.heads import PREDICTED, Heads, refuse
from ml.heads.kinds import Kinds
from ml.heads.rows import rows
from ml.heads.settings import PredictionConfig
from ml.heads.trial import FILE, Trial
from ml.measures import predictions
from ml.measures.report import reliability_picture
from ml.transformer.encoder import Encoder
from ml.transformer.package import cutoff, folder_of


def learn(snapshot: Snapshot, config: PredictionConfig) -> str:
    """Fits, tries and saves; says what was done."""
    folder, began = folder_of(snapshot), time.perf_counter()
    for path in (folder / "heads.npz", folder / "heads.json", snapshot.folder / FILE):
        path.unlink(missing_ok=True)
    usable, left_out = cuts.usable(snapshot, config)
    if not usable:
        return _refused(snapshot, f"no day to learn from: {'; '.join(left_out)}")
    categories = cuts.largest_categories(snapshot, usable, config.categories)
    unseen = cuts.unseen(usable, cutoff(folder))
    encoder = Encoder.load(folder, snapshot.products()) if config.vector_knots and unseen else None
    days = [cuts.read(snapshot, ds, encoder, config, categories) for ds in usable]
    known, truth, user_ids = cuts.joined(days, categories)
    lacking = grounds.lacking(truth, config)
    if lacking.keys() == set(PREDICTED):
        return _refused(snapshot, f"as of {_listed(usable)}: {_told(lacking)}")
    scores: list[dict] = []
    with threadpool_limits(1):
        if len(days) > 1:
            scores = tried(days, categories, config)
        theirs = champions_heads(snapshot.warehouse)
        heads, expected = crossed(known, truth, user_ids, config, theirs and theirs.tastes)
        natural, words = kinds_of(snapshot, categories, config, theirs and theirs.kinds)
        if natural:
            expected = np.column_stack([expected, kinds_then(natural, snapshot, days)])
        number = len(natural) if natural else 0
        Trial(user_ids, expected, standardised(known.features, VALUE), truth, number).save(snapshot.folder)
        replace(heads, kinds=natural).save(folder)
    _report(snapshot, scores)
    seconds = time.perf_counter() - began
    lines = [f"heads learned from {len(user_ids):,} users as of {_listed(usable)} in {seconds:.1f} s", words]
    if config.vector_knots and not unseen:
        last = cutoff(folder) - datetime.timedelta(days=1)
        lines.append(f"without vectors: the encoder trained on days up to {last}, and so on what came true")
    if lacking:
        lines.append(f"refused: {_told(lacking)}")
    lines += [f"left out: {reason}" for reason in left_out]
    if not scores:
        lines.append("not tried on a later day: it takes two days with enough users")
    lines += [f"trial: {predictions.line(row)}" for row in scores if row["slice"] == predictions.EVERYBODY]
    return "\n".join(lines)


def champions_heads(warehouse: str) -> Heads | None:
    """None where there is no champion, or it has none."""
    registry = Registry.of(warehouse)
    if (current := registry.champion()) is None:
        return None
    with registry.files(current.run_id) as folder:
        return Heads.load(folder)


def kinds_of(
    snapshot: Snapshot, categories: list[str], config: PredictionConfig, like: Kinds | None
) -> tuple[Kinds | None, str]:
    """Kinds of a sample of the snapshot's users (by hash), in the order of the champion's; and what is said of them."""
    sequences = snapshot.opened(USER_SEQUENCES)
    user_ids = lake.read(sequences, ["user_id"], snapshot.ds)["user_id"].combine_chunks()
    user_ids = without(user_ids, snapshot.refusing())
    user_ids = user_ids.take(pa.array(first_by_hash(user_ids, config.max_users)))
    batches = lake.read_batches(sequences, visits.COLUMNS, snapshot.ds)
    events = visits.joined(visits.read(batches, user_ids, categories))
    natural, words = kinds.fit(events, categories, config.kinds, config.seed)
    return (kinds.in_order_of(natural, like) if natural and like else natural), words


def kinds_then(natural: Kinds, snapshot: Snapshot, days: list[Day]) -> np.ndarray:
    """Probabilities (U, K) of the kinds of the users of days, one day's after the other's, by their events until it."""
    sequences = snapshot.opened(USER_SEQUENCES)
    return np.vstack([natural.filtered(lake.read_batches(sequences, visits.COLUMNS, day.ds), day.user_ids,
                                       midnight(day.ds)) for day in days])  # fmt: skip


def tried(days: list[Day], categories: list[str], config: PredictionConfig) -> list[dict]:
    """How heads of the older days do on the newest (ml/measures/predictions.py); nothing where nothing can be learned
    from the older ones.
    """
    newest, (known, truth, user_ids) = days[0], cuts.joined(days[1:], categories)
    if grounds.lacking(truth, config).keys() == set(PREDICTED):
        return []
    heads = fit(known, truth, user_ids, config)
    stamp = {"ds": newest.ds, "model_version": "trial", "run_id": "trial"}
    table = pa.Table.from_batches(list(rows(newest.user_ids, newest.facts, heads, stamp)))
    return predictions.scores(table, newest.truth)


def _listed(days: list[datetime.date]) -> str:
    return ", ".join(map(str, days))


def _told(reasons: dict[str, str]) -> str:
    """Reasons by prediction, those of one reason together."""
    together: dict[str, list[str]] = {}
    for prediction, reason in reasons.items():
        together.setdefault(reason, []).append(prediction)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in together.items())


def _refused(snapshot: Snapshot, reason: str) -> str:
    refuse(folder_of(snapshot), reason)
    _report(snapshot, [])
    return f"refused: {reason}"


def _report(snapshot: Snapshot, scores: list[dict]) -> None:
    """The model's files, the trial's numbers and its reliability curves, to the run."""
    run = Run.of(snapshot.folder)
    run.artifacts(folder_of(snapshot), "model")
    if not scores:
        return
    write_json(snapshot.folder / "trial.json", {"rows": scores})
    figure = reliability_picture(scores, "predictions, tried on the newest day")
    figure.savefig(snapshot.folder / "reliability.png", dpi=110)
    for name in ("trial.json", "reliability.png"):
        run.artifacts(snapshot.folder / name, "evaluation")
    run.metrics(predictions.logged(scores, "trial"))
