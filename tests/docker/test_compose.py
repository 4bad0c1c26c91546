"""compose.yaml against the Compose Specification's schema and our own rules; needs no Docker engine, takes a second."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from local import environment
from local.ports import Ports

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
SCHEMA = json.loads((Path(__file__).parent / "compose_spec" / "compose-spec.json").read_text())

# docker/ is no package: it would hide the PyPI package of that name, which mlflow imports.
spec = importlib.util.spec_from_file_location("docker_services", DOCKER / "services.py")
services = importlib.util.module_from_spec(spec)
spec.loader.exec_module(services)

REQUIRED = {
    "POSTGRES_PASSWORD": "postgrespw",
    "AIRFLOW_SECRET_KEY": "secretkey",
    "AIRFLOW_JWT_SECRET": "jwtsecret",
    "AIRFLOW_FERNET_KEY": "fernetkey",
    "HUAXIANG_UI_PASSWORD": "uipassword",
}
RAW = yaml.safe_load((DOCKER / "compose.yaml").read_text())
COMPOSE = services.load(DOCKER / "compose.yaml", REQUIRED)
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def env_file() -> tuple[dict[str, str], set[str]]:
    """The variables that .env.example sets, and those that it names in a comment."""
    lines = (DOCKER / ".env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    optional = {match[1] for line in lines if (match := re.match(r"# ([A-Z_]+)=", line))}
    return given, optional


def test_schema():
    jsonschema.Draft202012Validator(SCHEMA).validate(COMPOSE)


@pytest.mark.parametrize("missing", sorted(REQUIRED))
def test_a_missing_secret_is_refused_by_name(missing):
    with pytest.raises(KeyError, match=missing):
        services.load(DOCKER / "compose.yaml", {k: v for k, v in REQUIRED.items() if k != missing})


def test_env_example_names_every_variable_and_sets_no_secret():
    text = (DOCKER / "compose.yaml").read_text()
    used = {match[0] for match in services.VARIABLE.findall(text)}
    given, optional = env_file()
    assert given == dict.fromkeys(REQUIRED, "")
    # The pools' sizes are init.sh's, with compose.yaml passing them on.
    assert used == set(given) | optional


def test_no_literal_secret():
    secret = re.compile(r"PASSWORD$|SECRET|FERNET|_KEY$|SQL_ALCHEMY_CONN")
    for name, service in RAW["services"].items():
        for key, value in service.get("environment", {}).items():
            if secret.search(key):
                optional = value == f"${{{key}:-}}"  # empty unless given, such as the key of personal data
                assert optional or ":?" in value, f"{name}: {key} must come from a variable, and have no default"
    assert not re.search(r"(PASSWORD|SECRET|FERNET|TOKEN)\w*[ =]", DOCKERFILE)


def test_build_targets_exist():
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    assert set(OURS) == set(SERVICES) - {"postgres"}
    for name, service in OURS.items():
        assert service["build"]["target"] in stages, name
        assert (DOCKER / service["build"]["context"]).resolve() == ROOT
        assert (ROOT / service["build"]["dockerfile"]).exists()
        assert service["image"] == f"huaxiang-{service['build']['target']}"


def test_images_run_as_user_with_base_and_health_check():
    assert "\nARG BASE=" in DOCKERFILE
    final = [stage for stage in re.split(r"^(?=FROM )", DOCKERFILE, flags=re.MULTILINE) if "\nCMD " in stage]
    assert len(final) == 2
    assert all("\nUSER huaxiang\n" in stage for stage in final)
    assert set(re.findall(r"^(?:COPY|ADD) .*$", DOCKERFILE, re.MULTILINE))
    # Packages before code, in every branch: a change of code installs nothing again.
    for stage in final:
        assert "pip install" not in stage


def test_copied_paths_reach_the_builder():
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert any(source == path or source.startswith(path + "/") for path in kept), source


def test_ports_are_bound_to_loopback():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_long_running_service_has_a_health_check_and_waits_for_what_it_needs():
    for name, service in SERVICES.items():
        if service.get("restart") == "unless-stopped":
            assert service["healthcheck"]["test"][0] == "CMD", name
        for other, how in service.get("depends_on", {}).items():
            needed = "service_completed_successfully" if other == "init" else "service_healthy"
            assert how["condition"] == needed, f"{name} -> {other}"
    for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
        assert "init" in SERVICES[name]["depends_on"]


def test_named_volumes_are_declared_and_owned_by_the_image():
    made = re.search(r"mkdir -p (.*) \\", DOCKERFILE)[1].split()
    used = set()
    for name, service in OURS.items():
        for volume in service.get("volumes", []):
            source, target = volume.split(":")[:2]
            if not source.startswith("."):
                used.add(source)
                assert target in made, f"{name}: {target} would belong to root"
    assert used == set(COMPOSE["volumes"]) - {"postgres"}


def test_airflow_processes_agree():
    airflow = ["init", "api-server", "scheduler", "dag-processor", "triggerer"]
    for key in ("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__CORE__FERNET_KEY"):
        assert len({SERVICES[name]["environment"][key] for name in airflow}) == 1
    for name in airflow:
        assert SERVICES[name]["environment"]["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"].startswith("http://api-server:")


def test_mlflow_accepts_its_service_name():
    hosts = next(word for word in SERVICES["mlflow"]["command"] if word.startswith("--allowed-hosts="))
    for name in ("scheduler", "jobs"):
        address = SERVICES[name]["environment"]["MLFLOW_TRACKING_URI"].removeprefix("http://")
        assert address in hosts.split("=")[1].split(",")


def test_the_services_have_every_variable_that_a_local_run_sets():
    """local/environment.py is the other list of what these services see: an image or a service sets all of it."""
    set_in_image = set(re.findall(r"\b([A-Za-z][A-Za-z_]+)=", DOCKERFILE))
    in_containers = set_in_image | set(SERVICES["scheduler"]["environment"]) | set(SERVICES["mlflow"]["environment"])
    # Differs by nature: a local run is bound to loopback, on SQLite, and goes through no proxy to reach itself.
    local_only = re.compile(r"AIRFLOW__(API|SCHEDULER|DAG_PROCESSOR)__|no_proxy$|NO_PROXY$|SPARK_LOCAL_IP$|OBJC_")
    # One Spark stands for all verbs of a local run; in a container each verb starts its own.
    standing_spark = {"HUAXIANG_SPARK_REMOTE", "SPARK_CONNECT_AUTHENTICATE_TOKEN"}
    at = Ports(8080, 5000, 15002)
    listed = environment.of_services(
        "/warehouse", "mine", "/landing", at, environment.of_spark(Path("/java"), at, "token")
    )
    assert {name for name in listed if not local_only.match(name)} - standing_spark <= in_containers


def test_docker_is_no_python_package():
    assert not (DOCKER / "__init__.py").exists()


def test_the_proof_names_files_that_are_there():
    named = set()
    for path in (DOCKER / "proof").glob("*.*"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"docker/(proof/\w+\.\w+)", text))
        named |= {f"proof/{name}" for name in re.findall(r"\{HERE\}/(\w+\.py)", text)}
    assert named == {f"proof/{path.name}" for path in (DOCKER / "proof").glob("*.*")}
