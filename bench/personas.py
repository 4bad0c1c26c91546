"""`python -m bench personas`: segments and vectors, held against the hidden personas of a made-up shop.

Makes the shop's log, loads it in one pass, trains and registers a model as of one night, as the DAGs do, and then goes
on night by night over days on which users become other personas. Late records are known from their own day on, which is
the one thing that a real night would not know.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.table import Table
from threadpoolctl import threadpool_limits

from bench import builds, hidden, measure, ways
from bench.builds import Place
from bench.hidden import NIGHTS, Truth
from jobs.errors import UsageError
from jobs.tables import NUMERIC_FEATURES, PREDICTIONS, USER_EMBEDDINGS, USER_FEATURES, USER_SEGMENTS, USER_SEQUENCES
from ml.common import lake
from ml.common.arrays import aligned
from ml.common.cli import CONF
from ml.data.sequences import midnight
from ml.heads import kinds, visits
from ml.heads.facts import events_by_category
from ml.heads.settings import PredictionConfig
from ml.measures import metrics
from ml.segments import kmeans
from ml.segments.inputs import EXPECTATIONS, Users, fit_scaler
from ml.segments.model import nearest
from ml.segments.settings import SegmentConfig
from simulate.plan import Plan

LAST_DRIFT = 0.8  # of the days of a simulation: after them nobody becomes another persona (simulate/behaviour.py)
BEFORE = 84  # days of history that a training wants: two days to learn from, 28 and 56 before it, and 28 before them


@dataclass(frozen=True)
class Course:
    """Which days are what: the model is registered as of `fitted`, the first of `nights`."""

    first: date
    nights: list[date]

    @property
    def fitted(self) -> date:
        return self.nights[0]

    @classmethod
    def of(cls, plan: Plan, nights: int) -> Course:
        """The last of the nights is the last day on which somebody drifts. UsageError where the days are too few."""
        last = plan.first + timedelta(days=int(LAST_DRIFT * plan.days) - 1)
        fitted = last - timedelta(days=nights)
        if (fitted - plan.first).days < BEFORE:
            least = int((BEFORE + nights + 1) / LAST_DRIFT) + 1
            raise UsageError(f"expected --days of {least} or more for {nights} nights, found {plan.days}")
        return cls(plan.first, [fitted + timedelta(days=n) for n in range(nights + 1)])


@dataclass(frozen=True)
class Shop:
    """Where the verbs run, and in which surroundings."""

    place: Place
    env: dict[str, str]
    server: psutil.Process | None
    say: Callable[[str], None]

    def jobs(self, verb: str, ds: date, since: date | None = None) -> float:
        """Runs a verb of jobs/; its seconds."""
        return self._run(builds.verb(self.place, verb, since or ds, ds)).seconds

    def ml(self, name: str, *words: str, ranks: int = 0) -> measure.Cost:
        """Runs a module of ml/, by torchrun where it is told how many ranks."""
        python = [sys.executable, "-m", f"ml.{name}"]
        if ranks:
            torchrun = str(Path(sys.executable).with_name("torchrun"))
            python = [torchrun, "--standalone", f"--nproc-per-node={ranks}", "-m", f"ml.{name}"]
        return self._run([*python, *words])

    def _run(self, line: list[str]) -> measure.Cost:
        return measure.run(line, self.env, self.place.folder, self.server)

    @property
    def where(self) -> list[str]:
        return ["--warehouse", str(self.place.warehouse)]

    @property
    def snapshot(self) -> Path:
        return self.place.folder / "snapshot"

    def load(self, since: date, until: date) -> None:
        """All days in one pass, up to silver."""
        seconds = sum(self.jobs(verb, until, since) for verb in ("collect", "clean"))
        self.say(f"collect, clean {since}..{until}: {seconds:.0f} s")

    def as_of(self, ds: date) -> float:
        return sum(self.jobs(verb, ds) for verb in ("features", "sequences"))

    def train(self, ds: date) -> None:
        """A model as of ds, made the champion."""
        seconds = self.as_of(ds)
        past = [date.fromisoformat(day) for day in self.ml("past", *self.where, "--ds", str(ds)).output.split()]
        seconds += sum(self.as_of(day) for day in past)
        self.say(f"features, sequences as of {ds} and {len(past)} days to learn from: {seconds:.0f} s")
        here = ["--snapshot", str(self.snapshot)]
        self.ml("snapshot", *self.where, "--ds", str(ds), *here)
        cost = self.ml("train", *here, ranks=2)
        self.say(f"train: {cost.seconds:.0f} s; {cost.output.strip().splitlines()[-1]}")
        for name in ("evaluate", "learn", "gate"):
            self.ml(name, *here)
        done = self.ml("register", *self.where, *here).output
        self.say(done.strip())

    def night(self, ds: date) -> None:
        """A night's verbs from the features on, published."""
        seconds = self.as_of(ds)
        for name in ("encode", "predict", "recommend"):
            seconds += self.ml(name, *self.where, "--ds", str(ds), "--run-id", "bench").seconds
        seconds += sum(self.jobs(verb, ds) for verb in ("segment", "audiences", "publish"))
        self.say(f"night {ds}: {seconds:.0f} s")


@contextmanager
def opened(place: Place, way: str, say: Callable[[str], None]) -> Iterator[Shop]:
    """An engine, and an MLflow store of its own in the place."""
    home = place.folder / "home"
    home.mkdir(exist_ok=True)
    of_mlflow = {
        "HUAXIANG_HOME": str(home), "MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db",
        "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet",
    }  # fmt: skip
    with ways.opened(way, place.folder) as on:
        yield Shop(place, on.env | of_mlflow, on.server, say)


def run(place: Place, course: Course, way: str, say: Callable[[str], None]) -> None:
    """Load, train, and go through the nights."""
    with opened(place, way, say) as shop:
        shop.load(course.first, course.nights[-1])
        shop.train(course.fitted)
        for ds in course.nights:
            shop.night(ds)


@dataclass(frozen=True)
class Night:
    """What the tables say as of a night of the users whose persona is known: rows of gold.user_features by user, their
    segments, vectors, expectations, events by category of their sequences, these sequences, and personas.
    """

    ds: date
    users: Users
    segment_U: np.ndarray
    history_UC: np.ndarray
    sequences: pa.Table
    persona_U: np.ndarray

    @classmethod
    def read(cls, place: Place, truth: Truth, ds: date) -> Night:
        warehouse = str(place.warehouse)

        def table(of: lake.Table, columns: list[str]) -> pa.Table:
            return lake.read(lake.open_table(of, warehouse), columns, ds).combine_chunks()

        features = table(USER_FEATURES, USER_FEATURES.column_names).sort_by("user_id").combine_chunks()
        ids = features["user_id"].combine_chunks()
        persona = truth.on(ids.to_pylist(), ds)
        features, persona = features.filter(pa.array(persona != "")), persona[persona != ""]
        ids = features["user_id"].combine_chunks()
        vectors = table(USER_EMBEDDINGS, ["user_id", "embedding"])
        expected = table(PREDICTIONS, ["user_id", "expected"])
        rows = [(found["user_id"].combine_chunks(), _matrix(found.column(1))) for found in (vectors, expected)]
        states, expectations = (aligned(*row, ids) for row in rows)
        placed = table(USER_SEGMENTS, ["user_id", "segment_id"])
        segment = placed["segment_id"].take(pc.index_in(ids, value_set=placed["user_id"].combine_chunks()))
        sequences = table(USER_SEQUENCES, visits.COLUMNS)
        names = _categories(sequences)
        history = events_by_category(sequences.to_batches(), ids, names).toarray()
        number = expectations.shape[1] - len(EXPECTATIONS) + 1 - PredictionConfig.load(CONF).factors
        users = Users(ids.to_pylist(), features, states, expectations, number)
        return cls(ds, users, segment.to_numpy(), history, sequences, persona)

    def counts(self) -> np.ndarray:
        """The feature table as numbers (U, J): numeric features (logarithms of what is not a share, the mean where
        null) and the share of the money of each department.
        """
        raw = self.users.raw([column.name for column in NUMERIC_FEATURES])
        raw = np.where(np.nanmax(raw, axis=0) > 1, np.log1p(np.maximum(raw, 0)), raw)
        filled = np.where(np.isnan(raw), np.nanmean(raw, axis=0), raw)
        return np.nan_to_num(np.column_stack([filled, np.isnan(raw).any(axis=1), *self.users.shares().values()]))

    def vectors(self) -> np.ndarray:
        return np.nan_to_num(self.users.embedding_UD)

    def by_category(self) -> np.ndarray:
        """Log of the events by category (U, C)."""
        return np.log1p(self.history_UC)


def _categories(sequences: pa.Table) -> list[str]:
    """Those that stand in the sequences, by name."""
    return sorted(set(pc.unique(pc.list_flatten(sequences["categories"])).to_pylist()) - {""})


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    flat = column.combine_chunks()
    return flat.flatten().to_numpy(zero_copy_only=False).reshape(len(flat), -1)


INFORMATION = {
    "counts (the feature table)": Night.counts,
    "events by category of the sequence": Night.by_category,
    "vectors": Night.vectors,
    "vectors and counts": lambda night: np.column_stack([night.vectors(), night.counts()]),
}


def regrouped(night: Night, k: int, weights: dict[str, float] | None = None) -> np.ndarray:
    """Segment (U) of users grouped in k segments as a registration does it where there are no kinds.

    weights: of blocks, instead of those of conf.
    """
    config = SegmentConfig.load(CONF)
    if weights is not None:
        blocks = config.blocks.items()
        blocks = {
            name: block.model_copy(update={"weight": weights.get(name, 0.0), "fallback": False})
            for name, block in blocks
        }
        config = config.model_copy(update={"blocks": blocks})
    scaler = fit_scaler(night.users, config)
    values = scaler(night.users.raw(scaler.inputs))
    with threadpool_limits(1):
        return nearest(values, kmeans.try_k(values, k, config).centers_KJ)


def kinds_of_segments(night: Night) -> np.ndarray:
    """The kind (U) that most users of the user's segment are of: levels of money within a kind are one."""
    if not night.users.kinds:
        return night.segment_U
    kind = night.users.expected_UE[:, -night.users.kinds :].argmax(axis=1).astype(str)
    of = hidden.majority(night.segment_U, kind)
    return np.array([of[int(segment)] for segment in night.segment_U])


def groups(night: Night) -> Table:
    """A row a way to group the users of a night: how far its segments are the personas."""
    personas = len(set(night.persona_U))
    ways = {
        "ours: the kinds, by segments as published": kinds_of_segments(night),
        "ours, as published": night.segment_U,
        "natural_kinds: false, the most segments": regrouped(night, SegmentConfig.load(CONF).k.max),
        "natural_kinds: false, as many as personas": regrouped(night, personas),
        "k-means of the expected categories": regrouped(night, personas, {"expected_categories": 1.0}),
        "k-means of the vectors": regrouped(night, personas, {"embedding": 1.0}),
    }
    title = f"Segments of {night.ds} and the {personas} personas of {len(night.persona_U):,} users"
    table = Table(title=title, title_justify="left", title_style="bold")
    for head in ("way", "segments", "adjusted Rand index", "users in a segment mostly of their persona"):
        table.add_column(head, justify="left" if head == "way" else "right")
    for name, segment in ways.items():
        pure = hidden.purity(segment, night.persona_U)
        mine = sum(users * share for users, share in pure.values()) / sum(users for users, _ in pure.values())
        index = hidden.rand_index(segment, night.persona_U)
        table.add_row(name, str(len(set(segment))), f"{index:.3f}", f"{mine:.1%}")
    return table


def probes(night: Night) -> Table:
    """A row a source of information: how well a linear reader of it tells the persona, users held out."""
    fold = metrics.folds(pa.array(night.users.user_ids))
    shares = np.unique(night.persona_U, return_counts=True)[1] / len(night.persona_U)
    table = Table(title=f"Who tells the persona on {night.ds}: logistic regression, {metrics.FOLDS} folds over users",
                  title_justify="left", title_style="bold")  # fmt: skip
    for head in ("of", "numbers", "accuracy", "+-", "adjusted Rand index"):
        table.add_column(head, justify="left" if head == "of" else "right")
    for name, read in INFORMATION.items():
        values = read(night)
        with threadpool_limits(1):
            told = hidden.told(values, night.persona_U, fold)
        share, error = hidden.accuracy(told, night.persona_U)
        index = hidden.rand_index(told, night.persona_U)
        table.add_row(name, str(values.shape[1]), f"{share:.3f}", f"{1.96 * error:.3f}", f"{index:.3f}")
    table.add_section()
    table.add_row("a guess: the commonest persona", "", f"{shares.max():.3f}")
    table.add_row("a guess by shares", "", f"{(shares**2).sum():.3f}")
    return table


def informed(nights: list[Night], settled_U: np.ndarray) -> dict[date, dict[str, str]]:
    """By night, the persona that each user is told to be by the filter of ml/heads/kinds.py, had it been shown the
    personas of settled users on the first night: nobody who follows users by what they look at and at what prices
    knows more.
    """
    first, names = nights[0], np.unique(nights[0].persona_U)
    categories = _categories(first.sequences)
    events = visits.joined(visits.read(first.sequences.to_batches(), pa.array(first.users.user_ids), categories))
    reading = visits.Reading.of(events, categories)
    chance_UK = (first.persona_U[:, None] == names) * settled_U[:, None].astype(float)
    parts = kinds.rates(reading.sums(events, len(settled_U)), chance_UK, reading)
    shown, told = kinds.Kinds(reading, *parts, PredictionConfig.load(CONF).kinds.change), {}
    for night in nights:
        users = night.users.user_ids
        found_UK = shown.filtered(night.sequences.to_batches(), pa.array(users), midnight(night.ds))
        told[night.ds] = dict(zip(users, names[found_UK.argmax(axis=1)].tolist(), strict=True))
    return told


def drifts(nights: list[Night], truth: Truth) -> Table:
    """A row a way to tell the persona: how soon it follows users who became another."""
    first = nights[0]
    settled = np.array([truth.settled(user) for user in first.users.user_ids])
    of = hidden.majority(first.segment_U[settled], first.persona_U[settled])
    told = {"ours: the persona that most of the segment are": {
        night.ds: dict(zip(night.users.user_ids, (of.get(int(s), "") for s in night.segment_U), strict=True))
        for night in nights}}  # fmt: skip
    for name, read in INFORMATION.items():
        with threadpool_limits(1):
            model = hidden.probe().fit(read(first)[settled], first.persona_U[settled])
            told[f"probe of {name}"] = {
                night.ds: dict(zip(night.users.user_ids, model.predict(read(night)), strict=True)) for night in nights
            }
    told["the filter of kinds, shown who is which persona"] = informed(nights, settled)
    title = f"Users who become another persona from {nights[1].ds} to {nights[-NIGHTS].ds}, and when it is told"
    table = Table(title=title, title_justify="left", title_style="bold")
    for head in ("by", "drifted", "within 7", "median nights", "settled users told another 7 nights later"):
        table.add_column(head, justify="left" if head == "by" else "right")
    for name, by_night in told.items():
        found = hidden.drifted(by_night, truth)
        cells = f"{found.within(NIGHTS):.1%}", f"{found.median:.0f}", f"{found.unsettled:.1%}"
        table.add_row(name, str(len(found.nights)), *cells)
    return table


def tables(place: Place, course: Course) -> list[Table]:
    """What is printed, of the tables that `run` left."""
    truth = Truth.of(pq.read_table(place.landing / "simulate" / "truth" / "personas"))
    nights = [Night.read(place, truth, ds) for ds in course.nights]
    return [groups(nights[0]), probes(nights[0]), drifts(nights, truth)]
