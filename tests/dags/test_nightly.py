"""The whole line on real purchases, as `make run` runs it: published, stopped by bad data, run again.

A slice of The Complete Journey (250 households, three weeks) goes through Airflow, Sail, the model's training
and the registry; nothing is mocked.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import psutil
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from jobs import tables
from jobs.audiences import run as audiences
from jobs.clean import run as clean
from jobs.collect import run as collect
from jobs.features import run as features
from jobs.features import sequences
from jobs.publish import run as publish
from jobs.segments import run as segment
from jobs.settings import Settings
from local import demo
from ml.common import lake

ROOT = Path(__file__).resolve().parents[2]
FIRST, NIGHT, NEXT = "2017-02-12", "2017-03-04", "2017-03-05"
READ = (*tables.PUBLISHED, tables.RUNS)

pytestmark = pytest.mark.timeout(1500)


class Shop:
    """A landing folder, a warehouse, and services of their own under one temporary folder."""

    def __init__(self, home: Path):
        self.home, self.landing, self.warehouse = home, home / "landing", home / "warehouse"
        demo.land(self.landing, since=FIRST, until=NEXT, users=250, quiet=True)

    def python(self, *line: str, **extra: str) -> subprocess.CompletedProcess:
        env = os.environ | {"HUAXIANG_HOME": str(self.home / "run")} | extra
        env.pop("AIRFLOW_HOME", None)
        return subprocess.run([sys.executable, "-m", *line], cwd=ROOT, env=env, capture_output=True, text=True)

    def night(self, ds: str, since: str = "") -> subprocess.CompletedProcess:
        places = ["--landing", str(self.landing), "--warehouse", str(self.warehouse)]
        return self.python("local.run", "--ds", ds, "--since", since, *places)

    def stop(self) -> None:
        self.python("local.stop")

    def read(self, table: tables.Table) -> pd.DataFrame:
        """The table as a reader sees it, without the columns that name the run."""
        if table.deletion_vectors:
            rows = lake.select(table, str(self.warehouse), table.column_names, "true")
            frame = pa.Table.from_batches(rows, lake.arrow_schema(table)).to_pandas()
        else:
            frame = DeltaTable(table.path(str(self.warehouse))).to_pandas()
        keys = list(table.keys)
        return frame.sort_values(keys, ignore_index=True).drop(columns=["run_id", "ingested_at"], errors="ignore")

    def port(self, service: str) -> int:
        return json.loads((self.home / "run" / "ports.json").read_text())[service]

    def version(self, table: tables.Table) -> int:
        return DeltaTable(table.path(str(self.warehouse))).version()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("shop"))
    yield shop
    shop.stop()


@pytest.fixture(scope="module")
def published(shop) -> dict[str, pd.DataFrame]:
    """The first night: three weeks in one pass, a champion trained on the way."""
    done = shop.night(NIGHT, since=FIRST)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "champion.train" in done.stdout
    return {table.full_name: shop.read(table) for table in READ}


def test_a_night_publishes_every_table_for_its_day(published):
    for table in (tables.USER_SEGMENTS, tables.SEGMENTS, tables.USER_PROFILES):
        frame = published[table.full_name]
        assert len(frame), table.full_name
        assert set(frame["ds"].astype(str)) == {NIGHT}, table.full_name
    assert len(published["ops.runs"]) == 1
    assert published["gold.segments"]["size"].sum() == len(published["gold.user_segments"])


def test_bad_data_stops_the_line_and_readers_see_yesterday(shop, published):
    file = shop.landing / "transactions" / NEXT / "part-000.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"household_id": 1, "basket_id": null\n' * 50))
    done = shop.night(NEXT)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "exit 3, no retry" in done.stdout
    assert "attempt 2" not in done.stdout
    assert "segment.run" not in done.stdout
    for table in READ:
        pd.testing.assert_frame_equal(shop.read(table), published[table.full_name])


def test_a_killed_verb_leaves_nothing_running_and_nothing_written(shop, published):
    """The engine ends with the verb, whose tables stay as they were and can be written by the next one."""
    version, scratch = shop.version(tables.BRONZE_EVENTS), shop.home / "scratch"
    line = [sys.executable, "-m", "jobs", "collect", "--ds", NIGHT, "--since", FIRST, "--again"]
    line += ["--landing", shop.landing, "--warehouse", shop.warehouse]
    env = os.environ | {"HUAXIANG_SCRATCH": str(scratch)}
    verb = psutil.Popen(line, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(scratch.glob("*/tmp*")):  # the first frame that it keeps: it reads, and has written no table yet
        assert verb.poll() is None, "it ended before it was killed"
        time.sleep(0.02)
    below = verb.children(recursive=True)
    verb.kill()
    _, alive = psutil.wait_procs([verb, *below], timeout=15)
    assert not alive
    assert shop.version(tables.BRONZE_EVENTS) == version


def test_the_same_night_again_leaves_the_same_rows(shop, published, spark):
    """Every verb of the night once more, on all tables: equal bit for bit, but for what names the run."""
    every = [table for table in tables.ALL if table.layer in ("bronze", "silver", "gold")]
    before = {table.full_name: shop.read(table) for table in every}
    versions = {table.full_name: shop.version(table) for table in every}
    night = Settings(
        date.fromisoformat(NIGHT), date.fromisoformat(FIRST), str(shop.warehouse), "complete_journey",
        str(shop.landing), "again",
    )  # fmt: skip
    collect.run(spark, replace(night, again=True))
    for hop in (clean, features, sequences):
        hop.run(spark, night)
    place = ["--warehouse", night.warehouse, "--ds", NIGHT, "--run-id", "again"]
    for hop in ("ml.encode", "ml.predict", "ml.recommend"):
        done = shop.python(hop, *place, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{shop.port('mlflow')}")
        assert done.returncode == 0, done.stdout + done.stderr
    for hop in (segment, audiences, publish):
        hop.run(spark, night)
    for table in every:
        pd.testing.assert_frame_equal(shop.read(table), before[table.full_name], check_exact=True, obj=table.full_name)
        # The segments' centres come with a model; and Delta makes no commit of nothing in the place of nothing.
        if table is not tables.SEGMENT_MODELS and len(before[table.full_name]):
            assert shop.version(table) > versions[table.full_name], f"{table.full_name} was not written again"
