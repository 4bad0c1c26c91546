"""Who a warehouse is."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jobs.lake import identity, pages


def test_first_runs_at_a_time_make_one_id_which_a_copy_keeps(tmp_path: Path):
    shop, other = str(tmp_path / "shop"), str(tmp_path / "other")
    assert identity.warehouse_id(shop) is None
    with ThreadPoolExecutor(4) as side_by_side:
        made = set(side_by_side.map(identity.identify, [shop] * 8))
    assert len(made) == 1
    assert identity.identify(other) not in made
    moved = shutil.move(shop, tmp_path / "moved")
    assert {identity.warehouse_id(str(moved))} == made


def test_pages_of_a_remote_warehouse_are_its_own(monkeypatch):
    monkeypatch.setattr(identity, "warehouse_id", {"s3://a/wh": "a1", "s3://b/wh": None}.get)
    assert pages.local_folder("s3://a/wh") == Path("reports/a1")
    assert pages.local_folder("s3://b/wh") == Path("reports")
