"""Who a warehouse is, and whose ids are whose in it."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs.errors import UsageError
from jobs.lake import identity, pages
from jobs.tables import BRONZE_USERS, LOADS, WAREHOUSE


def test_first_loads_at_a_time_make_one_id_which_a_moved_warehouse_keeps(tmp_path: Path):
    shop, other = str(tmp_path / "shop"), str(tmp_path / "other")
    assert identity.warehouse_id(shop) is None
    names = [f"s{k}" for k in range(4)]
    with ThreadPoolExecutor(4) as side_by_side:
        given = list(side_by_side.map(lambda name: identity.join(shop, name, None), names))
    assert identity.namespaces(shop) == dict(zip(names, given, strict=True))
    assert sorted(set(given) - set(names)) == [""]  # one of them came first
    identity.join(other, "s0", None)
    first = identity.warehouse_id(shop)
    assert first not in (None, identity.warehouse_id(other))
    moved = str(shutil.move(shop, tmp_path / "moved"))
    assert identity.join(moved, "s9", None) == "s9"
    assert identity.warehouse_id(moved) == first


def test_a_namespace_is_kept_from_the_first_load_on(tmp_path: Path):
    shop = str(tmp_path)
    declared = {"web": None, "app": "", "till": "till", "pos": "till"}
    assert [identity.join(shop, *source) for source in declared.items()] == ["", "", "till", "till"]
    assert identity.join(shop, "web", None) == ""
    with pytest.raises(UsageError, match=r"expected namespace 'till' of the source pos, .*, found 'pos' in"):
        identity.join(shop, "pos", "pos")


def test_a_name_that_ids_begin_with_already_is_refused(tmp_path: Path):
    identity.join(str(tmp_path), "web", None)
    write_deltalake(BRONZE_USERS.path(str(tmp_path)), pa.table({"id": ["app:7", "8"]}))
    with pytest.raises(UsageError, match=r"no id in bronze.users that begins with app:, .* found 1 rows; give app a"):
        identity.join(str(tmp_path), "app", None)
    assert identity.join(str(tmp_path), "app", "phone") == "phone"


def test_sources_of_before_keep_their_ids(tmp_path: Path):
    shop = str(tmp_path)
    write_deltalake(LOADS.path(shop), pa.table({"source": ["web", "app", "app"]}))
    write_deltalake(WAREHOUSE.path(shop), pa.table({"warehouse_id": ["a1"]}))  # with an id, before namespaces
    assert identity.namespaces(shop) == {"web": "", "app": ""}
    assert [identity.join(shop, name, None) for name in ("app", "till")] == ["", "till"]
    assert identity.namespaces(shop) == {"web": "", "app": "", "till": "till"}
    assert identity.warehouse_id(shop) == "a1"


def test_pages_of_a_remote_warehouse_are_its_own(monkeypatch):
    monkeypatch.setattr(identity, "warehouse_id", {"s3://a/wh": "a1", "s3://b/wh": None}.get)
    assert pages.local_folder("s3://a/wh") == Path("reports/a1")
    assert pages.local_folder("s3://b/wh") == Path("reports")
