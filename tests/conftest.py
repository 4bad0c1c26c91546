"""One Spark session for all tests: it takes 10 seconds to start."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["PYSPARK_PYTHON"] = sys.executable


@pytest.fixture(scope="session")
def spark() -> Iterator:
    from jobs import session

    os.environ.setdefault("HUAXIANG_DRIVER_MEMORY", "2g")
    built = session.build("huaxiang tests", long_job=True)
    built.conf.set("spark.sql.shuffle.partitions", "2")
    yield built
    built.stop()
