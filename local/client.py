"""The few calls of Airflow's REST API that a run needs."""

from __future__ import annotations

import time

import httpx

from local.places import SetupError

PATIENCE = 60  # seconds for a busy api-server: one worker, two cores


class Airflow:
    """A logged-in client."""

    def __init__(self, url: str, user: str, password: str, transport: httpx.BaseTransport | None = None):
        self._login = {"username": user, "password": password}
        self._http = httpx.Client(base_url=url, timeout=20, trust_env=False, transport=transport)

    def _call(self, method: str, path: str, **kwargs) -> httpx.Response:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self._logged_in(method, f"/api/v2{path}", **kwargs)
            except httpx.TransportError as error:
                if time.monotonic() > until:
                    raise SetupError(
                        f"Airflow no longer answers ({error}); see .run/api-server.log; `make run` starts it again"
                    ) from None
                time.sleep(1)

    def _logged_in(self, method: str, path: str, **kwargs) -> httpx.Response:
        answer = self._http.request(method, path, **kwargs)
        if answer.status_code == 401:  # no token yet, or it ran out in a long night
            token = self._http.post("/auth/token", json=self._login)
            if token.status_code >= 400:
                raise SetupError(f"expected Airflow to know the user {self._login['username']!r}, found: {token.text}")
            self._http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
            answer = self._http.request(method, path, **kwargs)
        return answer

    def _json(self, method: str, path: str, **kwargs) -> dict:
        return self._checked(self._call(method, path, **kwargs), method, path)

    def _checked(self, answer: httpx.Response, method: str, path: str) -> dict:
        if answer.status_code >= 400:
            raise SetupError(
                f"expected Airflow to take {method} {path}, found {answer.status_code}: {answer.text[:500]}"
            )
        return answer.json()

    def knows(self, dag_id: str) -> bool:
        """Whether the dag-processor has read it; one that an earlier start read is stale until it is read again."""
        answer = self._call("GET", f"/dags/{dag_id}")
        return answer.status_code == 200 and not answer.json().get("is_stale")

    def import_errors(self) -> list[str]:
        errors = self._json("GET", "/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]

    def pool(self, name: str, slots: int, description: str) -> None:
        if self._call("GET", f"/pools/{name}").status_code == 404:
            body = {"name": name, "slots": slots, "description": description, "include_deferred": False}
            self._json("POST", "/pools", json=body)

    def trigger(self, dag_id: str, run_id: str, conf: dict) -> bool:
        """Start a run; False where the DAG is being read anew at this moment."""
        body = {"logical_date": None, "dag_run_id": run_id, "conf": conf}
        path = f"/dags/{dag_id}/dagRuns"
        answer = self._call("POST", path, json=body)
        return answer.status_code != 404 and bool(self._checked(answer, "POST", path))

    def end_unfinished(self, dag_id: str) -> list[str]:
        """Fail the runs that an earlier `make stop` cut off: they would go first, and the new one would wait."""
        path = f"/dags/{dag_id}/dagRuns"
        left = self._json("GET", path, params={"state": ["queued", "running"]})["dag_runs"]
        for run in left:
            self._json("PATCH", f"{path}/{run['dag_run_id']}", json={"state": "failed"})
        return [run["dag_run_id"] for run in left]

    def state(self, dag_id: str, run_id: str) -> str:
        return self._json("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]

    def tasks(self, dag_id: str, run_id: str) -> list[dict]:
        """The run's task instances; none where there is no such run."""
        answer = self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"limit": 100})
        return answer.json()["task_instances"] if answer.status_code == 200 else []

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> list[dict]:
        """The lines of one attempt, as Airflow structures them."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        answer = self._call("GET", path, params={"full_content": True}, headers={"Accept": "application/json"})
        if answer.status_code >= 400:
            return []
        content = answer.json().get("content") or []
        return [line for line in content if isinstance(line, dict)]
