"""The folder of a snapshot belongs to one warehouse."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from jobs.tables import SILVER_USERS, WAREHOUSE
from ml.common.lake import arrow_schema
from ml.common.model_settings import Config
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
    sequences = snapshot.sequences(snapshot.catalogue(), snapshot.vocabularies())
    for ids in (snapshot.users()["user_id"], snapshot.features()["user_id"], sequences.user_ids):
        assert set(ids.to_pylist()) == everybody - refused
