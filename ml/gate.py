"""May the trained snapshot replace the champion? python -m ml.gate --snapshot DIR

Both are asked about the same held-out week, on which neither trained: what comes next; and the probes
(ml/judge/questions.py) of what users do in it, by their vectors of the day before, as gold.user_embeddings would hold
them. The challenger passes where there is no champion; or where it is better by more than noise: the 95% interval of
the mean difference in ndcg@10 of the week (paired bootstrap over users) lies above zero, and that of no probe below it.
Else the champion stays, as it does where it trained on the week: the snapshot is older than it. Leaves
DIR/gate.json and tags of the run, among them the reason in words. Exit 0 whichever way it decides.
"""

from __future__ import annotations

from pathlib import Path

from ml.common.cli import entry, parser
from ml.common.files import write_json
from ml.common.registry import Registry
from ml.common.runs import Run
from ml.data.snapshot import Snapshot
from ml.judge.gating import decide, ndcg_by_user, probe, unfair
from ml.transformer.package import folder_of


def main(argv: list[str] | None = None) -> None:
    snapshot = Snapshot.open(parser(__doc__, "snapshot").parse_args(argv).snapshot)
    registry = Registry.of(snapshot.warehouse)
    run, current = Run.of(snapshot.folder, registry.mlflow), registry.champion()
    if current is None:
        decision = {"promote": True, "reason": "there is no champion yet", "champion": None}
    elif current.run_id == run.run_id:
        decision = {"promote": True, "reason": "this run is the champion", "champion": current.version}
    else:
        with registry.files(current.run_id) as folder:
            decision = _held_against(folder, snapshot) | {"champion": current.version}
    write_json(snapshot.folder / "gate.json", decision)
    run.tags({"gate.promote": str(decision["promote"]).lower(), "gate.reason": str(decision["reason"])})
    print(f"{'promote' if decision['promote'] else 'keep the champion'}: {decision['reason']}")


def _held_against(current: Path, snapshot: Snapshot) -> dict:
    if reason := unfair(current, snapshot):
        return {"promote": False, "reason": reason, "probes": [], "interval": None, "users": 0}
    theirs, ours = (ndcg_by_user(folder, snapshot) for folder in (current, folder_of(snapshot)))
    return decide(ours, theirs, snapshot.config.train.seed, *probe(folder_of(snapshot), current, snapshot))


if __name__ == "__main__":
    entry(main)
