"""The ports of this clone, chosen once and kept in .run/ports.json: the usual ones where they are free."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass

from local.places import RUN
from local.processes import alive

USUAL = {"airflow": 8080, "mlflow": 5000, "spark": 15002}
HOLDERS = {"airflow": "api-server", "mlflow": "mlflow", "spark": "spark"}  # the service that listens there


@dataclass(frozen=True, slots=True)
class Ports:
    airflow: int
    mlflow: int
    spark: int


def choose() -> Ports:
    """The same ports at every call, so that addresses stay; another one only where a stranger has taken it since."""
    saved = RUN / "ports.json"
    chosen = json.loads(saved.read_text()) if saved.exists() else {}
    for name, usual in USUAL.items():
        if name not in chosen or not (alive(HOLDERS[name]) or _free(chosen[name])):
            chosen[name] = usual if _free(usual) else any_free()
    RUN.mkdir(parents=True, exist_ok=True)
    saved.write_text(json.dumps(chosen))
    return Ports(**chosen)


def any_free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    with socket.socket() as probe:  # bound on another interface counts as taken too
        return probe.connect_ex(("127.0.0.1", port)) != 0
