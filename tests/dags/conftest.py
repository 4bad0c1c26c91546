"""One reading of the DAGs for all tests of the room: no database, no example DAGs, no connections of this machine."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Read when Airflow is first imported, which may be before any fixture runs.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="huaxiang-airflow-"))
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"


@pytest.fixture(scope="session")
def bag():
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"), bundle_path=ROOT / "dags", bundle_name="dags")


@pytest.fixture
def fake_submit(tmp_path, monkeypatch):
    """Put a `spark-submit` on the PATH that says and does what the test asks."""

    def put(*lines: str) -> Path:
        script = tmp_path / "spark-submit"
        script.write_text("\n".join(["#!/usr/bin/env bash", *lines]) + "\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("AIRFLOW_CONN_SPARK_HUAXIANG", '{"conn_type": "spark", "host": "local[1]"}')
        return script

    return put
