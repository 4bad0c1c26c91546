"""### The behaviour Transformer: train, hold against the champion, register 每周训练

Weekly, by hand, and by **huaxiang_nightly** when there is no champion yet.

`past` makes the features and sequences as of 4, 8 and 12 weeks before `ds` where they are missing; `snapshot` freezes
those as of `ds`; `train` runs two torchrun processes on it, started again from the last checkpoint where one dies;
`evaluate` scores the candidate and the champion on the same held-out events; `learn` fits the heads of the predictions;
`gate` says whether the candidate is better by more than noise, and worse on no probe; `register` gives one that is a
version, fits the segment centres and moves the alias `champion`, unless more of the users than `max_moved` of
conf/segments.yaml would change their segment by the model alone. Else the champion stays, and `renew` learns its heads
anew on the newest days, as a version of its own. Figures and reason are in the log and in MLflow (`gate.reason`);
*accept moves* lets a model that moves many users through, as after a change of the blocks.
`python -m ml.champion --rollback` brings the one before back.
An empty form means the day before the run and the preset's number of epochs.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, chain
from dags._house import DEFAULTS, MACROS, NIGHT, SNAPSHOTS, SPARK_POOL, WAREHOUSE, command, day_param, deadline, every
from jobs import tables as t

SNAPSHOT = f"--snapshot '{SNAPSHOTS}/{NIGHT}'"
ACCEPT_MOVES = "{{ ' --accept-moves' if params.accept_moves else '' }}"

with DAG(
    "huaxiang_train",
    schedule=every("0 4 * * 1", days=7),
    catchup=False,
    max_active_runs=1,
    deadline=deadline(6),
    default_args=DEFAULTS | {"owner": "machine-learning"},
    user_defined_macros=MACROS,
    doc_md=__doc__,
    tags=["huaxiang", "model"],
    params={
        "ds": day_param("As of 日期", "Train on what was known at the end of this day; empty: the day before the run."),
        "accept_moves": Param(
            False,
            type="boolean",
            title="Accept moves 接受变动",
            description="Promote although many users change their segment.",
        ),
        "epochs": Param(None, type=["null", "integer"], minimum=1, description="Empty: the preset's."),
    },
) as train:
    # A history that was loaded in one pass has no features as of the days to learn from.
    # Of one day side by side: most of their time is the start of a process.
    verbs = " ".join(
        f"python -m jobs {verb} --warehouse '{WAREHOUSE}' --ds $day --run-id '{{{{ run_id }}}}' &"
        for verb in ("features", "sequences")
    )
    chain(
        command(
            "past",
            f"set -e; days=$(python -m ml.past --warehouse '{WAREHOUSE}' --ds {NIGHT}); "
            f"for day in $days; do {verbs} wait -n; wait -n; done",
            reads=[t.SILVER_EVENTS],
            writes=[t.USER_DAILY, t.USER_FEATURES, t.USER_SEQUENCES],
            pool=SPARK_POOL,
        ),
        command(
            "snapshot",
            f"python -m ml.snapshot --warehouse '{WAREHOUSE}' --ds {NIGHT} {SNAPSHOT}",
            reads=[t.USER_SEQUENCES, t.USER_FEATURES, t.SILVER_PRODUCTS],
        ),
        command(
            "train",
            f"torchrun --standalone --nproc-per-node 2 --max-restarts 3 -m ml.train {SNAPSHOT}"
            "{{ ' --epochs ' ~ params.epochs if params.epochs else '' }}",
        ),
        [
            # Each is a process of one thread; in the other pool, this one runs beside `learn`.
            command("evaluate", f"python -m ml.evaluate {SNAPSHOT}", pool=SPARK_POOL),
            command(
                "learn", f"python -m ml.learn {SNAPSHOT}", reads=[t.USER_FEATURES, t.USER_SEQUENCES, t.SILVER_EVENTS]
            ),
        ],
        command("gate", f"python -m ml.gate {SNAPSHOT}"),
        command(
            "register",
            f"python -m ml.register --warehouse '{WAREHOUSE}' {SNAPSHOT}{ACCEPT_MOVES}",
            writes=[t.SEGMENT_MODELS],
        ),
        command(
            "renew",
            f"python -m ml.renew --warehouse '{WAREHOUSE}' {SNAPSHOT}{ACCEPT_MOVES}",
            reads=[t.USER_FEATURES, t.USER_SEQUENCES, t.SILVER_EVENTS],
            writes=[t.SEGMENT_MODELS],
        ),
    )
