"""Fits the heads that say what is expected of a user: python -m ml.learn --snapshot DIR [--conf DIR]

After ml.train and before ml.register. Learns from the days 28, 56, ... before the snapshot's: inputs as of the day
(gold.user_features and gold.user_sequences must be there for it), labels from the 28 days strictly after it, all of
them over at the snapshot. First a trial: heads that know only the older days are held against the newest. Leaves
DIR/model/heads.* (part of the model version), DIR/trial.npz for the choice of segments, and metrics of the run.
Where no day can be learned from, DIR/model/heads.json says why, and nothing will be predicted.
"""

from __future__ import annotations

import datetime
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import vstack
from threadpoolctl import threadpool_limits

from jobs.tables import USER_FEATURES, USER_SEQUENCES
from ml import accuracy, predict
from ml.common import lake
from ml.common.cli import entry, parser
from ml.common.registry import Run, champion, client, download
from ml.data import events, outcomes
from ml.data.outcomes import HORIZON, Outcomes
from ml.data.sequences import SEQUENCE_COLUMNS, pack, stable_hash
from ml.evaluate import model_folder
from ml.heads import heads, kinds, taste
from ml.heads.heads import Heads, Known, PredictionConfig
from ml.heads.kinds import Kinds
from ml.heads.taste import Taste
from ml.heads.trial import FILE, Trial
from ml.judge.measures import FOLDS
from ml.snapshot import Snapshot, write_json
from ml.transformer.encoder import Encoder


@dataclass(frozen=True)
class Day:
    """A day to learn from: what was known of its users, and what they did after. History follows truth.categories."""

    ds: datetime.date
    user_ids: pa.Array
    known: Known
    truth: Outcomes


def read_day(
    snapshot: Snapshot, ds: datetime.date, encoder: Encoder, config: PredictionConfig, categories: list[str]
) -> Day:
    """A sample of the users known at ds (by hash), sorted by id; `categories` are those of the histories."""
    features = lake.read(_open(snapshot, USER_FEATURES), config.columns, ds)
    first = np.argsort(stable_hash(features["user_id"].combine_chunks()), kind="stable")[: config.max_users]
    features = features.take(pa.array(first)).sort_by("user_id").combine_chunks()
    user_ids = features["user_id"].combine_chunks()

    def batches(columns: list[str]):
        return lake.read_batches(_open(snapshot, USER_SEQUENCES), columns, ds)

    if config.vector_knots:
        sequences = pack(batches(SEQUENCE_COLUMNS), encoder.catalogue, encoder.vocabularies, keep=user_ids)
        states = predict.aligned(sequences.user_ids, encoder.states(sequences), user_ids)
    else:
        states = np.zeros((len(user_ids), 0))
    history = taste.history(batches(["user_id", "categories"]), user_ids, categories)
    truth = outcomes.read(snapshot.warehouse, ds, user_ids, loaded_until=snapshot.ds)
    return Day(ds, user_ids, Known(features, states, history), truth)


def _open(snapshot: Snapshot, table: lake.Table) -> lake.DeltaTable:
    return lake.open_table(table, snapshot.warehouse, snapshot.versions[table.full_name])


def usable_days(snapshot: Snapshot, config: PredictionConfig) -> tuple[list[datetime.date], list[str]]:
    """Days to learn from, newest first, and why others of them are left out."""
    found, why = [], []
    for number in range(1, config.cuts + 1):
        ds = snapshot.ds - datetime.timedelta(days=number * HORIZON)
        absent = [table.full_name for table in (USER_FEATURES, USER_SEQUENCES)
                  if not _open(snapshot, table).to_pyarrow_dataset()
                  .head(1, columns=["ds"], filter=pc.field("ds") == ds).num_rows]  # fmt: skip
        if absent:
            why.append(f"{' and '.join(absent)} have no rows as of {ds}")
        else:
            found.append(ds)
    return found, why


def largest_categories(snapshot: Snapshot, days: list[datetime.date], most: int) -> list[str]:
    """The categories of most purchase lines in the 28 days after any of the days, by name."""
    first, until = min(days) + datetime.timedelta(days=1), max(days) + datetime.timedelta(days=HORIZON)
    counted: dict[str, int] = {}
    for batch in events.purchases(snapshot.warehouse, first, until, ["category"]):
        for pair in pc.value_counts(batch["category"].drop_null()).to_pylist():
            counted[pair["values"]] = counted.get(pair["values"], 0) + pair["counts"]
    return sorted(sorted(counted, key=lambda name: (-counted[name], name))[:most])


def together(days: list[Day], categories: list[str]) -> tuple[Known, Outcomes, pa.Array]:
    """The days' users, one day after the other."""
    known = Known(
        pa.concat_tables([day.known.features for day in days]).combine_chunks(),
        np.vstack([day.known.state_UD for day in days]),
        vstack([day.known.history_UC for day in days], format="csr"),
    )
    truth = outcomes.joined([day.truth.of_categories(categories) for day in days], len(categories))
    return known, truth.of_categories(categories), pa.concat_arrays([day.user_ids for day in days])


def too_thin(days: list[Day], categories: list[str], config: PredictionConfig) -> str | None:
    """Why nothing at all can be learned, or None."""
    first = np.concatenate([day.truth.first_day for day in days])
    rarer = min(min((first <= n).sum(), (~(first <= n)).sum()) for n in heads.DAYS)
    need = config.minimum
    if len(first) >= need.users and rarer >= max(need.outcomes, 2 * FOLDS) and len(categories) > 1:
        return None
    return (
        f"{len(first):,} users as of {', '.join(str(day.ds) for day in days)}, {rarer} with the rarer outcome, "
        f"{len(categories)} categories bought in; at least {need.users:,}, {max(need.outcomes, 2 * FOLDS)} and 2 needed"
    )


def fit(days: list[Day], categories: list[str], config: PredictionConfig, like: Taste | None = None) -> Heads:
    known, truth, user_ids = together(days, categories)
    return heads.fit(known, truth, config, user_ids, like)


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
    batches = lake.read_batches(sequences, kinds.COLUMNS, snapshot.ds)
    done = kinds.together(kinds.read(batches, user_ids, categories))
    found, said = kinds.fit(done, categories, config.kinds, config.seed)
    return (kinds.in_order_of(found, like) if found and like else found), said


def tried(days: list[Day], categories: list[str], config: PredictionConfig) -> tuple[list[dict], Trial]:
    """Accuracy of heads of the older days on the newest (ml/accuracy.py), and what they expect of its users."""
    newest = days[0]
    learned = fit(days[1:], categories, config)
    batches = list(predict.rows(newest.user_ids, newest.known, learned, newest.ds, "trial", "trial"))
    table = pa.Table.from_batches(batches)
    expected = table["expected"].combine_chunks().flatten().to_numpy().reshape(len(newest.user_ids), -1)
    return accuracy.scores(table, newest.truth), Trial(newest.user_ids, expected, newest.truth)


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
    return "\n".join(said + [f"trial: {accuracy.line(row)}" for row in rows if row["slice"] == accuracy.EVERYBODY])


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
    figure = accuracy.picture(rows, "predictions, tried on the newest day")
    figure.savefig(snapshot.folder / "reliability.png", dpi=110)
    for name in ("trial.json", "reliability.png"):
        run.artifacts(snapshot.folder / name, "evaluation")
    keys = ("brier", "auc", "r2", "precision", "recall")
    run.metrics({f"trial.{row['prediction']}.{key}": row[key] for row in rows for key in keys
                 if row["slice"] == accuracy.EVERYBODY and row.get(key) is not None})  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    said = parser(__doc__, "snapshot", "conf").parse_args(argv)
    print(learn(Snapshot.open(said.snapshot), PredictionConfig.load(said.conf)))


if __name__ == "__main__":
    entry(main)
