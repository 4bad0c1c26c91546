"""Which day a run is for: scheduled, backfilled, by hand with and without a form, triggered without a logical date."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from dags._house import night, zone_of

MORNING = datetime(2026, 1, 8, 7, tzinfo=UTC)  # two o'clock at the demo's shop, in New York


def run(end: datetime | None, after: datetime = MORNING) -> SimpleNamespace:
    return SimpleNamespace(data_interval_end=end, run_after=after)


def rendered(task, dag_run, **params) -> list[str]:
    """The task's arguments as the worker would render them."""
    context = {"dag_run": dag_run, "params": task.dag.params.dump() | params, "run_id": "r1"}
    task.render_template_fields(context)
    return getattr(task, "application_args", None) or task.arguments


@pytest.mark.parametrize(
    ("dag_run", "form", "expected"),
    [
        pytest.param(run(MORNING), None, "2026-01-07", id="scheduled-at-two"),
        pytest.param(run(datetime(2026, 1, 8, 15, tzinfo=UTC)), None, "2026-01-07", id="by-hand-in-the-afternoon"),
        pytest.param(run(MORNING), "2017-12-01", "2017-12-01", id="by-hand-with-a-form"),
        pytest.param(run(datetime(2026, 1, 8, 4, tzinfo=UTC)), None, "2026-01-06", id="by-hand-late-in-the-evening"),
        pytest.param(run(None, after=datetime(2026, 3, 1, 12, tzinfo=UTC)), None, "2026-02-28", id="no-logical-date"),
        pytest.param(run(None), "2017-12-01", "2017-12-01", id="triggered-by-the-night"),
    ],
)
def test_night(dag_run, form, expected):
    assert night(dag_run, {"ds": form}) == expected


@pytest.mark.parametrize(
    ("source", "zone"), [("complete_journey", "America/New_York"), ("simulate", "Asia/Shanghai"), ("rees46", "UTC")]
)
def test_scheduled_nights_are_by_the_clock_of_the_source(source, zone):
    assert zone_of(source) == zone


def test_schedule_and_backfill_agree_on_the_night(bag):
    """The run of the 8th at two and a backfill of that morning are the same night, under the same logical date."""
    from airflow.serialization.serialized_objects import DagSerialization

    dag = DagSerialization.from_dict(DagSerialization.to_dict(bag.dags["huaxiang_nightly"]))
    until = datetime(2026, 1, 8, 23, 59, tzinfo=UTC)
    infos = list(dag.iter_dagrun_infos_between(datetime(2026, 1, 6, tzinfo=UTC), until))
    nights = [night(run(info.data_interval.end), {"ds": None}) for info in infos]
    assert nights == ["2026-01-05", "2026-01-06", "2026-01-07"]
    assert [f"{info.logical_date:%Y-%m-%d}" for info in infos] == nights


def test_weekly_training_is_as_of_the_day_before(bag):
    from airflow.serialization.serialized_objects import DagSerialization

    dag = DagSerialization.from_dict(DagSerialization.to_dict(bag.dags["huaxiang_train"]))
    monday = datetime(2026, 1, 5, tzinfo=UTC)
    (info,) = dag.iter_dagrun_infos_between(monday, datetime(2026, 1, 6, tzinfo=UTC))
    assert night(run(info.data_interval.end), {"ds": None}) == "2026-01-04"


def test_nothing_runs_at_once_when_a_fresh_machine_unpauses(bag):
    """A DAG that was never run waits for the next two o'clock; last night's logs are not this machine's."""
    from airflow.sdk import timezone
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables.base import TimeRestriction

    for dag_id in ("huaxiang_nightly", "huaxiang_train", "huaxiang_maintain"):
        timetable = DagSerialization.from_dict(DagSerialization.to_dict(bag.dags[dag_id])).timetable
        info = timetable.next_dagrun_info(
            last_automated_data_interval=None, restriction=TimeRestriction(None, None, catchup=False)
        )
        assert info.run_after > timezone.utcnow(), dag_id


def test_the_line_that_a_task_runs(bag):
    collect = bag.dags["huaxiang_nightly"].get_task("collect.run")
    line = rendered(collect, run(MORNING), landing="/logs")
    assert line[:5] == ["collect", "--ds", "2026-01-07", "--since", "2026-01-07"]
    assert line[-4:] == ["--landing", "/logs", "--run-id", "r1"]


def test_the_line_of_what_is_of_no_night(bag):
    line = rendered(bag.dags["huaxiang_maintain"].get_task("maintain"), run(MORNING), keep_days=14)
    assert line[:2] == ["maintain", "--warehouse"]
    assert line[3:] == ["--keep-days", "14"]


def test_a_range_in_one_pass(bag):
    clean = bag.dags["huaxiang_nightly"].get_task("clean.run")
    line = rendered(clean, run(None), ds="2017-12-01", since="2017-01-01")
    assert line[:5] == ["clean", "--ds", "2017-12-01", "--since", "2017-01-01"]
