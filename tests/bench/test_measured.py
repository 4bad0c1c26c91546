"""What a measurement says: memory and time of a whole tree, Spark's own metrics in a span, medians, ratios."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from bench import __main__ as bench
from bench import builds, duck, measure, shown, spark, ways
from bench.builds import Stage
from bench.measure import Cost
from bench.spark import Work

HUNGRY = """
import subprocess, sys, time
subprocess.run([sys.executable, "-c", "import time; b = bytearray(80_000_000); t = time.time() + 0.8\\n"
                "while time.time() < t: sum(range(1000))"])
print("done")
"""


def test_a_child_s_memory_and_time_are_its_command_s(tmp_path):
    cost = measure.run([sys.executable, "-c", HUNGRY], dict(os.environ), tmp_path)
    assert cost.output.strip() == "done"
    assert cost.seconds > 0.8
    assert 80_000_000 < cost.peak_bytes < 400_000_000
    assert 0.05 < cost.cpu_seconds <= 2 * cost.seconds


def test_a_failed_command_says_its_last_words(tmp_path):
    with pytest.raises(measure.CommandError, match=r"(?s)ended with 3; its last words:.*no such day"):
        measure.run([sys.executable, "-c", "print('no such day'); exit(3)"], dict(os.environ), tmp_path)


def test_lines_are_heard_while_a_command_runs(tmp_path):
    told = tmp_path / "told"
    waits = "import pathlib, sys, time\nprint('one')\nwhile not pathlib.Path(sys.argv[1]).exists():\n"
    waits += "    time.sleep(0.05)"
    ends = waits + "\nprint('two\\nthree')"
    heard = []

    def hear(text: str) -> None:
        heard.append(text)
        told.touch()  # without the first line the command would never end

    measure.run([sys.executable, "-uc", ends, str(told)], dict(os.environ), tmp_path, hear=hear)
    assert heard == ["one", "two", "three"]


def line(event: dict) -> str:
    return json.dumps(event, separators=(",", ":"))


def task(finished_ms: int, written: int, spilled: int = 0) -> str:
    metrics = {
        "Input Metrics": {"Bytes Read": 99}, "Output Metrics": {"Bytes Written": written},
        "Shuffle Write Metrics": {"Shuffle Bytes Written": 2}, "Disk Bytes Spilled": spilled,
    }  # fmt: skip
    info = {"Finish Time": finished_ms}
    return line({"Event": "SparkListenerTaskEnd", "Task Info": info, "Task Metrics": metrics})


def query(number: int, started_ms: int, files: int) -> list[str]:
    """A query whose plan is changed while it runs; its scan reads files of so many bytes."""
    ui = "org.apache.spark.sql.execution.ui.SparkListener"
    scan = [{"name": "size of files read", "accumulatorId": number}, {"name": "number of rows", "accumulatorId": 0}]
    plan = {"metrics": [], "children": [{"metrics": scan, "children": []}]}
    first = {"metrics": [], "children": []}
    return [
        line({"Event": f"{ui}SQLExecutionStart", "executionId": number, "time": started_ms, "sparkPlanInfo": first}),
        line({"Event": f"{ui}DriverAccumUpdates", "executionId": number, "accumUpdates": [[number, files], [0, 5]]}),
        line({"Event": f"{ui}SQLAdaptiveExecutionUpdate", "executionId": number, "sparkPlanInfo": plan}),
    ]


def test_the_work_of_a_span_is_summed_over_all_logs(tmp_path):
    logs = tmp_path / "spark-events"
    logs.mkdir()
    other = '{"Event":"SparkListenerJobEnd"}'
    (logs / "one").write_text("\n".join([*query(1, 1100, 10), task(900, 50), task(1500, 1, spilled=7), other]))
    (logs / "two").write_text("\n".join([task(2000, 1), task(2001, 50), *query(1, 999, 40), *query(2, 1200, 20)]))
    assert spark.work(tmp_path, 1.0, 2.0) == Work(read=30, written=2, shuffled=4, spilled=7)


def test_what_stands_in_the_terminal_does_not_reach_the_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("HUAXIANG_SPARK_REMOTE", "sc://elsewhere:1")
    monkeypatch.setenv("HUAXIANG_DRIVER_MEMORY", "5g")
    monkeypatch.setattr("local.java.find", lambda: Path("/java"))
    with ways.opened("sail", tmp_path) as on:
        assert on.env["HUAXIANG_DRIVER_MEMORY"] == "5g"
    with ways.opened("fresh", tmp_path) as on:
        assert "HUAXIANG_SPARK_REMOTE" not in on.env
        assert on.env["HUAXIANG_DRIVER_MEMORY"] == "5g"
        written = (Path(on.env["SPARK_CONF_DIR"]) / "spark-defaults.conf").read_text()
    assert f"spark.eventLog.dir {(tmp_path / 'spark' / 'spark-events').as_uri()}\n" in written


def test_sail_needs_nothing_of_spark(tmp_path, monkeypatch):
    monkeypatch.setattr("local.java.find", lambda: 1 / 0)
    with ways.opened("sail", tmp_path) as on:
        assert on.env["HUAXIANG_ENGINE"] == "sail"
    assert on.work(Cost(0.0)) is None


def test_the_middle_of_the_repeats():
    runs = [("clean", Cost(0, s, s / 2, int(100 * s)), Work(read=int(s))) for s in (30.0, 10.0, 20.0)]
    assert builds._median("clean", runs) == Stage("clean", 20.0, 10.0, 2000, Work(read=20))


def test_every_stage_has_its_sections():
    assert set(duck.sections()) == {part for parts in builds.SECTIONS.values() for part in parts}
    assert tuple(builds.SECTIONS) == builds.STAGES


def text(table) -> str:
    console = Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(table)
    return console.export_text()


def test_the_table_puts_a_ratio_beside_each_stage():
    ours = [Stage(name, 10.0, 15.0, 2_000_000_000, Work(read=5_000_000)) for name in builds.STAGES]
    theirs = [*[Stage(name, 2.0) for name in builds.STAGES], Stage("all", 8.0, 14.0, 900_000_000)]
    lines = text(shown.build("t", ours, theirs, rows=1_000_000)).splitlines()
    collect = next(line for line in lines if "collect" in line)
    assert [part.strip() for part in collect.split("│")[1:-1]] == [
        "collect", "10.0", "100,000", "15", "5 MB", "0 B", "0 B", "0 B", "2.0 GB", "2.0", "500,000", "5.0"
    ]  # fmt: skip
    whole = next(line for line in lines if " all " in line)
    assert [part.strip() for part in whole.split("│")[1:-1]][-3:] == ["8.0", "125,000", "5.0"]


def test_a_table_without_the_script_has_no_ratio():
    whole = next(
        line for line in text(shown.build("t", [Stage("collect", 8.0)], [], 1_000_000)).splitlines() if " all " in line
    )
    assert [part.strip() for part in whole.split("│")[1:-1]][-3:] == ["", "", ""]


def test_growth_is_the_time_of_a_record():
    assert "200 records took 1.50 times as long, each, as 100 did" in shown.growth((100, 10.0), (200, 30.0), "cold")


def test_a_night_is_a_share_of_the_build():
    shares = text(shown.night("t", dict.fromkeys(builds.STAGES, 100.0), dict.fromkeys(builds.STAGES, 4.0)))
    assert shares.count("4.0%") == len(builds.STAGES) + 1


def test_a_disk_too_small_is_said_before_anything_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "build", "--events", "1e14", "--users", "1e13", "--work", str(tmp_path)])
    assert bench.main() == 2
    assert "free in" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
