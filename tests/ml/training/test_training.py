"""A training: the same on any number of ranks, after a break, and twice; it says so when it fails."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest
import torch
from deltalake import DeltaTable, WriterProperties, write_deltalake
from mlflow import MlflowClient

from jobs.tables import USER_SEQUENCES
from ml.common import lake as lake_room
from ml.common.cli import DataError, UsageError
from ml.common.model_settings import Config
from ml.common.runs import Run
from ml.data import snapshot
from ml.data.batches import GROUP, Negatives, epoch_steps, owners, places
from ml.data.catalogue import Catalogue
from ml.data.sequences import CONTEXT, Sequences
from ml.data.snapshot import Snapshot
from ml.data.vocabulary import FIRST
from ml.training import checkpoint
from ml.training.data import TrainingData
from ml.training.processes import Ranks
from ml.training.trainer import Speed, Trainer
from ml.transformer.layout import Layout
from tests.ml.conftest import DS, ROOT, USERS, command

ALONE = Ranks(0, 1, torch.device("cpu"))
STANDALONE = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def fitted(snapshot: Snapshot, config: Config, until: int | None = None) -> Trainer:
    trainer = Trainer.of(snapshot, config, ALONE)
    trainer.fit(until or config.train.epochs, report=lambda row: None, advance=lambda epoch: None)
    return trainer


def losses(trainer: Trainer) -> list[float]:
    return [row["loss"] for row in trainer.history]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint.path_in(folder), weights_only=True)["model"]


def test_same_seed_same_bits_and_a_break_changes_nothing(frozen: Snapshot, debug: Config) -> None:
    config = debug.model_copy(update={"model": debug.model.model_copy(update={"dropout": 0.2})})
    whole = losses(fitted(frozen, config))
    undisturbed = weights(frozen.folder)
    shutil.rmtree(frozen.folder / "checkpoints")
    fitted(frozen, config, until=1)
    resumed = fitted(frozen, config)
    assert losses(resumed) == whole
    assert whole[1] < whole[0]
    for name, weight in weights(frozen.folder).items():
        assert torch.equal(weight, undisturbed[name]), name


EPOCHS = 4


@pytest.fixture(scope="module")
def parted(lake: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The lake with its sequences in two row groups of 31 and 30 users and about as many events."""
    copy = str(tmp_path_factory.mktemp("parted"))
    shutil.copytree(lake, copy, dirs_exist_ok=True)
    path = USER_SEQUENCES.path(copy)
    options = {"partition_by": ["ds"], "writer_properties": WriterProperties(max_row_group_size=31)}
    rows = DeltaTable(path).to_pyarrow_table().sort_by("length")
    dealt = rows.take(np.concatenate([np.arange(0, USERS, 2), np.arange(1, USERS, 2)]))
    write_deltalake(path, dealt, mode="overwrite", **options)
    return copy


@pytest.fixture(scope="module")
def long(debug: Config) -> Config:
    """With dropout, so that ranks draw differently, and long enough to be killed inside."""
    return debug.with_train(epochs=EPOCHS).model_copy(update={"model": debug.model.model_copy(update={"dropout": 0.2})})


def node(port: int, folder: Path, tracking: str, *words: object) -> subprocess.Popen:
    """One of two nodes of one rank each, as two machines would be started, here on loopback."""
    where = ("--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-id", "test",
             "--local-addr", "127.0.0.1")  # fmt: skip
    launcher = (sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1", *where)
    env = os.environ | {"MLFLOW_TRACKING_URI": tracking, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    line = [*launcher, "-m", "ml.train", "--snapshot", folder, *words]
    return subprocess.Popen(list(map(str, line)), cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True)  # fmt: skip


@pytest.fixture(scope="module")
def two_nodes(parted: str, long: Config, tracking: str, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Trained by two nodes that met over c10d, with dropout; nothing disturbed them."""
    taken = snapshot.take(parted, DS, tmp_path_factory.mktemp("nodes") / "s", long)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nodes = [node(port, taken.folder, tracking) for _ in range(2)]
    said = [one.communicate(timeout=500)[0] for one in nodes]
    assert [one.returncode for one in nodes] == [0, 0], said
    assert "2 ranks on cpu" in "".join(said)
    return taken


def history(folder: Path) -> list[dict[str, float]]:
    return torch.load(checkpoint.path_in(folder), weights_only=True)["history"]


def test_two_ranks_learn_what_one_does(parted: str, debug: Config, tmp_path: Path, tracking: str) -> None:
    """Each rank reads one of the two row groups, so that their shares of a step differ, and one may have no user."""
    taken = snapshot.take(parted, DS, tmp_path / "s", debug.with_train(batch_users=8))
    alone = fitted(taken, taken.config)
    one = weights(taken.folder)
    shutil.rmtree(taken.folder / "checkpoints")
    done = command(*STANDALONE, "-m", "ml.train", "--snapshot", taken.folder, MLFLOW_TRACKING_URI=tracking)
    assert done.returncode == 0, done.stderr
    assert [row["loss"] for row in history(taken.folder)] == pytest.approx(losses(alone), abs=1e-5)
    for name, weight in weights(taken.folder).items():
        torch.testing.assert_close(weight, one[name], atol=1e-4, rtol=1e-3, msg=name)


def test_a_killed_rank_is_started_again_and_learns_the_same_bits(
    parted: str, two_nodes: Snapshot, long: Config, tmp_path: Path, tracking: str
) -> None:
    """kill -9 of the second rank after the first checkpoint: torchrun starts both again, they go on from it."""
    taken = snapshot.take(parted, DS, tmp_path / "s", long)
    words = [sys.executable, *STANDALONE, "--max-restarts", "3", "-m", "ml.train", "--snapshot", taken.folder]
    env = os.environ | {"MLFLOW_TRACKING_URI": tracking, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with (tmp_path / "log").open("w+") as log:
        agent = subprocess.Popen(list(map(str, words)), cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)
        while not checkpoint.path_in(taken.folder).is_file():
            assert agent.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.005)
        second = next(child for child in psutil.Process(agent.pid).children() if child.environ().get("RANK") == "1")
        second.kill()
        assert agent.wait(timeout=500) == 0, (tmp_path / "log").read_text()
    said = (tmp_path / "log").read_text()
    assert said.count("2 ranks on cpu") >= 2  # begun, and begun again
    assert said.count("epoch 1: loss") == 1  # not from the start
    found, undisturbed = history(taken.folder), history(two_nodes.folder)
    assert [row["loss"] for row in found] == [row["loss"] for row in undisturbed]
    for name, weight in weights(taken.folder).items():
        assert torch.equal(weight, weights(two_nodes.folder)[name]), name


def test_a_run_holds_what_a_person_asks_of_a_training(two_nodes: Snapshot, tracking: str) -> None:
    mlflow = MlflowClient(tracking)
    run_id = json.loads((two_nodes.folder / "run.json").read_text())["run_id"]
    data = mlflow.get_run(run_id).data
    assert data.params["train.batch_users"] == "16"
    assert data.params["ranks"] == "2"
    assert data.tags["delta.gold.user_sequences"] == str(two_nodes.versions["gold.user_sequences"])
    assert data.tags["mlflow.source.git.commit"] == two_nodes.git_sha
    curve = mlflow.get_metric_history(run_id, "loss")
    assert [point.step for point in curve] == list(range(1, EPOCHS + 1))
    assert [point.value for point in curve] == [row["loss"] for row in history(two_nodes.folder)]
    assert "val_ndcg_10" in data.metrics
    names = {file.path for file in mlflow.list_artifacts(run_id, "model")}
    assert {"model/MLmodel", "model/weights.pt", "model/vocabulary.parquet"} <= names


def test_system_metrics_are_logged_while_a_training_runs(
    frozen: Snapshot, tracking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    monkeypatch.setattr("ml.common.runs.WATCH_SECONDS", 0.2)
    run = Run.start(frozen.folder, frozen.warehouse, frozen.tags())
    with run.watched():
        time.sleep(1.5)
    metrics = run.mlflow.get_run(run.run_id).data.metrics
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_percentage"} <= metrics.keys()


def test_whole_row_groups_go_to_ranks_where_they_are_even() -> None:
    part_U, events = np.arange(80) % 8, np.arange(80, 0, -1)
    owner_U = owners(part_U, events, 2)
    assert all(len(set(owner_U[part_U == part])) == 1 for part in range(8))
    assert abs(events[owner_U == 0].sum() - events[owner_U == 1].sum()) <= 0.1 * events.sum()
    assert owners(np.zeros(80, int), events, 2).tolist() == [0, 1] * 40  # one file: each rank reads it
    shares = [places(owner_U, rank) for rank in range(2)]
    assert all(sorted(share[share >= 0]) == list(range((owner_U == rank).sum())) for rank, share in enumerate(shares))


def test_a_rank_reads_its_own_row_groups_alone(parted: str, debug: Config, tmp_path: Path, monkeypatch) -> None:
    taken = snapshot.take(parted, DS, tmp_path / "s", debug)
    read, real = [], lake_room.read_row_group
    monkeypatch.setattr(lake_room, "read_row_group", lambda group, columns: read.append(group) or real(group, columns))
    shares = [TrainingData.of(taken, debug, Ranks(rank, 2, torch.device("cpu"))) for rank in range(2)]
    assert [group.row_groups[0].id for group in read] in ([0, 1], [1, 0])
    assert sorted(len(share.sequences) for share in shares) == [30, 31]
    ids = [user for share in shares for user in share.sequences.user_ids.to_pylist()]
    assert sorted(ids) == sorted(taken.users()["user_id"].to_pylist())


@pytest.mark.parametrize("speed", [Speed(bf16=True), Speed(compiler="aot_eager")], ids=["bf16", "compiled"])
def test_bf16_and_compiled_blocks_learn_about_the_same(speed: Speed, frozen: Snapshot, debug: Config) -> None:
    plain = losses(fitted(frozen, debug, until=1))
    shutil.rmtree(frozen.folder / "checkpoints")
    trainer = Trainer.of(frozen, debug, ALONE, speed)
    trainer.fit(1, report=lambda row: None, advance=lambda epoch: None)
    assert losses(trainer) == pytest.approx(plain, rel=2e-2 if speed.bf16 else 1e-4)
    assert (losses(trainer) != plain) == speed.bf16
    assert weights(frozen.folder).keys() == trainer.model.state_dict().keys()  # loads without the compiler


def test_a_checkpoint_that_breaks_off_leaves_the_one_before(
    frozen: Snapshot, debug: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = fitted(frozen, debug, until=1)
    good = checkpoint.path_in(frozen.folder).read_bytes()

    def full(said: dict, file) -> None:
        file.write(b"half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        trainer.fit(2, report=lambda row: None, advance=lambda epoch: None)
    assert checkpoint.path_in(frozen.folder).read_bytes() == good


def test_every_user_once_an_epoch_and_even_ranks(debug: Config) -> None:
    lengths = np.sort(np.random.default_rng(0).integers(0, 60, 103))[::-1]
    shares = [places(np.arange(103) % 3, rank) for rank in range(3)]
    for epoch in range(3):
        steps = list(epoch_steps(lengths, np.zeros(502, np.float32), debug, epoch))
        seen = np.concatenate([step.users for step in steps])
        assert sorted(seen) == list(range((lengths > 0).sum()))
        for step in steps:
            sizes = [len(step.of_rank(share)[0]) for share in shares]
            assert max(sizes) - min(sizes) <= debug.train.batch_users // GROUP  # a group is 8 users, 3 ranks: 3, 3, 2
            assert (step.starts + step.lengths <= lengths[step.users]).all()


def baskets(distinct_times: bool) -> tuple[Sequences, Catalogue]:
    """300 users with five visits of four products each, drawn evenly with replacement and stored in sorted order."""
    users, visits, lines, products = 300, 5, 4, 8
    drawn = np.sort(np.random.default_rng(5).integers(0, products, (users, visits, lines)), axis=2)
    day = np.tile(np.repeat(np.arange(visits), lines), users)
    times = day * 86_400 + (np.arange(len(day)) % lines if distinct_times else 0)
    rows = FIRST + products
    context = np.tile(1 + np.arange(CONTEXT, dtype=np.uint8), (len(day), 1))
    offsets = np.arange(users + 1) * visits * lines
    sequences = Sequences(pa.array([f"u{user}" for user in range(users)]), offsets, times,
                          (FIRST + drawn.ravel()).astype(np.int32), context, day.astype(np.int32))  # fmt: skip
    features = np.arange(rows, dtype=np.int32)[:, None]
    log_count = np.concatenate([np.zeros(FIRST), np.ones(products)]).astype(np.float32)
    ids = pa.array([f"p{i}" for i in range(products)])
    return sequences, Catalogue(ids, features, log_count, np.zeros(rows, np.int32), [""])


def test_the_order_of_a_basket_is_not_learned(debug: Config) -> None:
    """Of random baskets that are stored by the ids of their products, nothing tells the next one. With times of their
    own the same events are an order, which is learned.
    """
    loss = {}
    for distinct_times in (False, True):
        sequences, catalogue = baskets(distinct_times)
        events, everybody = np.diff(sequences.offsets), np.arange(len(sequences))
        data = TrainingData(events, everybody, sequences, catalogue, len(catalogue.features_IF), lambda model: {})
        trainer = Trainer(data, debug.with_train(epochs=4, full_softmax_below=20), ALONE, folder=None)
        trainer.fit(4, report=lambda row: None, advance=lambda epoch: None)
        items_P, context_PC, places_B = sequences.run(everybody, 0 * events, np.minimum(events, 16))
        read = (torch.from_numpy(items_P), torch.from_numpy(context_PC), Layout.of(places_B))
        with torch.no_grad():
            trainer.model.eval()
            loss[distinct_times] = float(trainer.loss(*read)) / len(items_P)
    chance = np.log(len(catalogue.product_ids))
    assert loss[False] > chance - 0.01
    assert loss[True] < chance - 0.2


def test_negatives_are_drawn_half_evenly_and_half_by_what_sells() -> None:
    config = Config().with_train(negatives=40_000, full_softmax_below=0).train
    sold_I = np.array([1.0, 1.0, 6.0])
    drawn, correction = Negatives.of(np.log(sold_I), config)(np.random.default_rng(0))
    chance_I = 0.5 / 3 + 0.5 * sold_I / 8
    np.testing.assert_allclose(np.bincount(drawn - FIRST) / 40_000, chance_I, atol=0.01)
    np.testing.assert_allclose(correction, -np.log(40_000 * chance_I[drawn - FIRST]), rtol=1e-6)
    assert Negatives.of(np.log(sold_I), Config().train)(np.random.default_rng(0)) == (None, None)


def test_a_loss_that_is_no_number_keeps_the_last_checkpoint(frozen: Snapshot, debug: Config) -> None:
    trainer = fitted(frozen, debug, until=1)
    with torch.no_grad():
        trainer.model.bos_D.fill_(float("nan"))
    with pytest.raises(DataError, match="expected a finite gradient, found nan in epoch 2"):
        trainer.fit(2, report=lambda row: None, advance=lambda epoch: None)
    assert all(torch.isfinite(weight).all() for weight in weights(frozen.folder).values())


def test_a_checkpoint_of_other_settings_is_refused(frozen: Snapshot, debug: Config) -> None:
    fitted(frozen, debug, until=1)
    with pytest.raises(UsageError, match=r"train.seed: wanted 8, found 7"):
        Trainer.of(frozen, debug.with_train(seed=8), ALONE)
