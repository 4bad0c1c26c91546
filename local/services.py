"""The services of a local run: Airflow's four processes and MLflow; and one Spark, where it is the engine.

Airflow's components are started one by one and not by `airflow standalone`: that one also opens two log servers on
every network interface, has no clean end on SIGTERM, and cannot start its parts while MLflow comes up.
"""

from __future__ import annotations

import subprocess
from importlib.metadata import version

from jobs.lake.engine.options import JVM, STATIC
from local import environment
from local.places import BIN, JARS, RUN, SetupError
from local.processes import Service


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
    home = RUN / "mlflow"
    home.mkdir(parents=True, exist_ok=True)
    line = [str(BIN / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    line += ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", str(home / "artifacts")]
    return Service("mlflow", line, env)


def spark(env: dict[str, str], port: int) -> Service:
    """One Spark for all verbs (Spark Connect): a JVM for each would start cold eleven times a night."""
    jars = [str(path) for path in sorted(JARS.glob("*.jar"))]
    line = [str(BIN / "spark-submit"), "--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    line += ["--master", "local[*]", "--driver-memory", environment.driver_memory(), "--jars", ",".join(jars)]
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
    stamp = environment.AIRFLOW_HOME / f"migrated-{version('apache-airflow')}"
    if stamp.exists():
        return
    line = [str(BIN / "airflow"), "db", "migrate"]
    done = subprocess.run(line, env=environment.inherited() | env, capture_output=True, text=True)
    if done.returncode:
        raise SetupError("airflow db migrate failed:\n" + "\n".join((done.stdout + done.stderr).splitlines()[-15:]))
    stamp.touch()
