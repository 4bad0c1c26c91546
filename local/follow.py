"""Follow a DAG run to its end: a line whenever a task changes its state, and the reason where one fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.console import Console

from local.client import Airflow

DONE = {"success", "failed", "skipped", "upstream_failed", "removed"}
# Not upstream_failed: one failure has a dozen of those, and they say nothing.
SHOWN = {"running", "success", "failed", "skipped", "up_for_retry"}
COLOURS = {"success": "green", "failed": "red", "up_for_retry": "yellow", "running": "cyan"}
QUIET_FOR = 10.0  # seconds after which a line says that it still goes on


@dataclass(frozen=True, slots=True)
class Task:
    """A task instance as the terminal shows it; `depth` 1 = of the run that the night triggered."""

    dag_id: str
    run_id: str
    task_id: str
    state: str
    attempt: int
    seconds: float | None
    depth: int

    @property
    def label(self) -> str:
        return f"{'  └ ' * self.depth}{self.task_id}"


def seconds_of(instance: dict, now: datetime) -> float | None:
    """How long it ran, or has been running."""
    if not instance.get("start_date"):
        return None
    start = datetime.fromisoformat(instance["start_date"])
    end = datetime.fromisoformat(instance["end_date"]) if instance.get("end_date") else now
    return max(0.0, (end - start).total_seconds())


def read_tasks(client: Airflow, runs: list[tuple[str, str]]) -> list[Task]:
    """The tasks of a run and of those nested in it, in the order in which they started."""
    now, tasks = datetime.now(UTC), []
    for depth, (dag_id, run_id) in enumerate(runs):
        instances = sorted(client.tasks(dag_id, run_id), key=lambda instance: instance.get("start_date") or "9")
        for instance in instances:
            state, attempt = instance.get("state") or "waiting", max(1, instance.get("try_number") or 1)
            tasks.append(Task(dag_id, run_id, instance["task_id"], state, attempt, seconds_of(instance, now), depth))
    return tasks


def reason(log: list[dict]) -> str:
    """What went wrong, in a line: the exception that ended the task, else the last error in its log."""
    for line in reversed(log):
        if detail := line.get("error_detail"):
            last = detail[0]
            return f"{last.get('exc_value') or last.get('exc_type')}"
    errors = [line for line in log if line.get("level") in ("error", "critical")] or log
    return str(errors[-1].get("event", "")) if errors else "its log is empty"


@dataclass
class Follower:
    """Polls a run and prints; `clock` and `sleep` are the test's to set."""

    client: Airflow
    console: Console
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _seen: dict[tuple[str, str, int], str] = field(default_factory=dict)

    def follow(self, runs: list[tuple[str, str]]) -> tuple[str, list[Task]]:
        """Until the first run ends: its state, and the tasks that failed."""
        spoke = self.clock()
        with self.console.status("waiting for the first task") as status:
            while True:
                state = self.client.state(*runs[0])
                tasks = read_tasks(self.client, runs)
                doing = summary(tasks) if state != "queued" else "queued: another run of the DAG goes first"
                for task in self.changes(tasks):
                    self.say(task)
                    spoke = self.clock()
                status.update(doing)
                if not self.console.is_terminal and self.clock() - spoke >= QUIET_FOR:
                    self.console.print(f"{datetime.now():%H:%M:%S}  ... {doing}")
                    spoke = self.clock()
                if state in ("success", "failed"):
                    return state, [task for task in tasks if task.state == "failed"]
                self.sleep(1.0)

    def changes(self, tasks: list[Task]) -> Iterator[Task]:
        """The tasks whose state is another than when last looked at, those that end before those that begin."""
        for task in sorted(tasks, key=lambda task: task.state not in DONE):
            key = (task.dag_id, task.task_id, task.attempt)
            if task.state in SHOWN and self._seen.get(key) != task.state:
                self._seen[key] = task.state
                yield task

    def say(self, task: Task) -> None:
        colour = COLOURS.get(task.state, "dim")
        took = f"{task.seconds:6.1f} s" if task.seconds is not None and task.state in DONE - {"skipped"} else ""
        again = f" (attempt {task.attempt})" if task.attempt > 1 else ""
        self.console.print(
            f"{datetime.now():%H:%M:%S}  {task.label:<24} [{colour}]{task.state:<16}[/{colour}]{took}{again}"
        )
        if task.state in ("failed", "up_for_retry"):
            log = self.client.log(task.dag_id, task.run_id, task.task_id, task.attempt)
            self.console.print(f"          {reason(log)}", markup=False, soft_wrap=True)


def summary(tasks: list[Task]) -> str:
    """What is going on: `7 of 15 tasks done; running clean.run 12 s`."""
    done = sum(task.state in DONE for task in tasks)
    running = [f"{task.task_id} {task.seconds or 0:.0f} s" for task in tasks if task.state == "running"]
    now = "running " + ", ".join(running) if running else "between two tasks"
    return f"{done} of {len(tasks)} tasks done; {now}" if tasks else "waiting for the first task"
