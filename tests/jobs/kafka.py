"""A Kafka of the tests' own: one KRaft broker on loopback, ended with them; its jars are fetched once, into .tools/."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark

from local import jars, java
from local.places import TOOLS, SetupError
from tests.jobs.postgres import free_port

BROKER = "org.apache.kafka:kafka_2.13:3.9.2"
FOLDER = TOOLS / "kafka-broker-3.9.2"


def broker_jars() -> Path:
    """The folder with the broker's jars; SetupError where they are not here and cannot be fetched."""
    if FOLDER.is_dir():
        return FOLDER
    TOOLS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
        found, said = jars.resolve([BROKER], Path(scratch))
        if not any(name.startswith("org.apache.kafka_kafka_") for name in found):
            raise SetupError(f"expected {BROKER} from Maven, and it did not come: {said}")
        whole = Path(scratch) / "whole"
        jars.put(found.values(), whole)
        shutil.move(whole, FOLDER)
    return FOLDER


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """A broker whose topics have two partitions; gives its address. Ivy leaves Scala to Spark, which has it."""
    scala = next((Path(pyspark.__file__).parent / "jars").glob("scala-library-2.13*.jar"))
    command = [java.find() / "bin" / "java", "-Xmx400m", "-cp", f"{folder}/*:{scala}"]
    with tempfile.TemporaryDirectory(prefix="huaxiang-kafka-") as home:
        port, controller = free_port(), free_port()
        settings = {
            "process.roles": "broker,controller", "node.id": "1", "log.dirs": f"{home}/logs", "num.partitions": "2",
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}", "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}", "offsets.topic.replication.factor": "1",
            "group.initial.rebalance.delay.ms": "0",
        }  # fmt: skip
        file = Path(home) / "server.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
        line = [*command, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", file]
        subprocess.run(line, check=True, capture_output=True, cwd=home)
        with (Path(home) / "log").open("wb") as log:
            process = subprocess.Popen([*command, "kafka.Kafka", file], stdout=log, stderr=log, cwd=home)
        try:
            _wait(port, process)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait(port: int, process: subprocess.Popen) -> None:
    for _ in range(300):
        assert process.poll() is None, "the Kafka broker ended at once"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the Kafka broker did not answer within a minute")
