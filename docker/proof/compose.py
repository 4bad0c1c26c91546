"""The third part of prove.sh: compose.yaml's services, each by its own command, environment, volumes and health check.

Stands in for the engine: a service is a `buildah run` in its image's container, all in one network namespace that has
nothing but loopback, where each service's name is an address of this machine. PostgreSQL is Debian's, not the image
that compose.yaml names.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

WORK = Path(os.environ["WORK"])
HERE = Path(__file__).resolve().parent
DOCKER = HERE.parent
BUILDAH = ["buildah", "--root", f"{WORK}/storage", "--runroot", f"{WORK}/runroot"]
OWNER = 10001
POSTGRES = """
d=/var/lib/postgresql/prove
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
rm -rf $d; echo "$POSTGRES_PASSWORD" > /tmp/pw
initdb --pgdata $d --username $POSTGRES_USER --pwfile /tmp/pw \\
    --auth-host scram-sha-256 --auth-local trust --encoding UTF8
(until createdb --host /tmp --username $POSTGRES_USER --owner $POSTGRES_USER airflow 2> /dev/null; do sleep 1; done) &
exec postgres -D $d -c unix_socket_directories=/tmp -c listen_addresses=localhost
"""
# Mounted beside the images' own files: the probe DAG where DAGs are read, its application where tasks run.
PROBE = ["--volume", f"{HERE}/dag.py:/opt/huaxiang/dags/prove.py:ro"]
PROBE += ["--volume", f"{HERE}/spark.py:/opt/huaxiang/docker/proof/spark.py:ro"]


class ProofError(Exception):
    """A step of the proof did not hold."""


def compose() -> dict:
    """compose.yaml, resolved by the image's own Python with fresh secrets."""
    words = ("POSTGRES_PASSWORD", "AIRFLOW_SECRET_KEY", "AIRFLOW_JWT_SECRET", "HUAXIANG_UI_PASSWORD")
    fresh = {word: secrets.token_hex(24) for word in words}
    fresh["AIRFLOW_FERNET_KEY"] = secrets.token_urlsafe(33)[:43] + "="
    mounts = ["--volume", f"{DOCKER}:/tmp/docker:ro"]
    flags = [part for name, value in fresh.items() for part in ("--env", f"{name}={value}")]
    line = [*BUILDAH, "run", *mounts, *flags, "prove-airflow", "--", "python", "/tmp/docker/services.py"]
    printed = subprocess.run([*line, "/tmp/docker/compose.yaml"], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(printed.stdout)


def seconds(text: str) -> int:
    minutes, rest = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", text).groups()
    return 60 * int(minutes or 0) + int(rest or 0)


class Service:
    def __init__(self, name: str, spec: dict):
        self.name, self.spec = name, spec
        self.container = "prove-" + (spec["build"]["target"] if "build" in spec else name)
        self.log = WORK / "logs" / f"service-{name}.log"
        self.process: subprocess.Popen | None = None

    def run(self, *command: str) -> list[str]:
        """The `buildah run` line for a command in this service."""
        line = [*BUILDAH, "run", "--hostname", self.name]
        for key, value in self.spec.get("environment", {}).items():
            line += ["--env", f"{key}={value}"]
        for volume in self.spec.get("volumes", []) if "build" in self.spec else []:
            line += ["--volume", self.mount(volume)]
        if self.name in ("scheduler", "dag-processor"):
            line += PROBE
        if "build" not in self.spec:
            line += ["--user", "postgres"]
        return [*line, self.container, "--", *command]

    def mount(self, volume: str) -> str:
        source, rest = volume.split(":", 1)
        if source.startswith("."):
            return f"{(DOCKER / source).resolve()}:{rest}"
        folder = WORK / "volumes" / source
        if not folder.exists():
            folder.mkdir(parents=True)
            os.chown(folder, OWNER, OWNER)
        return f"{folder}:{rest}"

    def start(self) -> None:
        command = self.spec["command"] if "build" in self.spec else ["bash", "-euc", POSTGRES]
        self.process = subprocess.Popen(self.run(*command), stdout=self.log.open("w"), stderr=subprocess.STDOUT)

    def wait(self, condition: str) -> None:
        began = time.monotonic()
        if condition == "service_completed_successfully":
            if self.process.wait(600):
                raise ProofError(f"{self.name} exited {self.process.returncode}: see {self.log}")
            print(f"PROVEN  {self.name} ran to its end in {time.monotonic() - began:.0f} s", flush=True)
            return
        check = self.spec["healthcheck"]
        test = check["test"][1:]
        if self.name == "postgres":
            test = ["bash", "-c", f"$(echo /usr/lib/postgresql/*/bin)/{' '.join(test)} --host localhost && sleep 3"]
        patience = seconds(check.get("start_period", "0s")) + check["retries"] * seconds(check["interval"])
        deadline = began + 2 * patience
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ProofError(f"{self.name} exited {self.process.returncode}: see {self.log}")
            said = subprocess.run(self.run(*test), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if not said.returncode:
                print(f"PROVEN  {self.name} is healthy after {time.monotonic() - began:.0f} s", flush=True)
                return
            time.sleep(5)
        raise ProofError(f"{self.name} did not become healthy: see {self.log}; {said.stdout[-1000:]}")


def create_containers(services: dict[str, Service]) -> None:
    """One container an image, in which every service's name is this machine."""
    hosts = [part for name in services for part in ("--add-host", f"{name}:127.0.0.1")]
    for container in sorted({service.container for service in services.values()}):
        image = f"huaxiang-{container}" if "postgres" in container else container.replace("prove", "huaxiang")
        subprocess.run([*BUILDAH, "rm", container], capture_output=True)
        line = [*BUILDAH, "from", "--pull-never", "--name", container, *hosts, f"localhost/{image}"]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)


def start_all(services: dict[str, Service]) -> None:
    """Every service without a profile, in the order that depends_on asks for; in the end all are healthy."""
    waited: dict[str, str] = {}

    def start(service: Service) -> None:
        if service.process:
            return
        for name, how in service.spec.get("depends_on", {}).items():
            start(services[name])
            if waited.get(name) != how["condition"]:
                services[name].wait(how["condition"])
                waited[name] = how["condition"]
        service.start()

    running = [service for service in services.values() if not service.spec.get("profiles")]
    for service in running:
        start(service)
    for service in running:
        if service.name not in waited:
            service.wait("service_healthy")


def call(path: str, token: str = "", body: dict | None = None) -> dict:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = Request(f"http://localhost:8080{path}", json.dumps(body).encode() if body is not None else None, headers)
    with urlopen(request, timeout=60) as response:
        return json.load(response)


def until(what: str, limit: int, ask) -> None:
    """Asks again until the answer is true."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        try:
            if ask():
                return
        except OSError as error:  # HTTPError is one
            last = error
            print(f"        waiting for {what}: {last}", flush=True)
        time.sleep(10)
    raise ProofError(f"{what} did not happen within {limit} s")


def probe(services: dict[str, Service]) -> None:
    """Logs in, starts the probe DAG, and follows it through every service."""
    password = services["init"].spec["environment"]["HUAXIANG_UI_PASSWORD"]
    token = call("/auth/token", body={"username": "admin", "password": password})["access_token"]
    pools = {pool["name"]: pool["slots"] for pool in call("/api/v2/pools", token)["pools"]}
    print(f"PROVEN  login by password; pools {pools}", flush=True)

    until("the probe DAG is known", 600, lambda: call("/api/v2/dags/prove", token))
    errors = call("/api/v2/importErrors", token)["import_errors"]
    if errors:
        raise ProofError(f"DAG files with import errors: {errors}")
    names = sorted(dag["dag_id"] for dag in call("/api/v2/dags", token)["dags"])
    print(f"PROVEN  dag-processor serves {', '.join(names)}", flush=True)

    run = call("/api/v2/dags/prove/dagRuns", token, {"logical_date": None})["dag_run_id"]
    states: dict[str, str] = {}

    def finished() -> bool:
        found = call(f"/api/v2/dags/prove/dagRuns/{run}/taskInstances", token)["task_instances"]
        states.update({task["task_id"]: task["state"] for task in found})
        return call(f"/api/v2/dags/prove/dagRuns/{run}", token)["state"] in ("success", "failed")

    until("the end of the probe run", 900, finished)
    for task in ("spark", "train"):
        log = json.dumps(call(f"/api/v2/dags/prove/dagRuns/{run}/taskInstances/{task}/logs/1?full_content=true", token))
        (WORK / "logs" / f"task-{task}.json").write_text(log)
        if states[task] != "success":
            raise ProofError(f"task {task} is {states[task]}: {log[-3000:]}")
        if task == "spark" and "rows read back: 1000" not in log:
            raise ProofError(f"the api-server shows no log of task spark: {log[-1000:]}")
    print(f"PROVEN  probe run: {states}; the api-server shows the scheduler's task logs", flush=True)

    read = 'import deltalake; print(deltalake.DeltaTable("/data/warehouse/prove/numbers").to_pyarrow_table().num_rows)'
    rows = subprocess.run(services["api-server"].run("python", "-c", read), capture_output=True, text=True)
    if rows.stdout.split() != ["1000"]:
        raise ProofError(f"api-server reads the warehouse: {rows.stdout} {rows.stderr}")
    print("PROVEN  api-server reads the Delta table that the scheduler's Spark wrote: 1000 rows", flush=True)

    runs = 'import mlflow; r = mlflow.search_runs(experiment_names=["prove"]); print(r["metrics.sum"][0], end=" "); '
    runs += "print(mlflow.artifacts.load_text(r.artifact_uri[0] + '/note.txt'))"
    seen = subprocess.run(services["jobs"].run("python", "-c", runs), capture_output=True, text=True)
    if "499500.0 kept by the server" not in seen.stdout:
        raise ProofError(f"the service jobs reads MLflow: {seen.stdout} {seen.stderr[-2000:]}")
    print("PROVEN  the service jobs reads metric and artifact of that run from http://mlflow:5000", flush=True)

    hand = "python -m local.demo --landing /data/landing --until 2017-01-01 --users 200 && "
    hand += "python -m jobs collect --ds 2017-01-01 && python -c '"
    hand += 'import deltalake; print(deltalake.DeltaTable("/data/warehouse/bronze/events").count())\''
    done = subprocess.run(services["jobs"].run("bash", "-euc", hand), capture_output=True, text=True)
    (WORK / "logs" / "by-hand.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        raise ProofError(f"demo and collect by hand: {done.stdout[-1000:]} {done.stderr[-2000:]}")
    rows = done.stdout.strip().splitlines()[-1]
    print(
        f"PROVEN  the service jobs lands the demo and collects it: bronze.events has {rows} rows",
        flush=True,
    )


def main() -> int:
    services = {name: Service(name, spec) for name, spec in compose()["services"].items()}
    create_containers(services)
    try:
        start_all(services)
        probe(services)
    except ProofError as error:
        print(f"FAILED  {error}", file=sys.stderr)
        return 1
    finally:
        for service in services.values():
            if service.process and service.process.poll() is None:
                service.process.terminate()
    print("PROVEN  the composition works as compose.yaml says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
