"""The folder of a snapshot belongs to one warehouse."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from jobs.tables import SILVER_USERS, WAREHOUSE
from ml.common.cli import UsageError
from ml.common.hashing import first_by_hash
from ml.common.lake import arrow_schema
from ml.common.model_settings import Config
from ml.data import sequences as packed
from ml.data import snapshot as room
from ml.data.snapshot import Snapshot, take
from tests.ml.conftest import DS, USERS


def test_what_another_warehouse_left_in_the_folder_is_not_trained_on(lake: str, tmp_path: Path, debug: Config) -> None:
    shop, folder = str(shutil.copytree(lake, tmp_path / "shop")), tmp_path / "snapshot"
    take(shop, DS, folder, debug)
    half_trained = folder / "checkpoints" / "last.pt"
    for warehouse_id, kept in ((None, True), ("a1", False), ("a1", True)):
        half_trained.parent.mkdir(exist_ok=True)
        half_trained.touch()
        if warehouse_id:
            row = pa.Table.from_pylist([{"warehouse_id": warehouse_id}], arrow_schema(WAREHOUSE))
            write_deltalake(WAREHOUSE.path(shop), row, mode="overwrite")
        take(shop, DS, folder, debug)
        assert half_trained.exists() == kept
    assert Snapshot.open(folder).warehouse_id == "a1"


def test_who_refuses_is_not_learned_from(lake: str, tmp_path: Path, debug: Config) -> None:
    shop = str(shutil.copytree(lake, tmp_path / "shop"))
    flags = {"u001": {"marketing_consent": False}, "u002": {"marketing_consent": False, "training_consent": True},
             "u003": {"training_consent": False}, "u004": {"profiling_consent": False}}  # fmt: skip
    rows = [dict.fromkeys(SILVER_USERS.column_names) | {"user_id": user} | said for user, said in flags.items()]
    write_deltalake(SILVER_USERS.path(shop), pa.Table.from_pylist(rows, arrow_schema(SILVER_USERS)))
    snapshot = take(shop, DS, tmp_path / "snapshot", debug)
    write_deltalake(
        SILVER_USERS.path(shop), pa.Table.from_pylist(rows[:1], arrow_schema(SILVER_USERS)), mode="overwrite"
    )
    refused = {"u001", "u003"}
    everybody = {f"u{user:03d}" for user in range(USERS)}
    sequences = snapshot.sequences_among(snapshot.catalogue(), snapshot.vocabularies())
    for ids in (snapshot.users()["user_id"], snapshot.features()["user_id"], sequences.user_ids):
        assert set(ids.to_pylist()) == everybody - refused
    chosen = snapshot.sequences(snapshot.catalogue(), snapshot.vocabularies(), snapshot.users())
    assert chosen.user_ids.equals(snapshot.users()["user_id"].combine_chunks())  # rows of who refused are skipped


def ids_of(rows: pa.Table) -> set[str]:
    return set(rows["user_id"].to_pylist())


def test_users_are_packed_where_they_stay_as_all_of_them_are(frozen: Snapshot) -> None:
    catalogue, vocabularies = frozen.catalogue(), frozen.vocabularies()
    everybody = frozen.sequences_among(catalogue, vocabularies)
    users = frozen.sample(20)
    ids = frozen.users()["user_id"].combine_chunks()
    assert users["user_id"].to_pylist() == ids.take(pa.array(first_by_hash(ids, 20))).to_pylist()
    found = frozen.sequences(catalogue, vocabularies, users)
    some = frozen.sequences_among(catalogue, vocabularies, users["user_id"].combine_chunks())
    assert some.user_ids.to_pylist() == [user for user in everybody.user_ids.to_pylist() if user in ids_of(users)]
    features = frozen.some_features(20)
    assert ids_of(features) == ids_of(users)  # what segments are fitted on is as large a sample
    place = {user: index for index, user in enumerate(everybody.user_ids.to_pylist())}
    expected = everybody.part(np.array([place[user] for user in found.user_ids.to_pylist()]))
    assert found.user_ids.equals(expected.user_ids)
    for name in ("offsets", "times", "items", "context_EC", "days"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def test_counts_are_the_same_however_often_they_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "UNFOLDED", 3)
    counts = room._Counts()
    for names in (["a", "b"], ["b"], ["c", "a", "a"], ["d"], []):
        counts.add(pa.array(names, pa.string()))
    assert counts.by_name() == {"a": 3, "b": 2, "c": 1, "d": 1}


def test_a_snapshot_of_an_earlier_version_is_refused(frozen: Snapshot) -> None:
    path = frozen.folder / "users.parquet"
    pq.write_table(frozen.users().drop_columns(["row"]), path)
    with pytest.raises(UsageError, match=r"found none of \['row'\]; an earlier version took the snapshot"):
        frozen.users()


def test_sums_and_owners_know_users_without_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "BLOCK_USERS", 2)
    events = np.arange(6)
    sequences = packed.Sequences(
        pa.array(["a", "b", "c", "d", "e"]), np.array([0, 0, 3, 3, 5, 6]), events, events, events[:, None], events
    )
    assert sequences.owners(events).tolist() == [1, 1, 1, 3, 3, 4]
    assert sequences.lengths_before(4).tolist() == [0, 3, 0, 1, 0]
    assert sequences.sums(events / 2).tolist() == [0, 1.5, 0, 3.5, 2.5]
