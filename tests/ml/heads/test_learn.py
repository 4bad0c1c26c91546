"""learn, register, predict, value and accuracy on a tiny shop with a past and a future; and without a past."""

from __future__ import annotations

import dataclasses
import datetime
import json
import shutil
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from deltalake import DeltaTable, write_deltalake

from jobs.tables import (
    PREDICTION_ACCURACY,
    PREDICTIONS,
    SEGMENT_MODELS,
    SEGMENT_VALUE,
    SILVER_EVENTS,
    SILVER_PRODUCTS,
    SILVER_USERS,
    USER_FEATURES,
    USER_SEGMENTS,
    USER_SEQUENCES,
)
from ml import accuracy, encode, evaluate, gate, learn, predict, register, renew, snapshot, train, value
from ml.common.cli import UsageError
from ml.common.lake import arrow_schema, write_partition
from ml.common.registry import Registry
from ml.common.runs import Run
from ml.data.snapshot import Snapshot
from ml.heads import days, learning
from ml.heads.heads import Heads
from ml.heads.kinds import Kinds
from ml.heads.settings import PredictionConfig
from ml.heads.trial import Trial
from ml.heads.visits import Reading
from ml.segments import promotion, renewal
from ml.segments.model import SegmentModel
from tests.ml.conftest import ROOT, USERS, feature_row, product_rows, sequence_row

DS = datetime.date(2017, 12, 1)
DAYS = [DS - datetime.timedelta(days=n) for n in (0, 28, 56)]


def event(user: int, ds: datetime.date, random: np.random.Generator, number: int) -> dict:
    """A purchase in a category of the user's kind, see conftest."""
    category = f"C{2 * (user % 3) + int(random.integers(0, 2))}"
    row = {field.name: None for field in arrow_schema(SILVER_EVENTS)}
    return row | {"event_id": f"{user}-{ds}-{number}", "user_id": f"u{user:03d}", "ds": ds, "event_type": "purchase",
                  "category": category, "amount": Decimal("3.00"), "is_bot": False}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Features and sequences as of three days; events for four months around them. Every third user buys seldom."""
    warehouse, random = str(tmp_path_factory.mktemp("shop")), np.random.default_rng(5)
    for ds in DAYS:
        features = [feature_row(user, random) | {"ds": ds} for user in range(USERS)]
        shift = (DS - ds).days
        sequences = [sequence_row(user, random) for user in range(USERS)]
        for row in sequences:
            row["ds"], row["event_days"] = ds, [day - shift for day in row["event_days"]]
            row["event_times"] = [time - shift * 86_400 for time in row["event_times"]]
        for table, rows in ((USER_FEATURES, features), (USER_SEQUENCES, sequences)):
            write_partition(table, warehouse, str(ds), [pa.RecordBatch.from_pylist(rows, arrow_schema(table))])
    events = []
    for user in range(USERS):
        for month in range(4):
            first = DAYS[-1] + datetime.timedelta(days=28 * month + 1)
            lines = 0 if random.random() < (0.7, 0.4, 0.2)[user % 3] else int(random.integers(1, 6))
            events += [event(user, first + datetime.timedelta(days=int(random.integers(0, 27))), random, month * 9 + n)
                       for n in range(lines)]  # fmt: skip
        if user % 3 == 0:  # in the held-out week
            events += [event(user, DS - datetime.timedelta(days=2), random, 90 + n) for n in range(1 + user % 4)]
    events.append(event(0, DS + datetime.timedelta(days=40), random, 99))
    write_deltalake(SILVER_EVENTS.path(warehouse), pa.Table.from_pylist(events, arrow_schema(SILVER_EVENTS)))
    write_deltalake(
        SILVER_PRODUCTS.path(warehouse), pa.Table.from_pylist(product_rows(), arrow_schema(SILVER_PRODUCTS))
    )
    return warehouse


def conf_with(folder: Path, users: int) -> Path:
    """The shipped settings with a minimum of users, and what is quick."""
    settings = yaml.safe_load((ROOT / "conf" / "predictions.yaml").read_text(encoding="utf-8"))
    settings |= {"minimum": {"users": users, "outcomes": 10}, "knots": 3, "pairs": 1000, "factors": 3}
    (folder / "predictions.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    for name in ("model.yaml", "segments.yaml"):
        (folder / name).write_text((ROOT / "conf" / name).read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def trained(warehouse: str, folder: Path) -> None:
    snapshot.main(["--warehouse", warehouse, "--ds", str(DS), "--snapshot", str(folder), "--preset", "debug"])
    train.main(["--snapshot", str(folder)])
    evaluate.main(["--snapshot", str(folder)])


def rows_of(table, warehouse: str) -> list[dict]:
    return DeltaTable(table.path(warehouse)).to_pyarrow_table().to_pylist()


def test_from_the_past_to_segments_that_prove_their_worth(
    shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    folder, conf = tmp_path / "snapshot", conf_with(tmp_path, users=30)
    assert days.missing(shop, DS, PredictionConfig.load(conf)) == []  # before the third day there are no events
    later = DS + datetime.timedelta(days=28)
    assert days.missing(shop, later + datetime.timedelta(days=28), PredictionConfig.load(conf)) == [later]
    trained(shop, folder)
    learn.main(["--snapshot", str(folder), "--conf", str(conf)])
    assert "without vectors: the encoder trained on days up to 2017-11-24" in capsys.readouterr().out
    assert not Heads.load(folder / "model").vector
    # As if the encoder were of before the first of the days: its vectors count.
    monkeypatch.setattr(learning, "cutoff", lambda _: DAYS[-1])
    learn.main(["--snapshot", str(folder), "--conf", str(conf)])
    said = capsys.readouterr().out
    assert "without vectors" not in said
    assert "heads learned from 122 users as of 2017-11-03, 2017-10-06" in said
    assert "left out: gold.user_features and gold.user_sequences have no rows as of 2017-09-08" in said
    assert "trial: churn_28d, all" in said
    heads, trial = Heads.load(folder / "model"), Trial.load(folder)
    assert heads.tastes.categories == [f"C{k}" for k in range(6)]
    assert trial.expected_UE.shape == (122, 2 + 3)  # of the users of both days
    assert trial.windows_UV.shape == (122, 12)
    # Labels lie strictly after the days, and end with the snapshot's.
    events = DeltaTable(SILVER_EVENTS.path(shop)).to_pyarrow_table().to_pylist()
    lines = sum(DAYS[-1] < row["ds"] <= DS for row in events)
    assert trial.truth.lines.sum() == lines

    gate.main(["--snapshot", str(folder)])
    register.main(["--warehouse", shop, "--snapshot", str(folder), "--conf", str(conf)])
    said = capsys.readouterr().out
    assert "usefulness" in said
    assert "expected categories weigh" in said
    model = SegmentModel.read(shop, "1")
    assert {"exp:0", "exp:1", "exp:4", "dept:GROCERY"} <= set(model.scaler.inputs)
    assert "emb:0" not in model.scaler.inputs

    with pytest.raises(UsageError, match="user_embeddings"):
        predict.main(["--warehouse", shop, "--ds", str(DS), "--run-id", "r"])
    encode.main(["--warehouse", shop, "--ds", str(DS), "--run-id", "r"])
    written = []
    for _ in range(2):
        predict.main(["--warehouse", shop, "--ds", str(DS), "--run-id", "r"])
        written.append(rows_of(PREDICTIONS, shop))
    assert written[0] == written[1]
    assert [row["user_id"] for row in written[0]] == [f"u{user:03d}" for user in range(USERS)]

    asked = [dict.fromkeys(SILVER_USERS.column_names) | {"user_id": "u001", "profiling_consent": False}]
    path = SILVER_USERS.path(shop)
    write_deltalake(path, pa.Table.from_pylist(asked, arrow_schema(SILVER_USERS)))
    for verb in (encode, predict):
        verb.main(["--warehouse", shop, "--ds", str(DS), "--run-id", "r"])
    assert rows_of(PREDICTIONS, shop) == [row for row in written[0] if row["user_id"] != "u001"]
    shutil.rmtree(path)

    # What the night would place users by is what the centres were fitted on.
    taken = Snapshot.open(folder)
    users = promotion.users_by(folder / "model", taken, taken.some_features(1_000))
    assert np.array_equal(users.expected_UE, np.array([row["expected"] for row in written[0]]))

    # Kinds of the trial are those of the days: as of each, by the sequences until it.
    reading = Reading(heads.tastes.categories, np.zeros((7, 3)), (0.0, 0.0))
    log_rates = np.log(np.column_stack([np.repeat([[6, 1, 1], [1, 1, 6]], 2, axis=1) / 16, np.full((2, 4), 0.25)]))
    natural, ids = Kinds(reading, np.array([0.5, 0.5]), log_rates, 0.01), pa.array(users.user_ids)
    past = [days.Day(ds, ids, None, None) for ds in DAYS]
    then = learning.kinds_then(natural, taken, past).reshape(3, USERS, 2)
    assert np.allclose(then.sum(axis=2), 1)
    assert all((chance[::3].argmax(axis=1) == 0).mean() > 0.8 for chance in then)
    assert not np.array_equal(then[0], then[1])
    dataclasses.replace(trial, kinds=2).save(tmp_path)
    assert Trial.load(tmp_path).kinds == 2

    accuracy.main(["--warehouse", shop, "--ds", str(DS)])
    scored = rows_of(PREDICTION_ACCURACY, shop)
    assert {"churn_28d", "spend_28d", "next_categories"} <= {row["prediction"] for row in scored}
    place = model.ids[model.assign(users)]
    schema = arrow_schema(USER_SEGMENTS)
    blank = dict.fromkeys(schema.names) | {"ds": DS, "model_version": "1", "run_id": "r"}
    placed = [blank | {"user_id": user, "segment_id": int(segment)}
              for user, segment in zip(users.user_ids, place, strict=True)]  # fmt: skip
    write_partition(USER_SEGMENTS, shop, str(DS), [pa.RecordBatch.from_pylist(placed, schema)])
    value.main(["--warehouse", shop, "--ds", str(DS)])
    assert "| ours |" in capsys.readouterr().out
    table = {row["assignment"]: row for row in rows_of(SEGMENT_VALUE, shop)}
    assert table["ours"]["segments"] == len(set(place))
    assert table["ours"]["model_version"] == "1"
    assert {"RFM k-means 12", "taste k-means 25", "LDA topics k-means 12", "grid value 5 x taste 5"} <= set(table)
    assert f"supervised tree {len(set(place))}" in table

    # A challenger that ranks the week better, they say, but whose vectors know nothing of users: the probes stop it.
    blank = tmp_path / "blank"
    trained(shop, blank)
    weights = torch.load(blank / "model" / "weights.pt", weights_only=True)
    torch.save({name: torch.zeros_like(tensor) for name, tensor in weights.items()}, blank / "model" / "weights.pt")
    week = {f"u{user:03d}": 0.5 + user / 1000 for user in range(USERS)}

    def better(of: Path, _: Snapshot) -> dict[str, float]:
        return {user: ndcg + 0.1 * (of == blank / "model") for user, ndcg in week.items()}

    monkeypatch.setattr(gate, "ndcg_by_user", better)
    gate.main(["--snapshot", str(blank)])
    decision = json.loads((blank / "gate.json").read_text(encoding="utf-8"))
    assert decision["interval"][0] > 0
    assert {one["probe"] for one in decision["probes"]} == {"churn", "spend", "category"}
    churn = next(one for one in decision["probes"] if one["probe"] == "churn")
    assert churn["high"] < 0
    assert not decision["promote"]
    run = Run.of(blank)
    tags = run.mlflow.get_run(run.run_id).data.tags
    assert tags["gate.promote"] == "false"
    assert "worse by more than noise" in tags["gate.reason"]
    assert "churn" in tags["gate.reason"].rsplit(":", 1)[1]
    register.main(["--warehouse", shop, "--snapshot", str(blank), "--conf", str(conf)])
    assert str(Registry.of(shop).current_champion().version) == "1"

    # The champion stays, and learns what it expects of users anew.
    write = ["--warehouse", shop, "--snapshot", str(blank), "--conf", str(conf)]
    assert renew.main(write) == 0
    assert "is the champion now: heads of 2017-12-01 on the encoder of version 1" in capsys.readouterr().out
    registry = Registry.of(shop)
    new = registry.current_champion()
    assert [str(new.version), new.tags["previous"]] == ["3", "1"]
    of = registry.download(new.run_id, tmp_path / "third")
    assert (of / "weights.pt").read_bytes() == (folder / "model" / "weights.pt").read_bytes()
    assert Heads.load(of) is not None
    again = SegmentModel.read(shop, "3")
    assert set(again.ids) == set(model.ids)  # same encoder, same users, same labels: the same segments
    assert renew.main(write) == 99
    assert "its heads are new" in capsys.readouterr().out
    older = dataclasses.replace(Snapshot.open(blank), folder=tmp_path / "older", ds=DS - datetime.timedelta(days=7))
    said, code = renewal.renew(older, shop, conf, accept_moves=False, say=print)
    assert said.endswith("is of 2017-12-01, later than 2017-11-24: its heads stay")
    assert code == 99


def test_a_day_is_unseen_where_the_training_ended_before_what_came_true() -> None:
    assert days.unseen(DAYS[1:], DAYS[2] + datetime.timedelta(days=1))
    assert not days.unseen(DAYS[1:], DAYS[2] + datetime.timedelta(days=2))


def test_without_a_past_nothing_is_predicted_and_segments_fall_back(
    shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    folder, conf = tmp_path / "snapshot", conf_with(tmp_path, users=1000)
    trained(shop, folder)
    learn.main(["--snapshot", str(folder), "--conf", str(conf)])
    said = capsys.readouterr().out
    assert "refused: as of 2017-11-03, 2017-10-06: purchase_7d, purchase_14d" in said
    assert "next_categories: 122 users to learn from, at least 1,000 needed" in said
    assert "why" in json.loads((folder / "model" / "heads.json").read_text(encoding="utf-8"))
    gate.main(["--snapshot", str(folder)])
    DeltaTable(SEGMENT_MODELS.path(shop)).delete()
    register.main(["--warehouse", shop, "--snapshot", str(folder)])
    assert "recency_days" in SegmentModel.read(shop, "1").scaler.inputs
    predict.main(["--warehouse", shop, "--ds", str(DS), "--run-id", "r"])
    rows = rows_of(PREDICTIONS, shop)
    assert len(rows) == USERS
    assert {row["churn_28d"] for row in rows} == {None}
    assert "at least 1,000" in rows[0]["refused"][0]
