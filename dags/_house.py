"""House rules of every DAG: which night, which pool, how often again, what a task sees. Nothing else says so."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from airflow.sdk import Asset, BaseOperator, CronTriggerTimetable, DeadlineAlert, DeadlineReference, Param, SyncCallback
from dags._operators import Command, SparkVerb, Verb
from jobs.tables import Table

ROOT = Path(__file__).resolve().parent.parent
HOME = os.environ.get("HUAXIANG_HOME", str(ROOT / ".run"))
WAREHOUSE = os.environ.get("HUAXIANG_WAREHOUSE", str(ROOT / "warehouse"))
LANDING = os.environ.get("HUAXIANG_LANDING", str(ROOT / "landing"))
SOURCE = os.environ.get("HUAXIANG_SOURCE", "complete_journey")
SOURCES = sorted(path.stem for path in (ROOT / "conf" / "sources").glob("*.yaml"))


def zone_of(source: str) -> str:
    """The zone of a source's shop, whose nights are the scheduled ones; by its text, as a DAG has no reader of YAML."""
    mapping = ROOT / "conf" / "sources" / f"{source}.yaml"
    found = re.search(r"^shop_zone: *[\"']?([\w/+-]+)", mapping.read_text("utf-8"), re.M) if mapping.is_file() else None
    return found.group(1) if found else "UTC"


ZONE = zone_of(SOURCE)

# What trainings leave on the way. Several warehouses may stand beside one HOME: a folder each, by place.
SNAPSHOTS = f"{HOME}/snapshots/{hashlib.sha256(WAREHOUSE.encode()).hexdigest()[:12]}"

# What runs the transforms: Sail on one machine, Apache Spark on many; see jobs/lake/engine.
ENGINE = os.environ.get("HUAXIANG_ENGINE", "sail")

# One slot each. Two verbs over all tables would fight for the same cores; the model must not wait for them.
SPARK_POOL, TORCH_POOL = "spark", "torch"

DEFAULTS = {
    "owner": "data-engineering",
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=3),
}

# The JVM compiles also the long methods that Spark writes for a wide table; see jobs/lake/engine/options.py.
EXECUTOR_OPTIONS = "-XX:-DontCompileHugeMethods"
JVM_OPTIONS = f"{EXECUTOR_OPTIONS} -XX:+UseSerialGC"
if "HUAXIANG_SPARK_REMOTE" in os.environ:  # then it needs a quick start and nothing more
    JVM_OPTIONS += " -XX:TieredStopAtLevel=1"

ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "PYTHONUNBUFFERED": "1",
    "PYSPARK_PYTHON": os.environ.get("PYSPARK_PYTHON", sys.executable),
    "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
}

NIGHT = "{{ night(dag_run, params) }}"
SINCE = "{{ params.since or night(dag_run, params) }}"


def night(dag_run, params: dict) -> str:
    """The day that a run is for: the form's `ds`, else the shop's day before the end of the run's interval.

    One rule for scheduled runs, backfills and hand-started ones. `{{ ds }}` does not serve: by hand it is today,
    whose logs are not all there, and a run triggered without a logical date has no `ds` at all.
    """
    end = dag_run.data_interval_end or dag_run.run_after
    return params.get("ds") or (end.astimezone(ZoneInfo(ZONE)) - timedelta(days=1)).strftime("%Y-%m-%d")


def every(cron: str, days: int) -> CronTriggerTimetable:
    """A schedule by the shop's clock, whose run at an instant is for the `days` before it.

    CronDataIntervalTimetable would start last night's run the moment that a fresh machine unpauses the DAG, and so
    does `run_immediately=False` within a tenth of the period; a zero timedelta is what really waits.
    """
    return CronTriggerTimetable(cron, timezone=ZONE, interval=timedelta(days=days), run_immediately=timedelta())


MACROS = {"night": night}


def late(hours: int, context: dict) -> None:
    """Say that a run is late; replace by a notifier of your own. The UI lists missed deadlines on the run's page."""
    run = context["dag_run"]
    logging.getLogger(__name__).error(
        "%s %s is not done %s hours after it was queued", run["dag_id"], run["dag_run_id"], hours
    )


def deadline(hours: int) -> DeadlineAlert:
    """An alert by the executor (not the triggerer), counted from queueing: by hand there is no logical date."""
    call = SyncCallback(late, kwargs={"hours": hours})
    return DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=hours), call, name=f"{hours} hours")


def day_param(title: str, text: str) -> Param:
    """A date of the trigger form that may stay empty."""
    return Param(None, type=["null", "string"], format="date", title=title, description=text)


def asset(table: Table) -> Asset:
    """A table as the Assets view shows it; the URI names the table, not its place: the same on every machine."""
    meaning = {"one row is": table.grain, "meaning": table.meaning, "含义": table.zh, "owner": table.owner}
    return Asset(table.full_name, f"delta://huaxiang/{table.layer}/{table.name}", group=table.layer, extra=meaning)


def _assets(reads: Iterable[Table], writes: Iterable[Table]) -> dict:
    return {"inlets": [asset(table) for table in reads], "outlets": [asset(table) for table in writes]}


def verb_line(verb: str, *arguments: str) -> list[str]:
    """What follows `python -m jobs`: the line that a person runs by hand."""
    night_and_place = ["--ds", NIGHT, "--since", SINCE, "--source", "{{ params.source }}", "--warehouse", WAREHOUSE]
    return [verb, *night_and_place, *arguments, "--run-id", "{{ run_id }}"]


def verb(task_id: str, name: str, *arguments: str, nightly=True, reads=(), writes=(), **kwargs) -> BaseOperator:
    """A task that runs a verb of jobs/: with Sail in its own process, or by spark-submit. One that is not `nightly` is
    told of no night and no source.
    """
    line = verb_line(name, *arguments) if nightly else [name, "--warehouse", WAREHOUSE, *arguments]
    if ENGINE == "sail":
        return plain(task_id, line, reads=reads, writes=writes, pool=SPARK_POOL, **kwargs)
    folder = Path(os.environ.get("HUAXIANG_JARS", ROOT / ".tools" / "jars"))
    jars = [str(jar) for jar in sorted(folder.glob("*.jar"))]
    return SparkVerb(
        task_id=task_id,
        name=name,
        application=str(ROOT / "jobs" / "__main__.py"),
        application_args=line,
        conn_id="spark_huaxiang",
        jars=",".join(jars) or None,
        driver_memory=os.environ.get("HUAXIANG_DRIVER_MEMORY", "3g"),
        conf={"spark.driver.extraJavaOptions": JVM_OPTIONS, "spark.executor.extraJavaOptions": EXECUTOR_OPTIONS},
        env_vars=ENVIRONMENT,
        pool=SPARK_POOL,
        **_assets(reads, writes),
        **kwargs,
    )


def command(task_id: str, line: str, *, reads=(), writes=(), pool=TORCH_POOL, **kwargs) -> Command:
    """A task by the shell."""
    return Command(task_id=task_id, bash_command=line, pool=pool, **_here(), **_assets(reads, writes), **kwargs)


def plain(task_id: str, arguments: list[str], *, reads=(), writes=(), pool=TORCH_POOL, **kwargs) -> Verb:
    """A task that runs `python -m jobs` with `arguments`."""
    return Verb(task_id=task_id, arguments=arguments, pool=pool, **_here(), **_assets(reads, writes), **kwargs)


def _here() -> dict:
    return {
        "cwd": str(ROOT),
        "env": ENVIRONMENT | {"HUAXIANG_WAREHOUSE": WAREHOUSE, "HUAXIANG_HOME": HOME},
        "append_env": True,
    }
