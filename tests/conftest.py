"""One session for all tests, of the engine that HUAXIANG_ENGINE names."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["PYSPARK_PYTHON"] = sys.executable


def pytest_make_parametrize_id(val, argname):
    """Bytes are named by their argument: packed bytes hold the time of packing, and each process of pytest-xdist must
    give a test the same name.
    """
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def spark() -> Iterator:
    from jobs.lake import session

    os.environ.setdefault("HUAXIANG_DRIVER_MEMORY", "2g")
    built = session.build("huaxiang tests")
    built.conf.set("spark.sql.shuffle.partitions", "2")
    yield built
    built.stop()


@pytest.fixture(scope="session")
def made_up_shop(spark, tmp_path_factory) -> tuple:
    """The plan of a small simulation and the landing folder that holds it: some 30,000 events of two months, so that
    feature windows differ, of few users, so that some sequences are longer than 256.
    """
    from simulate import plan
    from simulate import run as simulate

    made = plan.Plan(events=30_000, days=60, users=300, products=960, seed=7, ds=date(2026, 6, 30))
    landing: Path = tmp_path_factory.mktemp("landing")
    simulate.run(spark, made, str(landing))
    return made, landing
