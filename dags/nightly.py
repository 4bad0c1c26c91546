"""### One night: from the shop's logs to published profiles and segments 每夜画像

| hop | does | stops the line when |
|---|---|---|
| definitions | nothing is written: holds `conf/audiences` | a definition is wrong, or an example comes out otherwise |
| collect | landed files → `bronze.*`, refused records → `ops.quarantine` | a critical check on bronze fails |
| clean | `bronze.*` → `silver.*` | a critical check on silver fails |
| sequences, features | `silver.*` → `gold.user_sequences`, `gold.user_features` | a critical check on gold fails |
| champion | no model yet: runs **huaxiang_train** and waits for it | training fails |
| encode | sequences + champion → `gold.user_embeddings` (+ the last night's model) | there is no champion |
| predict | heads of the champion → `gold.predictions` | a critical check on predictions fails |
| recommend | champion + what is bought together → `staged.recommendations` | a critical check on them fails |
| segment | predictions + features → `staged.*` | a critical check on what is staged fails |
| audiences | staged profiles + `conf/audiences` → `staged.*` | a critical check on what is staged fails |
| publish, report | `staged.*` → `gold.*`, one row in `ops.runs`; pictures of the night | - |
| accuracy, hits, value | what was predicted, suggested, said by segments of the 28 days now over → `ops.*` | - |
| deliver | who entered and left audiences → the systems of `conf/destinations.yaml` | - |
| lift | what addressing audiences changed in the 28 days that are over → `ops.audience_lift` | - |

A stopped night leaves the published tables as they were. **Trigger** by hand with a date (`ds`), or a range in one
pass (`since` to `ds`); with an empty form it is yesterday at the shop. **Backfill** takes the mornings on which nights
would have run: the nights of the 5th to the 7th are `airflow backfill create --dag-id huaxiang_nightly --from-date
2026-01-06 --to-date 2026-01-08T23:59` (add `--dry-run` to see them listed as logical dates; east of UTC write the
shop's offset, `2026-01-06T00:00+08:00`). A task that fails with *no retry* names the reason in its last log line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, BaseOperator, Param, TaskGroup, TriggerRule
from dags._house import (
    DEFAULTS,
    LANDING,
    MACROS,
    NIGHT,
    SOURCE,
    SOURCES,
    WAREHOUSE,
    command,
    day_param,
    deadline,
    every,
    plain,
    verb,
    verb_line,
)
from jobs import tables as t

BRONZE = [t.BRONZE_EVENTS, t.BRONZE_USERS, t.BRONZE_PRODUCTS]
SILVER = [t.SILVER_EVENTS, t.SILVER_USERS, t.SILVER_PRODUCTS, t.SILVER_REFUNDS]
SEGMENTED = [table.staged() for table in t.SEGMENT_TABLES]
SUGGESTED = [t.RECOMMENDATIONS.staged()]
ADDRESSED = [table.staged() for table in t.AUDIENCE_TABLES]


def checked(name: str, run: Callable[[], BaseOperator], check: Sequence[t.Table]) -> TaskGroup:
    """A task and the check of what it wrote; only a passed check opens the next hop."""
    with TaskGroup(name) as group:
        names = [part for table in check for part in ("--table", table.full_name)]
        run() >> verb("check", "check", *names, reads=check, writes=[t.QUALITY_RESULTS])
    return group


def hop(name: str, *arguments: str, reads=(), writes=(), check=()) -> TaskGroup:
    """A verb of jobs/ and its check."""
    return checked(name, lambda: verb("run", name, *arguments, reads=reads, writes=writes), check)


def model_hop(module: str, reads=(), writes=(), check=()) -> TaskGroup:
    """A module of ml/ and the check of what it wrote."""
    line = f"python -m ml.{module} --warehouse '{WAREHOUSE}' --ds {NIGHT} --run-id '{{{{ run_id }}}}'"
    return checked(module, lambda: command("run", line, reads=reads, writes=writes), check)


with DAG(
    "huaxiang_nightly",
    schedule=every("0 2 * * *", days=1),
    catchup=False,
    max_active_runs=1,
    deadline=deadline(4),
    default_args=DEFAULTS,
    user_defined_macros=MACROS,
    doc_md=__doc__,
    tags=["huaxiang", "nightly"],
    params={
        "ds": day_param("Night 日期", "The day to process; empty: the day before the run."),
        "since": day_param("Since 起始日", "First day of a range that is loaded in one pass; empty: only the night."),
        "source": Param(
            SOURCE,
            type="string",
            pattern=r"^[\w-]+$",
            examples=SOURCES,
            description="A file of conf/sources.",
        ),
        "landing": Param(LANDING, type="string", description="Where the source's files lie: a folder or a URI."),
    },
) as nightly:
    definitions = verb("definitions", "definitions")
    collect = hop(
        "collect", "--landing", "{{ params.landing }}",
        writes=[*BRONZE, t.QUARANTINE, t.LOADS, t.RESTATED, t.LATENESS], check=BRONZE,
    )  # fmt: skip
    clean = hop(
        "clean",
        reads=[*BRONZE, t.RESTATED], writes=[*SILVER, t.QUARANTINE, t.CLEANED, t.MISSING_VALUES], check=SILVER,
    )  # fmt: skip
    sequences = hop("sequences", reads=SILVER, writes=[t.USER_SEQUENCES], check=[t.USER_SEQUENCES])
    features = hop("features", reads=SILVER, writes=[t.USER_DAILY, t.USER_FEATURES], check=[t.USER_FEATURES])

    with TaskGroup("champion") as champion:
        missing = command("missing", f"python -m ml.champion --warehouse '{WAREHOUSE}' --missing", skip_on_exit_code=99)
        train = TriggerDagRunOperator(
            task_id="train",
            trigger_dag_id="huaxiang_train",
            trigger_run_id="nightly__{{ run_id }}",
            conf={"ds": NIGHT},
            reset_dag_run=True,  # a retried night trains again in place of stumbling over the run that failed
            wait_for_completion=True,
            poke_interval=2,
        )
        missing >> train

    # With a champion `train` is skipped and encode runs beside the features; without one it waits for training.
    encode = command(
        "encode",
        f"python -m ml.encode --warehouse '{WAREHOUSE}' --ds {NIGHT} --run-id '{{{{ run_id }}}}'",
        reads=[t.USER_SEQUENCES, t.RESTATED, t.RUNS], writes=[t.USER_EMBEDDINGS, t.RESCORED_EMBEDDINGS],
        trigger_rule=TriggerRule.NONE_FAILED,
    )  # fmt: skip
    predict = model_hop(
        "predict",
        reads=[t.USER_EMBEDDINGS, t.RESCORED_EMBEDDINGS, t.USER_FEATURES, t.USER_SEQUENCES],
        writes=[t.PREDICTIONS, t.RESCORED_EXPECTATIONS], check=[t.PREDICTIONS],
    )  # fmt: skip
    recommend = model_hop(
        "recommend",
        reads=[t.USER_EMBEDDINGS, t.USER_FEATURES, t.USER_SEQUENCES, t.SILVER_EVENTS, t.SILVER_PRODUCTS,
               t.SILVER_USERS],
        writes=SUGGESTED, check=SUGGESTED,
    )  # fmt: skip
    segment = hop(
        "segment",
        reads=[t.USER_EMBEDDINGS, t.RESCORED_EMBEDDINGS, t.PREDICTIONS, t.RESCORED_EXPECTATIONS, t.USER_FEATURES,
               t.USER_SEQUENCES, t.SEGMENT_MODELS, t.SILVER_PRODUCTS, t.RUNS],
        writes=[*SEGMENTED, t.PORTRAITS], check=SEGMENTED,
    )  # fmt: skip
    audiences = hop(
        "audiences",
        reads=[t.USER_PROFILES.staged(), t.SEGMENT_CHANGES.staged(), t.USER_EMBEDDINGS, t.USER_FEATURES, t.RESTATED,
               t.RUNS, t.SILVER_EVENTS, t.SILVER_PRODUCTS, t.SILVER_REFUNDS, t.BRONZE_EVENTS],
        writes=ADDRESSED, check=ADDRESSED,
    )  # fmt: skip
    publish = verb("publish", "publish", reads=[*SEGMENTED, *SUGGESTED, *ADDRESSED], writes=[*t.PUBLISHED, t.RUNS])
    report = plain(
        "report",
        verb_line("report"),
        reads=[*t.PUBLISHED, t.QUALITY_RESULTS, t.RUNS],
    )  # fmt: skip

    # The night four weeks ago: its 28 days are over now.
    ago = "{{ macros.ds_add(night(dag_run, params), -28) }}"
    accuracy = command(
        "accuracy",
        f"python -m ml.accuracy --warehouse '{WAREHOUSE}' --ds {ago} --run-id '{{{{ run_id }}}}'",
        reads=[t.PREDICTIONS, t.SILVER_EVENTS], writes=[t.PREDICTION_ACCURACY],
    )  # fmt: skip
    hits = command(
        "hits",
        f"python -m ml.recommend_accuracy --warehouse '{WAREHOUSE}' --ds {ago} --run-id '{{{{ run_id }}}}'",
        reads=[t.RECOMMENDATIONS, t.USER_SEQUENCES, t.SILVER_EVENTS, t.SILVER_PRODUCTS],
        writes=[t.RECOMMENDATION_ACCURACY],
    )  # fmt: skip
    value = command(
        "value",
        f"python -m ml.value --where-published --warehouse '{WAREHOUSE}' --ds {ago} --run-id '{{{{ run_id }}}}'",
        reads=[t.USER_SEGMENTS, t.USER_FEATURES, t.SILVER_EVENTS], writes=[t.SEGMENT_VALUE],
    )  # fmt: skip

    # The 28 days of the audiences of four weeks ago are over: those held out tell what addressing them changed.
    lift = verb(
        "lift", "lift", reads=[t.AUDIENCES, t.AUDIENCE_MEMBERS, t.USER_DAILY], writes=[t.AUDIENCE_LIFT]
    )  # fmt: skip

    # Posts to other systems wait for the network and not for a core: in no pool that a night's own tasks wait for.
    deliver = plain(
        "deliver",
        ["audience", "deliver", "--ds", NIGHT, "--warehouse", WAREHOUSE],
        reads=[t.AUDIENCES, t.AUDIENCE_MEMBERS, t.SILVER_USERS, t.RUNS], writes=[t.DELIVERIES],
        pool="default_pool", execution_timeout=timedelta(hours=1),
    )  # fmt: skip

    definitions >> collect >> clean >> [sequences, features]
    sequences >> champion >> encode >> predict >> segment >> audiences >> publish >> report
    encode >> recommend >> publish
    features >> [train, predict, segment, recommend]
    publish >> [accuracy, hits, value, lift, deliver]
