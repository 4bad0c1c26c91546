"""What every service of a local run sees: the one list. tests/docker/test_compose.py holds compose.yaml against it.

A service gets `inherited()`, the few variables that the caller may hand on, and over them `of_services()`, our own.
All else of the caller's environment stays outside: a SPARK_HOME, PYTHONPATH or AIRFLOW__* of another project would run
that project's Spark, import its modules or migrate its database.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from local.places import BIN, JARS, ROOT, RUN

if TYPE_CHECKING:
    from local.ports import Ports

AIRFLOW_HOME = RUN / "airflow"
PASSWORDS = AIRFLOW_HOME / "passwords.json"  # the simple auth manager reads it, and must be able to write it

INHERITED = {
    "HOME", "PATH", "USER", "LOGNAME", "SHELL", "TMPDIR", "TMP", "TEMP",
    "LANG", "LANGUAGE", "TZ",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "JAVA_TOOL_OPTIONS",  # certificates and proxies of a company's network
    "LD_LIBRARY_PATH",  # where a machine keeps its CUDA libraries
    "PYTHONDONTWRITEBYTECODE",
}  # fmt: skip
INHERITED_PREFIXES = (
    "HUAXIANG_", "LC_", "PIP_", "UV_", "SSL_",
    "AWS_", "AZURE_", "GOOGLE_",  # credentials of a warehouse or landing in the cloud
    "CUDA_", "NVIDIA_", "NCCL_",
)  # fmt: skip
PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}  # in either case
NAMED_BY_A_MAPPING = re.compile(r"""\b\w+_env:\s*["']?([A-Z][A-Z0-9_]*)""")


def inherited(caller: Mapping[str, str] | None = None, sources: Path = ROOT / "conf" / "sources") -> dict[str, str]:
    """Of the caller's environment (default: this process's), what services and verbs may see.

    Beside the fixed list these are the variables that a mapping under `sources` names for a database's login or for
    Kafka's servers (`user_env: CRM_USER`).
    """
    named = {
        name for file in sources.glob("*.yaml") for name in NAMED_BY_A_MAPPING.findall(file.read_text(encoding="utf-8"))
    }
    return {
        name: value
        for name, value in (os.environ if caller is None else caller).items()
        if name in INHERITED | named or name.lower() in PROXIES or name.startswith(INHERITED_PREFIXES)
    }


def of_services(
    warehouse: str, source: str, landing: str, at: Ports, spark: dict[str, str] | None = None
) -> dict[str, str]:
    """What every service, and by them every task, sees besides; `spark` is `of_spark` where Apache Spark is the engine,
    Sail is by default.
    """
    loopback = "127.0.0.1,localhost"
    return {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYSPARK_PYTHON": str(BIN / "python"),
        "OMP_NUM_THREADS": "1",
        "NO_PROXY": loopback,
        "no_proxy": loopback,
        "HUAXIANG_HOME": str(RUN),
        "HUAXIANG_WAREHOUSE": warehouse,
        "HUAXIANG_SOURCE": source,  # of the nights that the schedule starts, as the landing
        "HUAXIANG_LANDING": landing,
        "HUAXIANG_DRIVER_MEMORY": driver_memory(),
        **({"HUAXIANG_ENGINE": "sail"} if spark is None else spark),
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{at.mlflow}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # four more processes for a feature that nobody here uses
        "GIT_PYTHON_REFRESH": "quiet",
        **({"OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES"} if sys.platform == "darwin" else {}),
        **airflow_settings(at.airflow),
    }


def of_spark(java_home: Path, at: Ports, token: str) -> dict[str, str]:
    """What tasks need where Apache Spark runs them: one that stands, which `token` opens."""
    return {
        "HUAXIANG_ENGINE": "spark",
        "JAVA_HOME": str(java_home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "HUAXIANG_JARS": str(JARS),
        "HUAXIANG_SPARK_REMOTE": f"sc://localhost:{at.spark}",  # by this name only, a token needs no certificate
        "SPARK_CONNECT_AUTHENTICATE_TOKEN": token,
        "AIRFLOW_CONN_SPARK_HUAXIANG": json.dumps({"conn_type": "spark", "host": "local[*]"}),
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
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": PASSWORDS,
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.25,
        "SCHEDULER__USE_JOB_SCHEDULE": True,
        "DAG_PROCESSOR__PARSING_PROCESSES": 1,
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 300,  # a file that changed is read at once
        "DAG_PROCESSOR__REFRESH_INTERVAL": 60,
        "DAG_PROCESSOR__STALE_DAG_THRESHOLD": 300,
    }
    home = {"AIRFLOW_HOME": str(AIRFLOW_HOME)}
    return home | {f"AIRFLOW__{name}": str(value) for name, value in settings.items()}


def driver_memory() -> str:
    """A quarter of the machine for the one verb that runs, between 1 and 4 GB."""
    return f"{max(1, min(4, psutil.virtual_memory().total // 4 // 2**30))}g"
