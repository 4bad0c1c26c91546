"""May the trained snapshot replace the champion? python -m ml.gate --snapshot DIR

Both score the same held-out week; and the probes (ml/judge/questions.py) by their vectors of 28 days before the
snapshot's day, where gold.user_sequences has it. The challenger passes where there is no champion; or where it is
better by more than noise: the 95% interval of the mean difference in ndcg@10 of the week (paired bootstrap over users)
lies above zero, and that of no probe below it. Else the champion stays. Leaves DIR/gate.json and tags of the run, among
them the reason in words. Exit 0 whichever way it decides.
"""

from __future__ import annotations

from ml.common.cli import entry, parser
from ml.common.files import write_json
from ml.common.registry import Registry
from ml.common.runs import Run
from ml.data.snapshot import Snapshot
from ml.judge.gating import decide, ndcg_by_user, probe
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
            theirs = ndcg_by_user(folder, snapshot)
            probed, why_not = probe(folder_of(snapshot), folder, snapshot)
        ours = ndcg_by_user(folder_of(snapshot), snapshot)
        decision = decide(ours, theirs, snapshot.config.train.seed, probed, why_not) | {"champion": current.version}
    write_json(snapshot.folder / "gate.json", decision)
    run.tags({"gate.promote": str(decision["promote"]).lower(), "gate.reason": str(decision["reason"])})
    print(f"{'promote' if decision['promote'] else 'keep the champion'}: {decision['reason']}")


if __name__ == "__main__":
    entry(main)
