"""What stands beside a run on one machine: Airflow's four processes and MLflow, with all of their settings.

Airflow's components are started one by one and not by `airflow standalone`: that one also opens two log servers on
every network interface, has no clean end on SIGTERM, and cannot start its parts while MLflow comes up.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from jobs.lake.options import JVM, STATIC
from local.places import BIN, JARS, ROOT, RUN, SetupError
from local.services import Service, alive

AIRFLOW_HOME = RUN / "airflow"
PREFERRED = {"airflow": 8080, "mlflow": 5000, "spark": 15002}
HOLDERS = {"airflow": "api-server", "mlflow": "mlflow", "spark": "spark"}


@dataclass(frozen=True, slots=True)
class Ports:
    airflow: int
    mlflow: int
    spark: int


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    with socket.socket() as probe:  # bound on another interface counts as taken too
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ports() -> Ports:
    """The ports of this clone, chosen once: the usual ones where free, so that two clones do not collide."""
    saved = RUN / "ports.json"
    chosen = json.loads(saved.read_text()) if saved.exists() else {}
    for name, usual in PREFERRED.items():
        if name not in chosen or not (alive(HOLDERS[name]) or _free(chosen[name])):
            chosen[name] = usual if _free(usual) else _any_free()
    RUN.mkdir(parents=True, exist_ok=True)
    saved.write_text(json.dumps(chosen))
    return Ports(**chosen)


def password() -> str:
    """Made up once; simple auth manager reads the same file, and needs to be able to write it."""
    file = AIRFLOW_HOME / "passwords.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(json.dumps({"admin": secrets.token_urlsafe(9)}))
    return json.loads(file.read_text())["admin"]


def spark_token() -> str:
    """Made up once: whoever reaches the standing Spark can run code as us, and other people may be on this machine."""
    file = RUN / "spark-token"
    if not file.exists():
        RUN.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
    return file.read_text()


def driver_memory() -> str:
    """A quarter of the machine for the one Spark JVM, between 1 and 4 GB."""
    return f"{max(1, min(4, psutil.virtual_memory().total // 4 // 2**30))}g"


def environment(java_home: Path, warehouse: str, landing: str, at: Ports) -> dict[str, str]:
    """What every service, and by them every task, sees."""
    local = "127.0.0.1,localhost"
    return {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "JAVA_HOME": str(java_home),
        "PYSPARK_PYTHON": str(BIN / "python"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "OMP_NUM_THREADS": "1",
        "NO_PROXY": local,
        "no_proxy": local,
        "HUAXIANG_HOME": str(RUN),
        "HUAXIANG_WAREHOUSE": warehouse,
        "HUAXIANG_LANDING": landing,
        "HUAXIANG_JARS": str(JARS),
        "HUAXIANG_DRIVER_MEMORY": driver_memory(),
        "HUAXIANG_SPARK_REMOTE": f"sc://localhost:{at.spark}",  # by this name only, a token needs no certificate
        "SPARK_CONNECT_AUTHENTICATE_TOKEN": spark_token(),
        "AIRFLOW_CONN_SPARK_HUAXIANG": json.dumps({"conn_type": "spark", "host": "local[*]"}),
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{at.mlflow}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        **({"OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES"} if sys.platform == "darwin" else {}),
        **airflow_settings(at.airflow),
    }


def airflow_settings(port: int) -> dict[str, str]:
    """Airflow for one person: loopback only, no examples, and no idle second between two tasks."""
    settings = {
        "CORE__DAGS_FOLDER": ROOT / "dags",
        "CORE__PLUGINS_FOLDER": ROOT / "dags" / "plugins",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": 4,  # workers are forked up front
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": AIRFLOW_HOME / "passwords.json",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.25,
        "SCHEDULER__USE_JOB_SCHEDULE": True,
        "DAG_PROCESSOR__PARSING_PROCESSES": 1,
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 60,
        "DAG_PROCESSOR__REFRESH_INTERVAL": 60,
        "DAG_PROCESSOR__STALE_DAG_THRESHOLD": 300,
    }
    home = {"AIRFLOW_HOME": str(AIRFLOW_HOME)}
    return home | {f"AIRFLOW__{name}": str(value) for name, value in settings.items()}


def _component(name: str, env: dict[str, str], *flags: str) -> Service:
    return Service(name, [str(BIN / "airflow"), name, *flags], env)


def airflow(env: dict[str, str]) -> list[Service]:
    """What a run needs at once; the first answers for the health of all."""
    scheduler = _component("scheduler", env, "--skip-serve-logs")
    return [_component("api-server", env), scheduler, _component("dag-processor", env)]


def triggerer(env: dict[str, str]) -> Service:
    """None of our DAGs defers; it is there for a DAG of yours that does."""
    return _component("triggerer", env, "--skip-serve-logs")


def mlflow(env: dict[str, str], port: int) -> Service:
    """One worker, and no job runner (four more processes for a feature that nobody here uses)."""
    home = RUN / "mlflow"
    home.mkdir(parents=True, exist_ok=True)
    line = [str(BIN / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    line += ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", str(home / "artifacts")]
    return Service("mlflow", line, env | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"})


def spark(env: dict[str, str], port: int) -> Service:
    """One Spark for all verbs (Spark Connect): a JVM for each would start cold eleven times a night."""
    here = [str(path) for path in sorted(JARS.glob("*.jar"))]
    line = [str(BIN / "spark-submit"), "--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    line += ["--master", "local[*]", "--driver-memory", driver_memory(), "--jars", ",".join(here)]
    settings = STATIC | {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.connect.execute.manager.detachedTimeout": "10s",  # a client that was killed leaves no query behind
        "spark.driver.extraJavaOptions": f"{JVM} -XX:+UseParallelGC",
    }
    for key, value in settings.items():
        line += ["--conf", f"{key}={value}"]
    return Service("spark", [*line, "spark-internal"], env)


def migrate(env: dict[str, str]) -> None:
    """Airflow's database, made or brought up to this version; remembered, because a look costs ten seconds."""
    from importlib.metadata import version

    stamp = AIRFLOW_HOME / f"migrated-{version('apache-airflow')}"
    if stamp.exists():
        return
    done = subprocess.run([BIN / "airflow", "db", "migrate"], env=os.environ | env, capture_output=True, text=True)
    if done.returncode:
        raise SetupError("airflow db migrate failed:\n" + "\n".join((done.stdout + done.stderr).splitlines()[-15:]))
    stamp.touch()
