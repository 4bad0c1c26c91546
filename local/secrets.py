"""The two secrets of a local run: made up once, kept under .run, readable by this user alone."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from local.environment import PASSWORDS
from local.places import RUN


def password() -> str:
    """The login of Airflow's user `admin`."""
    if not PASSWORDS.exists():
        _write(PASSWORDS, json.dumps({"admin": secrets.token_urlsafe(9)}))
    return json.loads(PASSWORDS.read_text())["admin"]


def spark_token() -> str:
    """What a client of the standing Spark must know: whoever reaches it can run code as this user."""
    file = RUN / "spark-token"
    if not file.exists():
        _write(file, secrets.token_urlsafe(24))
    return file.read_text()


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)
