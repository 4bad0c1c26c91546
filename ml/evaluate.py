"""Scores a trained snapshot on its held-out week: python -m ml.evaluate --snapshot DIR

Input: what a user did before the week. All products are ranked for the first product of the week: hr@10, ndcg@10,
mrr; and their categories: the share of the week's categories among the first ten. The history is NOT masked: buying
again is normal in a shop. Beside the model: popularity and item co-occurrence. Leaves DIR/evaluation.json and metrics.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from ml.common.cli import DataError, UsageError, entry, parser
from ml.common.registry import Run
from ml.data.sequences import stable_hash
from ml.judge import baselines
from ml.judge.ranking import Scores, Task, model_scorer, score
from ml.snapshot import Snapshot, write_json
from ml.transformer.encoder import Encoder

MAX_USERS = 100_000


def held_out(snapshot: Snapshot, encoder: Encoder) -> Task:
    """The held-out week of at most MAX_USERS users (by stable hash), sorted by id, as the encoder's catalogue sees it.

    Raises DataError where nobody bought or viewed a known product in that week.
    """
    sequences = snapshot.sequences(encoder.catalogue, encoder.vocabularies, _sample(snapshot))
    task = Task.of(sequences, encoder.catalogue, snapshot.cutoff)
    if not len(task.users):
        raise DataError(
            f"expected events with a known product in the 7 days that end at {snapshot.ds}, found none in "
            f"{snapshot.folder}; take the snapshot at a day with data"
        )
    return task


def _sample(snapshot: Snapshot) -> pa.Array:
    users = snapshot.users()["user_id"].combine_chunks()
    first = np.argsort(stable_hash(users), kind="stable")[:MAX_USERS]
    kept = users.take(pa.array(first))
    return kept.take(pa.compute.array_sort_indices(kept))


def model_folder(snapshot: Snapshot) -> Path:
    folder = snapshot.folder / "model"
    if not (folder / "weights.pt").is_file():
        raise UsageError(
            f"expected a trained model at {folder}, found none; run `python -m ml.train --snapshot {snapshot.folder}`"
        )
    return folder


def evaluate(snapshot: Snapshot) -> dict[str, Scores]:
    """Scores by ranking: model, popularity, item_knn."""
    encoder = Encoder.load(model_folder(snapshot), snapshot.products())
    task = held_out(snapshot, encoder)
    scorers = {
        "model": model_scorer(encoder, task),
        "popularity": baselines.popularity(encoder.catalogue),
        "item_knn": baselines.item_knn(task, encoder.catalogue),
    }
    return {name: score(task, scorer, encoder.catalogue) for name, scorer in scorers.items()}


def table(means: dict[str, dict[str, float]]) -> str:
    """Markdown, a row a ranking."""
    names = list(next(iter(means.values())))
    lines = ["| ranking | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    lines += [
        f"| {ranking} | " + " | ".join(f"{row[name]:.4f}" for name in names) + " |" for ranking, row in means.items()
    ]
    return "\n".join(lines) + "\n"


def picture(scores: dict[str, Scores], title: str):
    """Left: mean ndcg@10 with its 95% interval. Right: share of users whose next product is among the first k."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (bars, curve) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    names = list(scores)
    means = [found.ndcg.mean() for found in scores.values()]
    errors = [1.96 * found.ndcg.std() / np.sqrt(len(found.ndcg)) for found in scores.values()]
    bars.bar(names, means, yerr=errors, capsize=4, color=[f"C{k}" for k in range(len(names))])
    bars.set(title="ndcg@10", ylabel="mean over users, 95% interval")
    firsts = np.unique(np.geomspace(1, max(2, max(found.rank.max() for found in scores.values())), 60).astype(int))
    for name, found in scores.items():
        curve.plot(firsts, [(found.rank <= k).mean() for k in firsts], label=name)
    curve.set(title="next product among the first k", xlabel="k", ylabel="share of users", xscale="log", ylim=(0, 1))
    curve.legend()
    figure.suptitle(title)
    return figure


def main(argv: list[str] | None = None) -> None:
    snapshot = Snapshot.open(parser(__doc__, "snapshot").parse_args(argv).snapshot)
    started = time.perf_counter()
    scores = evaluate(snapshot)
    means = {name: found.means() for name, found in scores.items()}
    users = len(scores["model"].rank)
    write_json(snapshot.folder / "evaluation.json", {"users": users, "history_masked": False, "rankings": means})
    (snapshot.folder / "evaluation.md").write_text(table(means), encoding="utf-8")
    run = Run.of(snapshot)
    run.metrics({f"test.{name}.{key}": value for name, row in means.items() for key, value in row.items()})
    figure = picture(scores, f"held-out week to {snapshot.ds}, {users:,} users")
    figure.savefig(snapshot.folder / "evaluation.png", dpi=110)
    for name in ("evaluation.md", "evaluation.png"):
        run.artifacts(snapshot.folder / name, "evaluation")
    print(f"{users:,} users, first product of the 7 days to {snapshot.ds}, all products ranked, history not masked")
    print(table(means) + f"{time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    entry(main)
