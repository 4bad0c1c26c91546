"""The three ways in which a task runs a command of ours, and what an exit code means to Airflow.

0 done, 1 crash (retried), 2 wrong usage or configuration, 3 the data failed a critical check: 2 and 3 are never
retried, because the same input gives the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from airflow.exceptions import AirflowException, AirflowNotFoundException
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

VERDICTS = {2: "wrong usage or configuration", 3: "the data failed a critical check"}

# `26/11/24 17:10:30 INFO ShutdownHookManager: ...`: the JVM speaks after the job's last word.
JVM_LINE = re.compile(
    r"^\d\d/\d\d/\d\d \d\d:\d\d:\d\d (INFO|WARN|DEBUG|ERROR) |^\s*at [\w.$]+\(|^WARNING: |^Caused by: "
)


def last_word(lines: Iterable[str]) -> str:
    """The last line that the command itself wrote: a job ends with the reason, a traceback with its error."""
    spoken = [line.strip() for line in lines if line.strip() and not JVM_LINE.match(line)]
    return spoken[-1] if spoken else "it said nothing"


def failure(what: str, code: int, lines: Iterable[str]) -> AirflowException:
    """The exception for an exit code: one line that says what happened, so that the UI shows it."""
    reason = last_word(lines)
    if code in VERDICTS:
        return AirflowFailException(f"{what}: {VERDICTS[code]} (exit {code}, no retry): {reason}")
    return AirflowException(f"{what}: crashed (exit {code}): {reason}")


class SparkVerb(SparkSubmitOperator):
    """A verb of jobs/ by spark-submit; fails at once on exit 2 and 3."""

    def execute(self, context) -> None:
        try:
            # The hook takes a missing connection for `--master yarn` and dies minutes later for want of a cluster.
            BaseHook.get_connection(self._conn_id)
        except AirflowNotFoundException:
            raise AirflowFailException(
                f"expected the connection {self._conn_id!r}, found none; set "
                f'AIRFLOW_CONN_{self._conn_id.upper()}=\'{{"conn_type": "spark", "host": "local[*]"}}\''
            ) from None
        try:
            super().execute(context)
        except AirflowException as error:
            submit = self._hook and self._hook._submit_sp
            if not submit or not submit.returncode:
                raise
            raise failure(f"jobs {self.name}", submit.returncode, self._hook._last_submit_log_lines) from error


class Command(BashOperator):
    """A command line without a JVM; fails at once on exit 2 and 3, is skipped on `skip_on_exit_code`."""

    def line(self) -> list[str]:
        """The program and its arguments."""
        # A task's stdin is a socket, which bash takes for a remote shell's: it would read ~/.bashrc, and a PATH there
        # would put another Python before ours.
        return ["bash", "--norc", "-c", self.bash_command]

    def execute(self, context) -> None:
        result = self.subprocess_hook.run_command(command=self.line(), env=self.get_env(context), cwd=self.cwd)
        if result.exit_code in self.skip_on_exit_code:
            raise AirflowSkipException(f"{self.task_id}: nothing to do (exit {result.exit_code})")
        if result.exit_code:
            raise failure(self.task_id, result.exit_code, [result.output])


class Verb(Command):
    """A verb of jobs/ in a Python of its own, without a shell: what stands in the form is an argument, nothing else."""

    template_fields = (*Command.template_fields, "arguments")

    def __init__(self, *, arguments: list[str], **kwargs) -> None:
        super().__init__(bash_command="python -m jobs", **kwargs)
        self.arguments = arguments

    def line(self) -> list[str]:
        return [*self.bash_command.split(), *self.arguments]
