"""Scores a trained snapshot on its held-out week: python -m ml.evaluate --snapshot DIR

Input: what a user did before the week. All products are ranked for those of the week's first visit, which is what is
bought or viewed at one time, in no order: hr@10 (whether one of them is among the first ten), ndcg@10, mrr (of the one
ranked best); and their categories: the share of the week's categories among the first ten. The history is NOT masked:
buying again is normal in a shop. Beside the model: popularity and item co-occurrence. Leaves DIR/evaluation.json and
metrics.
"""

from __future__ import annotations

import time

from ml.common.cli import entry, parser
from ml.common.files import write_json
from ml.common.runs import Run
from ml.data.snapshot import Snapshot
from ml.judge.held_out_week import evaluate
from ml.measures.report import rankings_picture, rankings_table


def main(argv: list[str] | None = None) -> None:
    snapshot = Snapshot.open(parser(__doc__, "snapshot").parse_args(argv).snapshot)
    began = time.perf_counter()
    scores = evaluate(snapshot)
    if not scores:
        write_json(snapshot.folder / "evaluation.json", {"users": 0, "history_masked": False, "rankings": {}})
        print(f"nobody bought or viewed a known product in the 7 days to {snapshot.ds}: nothing to score")
        return
    means = {name: ranking.means() for name, ranking in scores.items()}
    users, table = len(scores["model"].rank), rankings_table(means) + "\n"
    write_json(snapshot.folder / "evaluation.json", {"users": users, "history_masked": False, "rankings": means})
    (snapshot.folder / "evaluation.md").write_text(table, encoding="utf-8")
    run = Run.of(snapshot.folder)
    run.metrics({f"test.{name}.{key}": value for name, row in means.items() for key, value in row.items()})
    figure = rankings_picture(scores, f"held-out week to {snapshot.ds}, {users:,} users")
    figure.savefig(snapshot.folder / "evaluation.png", dpi=110)
    for name in ("evaluation.md", "evaluation.png"):
        run.artifacts(snapshot.folder / name, "evaluation")
    print(f"{users:,} users, first visit of the 7 days to {snapshot.ds}, all products ranked, history not masked")
    print(table + f"{time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    entry(main)
