"""conf/destinations.yaml: who is told of which audiences, and how."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import Annotated, Literal

import httpx
from pydantic import AfterValidator, Field, StringConstraints

from jobs import conf
from jobs.conf import CONF, Strict, nearest
from jobs.errors import UsageError

FILE = Path(os.environ.get("HUAXIANG_DESTINATIONS") or CONF / "destinations.yaml")
SHORTEST_SECRET = 16  # bytes
_HERE = {"localhost", "127.0.0.1", "::1"}


def _private(url: str) -> str:
    """The address; ValueError where ids would travel in the clear, or a password would stand in the file."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"expected an address, found what is none: {error}") from None
    if not parts.host or not (parts.scheme == "https" or (parts.scheme == "http" and parts.host in _HERE)):
        raise ValueError("expected https://HOST/..., or http:// to this machine: ids of users do not go in the clear")
    if parts.userinfo:
        raise ValueError("expected an address without a user and password; name a variable in key_from")
    return url


class Destination(Strict):
    """A system that is told. secret_from, key_from: environment variables, with the key of the signature and a bearer
    token; batch: users in a request; seconds: to wait for an answer; pause: seconds before the second of `tries`.
    """

    url: Annotated[str, AfterValidator(_private)]
    secret_from: str = Field(min_length=1)
    audiences: tuple[str, ...] = Field(min_length=1)
    key_from: str = ""
    holdout: Literal["left out", "marked"] = "left out"
    batch: int = Field(1000, ge=1, le=10_000)
    seconds: float = Field(10, gt=0, le=300)
    tries: int = Field(5, ge=1, le=20)
    pause: float = Field(1, ge=0, le=60)

    @property
    def secret(self) -> bytes:
        """The key of the signature: the text of the variable, or what stands behind `whsec_` in base64."""
        text = _from_environment(self.secret_from)
        try:
            key = base64.b64decode(text[6:], validate=True) if text.startswith("whsec_") else text.encode()
        except binascii.Error:
            raise UsageError(f"expected base64 behind whsec_ in {self.secret_from}, found none") from None
        if len(key) < SHORTEST_SECRET:
            raise UsageError(
                f"expected a secret of {SHORTEST_SECRET} bytes or more in {self.secret_from}, found {len(key)}"
            )
        return key

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {_from_environment(self.key_from)}"} if self.key_from else {}


def _from_environment(name: str) -> str:
    if not (value := os.environ.get(name, "")):
        raise UsageError(f"expected the environment variable {name} of conf/destinations.yaml, found none")
    return value


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class _File(Strict):
    destinations: dict[Name, Destination] = {}  # noqa: RUF012 pydantic copies it


def load(only: str | None = None) -> dict[str, Destination]:
    """Those of the file by name, or one of them; UsageError where the file or the name is wrong."""
    found = conf.read(FILE, _File, "list of destinations").destinations
    if only is None:
        return found
    if only not in found:
        hint = nearest(only, sorted(found), "there are") if found else "; there are none"
        raise UsageError(f"expected a destination of conf/destinations.yaml, found {only!r}{hint}")
    return {only: found[only]}
