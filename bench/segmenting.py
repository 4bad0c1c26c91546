"""`python -m bench segment --users 1e6`: what a night costs from the features and vectors on, for so many users.

The night before it is published by the same verbs first, so that names, changes, causes and stages are held against
something. Not in it: training, features, sequences, encoding, predictions, suggestions, and users with late records.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, timedelta

import pyarrow as pa

from bench import crowd, measure, ways
from bench.builds import Place, Stage
from jobs.tables import PUBLISHED, SEGMENT_MODELS
from ml.common import lake
from ml.common.cli import CONF
from ml.segments import kmeans
from ml.segments import rows as segment_rows
from ml.segments.continuity import identify
from ml.segments.inputs import Users
from ml.segments.settings import SegmentConfig

DS = date(2026, 6, 30)
FITTED = 20_000  # users on whom the centres are fitted, as a training would, on more


def fit(warehouse: str, seed: int) -> int:
    """Writes the centres of a model, fitted on users of the night before; how many there are."""
    chunk, day = crowd.Chunk(seed, 0, FITTED), DS - timedelta(days=1)
    features = pa.Table.from_batches([chunk.features(day, second=False)])
    vectors = chunk.embeddings(day, second=False)["embedding"].flatten().to_numpy().reshape(FITTED, -1)
    users = Users.of(features, chunk.user_ids, vectors, chunk.expected(second=False))
    config = SegmentConfig.load(CONF)
    model, _ = kmeans.fit(users, config)
    named = identify(model, users, None, 0, config)
    rows = segment_rows.rows(model, users, named, config, crowd.VERSION, day)
    lake.write_partition(SEGMENT_MODELS, warehouse, crowd.VERSION, [rows])
    return len(named)


def line(place: Place, verb: str, ds: date) -> list[str]:
    """A verb as the DAG runs it."""
    words = [sys.executable, "-m", "jobs", verb, "--ds", str(ds), "--warehouse", str(place.warehouse)]
    words += [part for table in PUBLISHED for part in ("--table", table.staged().full_name)] if verb == "check" else []
    return [*words, "--source", "simulate", "--run-id", f"bench-{ds}"]


def night(place: Place, users: int, seed: int, way: str, say: Callable[[str], None]) -> tuple[list[Stage], str]:
    """What each verb of the second night cost, and what `segment` said of it."""
    warehouse = str(place.warehouse)
    crowd.write(warehouse, users, seed, DS, say)
    say(f"{fit(warehouse, seed)} segments fitted")
    stages, said = [], ""
    of_mlflow = {"MLFLOW_TRACKING_URI": f"sqlite:///{place.folder}/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true",
                 "GIT_PYTHON_REFRESH": "quiet"}  # fmt: skip
    with ways.opened(way, place.folder) as on:
        env = on.env | of_mlflow
        for verb in ("segment", "audiences", "publish"):
            cost = measure.run(line(place, verb, DS - timedelta(days=1)), env, place.folder, on.server)
            say(f"{verb} of the night before: {cost.seconds:.0f} s")
        for verb in ("segment", "audiences", "check", "publish", "report"):
            cost = measure.run(line(place, verb, DS), env, place.folder, on.server)
            stages.append(Stage(verb, cost.seconds, cost.cpu_seconds, cost.peak_bytes, on.work(cost)))
            said = cost.output.strip().splitlines()[-1] if verb == "segment" else said
            say(f"{verb}: {cost.seconds:.0f} s (CPU {cost.cpu_seconds:.0f} s)")
    return stages, said
