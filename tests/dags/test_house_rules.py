"""Every DAG keeps the rules of the house; the golden file shows any change of a schedule, an edge or a pool."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).with_name("golden.json")
TAGS = {"huaxiang", "nightly", "model", "maintenance"}


def test_every_dag_parses(bag):
    assert not bag.import_errors
    assert {"huaxiang_nightly", "huaxiang_train", "huaxiang_maintain"} <= set(bag.dags)


def test_every_dag_says_what_it_is(bag):
    for dag in bag.dags.values():
        assert dag.doc_md, f"{dag.dag_id}: its page in the UI is empty; give the file a docstring"
        assert dag.tags, f"{dag.dag_id}: no tags"
        assert set(dag.tags) <= TAGS, f"{dag.dag_id}: tags outside {sorted(TAGS)}"
        assert dag.max_active_runs == 1, f"{dag.dag_id}: two runs would write the same tables"
        assert dag.deadline, f"{dag.dag_id}: nobody would notice a run that hangs"
        assert not dag.catchup, f"{dag.dag_id}: missed nights come by backfill, when somebody asks for them"


def test_every_task_has_an_owner_a_pool_retries_and_an_end(bag):
    for dag in bag.dags.values():
        for task in dag.tasks:
            name = f"{dag.dag_id}.{task.task_id}"
            assert task.owner in {"data-engineering", "machine-learning", "analytics"}, f"{name}: owner {task.owner}"
            assert task.retries >= 1, f"{name}: a lost process is worth another try"
            assert task.retry_exponential_backoff, f"{name}: retries without backoff"
            assert timedelta(0) < task.execution_timeout <= timedelta(hours=6), f"{name}: may hang for ever"
            if task.task_type in ("SparkVerb", "Verb", "Command"):
                pools = ("default_pool",) if task.task_id == "deliver" else ("spark", "torch")
                assert task.pool in pools, f"{name}: outside the pools"


def test_every_check_stands_between_its_table_and_the_readers(bag):
    """A table that a check reads is read by no task that may start before the check has passed."""
    nightly = bag.dags["huaxiang_nightly"]
    checks = [task for task in nightly.tasks if task.task_id.endswith(".check")]
    assert len(checks) == 8
    for check in checks:
        checked = {asset.name for asset in check.inlets}
        after = check.get_flat_relative_ids(upstream=False)
        for task in nightly.tasks:
            if task not in checks and checked & {asset.name for asset in task.inlets}:
                assert task.task_id in after, f"{task.task_id} reads {checked}, and does not wait for {check.task_id}"


def test_every_published_table_is_an_outlet_of_publish(bag):
    from jobs import tables

    outlets = {asset.name for asset in bag.dags["huaxiang_nightly"].get_task("publish").outlets}
    assert {table.full_name for table in (*tables.PUBLISHED, tables.RUNS)} == outlets


@pytest.mark.parametrize("module", ["pyspark", "torch", "mlflow", "great_expectations", "pandas", "deltalake"])
def test_reading_the_dags_imports_nothing_heavy(imported, module):
    assert module not in imported, f"a DAG file is read every minute; importing {module} takes seconds"


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> set[str]:
    """What a fresh interpreter has imported once the DAG files are."""
    script = "import sys, dags.nightly, dags.train, dags.maintain\n"
    script += "print('MODULES', *{name.split('.')[0] for name in set(sys.modules)})"
    env = os.environ | {"PYTHONPATH": str(ROOT), "AIRFLOW_HOME": str(tmp_path_factory.mktemp("home"))}
    done = subprocess.run([sys.executable, "-c", script], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split("MODULES", 1)[1].split())


def shape(dag) -> dict:
    tasks = {
        task.task_id: {
            "after": sorted(task.upstream_task_ids),
            "pool": task.pool,
            "kind": "Verb" if task.task_type == "SparkVerb" else task.task_type,
            **({} if task.trigger_rule == "all_success" else {"when": str(task.trigger_rule.value)}),
        }
        for task in sorted(dag.tasks, key=lambda one: one.task_id)
    }
    return {"schedule": f"{dag.timetable.expression}, for {dag.timetable.interval}", "tasks": tasks}


def test_graph_is_as_written_down(bag):
    """GOLDEN=write pytest tests/dags writes it anew; the difference is what a reviewer looks at."""
    found = {dag_id: shape(dag) for dag_id, dag in sorted(bag.dags.items())}
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    assert found == json.loads(GOLDEN.read_text())
