"""docker/health.py against a small server that answers as Airflow does."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

HEALTH = Path(__file__).resolve().parents[2] / "docker" / "health.py"
ANSWER = {"scheduler": {"status": "healthy"}, "triggerer": {"status": None}}


class Airflow(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(json.dumps(ANSWER).encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    server = HTTPServer(("127.0.0.1", 0), Airflow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["/health"], 0, ""),
        (["/health", "scheduler"], 0, ""),
        (["/health", "triggerer"], 1, "triggerer is None, expected healthy"),
        (["/health", "dag_processor"], 1, "dag_processor is None, expected healthy"),
        (["/nowhere"], 1, "404"),
    ],
)
def test_exit_code_and_reason(address, arguments, code, said):
    line = [sys.executable, str(HEALTH), address + arguments[0], *arguments[1:]]
    done = subprocess.run(line, capture_output=True, text=True)
    assert (done.returncode, said in done.stderr) == (code, True)
