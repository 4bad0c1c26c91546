"""May the trained snapshot replace the champion? python -m ml.gate --snapshot DIR

Both score the same held-out week. The challenger passes where there is no champion, or where the 95% interval of the
mean difference in ndcg@10 (paired bootstrap over users) does not lie below zero: it is not worse by more than noise.
Leaves DIR/gate.json and tags of the run. Exit 0 whichever way it decides.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from ml.cli import entry, parser
from ml.evaluate import held_out, model_folder
from ml.package import Encoder
from ml.ranking import model_scorer, score
from ml.snapshot import Snapshot, write_json
from ml.tracking import Run, champion, client, download

RESAMPLES, LEVEL = 2_000, 0.95


def bootstrap(difference_U: np.ndarray, seed: int) -> tuple[float, float]:
    """Percentile interval of the mean (Efron & Tibshirani 1993, chapter 13); users drawn with replacement."""
    random = np.random.default_rng(seed)
    means = [difference_U[random.integers(0, len(difference_U), len(difference_U))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def ndcg_by_user(folder: Path, snapshot: Snapshot) -> dict[str, float]:
    """ndcg@10 of each user of the held-out week by the model in `folder`."""
    encoder = Encoder.load(folder, snapshot.products())
    task = held_out(snapshot, encoder)
    users = np.array(task.sequences.user_ids.to_pylist(), object)[task.users]
    return dict(zip(users, score(task, model_scorer(encoder, task), encoder.catalogue).ndcg, strict=True))


def decide(challenger: dict[str, float], current: dict[str, float], seed: int) -> dict[str, object]:
    """The decision and its evidence."""
    difference = np.array([challenger[user] - current[user] for user in sorted(challenger.keys() & current.keys())])
    low, high = bootstrap(difference, seed)
    interval = f"ndcg@10 {difference.mean():+.4f} against the champion, 95% interval {low:+.4f} .. {high:+.4f}"
    promote = high >= 0
    verdict = "not worse by more than noise" if promote else "worse by more than noise"
    return {
        "promote": promote,
        "reason": f"{interval}, {len(difference):,} users: {verdict}",
        "ndcg_10": float(np.mean(list(challenger.values()))),
        "champion_ndcg_10": float(np.mean(list(current.values()))),
        "interval": [low, high],
        "users": len(difference),
    }


def main(argv: list[str] | None = None) -> None:
    snapshot = Snapshot.open(parser(__doc__, "snapshot").parse_args(argv).snapshot)
    mlflow = client()
    run, current = Run.of(snapshot, mlflow), champion(mlflow)
    if current is None:
        decision = {"promote": True, "reason": "there is no champion yet", "champion": None}
    elif current.run_id == run.run_id:
        decision = {"promote": True, "reason": "this run is the champion", "champion": current.version}
    else:
        with tempfile.TemporaryDirectory() as scratch:
            folder = download(mlflow, current.run_id, Path(scratch))
            theirs = ndcg_by_user(folder, snapshot)
        ours = ndcg_by_user(model_folder(snapshot), snapshot)
        decision = decide(ours, theirs, snapshot.config.train.seed) | {"champion": current.version}
    write_json(snapshot.folder / "gate.json", decision)
    run.tags({"gate.promote": str(decision["promote"]).lower(), "gate.reason": str(decision["reason"])})
    print(f"{'promote' if decision['promote'] else 'keep the champion'}: {decision['reason']}")


if __name__ == "__main__":
    entry(main)
