"""What an exit code means to Airflow, with a spark-submit that only pretends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from airflow.exceptions import AirflowException
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags import _house
from dags._house import command
from dags._operators import last_word


@pytest.fixture
def verb(monkeypatch):
    monkeypatch.setattr(_house, "ENGINE", "spark")
    task = _house.verb("clean", "clean")
    task.application_args = ["clean", "--ds", "2017-12-01"]
    return task


@pytest.mark.parametrize("code", [2, 3])
def test_a_verdict_is_never_retried_and_says_why(verb, fake_submit, code):
    fake_submit(
        "echo 'data: silver.events: expected no null user_id, found 12 rows' >&2",
        "echo '26/11/24 17:10:30 INFO ShutdownHookManager: Shutdown hook called' >&2",
        f"exit {code}",
    )
    with pytest.raises(AirflowFailException, match=r"no retry.*found 12 rows") as raised:
        verb.execute({})
    assert f"exit {code}" in str(raised.value)


def test_a_crash_is_retried_and_says_why(verb, fake_submit):
    fake_submit("echo 'Traceback (most recent call last):'", "echo 'crash: OSError: no space left on device'", "exit 1")
    with pytest.raises(AirflowException, match="no space left") as raised:
        verb.execute({})
    assert not isinstance(raised.value, AirflowFailException)


def test_success_is_quiet(verb, fake_submit):
    fake_submit("exit 0")
    assert verb.execute({}) is None


def test_a_missing_connection_is_named_before_anything_starts(verb, fake_submit, monkeypatch):
    script = fake_submit("touch $0.ran")
    monkeypatch.delenv("AIRFLOW_CONN_SPARK_HUAXIANG")
    with pytest.raises(AirflowFailException, match="AIRFLOW_CONN_SPARK_HUAXIANG"):
        verb.execute({})
    assert not script.with_name("spark-submit.ran").exists()


def test_killing_the_task_ends_the_submitted_process(verb, fake_submit):
    fake_submit("exec sleep 300")

    def run() -> None:
        with pytest.raises(AirflowException):
            verb.execute({})

    runner = threading.Thread(target=run, daemon=True)
    runner.start()
    while not (verb._hook and verb._hook._submit_sp):
        time.sleep(0.05)
    submitted = psutil.Process(verb._hook._submit_sp.pid)
    verb.on_kill()
    runner.join(10)
    assert not submitted.is_running()


@pytest.mark.parametrize(
    ("line", "raised", "text"),
    [
        ("echo 'usage: expected --snapshot'; exit 2", AirflowFailException, "expected --snapshot"),
        ("echo 'data: the candidate is worse'; exit 3", AirflowFailException, "candidate is worse"),
        ("echo 'ValueError: x'; exit 1", AirflowException, "ValueError: x"),
        ("exit 99", AirflowSkipException, "nothing to do"),
    ],
)
def test_commands_follow_the_same_codes(line, raised, text):
    with pytest.raises(raised, match=text) as found:
        command("one", line, skip_on_exit_code=99).execute({})
    assert type(found.value) is raised


def test_the_last_word_is_the_reason_not_the_jvm():
    lines = ["data: too few rows", "26/11/24 17:10:30 ERROR Utils: Uncaught", "at org.apache.spark.X.y(X.scala:1)", ""]
    assert last_word(lines) == "data: too few rows"
    assert last_word(["Traceback", "KeyError: 'a'"]) == "KeyError: 'a'"
    assert last_word([]) == "it said nothing"


def test_a_cluster_gets_the_full_compiler(verb):
    assert "TieredStopAtLevel" not in verb.conf["spark.driver.extraJavaOptions"]


def test_on_one_machine_a_verb_is_a_python_of_its_own_and_no_shell_reads_its_arguments(monkeypatch):
    monkeypatch.setattr(_house, "ENGINE", "sail")
    task = _house.verb("clean", "collect", "--landing", "it's; echo $HOME")
    assert task.task_type == "Verb"
    assert task.line()[:4] == ["python", "-m", "jobs", "collect"]
    assert "it's; echo $HOME" in task.line()
    assert "arguments" in task.template_fields
    task.bash_command, task.arguments = "python -c", ["import sys; print('data: too few'); sys.exit(3)"]
    with pytest.raises(AirflowFailException, match=r"no retry.*data: too few"):
        task.execute({})


def test_a_command_finds_our_python_whatever_bashrc_says(tmp_path):
    """Airflow gives a task a socket as stdin, and bash reads ~/.bashrc where it finds one there."""
    (tmp_path / ".bashrc").write_text("exit 7\n")
    code = "from dags._house import command; command('x', 'python --version').execute({})"
    env = {k: v for k, v in os.environ.items() if k != "SHLVL"}  # as of a service: no shell stands above it
    env |= {
        "HOME": str(tmp_path),
        "AIRFLOW_HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    }
    ours, theirs = socket.socketpair()
    with ours, theirs:
        done = subprocess.run([sys.executable, "-c", code], env=env, stdin=theirs, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
