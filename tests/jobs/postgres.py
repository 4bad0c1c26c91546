"""A PostgreSQL of the tests' own: a fresh cluster on loopback, ended with them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USER, PASSWORD = "huaxiang_reader", "s3cret-of-the-shop"


def binaries() -> Path | None:
    """The folder of initdb and postgres: the one on the path, else Debian's newest; None where there is none."""
    found = [Path(path).resolve().parent] if (path := shutil.which("pg_ctl")) else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in found if (folder / "initdb").is_file()), None)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@dataclass(frozen=True, slots=True)
class Server:
    """A running PostgreSQL; `sql` asks it as its owner."""

    bin: Path
    port: int
    process: subprocess.Popen

    @property
    def url(self) -> str:
        return f"jdbc:postgresql://127.0.0.1:{self.port}/postgres"

    def sql(self, text: str) -> str:
        line = [self.bin / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", "postgres", "-v",
                "ON_ERROR_STOP=1", "-qAt", "-c", text]  # fmt: skip
        done = subprocess.run(line, env=os.environ | {"PGPASSWORD": PASSWORD}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self) -> None:
        """Fast shutdown: open sessions are ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)


@contextmanager
def running(bin: Path) -> Iterator[Server]:
    """A server that asks for a password. PostgreSQL refuses to be root, whose temporary folders nobody else may enter:
    there it is Debian's user `postgres` (or `nobody`) in a folder of its own.
    """
    owner = {"user": _unprivileged(), "group": None, "extra_groups": []} if os.geteuid() == 0 else {}
    owner = {key: value for key, value in owner.items() if value is not None}
    with tempfile.TemporaryDirectory(prefix="huaxiang-postgres-") as folder:
        data, secret = Path(folder) / "data", Path(folder) / "password"
        secret.write_text(PASSWORD)
        if owner:
            shutil.chown(folder, owner["user"])
            shutil.chown(secret, owner["user"])
        line = [bin / "initdb", "-D", data, "-U", USER, "--pwfile", secret, "-A", "scram-sha-256", "-E", "UTF8",
                "--locale=C", "-N"]  # fmt: skip
        subprocess.run(line, check=True, capture_output=True, cwd=folder, **owner)
        port = free_port()
        line = [bin / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder, "-F"]
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(line, stdout=log, stderr=log, cwd=folder, **owner)
        server = Server(bin, port, process)
        try:
            _wait(server)
            yield server
        finally:
            server.stop()


def _unprivileged() -> str:
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _wait(server: Server) -> None:
    line = [server.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(server.port)]
    for _ in range(100):
        if subprocess.run(line).returncode == 0:
            return
        assert server.process.poll() is None, "PostgreSQL ended at once"
        time.sleep(0.1)
    raise AssertionError("PostgreSQL did not answer within ten seconds")
