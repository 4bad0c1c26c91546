"""`python -m local.run`: stand Airflow and MLflow up on this machine, run one night, say what was written."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import httpx

from local import environment, jars, java, ports, processes, secrets, services, written
from local.client import Airflow
from local.follow import Follower
from local.places import ROOT, SetupError, ends_in_one_line, out

DEMO = "complete_journey"
DAGS = ("huaxiang_nightly", "huaxiang_train")
# A history load in one pass, ending in the night that is shown.
FIRST_DAY, DEFAULT_NIGHT = "2017-01-01", "2017-12-01"


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.run", description=__doc__)
    parser.add_argument(
        "--ds", default="", help=f"the night, YYYY-MM-DD (default: {DEFAULT_NIGHT}, all days before it)"
    )
    parser.add_argument("--since", default="", help="load every day from here to the night in one pass")
    parser.add_argument("--source", default=DEMO, help="name of a file in conf/sources (default: %(default)s)")
    parser.add_argument("--landing", default="", help="folder or URI of the source's files (default: the demo's)")
    parser.add_argument("--warehouse", default="./warehouse", help="folder or URI of the tables")
    parser.add_argument(
        "--engine", default="sail", choices=("sail", "spark"), help="what runs the transforms (default: %(default)s)"
    )
    asked = parser.parse_args(given)
    if not asked.ds:
        asked.ds, asked.since = DEFAULT_NIGHT, asked.since or FIRST_DAY
    for name in ("ds", "since"):
        _day(name.upper(), getattr(asked, name))
    if asked.since > asked.ds:
        raise SetupError(f"expected SINCE not after DS, found SINCE={asked.since} DS={asked.ds}")
    if not (ROOT / "conf" / "sources" / f"{asked.source}.yaml").is_file():
        known = ", ".join(sorted(path.stem for path in (ROOT / "conf" / "sources").glob("*.yaml")))
        raise SetupError(f"expected SOURCE to be one of {known}, found {asked.source!r} (add conf/sources/NAME.yaml)")
    if asked.source != DEMO and not asked.landing:
        raise SetupError(f"expected LANDING=<folder of the files> with SOURCE={asked.source}, found none")
    return asked


def _day(name: str, text: str) -> None:
    try:
        if text:
            date.fromisoformat(text)
    except ValueError:
        raise SetupError(f"expected {name} as YYYY-MM-DD, found {text!r}") from None


def absolute(place: str) -> str:
    return place if "://" in place else str(Path(place).resolve())


def stand_up(env: dict[str, str], at: ports.Ports) -> bool:
    """Start what does not stand, in the order of need; what stands with other settings is ended first.

    True where Airflow was started, False where it stood.
    """
    spark = [services.spark(env, at.spark)] if "HUAXIANG_SPARK_REMOTE" in env else []
    first = [*services.airflow(env), *spark]
    later = [services.mlflow(env, at.mlflow), services.triggerer(env)]
    if all(service.standing() for service in [*first, *later]):
        out.print("services: standing already")
        return False
    if processes.stop():
        out.print("services: ended those of other settings")
    started = time.monotonic()
    out.print(f"services: starting Airflow{', Spark' if spark else ''} and MLflow ...")
    services.migrate(env)
    for service in first:
        service.start()
    processes.await_healthy(first[0], f"http://127.0.0.1:{at.airflow}/api/v2/monitor/health", _airflow_healthy)
    for service in later:  # nobody needs them in the first minute, and each costs ten seconds of a core to come up
        service.start()
    for service in spark:
        processes.await_listening(service, at.spark)
    out.print(f"services: Airflow healthy after {time.monotonic() - started:.0f} s")
    return True


def _airflow_healthy(answer: httpx.Response) -> bool:
    parts = answer.json() if answer.is_success else {}
    return all(parts.get(part, {}).get("status") == "healthy" for part in ("scheduler", "dag_processor"))


def land_demo(landing: str) -> None:
    """By a process of its own, whose half a gigabyte of tables ends with it."""
    line = [sys.executable, "-m", "local.demo", "--landing", landing]
    if subprocess.run(line, cwd=ROOT).returncode:
        raise SetupError(f"expected the demo data under {landing}, could not land them; the reason stands above")


def patiently(client: Airflow, what: str, done: Callable[[], bool], seconds: float = 90) -> None:
    """Wait for the dag-processor; SetupError with its complaint where it cannot read a file."""
    until = time.monotonic() + seconds
    while not done():
        if errors := client.import_errors():
            raise SetupError("Airflow cannot read the DAGs:\n" + "\n".join(errors))
        if time.monotonic() > until:
            raise SetupError(f"expected {what} within {seconds:.0f} s; .run/dag-processor.log may say why not")
        time.sleep(0.5)


def night(client: Airflow, given: argparse.Namespace, landing: str) -> bool:
    """Trigger the nightly and follow it; True where it was published."""
    for pool, what in (("spark", "one verb over all tables at a time"), ("torch", "one model process group at a time")):
        client.pool(pool, 1, what)
    patiently(client, "Airflow to know the DAGs", lambda: all(map(client.knows, DAGS)))
    run_id = f"local__{given.ds}__{datetime.now(UTC):%Y%m%dT%H%M%S}"
    conf = {"ds": given.ds, "since": given.since or None, "source": given.source, "landing": landing}
    patiently(client, "the run to be taken", lambda: client.trigger("huaxiang_nightly", run_id, conf))
    span = f"{given.since} to {given.ds}" if given.since else given.ds
    out.print(f"huaxiang_nightly: {span} of {given.source}, run {run_id}")
    state, failed = Follower(client, out).follow(
        [("huaxiang_nightly", run_id), ("huaxiang_train", f"nightly__{run_id}")]
    )
    if state != "success":
        out.print(f"[red]the night failed[/red]: {', '.join(task.task_id for task in failed)}; see the reasons above")
    return state == "success"


def main() -> int:
    started = time.monotonic()
    given = arguments()
    landing, warehouse = absolute(given.landing or "landing"), absolute(given.warehouse)
    at = ports.choose()
    spark = None
    if given.engine == "spark":
        spark = environment.of_spark(java.find(), at, secrets.spark_token())
        jars.ensure()
    env = environment.of_services(warehouse, given.source, landing, at, spark)
    password = secrets.password()
    with ThreadPoolExecutor(1) as beside:  # the demo lands while the services come up
        standing = beside.submit(stand_up, env, at)
        if not given.landing:
            land_demo(landing)
        fresh = standing.result()
    client = Airflow(f"http://127.0.0.1:{at.airflow}", "admin", password)
    for dag_id in DAGS if fresh else ():
        for run_id in client.end_unfinished(dag_id):
            out.print(f"{dag_id}: ended run {run_id}, which an earlier stop cut off")
    published = night(client, given, landing)
    if published:
        written.show(out, warehouse, given.ds)
    out.print(f"Airflow  http://127.0.0.1:{at.airflow}  login admin / {password}")
    out.print(f"MLflow   http://127.0.0.1:{at.mlflow}")
    out.print(f"tables   {warehouse}    {time.monotonic() - started:.0f} s in all; `make stop` ends the services")
    return 0 if published else 1


if __name__ == "__main__":
    ends_in_one_line(main)
