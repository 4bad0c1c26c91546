"""The folder of a snapshot belongs to one warehouse."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from jobs.tables import WAREHOUSE
from ml.common.lake import arrow_schema
from ml.common.model_settings import Config
from ml.data.snapshot import Snapshot, take
from tests.ml.conftest import DS


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
