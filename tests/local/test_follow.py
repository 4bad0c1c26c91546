"""What the terminal says while a night runs, from answers of the REST API as Airflow gives them."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import httpx
import pytest
from rich.console import Console

from local.client import Airflow
from local.follow import Follower, reason, seconds_of
from local.places import SetupError

START, END = "2026-01-08T02:00:00Z", "2026-01-08T02:00:18.300000Z"
NIGHT, TRAINING = ("huaxiang_nightly", "r1"), ("huaxiang_train", "nightly__r1")


def task(name: str, state: str | None, start: str | None = START, end: str | None = END, attempt: int = 1) -> dict:
    return {"task_id": name, "state": state, "start_date": start, "end_date": end, "try_number": attempt}


class Canned:
    """Airflow's answers, one frame a poll of the run's state; the last frame stays."""

    def __init__(self, *frames: tuple[str, list[dict], list[dict]], log: list[dict] = ()):
        self.frames, self.log, self.polls, self.logins = frames, list(log), -1, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/auth/token":
            self.logins += 1
            return httpx.Response(201, json={"access_token": "t"})
        if request.headers.get("Authorization") != "Bearer t":
            return httpx.Response(401)
        if path.endswith("/dagRuns/r1"):
            self.polls += 1
            return httpx.Response(200, json={"state": self.frame[0]})
        if "/logs/" in path:
            return httpx.Response(200, json={"content": self.log})
        if path.endswith("/taskInstances"):
            tasks = self.frame[1 if "huaxiang_nightly" in path else 2]
            return httpx.Response(200, json={"task_instances": tasks}) if tasks else httpx.Response(404)
        return httpx.Response(404)

    @property
    def frame(self):
        return self.frames[min(self.polls, len(self.frames) - 1)]


def followed(canned: Canned, seconds_a_poll: float = 0.5) -> tuple[str, list, list[str]]:
    client = Airflow("http://airflow", "admin", "x", transport=httpx.MockTransport(canned))
    page, now = io.StringIO(), [0.0]

    def sleep(_: float) -> None:
        now[0] += seconds_a_poll

    follower = Follower(client, Console(file=page, width=150), clock=lambda: now[0], sleep=sleep)
    state, failed = follower.follow([NIGHT, TRAINING])
    return state, failed, page.getvalue().splitlines()


def test_a_line_for_each_change_and_none_in_between():
    running = ("running", [task("collect.run", "running", end=None), task("publish", None, None, None)], [])
    done = ("success", [task("collect.run", "success"), task("publish", "success")], [])
    state, failed, lines = followed(Canned(running, running, running, done))
    assert (state, failed) == ("success", [])
    assert [line.split()[1:3] for line in lines] == [
        ["collect.run", "running"],
        ["collect.run", "success"],
        ["publish", "success"],
    ]
    assert "18.3 s" in lines[1]


def test_a_failure_says_why_not_only_where():
    log = [
        {"event": "starting", "level": "info"},
        {"event": "Task failed with exception", "level": "error",
         "error_detail": [{"exc_type": "AirflowFailException", "exc_value": "jobs check: 12 rows without user_id"}]},
        {"event": "closing", "level": "info"},
    ]  # fmt: skip
    state, failed, lines = followed(Canned(("failed", [task("collect.check", "failed")], []), log=log))
    assert state == "failed"
    assert [one.task_id for one in failed] == ["collect.check"]
    assert lines[1].strip() == "jobs check: 12 rows without user_id"


def test_a_retry_says_why_and_shows_the_attempt():
    frames = [
        ("running", [task("clean.run", "up_for_retry")], []),
        ("success", [task("clean.run", "success", attempt=2)], []),
    ]
    _, _, lines = followed(Canned(*frames, log=[{"event": "no space left", "level": "error"}]))
    assert "up_for_retry" in lines[0]
    assert lines[1].strip() == "no space left"
    assert "(attempt 2)" in lines[2]


def test_training_is_nested_under_the_night():
    _, _, lines = followed(Canned(("success", [task("champion.train", "success")], [task("snapshot", "success")])))
    assert any("└ snapshot" in line for line in lines)


def test_something_moves_every_ten_seconds():
    running = ("running", [task("collect.run", "running", end=None)], [])
    _, _, lines = followed(Canned(*[running] * 6, ("success", [task("collect.run", "success")], [])), seconds_a_poll=5)
    assert sum("... 0 of 1 tasks done; running collect.run" in line for line in lines) == 2


def test_a_token_is_asked_for_once():
    canned = Canned(("success", [task("publish", "success")], []))
    followed(canned)
    assert canned.logins == 1


def test_what_airflow_refuses_is_said():
    refuse = httpx.MockTransport(lambda request: httpx.Response(422, json={"detail": "'tomorrow' is not a 'date'"}))
    with pytest.raises(SetupError, match="is not a 'date'"):
        Airflow("http://airflow", "admin", "x", transport=refuse).trigger("huaxiang_nightly", "r", {"ds": "tomorrow"})


def test_reason_without_an_exception_is_the_last_error():
    assert reason([{"event": "a", "level": "error"}, {"event": "b", "level": "info"}]) == "a"
    assert reason([{"event": "b", "level": "info"}]) == "b"
    assert reason([]) == "its log is empty"


def test_seconds_of_a_task_that_still_runs():
    now = datetime(2026, 1, 8, 2, 1, tzinfo=UTC)
    assert seconds_of({"start_date": START, "end_date": None}, now) == 60
    assert seconds_of({"start_date": None}, now) is None
