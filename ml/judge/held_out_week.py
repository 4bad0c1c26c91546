"""The held-out week of a snapshot: its model beside rankings that need no training."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ml.common.cli import DataError
from ml.common.hashing import stable_hash
from ml.data.snapshot import Snapshot
from ml.judge import baselines
from ml.measures.next_product import Scores, Task, model_scorer, score
from ml.transformer.encoder import Encoder
from ml.transformer.package import model_folder

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
