"""Nights of the made-up shops on one engine, in one process and one session:

`HUAXIANG_ENGINE=sail python -m tests.engines.nights --warehouse W --landing L --nights 6,7,8,erase,9`

With `--nights -`, pairs of a warehouse and a night are read from the standard input, and a line is said after each, so
that nights of several warehouses share what an engine costs to start. `erase` in place of a night erases the users of
shop.ERASED as of the night shop.ERASED_AFTER.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

from jobs.audiences import run as audiences
from jobs.clean import run as clean
from jobs.collect import release
from jobs.collect import run as collect
from jobs.erasure import run as erase
from jobs.features import run as features
from jobs.features import sequences
from jobs.lake import delta, session, staging
from jobs.publish import run as publish
from jobs.segments import run as segment
from jobs.settings import Settings
from jobs.sources import spec
from jobs.tables import RECOMMENDATIONS, SEGMENT_MODELS, USER_EMBEDDINGS, USER_FEATURES
from tests.engines import shop

ERASE = "erase"
# Else Apache Spark plans each stage anew from what the one before it wrote: of few rows, a tenth of the time.
FEW_ROWS = {"spark.sql.shuffle.partitions": "1", "spark.sql.adaptive.enabled": "false"}
INPUTS = ("monetary_90d", "frequency_28d", "dept:食品", "emb:0", "emb:1")


def settings(warehouse: str, landing: str, night: int, source: str = "corner") -> Settings:
    since = shop.day(0 if night == shop.HISTORY else night)
    return Settings(shop.day(night), since, warehouse, source, f"{landing}/{night}", f"night {night}")


def night(spark: SparkSession, warehouse: str, landing: str, n: int) -> dict[str, float]:
    """One night of both shops; the seconds that each verb took."""
    _declare(warehouse, n)
    s, of_app = (settings(warehouse, landing, n, source) for source in ("corner", "app"))
    took = {}

    def timed(name: str, verb, *given) -> None:
        start = time.perf_counter()
        verb(spark, *given)
        took[name] = round(time.perf_counter() - start, 2)

    timed("collect", collect.run, s)
    timed("collect app", collect.run, of_app)
    if n == shop.MENDED:
        timed("release", release.run, s)
    for verb in (clean, sequences, features):
        timed(verb.__name__, verb.run, s)
    _encode(s)
    for verb in (segment, audiences, publish):
        timed(verb.__name__, verb.run, s)
    return took


def erased(spark: SparkSession, warehouse: str, landing: str) -> None:
    """Both shops without the users of shop.ERASED, after the night shop.ERASED_AFTER."""
    _declare(warehouse, shop.ERASED_AFTER)
    erase.run(spark, settings(warehouse, landing, shop.ERASED_AFTER), list(shop.ERASED))


def _declare(warehouse: str, n: int) -> None:
    folder = Path(warehouse).parent / f"conf-{Path(warehouse).name}"
    shop.declare(folder, n)
    spec.load.__defaults__ = (folder,)  # the sources of whoever loads one


def _encode(s: Settings) -> None:
    """A vector of each user and centres of segments, as a model would have written them: of hashes, not of a model."""
    users = delta.rows(s.warehouse, USER_FEATURES, f"ds = '{s.ds}'", "user_id")
    vectors = [
        {"user_id": row["user_id"], "ds": s.ds, "embedding": _vector(row["user_id"]), "input_hash": 0,
         "model_version": "1", "run_id": s.run_id} for row in sorted(users, key=lambda row: row["user_id"])
    ]  # fmt: skip
    delta.replace_rows(vectors, s.warehouse, USER_EMBEDDINGS, f"ds = '{s.ds}'")
    staging.put_rows([], s, RECOMMENDATIONS)
    if delta.exists(s.warehouse, SEGMENT_MODELS):
        return
    ones = [1.0] * len(INPUTS)
    models = [
        {"model_version": "1", "segment_id": k, "center": [k / 2, 0.5, 0.3, _vector(str(k))[0], 0.1], "inputs": list(INPUTS),
         "fill": [0.0] * len(INPUTS), "log_scaled": [True, True, False, False, False], "mean": [0.1] * len(INPUTS),
         "scale": ones, "parents": [], "status": "born", "fitted_ds": s.ds} for k in (1, 2, 5)
    ]  # fmt: skip
    delta.replace_rows(models, s.warehouse, SEGMENT_MODELS, "model_version = '1'")


def _vector(text: str) -> list[float]:
    return [byte / 256 for byte in hashlib.sha256(text.encode()).digest()[:4]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--warehouse")
    parser.add_argument("--landing", required=True)
    parser.add_argument("--nights", required=True)
    given = parser.parse_args()
    os.environ.setdefault("HUAXIANG_PII_KEY", "the key of a made-up shop")
    spark = session.build("nights")
    for key, value in FEW_ROWS.items():
        spark.conf.set(key, value)
    listed = ((given.warehouse, n) for n in given.nights.split(","))
    asked = (line.split() for line in sys.stdin) if given.nights == "-" else listed
    for warehouse, n in asked:
        if n == ERASE:
            erased(spark, warehouse, given.landing)
            print(n, "done", flush=True)
        else:
            print(n, night(spark, warehouse, given.landing, int(n)), flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
