"""A service is found again by pid and start time, and `stop` ends what we started and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import psutil
import pytest

from local import ports, processes
from local.places import SetupError
from local.processes import Service

SLEEP = [sys.executable, "-c", "import time; time.sleep(300)"]
# Starts a grandchild in a session of its own and dies: what a killed scheduler leaves behind.
ORPHAN = [
    sys.executable,
    "-c",
    f"import subprocess; print(subprocess.Popen({SLEEP!r}, start_new_session=True).pid, flush=True)",
]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "RUN", tmp_path / "run")
    yield tmp_path / "run"
    processes.stop()


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_standing_service_is_found_again():
    process = Service("dummy", SLEEP, {}).start()
    assert Service("dummy", SLEEP, {}).standing().pid == process.pid


def test_other_settings_are_another_service():
    Service("dummy", SLEEP, {"WAREHOUSE": "a"}).start()
    assert Service("dummy", SLEEP, {"WAREHOUSE": "b"}).standing() is None
    assert processes.alive("dummy")


def test_a_pid_that_was_handed_on_is_not_ours(home):
    process = Service("dummy", SLEEP, {}).start()
    note = json.loads((home / "dummy.json").read_text())
    (home / "dummy.json").write_text(json.dumps(note | {"created": note["created"] - 3600}))
    assert processes.alive("dummy") is None
    assert not gone(process)


def test_stop_ends_orphans_too_and_spares_strangers(home):
    stranger = subprocess.Popen(SLEEP)
    try:
        Service("orphanage", ORPHAN, {}).start().wait(20)
        orphan = psutil.Process(int((home / "orphanage.log").read_text()))
        standing = Service("dummy", SLEEP, {}).start()
        assert not gone(orphan)
        assert processes.stop() == 2
        assert gone(orphan)
        assert gone(standing)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_stop_kills_what_does_not_listen(monkeypatch):
    deaf = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); print(1); time.sleep(300)"]
    process = Service("deaf", deaf, {}).start()
    time.sleep(0.5)
    processes._end([process], patience=0.3)
    assert gone(process)


def test_stop_twice_is_no_error():
    assert processes.stop() == 0


def test_a_service_that_dies_says_its_last_words():
    broken = Service("broken", [sys.executable, "-c", "raise SystemExit('no such option: --frob')"], {})
    broken.start()
    with pytest.raises(SetupError, match="no such option: --frob"):
        processes.await_healthy(broken, "http://127.0.0.1:9/", bool, seconds=20)


def test_a_port_is_waited_for_and_a_death_is_told_with_its_last_words():
    port = ports.any_free()
    listens = f"import socket, time; time.sleep(0.5); s = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"
    service = Service("listener", [sys.executable, "-c", listens], {})
    service.start()
    processes.await_listening(service, port, seconds=20)

    dies = Service("dies", [sys.executable, "-c", "raise SystemExit('no memory for Spark')"], {})
    dies.start()
    with pytest.raises(SetupError, match=r"expected dies to listen(.|\n)*no memory for Spark"):
        processes.await_listening(dies, ports.any_free(), seconds=20)
