"""What a service sees of the caller's environment: a fixed list, and never another project's Spark or Airflow."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from local import environment, jars, processes, services
from local.ports import Ports
from local.processes import Service

FOREIGN = {
    "SPARK_HOME": "/opt/other-spark",
    "SPARK_CONF_DIR": "/etc/other-spark",
    "SPARK_REMOTE": "sc://elsewhere:15002",
    "PYSPARK_DRIVER_PYTHON": "jupyter",
    "PYTHONPATH": "/srv/other-project",
    "PYTHONHOME": "/usr/other-python",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://somebody/else",
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW_CONN_SPARK_HUAXIANG": "spark://elsewhere",
    "MLFLOW_EXPERIMENT_NAME": "theirs",
}
HANDED_ON = {
    "LANG": "zh_CN.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "Asia/Shanghai",
    "https_proxy": "http://proxy:3128",
    "HTTP_PROXY": "http://proxy:3128",
    "PIP_INDEX_URL": "https://mirror/simple",
    "UV_INDEX_URL": "https://mirror/simple",
    "SSL_CERT_FILE": "/etc/ssl/ours.pem",
    "HUAXIANG_PII_KEY_FILE": "/secrets/key",
    "AWS_PROFILE": "shop",
    "AZURE_STORAGE_ACCOUNT_NAME": "shop",
    "GOOGLE_APPLICATION_CREDENTIALS": "/secrets/google.json",
}
PRINTS_ITS_ENVIRONMENT = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"


@pytest.fixture
def caller(monkeypatch):
    """A terminal of somebody who also works on another project."""
    for name, value in (FOREIGN | HANDED_ON).items():
        monkeypatch.setenv(name, value)


def ours() -> dict[str, str]:
    at = Ports(8080, 5000, 15002)
    return environment.of_services(
        "/warehouse", "mine", "/landing", at, environment.of_spark(Path("/java"), at, "token")
    )


def test_sail_needs_no_java_and_no_spark():
    alone = environment.of_services("/warehouse", "mine", "/landing", Ports(8080, 5000, 15002))
    assert alone["HUAXIANG_ENGINE"] == "sail"
    assert (alone["HUAXIANG_SOURCE"], alone["HUAXIANG_LANDING"]) == ("mine", "/landing")  # of the scheduled nights
    assert not [name for name in alone if "JAVA" in name or ("SPARK" in name and name != "PYSPARK_PYTHON")]


def test_the_list_hands_on_what_a_service_needs_and_nothing_else():
    home = {"HOME": "/home/me", "PATH": "/usr/bin"}
    assert environment.inherited(FOREIGN | HANDED_ON | home) == HANDED_ON | home


def test_the_variables_that_a_mapping_names_are_handed_on(tmp_path):
    (tmp_path / "crm.yaml").write_text(
        "users:\n  jdbc: {url: 'jdbc:postgresql://crm/shop', user_env: CRM_USER, password_env: \"CRM_PASSWORD\"}\n"
        "events:\n  kafka:\n    servers_env: KAFKA_SERVERS\n"
    )
    named = {"CRM_USER": "reader", "CRM_PASSWORD": "x", "KAFKA_SERVERS": "kafka:9092"}
    assert environment.inherited(FOREIGN | named, tmp_path) == named


def test_a_service_sees_ours_and_nothing_foreign(caller, tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "RUN", tmp_path)
    printed = tmp_path / "environment"
    Service("printer", [sys.executable, "-c", PRINTS_ITS_ENVIRONMENT, str(printed)], ours()).start().wait(20)
    seen = json.loads(printed.read_text())
    for name, value in FOREIGN.items():
        assert seen.get(name) != value, name
    assert HANDED_ON.items() <= seen.items()
    assert seen["PYTHONPATH"] == str(environment.ROOT)
    assert seen["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert seen[processes.MARK] == str(tmp_path)


@pytest.fixture
def called(tmp_path, monkeypatch):
    """Commands in the place of ours, which write their environment to a file that is returned."""
    printed = tmp_path / "environment"
    for name in ("airflow", "spark-submit"):
        script = tmp_path / name
        script.write_text(
            f"#!{sys.executable}\nimport sys; sys.argv[1:] = [{str(printed)!r}]\n{PRINTS_ITS_ENVIRONMENT}\n"
        )
        script.chmod(0o755)
    for module in (services, jars):
        monkeypatch.setattr(module, "BIN", tmp_path)
    monkeypatch.setattr(environment, "AIRFLOW_HOME", tmp_path)
    monkeypatch.setattr("local.java.find", lambda: Path("/java"))
    return printed


def test_nobody_elses_database_is_migrated(caller, called):
    services.migrate(ours())
    seen = json.loads(called.read_text())
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" not in seen
    assert seen["AIRFLOW_HOME"] == ours()["AIRFLOW_HOME"]


def test_the_jars_are_resolved_by_our_spark(caller, called, tmp_path):
    jars.resolve(["io.delta:delta-spark"], tmp_path)
    seen = json.loads(called.read_text())
    assert not {"SPARK_HOME", "SPARK_CONF_DIR", "SPARK_REMOTE", "PYSPARK_DRIVER_PYTHON", "PYTHONPATH"} & seen.keys()
    assert seen["JAVA_HOME"] == "/java"


def test_ours_win_over_what_is_handed_on(monkeypatch):
    monkeypatch.setenv("HUAXIANG_WAREHOUSE", "/somewhere/else")
    monkeypatch.setenv("no_proxy", "elsewhere")
    seen = environment.inherited() | ours()
    assert seen["HUAXIANG_WAREHOUSE"] == "/warehouse"
    assert seen["no_proxy"] == "127.0.0.1,localhost"
    assert seen["PATH"].endswith(os.environ["PATH"])
