"""The commands in the order in which Airflow runs them, on a tiny lake and an SQLite MLflow."""

from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from deltalake import DeltaTable, write_deltalake

from jobs.tables import (
    RESCORED_EMBEDDINGS,
    RESTATED,
    RUNS,
    SEGMENT_MODELS,
    SILVER_PRODUCTS,
    SILVER_USERS,
    USER_EMBEDDINGS,
    USER_FEATURES,
    USER_SEQUENCES,
)
from ml import champion, encode, evaluate, export, gate, register, snapshot, train
from ml.common import cli
from ml.common.lake import arrow_schema
from ml.common.registry import Registry
from ml.common.runs import Run
from ml.data.catalogue import Catalogue
from ml.data.snapshot import Snapshot, take
from ml.segments import promotion
from ml.users import rescore
from tests.ml.conftest import DS, ROOT, USERS, command


@pytest.fixture(scope="module")
def warehouse(lake: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A copy that the commands may write to."""
    copy = tmp_path_factory.mktemp("warehouse")
    shutil.copytree(lake, copy, dirs_exist_ok=True)
    return str(copy)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped settings with numbers of segments that 61 users bear."""
    conf = tmp_path_factory.mktemp("few") / "conf"
    shutil.copytree(ROOT / "conf", conf)
    path = conf / "segments.yaml"
    settings = yaml.safe_load(path.read_text(encoding="utf-8")) | {"k": {"min": 6, "max": 12}}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return conf


def cycle(warehouse: str, folder: Path, seed: int, *, conf: Path = ROOT / "conf", promote: bool = False) -> None:
    """snapshot, train, evaluate, gate, register; promote: whatever the gate says of the held-out week."""
    snapshot.main(
        ["--warehouse", warehouse, "--ds", str(DS), "--snapshot", str(folder), "--preset", "debug", "--seed", str(seed)]
    )
    for verb in (train, evaluate, gate):
        verb.main(["--snapshot", str(folder)])
    if promote:
        decision = json.loads((folder / "gate.json").read_text(encoding="utf-8")) | {"promote": True}
        (folder / "gate.json").write_text(json.dumps(decision), encoding="utf-8")
    register.main(["--warehouse", warehouse, "--snapshot", str(folder), "--conf", str(conf)])


def rows_of(table, warehouse: str) -> pa.Table:
    found = DeltaTable(table.path(warehouse))
    assert found.metadata().partition_columns == list(table.partition_by)
    read = pa.table(found.to_pyarrow_table())
    assert read.schema.names == table.column_names
    assert [str(t).replace("item", "element") for t in read.schema.types] == [str(t) for t in arrow_schema(table).types]
    return read


def test_from_snapshot_to_vectors(
    warehouse: str, few: Path, tmp_path: Path, tracking: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    assert champion.main(["--warehouse", warehouse, "--missing"]) == 0
    with pytest.raises(cli.UsageError, match="expected a registered model"):
        encode.main(["--warehouse", warehouse, "--ds", str(DS), "--run-id", "r"])
    cycle(warehouse, tmp_path / "first", seed=7, conf=few)
    assert "version 1 is the champion now: there is no champion yet" in capsys.readouterr().out
    assert champion.main(["--warehouse", warehouse, "--missing"]) == champion.SKIP
    assert champion.main(["--warehouse", warehouse]) == 0
    assert "ndcg_10" in capsys.readouterr().out

    segments = rows_of(SEGMENT_MODELS, warehouse).to_pylist()
    assert sorted(row["segment_id"] for row in segments) == list(range(1, len(segments) + 1))
    assert 6 <= len(segments) <= 12
    assert all(len(row["center"]) == len(row["inputs"]) == len(row["scale"]) == len(row["fill"]) for row in segments)
    assert all(row["rule"] and 0 < row["rule_fidelity"] <= 1 and row["fitted_ds"] == DS for row in segments)
    assert {"emb:0", "dept:GROCERY", "recency_days"} <= set(segments[0]["inputs"])

    written = []
    for run_id, words, how in (
        ("r1", [], "61 encoded, 0 as before"),
        ("r2", [], "0 encoded, 61 as before"),
        ("r3", ["--all"], "61 encoded, 0 as before"),
    ):
        encode.main(["--warehouse", warehouse, "--ds", str(DS), "--run-id", run_id, *words])
        assert how in capsys.readouterr().out
        table = rows_of(USER_EMBEDDINGS, warehouse)
        assert set(table["run_id"].to_pylist()) == {run_id}
        written.append(table.drop_columns(["run_id"]))
    assert written[0].equals(written[1])
    assert written[0].equals(written[2])
    assert written[0]["user_id"].to_pylist() == [f"u{user:03d}" for user in range(USERS)]
    assert set(written[0]["model_version"].to_pylist()) == {"1"}

    export.main(["--warehouse", warehouse, "--hf", str(tmp_path / "exported")])
    assert "version 1, 60 products" in capsys.readouterr().out
    assert "| this model | 0." in (tmp_path / "exported" / "README.md").read_text(encoding="utf-8")

    register.main(["--warehouse", warehouse, "--snapshot", str(tmp_path / "first")])
    assert "was promoted before" in capsys.readouterr().out
    assert rows_of(SEGMENT_MODELS, warehouse).num_rows == len(segments)

    cycle(warehouse, tmp_path / "second", seed=8, conf=few)
    decision = json.loads((tmp_path / "second" / "gate.json").read_text(encoding="utf-8"))
    assert decision["champion"] is not None
    assert decision["promote"] == (decision["interval"][0] > 0)
    assert "no probes: " in decision["reason"]
    second = [row for row in rows_of(SEGMENT_MODELS, warehouse).to_pylist() if row["model_version"] == "2"]
    known = {row["segment_id"] for row in segments}
    assert {row["segment_id"] for row in second if row["status"] == "kept"} <= known
    assert sum(row["segment_id"] in known for row in second) >= len(second) / 2
    assert all(row["segment_id"] > max(known) for row in second if row["status"] in ("born", "split"))
    said = capsys.readouterr().out
    assert "would change their segment by the model alone" in said
    assert "vectors turned onto the champion's" in said
    run = Run.of(tmp_path / "second")
    tags = run.mlflow.get_run(run.run_id).data.tags
    assert tags["gate.steady"] == "true"
    assert 0 <= float(tags["gate.moved"]) <= 0.25


def test_a_model_that_moves_too_many_is_not_promoted_and_says_so(
    warehouse: str, tmp_path: Path, tracking: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """After the cycle above: a third version, against a limit that no retraining keeps."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    before = tracking_champion(warehouse)
    conf = tmp_path / "conf"
    shutil.copytree(ROOT / "conf", conf)
    path = conf / "segments.yaml"
    strict = path.read_text(encoding="utf-8").replace("max_moved: 0.25", "max_moved: 0.0001")
    settings = yaml.safe_load(strict) | {"k": {"min": 13, "max": 13}}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    cycle(warehouse, tmp_path / "third", seed=9, conf=conf, promote=True)
    said = capsys.readouterr().out
    assert "more than max_moved 0%; the nights keep the former model" in said
    assert tracking_champion(warehouse) == before
    run = Run.of(tmp_path / "third")
    tags = run.mlflow.get_run(run.run_id).data.tags
    assert tags["gate.steady"] == "false"
    assert float(tags["gate.moved"]) > 0.0001
    rejected = {row["segment_id"] for row in rows_of(SEGMENT_MODELS, warehouse).to_pylist()}
    assert promotion.highest_id(warehouse) == max(rejected)

    place = ["--warehouse", warehouse, "--snapshot", str(tmp_path / "third"), "--conf", str(conf)]
    register.main([*place, "--accept-moves"])
    assert "is the champion now" in capsys.readouterr().out
    after = tracking_champion(warehouse)
    assert after != before

    assert champion.main(["--warehouse", warehouse, "--rollback"]) == 0
    assert f"version {before} is the champion again, instead of {after}" in capsys.readouterr().out
    assert tracking_champion(warehouse) == before
    with pytest.raises(cli.UsageError, match="expected version 99"):
        champion.main(["--warehouse", warehouse, "--rollback", "99"])
    champion.main(["--warehouse", warehouse, "--rollback", after])
    assert tracking_champion(warehouse) == after


def tracking_champion(warehouse: str) -> str:
    return str(Registry.of(warehouse).current_champion().version)


def test_encode_scores_again_what_causes_are_told_by(
    warehouse: str, tracking: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """The last published night was by version 1; since then one user's day was made anew by late records."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    night = DS - datetime.timedelta(days=1)
    run = dict.fromkeys(RUNS.column_names) | {"run_id": "n", "ds": night, "model_version": "1", "table_versions": []}
    run |= {"definitions": [], "published_at": datetime.datetime(2017, 12, 1, tzinfo=datetime.UTC)}
    ds_begins = datetime.datetime.combine(DS, datetime.time(), datetime.UTC).timestamp()
    sequences = rows_of(USER_SEQUENCES, warehouse).to_pylist()
    user = next(row["user_id"] for row in sequences if row["event_times"][0] < ds_begins <= row["event_times"][-1])
    late = {"source": "s", "source_file": "f", "landed_ds": DS, "user_id": user, "ds": night}
    for table, row in ((RUNS, run), (RESTATED, late)):
        write_deltalake(table.path(warehouse), pa.Table.from_pylist([row], arrow_schema(table)))
    now = tracking_champion(warehouse)
    encode.main(["--warehouse", warehouse, "--ds", str(DS), "--run-id", "r"])
    assert "everybody" in capsys.readouterr().out
    rows = rows_of(RESCORED_EMBEDDINGS, warehouse).to_pylist()
    assert now != "1"
    assert {row["model_version"] for row in rows} == {"1"}
    tonight = {row["user_id"]: row["embedding"] for row in rows if row["as_of"] == DS}
    then = {row["user_id"]: row["embedding"] for row in rows if row["as_of"] == night}
    assert len(tonight) == USERS
    assert then.keys() == {user}
    assert then[user] != tonight[user]  # events of ds itself are not in it

    for agrees in (False, True):
        users = [dict.fromkeys(SILVER_USERS.column_names) | {"user_id": user, "profiling_consent": agrees}]
        rows = pa.Table.from_pylist(users, arrow_schema(SILVER_USERS))
        write_deltalake(SILVER_USERS.path(warehouse), rows, mode="overwrite")
        encode.main(["--warehouse", warehouse, "--ds", str(DS), "--run-id", "r"])
        for table in (USER_EMBEDDINGS, RESCORED_EMBEDDINGS):
            seen = {row["user_id"] for row in rows_of(table, warehouse).to_pylist()}
            assert (user in seen, len(seen)) == (agrees, USERS - (not agrees))


def test_known_by_leaves_out_later_events_and_users_without_any() -> None:
    day = int(datetime.datetime(2017, 12, 1, tzinfo=datetime.UTC).timestamp())
    chunk = pa.table({"user_id": ["a", "b", "c"], "event_times": [[day - 1, day], [day + 5], [day - 9]],
                      "event_types": [["view", "cart"], ["view"], ["purchase"]]})  # fmt: skip
    found = rescore.known_by(chunk, datetime.date(2017, 11, 30)).to_pydict()
    assert found == {"user_id": ["a", "c"], "event_times": [[day - 1], [day - 9]],
                     "event_types": [["view"], ["purchase"]]}  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["-m", "ml.snapshot", "--warehouse", "/nowhere", "--ds", DS, "--snapshot", "x"],
            2,
            "error: expected the Delta table",
        ),
        (["-m", "ml.snapshot", "--ds", "1 Dec", "--snapshot", "x"], 2, "expected a day as YYYY-MM-DD, found '1 Dec'"),
        (["-m", "ml.champion"], 2, "error: expected MLFLOW_TRACKING_URI"),
    ],
)
def test_a_users_mistake_is_one_line(words: list, code: int, said: str) -> None:
    done = command(*words, MLFLOW_TRACKING_URI="")
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_day_without_history_fails_as_data(lake: str, debug, tmp_path: Path) -> None:
    with pytest.raises(cli.DataError, match="expected events before"):
        take(lake, DS.replace(day=2), tmp_path, debug)


def test_the_snapshot_is_what_it_was(lake: str, tmp_path: Path, debug) -> None:
    taken = take(lake, DS, tmp_path / "s", debug)
    read = Snapshot.open(tmp_path / "s")
    assert read == taken
    assert read.rows == {USER_SEQUENCES.full_name: USERS, SILVER_PRODUCTS.full_name: 60, USER_FEATURES.full_name: USERS}
    assert (
        read.catalogue().features_IF == Catalogue.of(read.products(), read.vocabularies(), debug.model).features_IF
    ).all()
    assert ROOT.joinpath("conf", "model.yaml").is_file()
