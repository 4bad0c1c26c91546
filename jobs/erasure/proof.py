"""The proof of an erasure: where the ids are looked for, what is said of those that are left, and the certificate."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from jobs.erasure.scan import Find, Scan
from jobs.erasure.scan import scan as scan_folder
from jobs.erasure.wanted import Wanted, is_plain
from jobs.lake import erasures, identity, pages, sql, upkeep
from jobs.settings import Settings

_SHOWN = 20  # finds in a message


def _home() -> Path:
    """Where a local run keeps its snapshots and MLflow, as dags/_house.py has it."""
    return Path(os.environ.get("HUAXIANG_HOME") or Path(__file__).resolve().parents[2] / ".run")


def _snapshots(s: Settings) -> list[Path]:
    """The trainings' snapshots that were taken from this warehouse (see ml/data/snapshot.py): by day in a folder of its
    own, and as they lay before warehouses had ids.
    """
    known, found = identity.warehouse_id(s.warehouse), []
    for file in sorted((_home() / "snapshots").rglob("snapshot.json")):
        of = json.loads(file.read_text(encoding="utf-8"))
        own = of.get("warehouse") == s.warehouse or (known is not None and of.get("warehouse_id") == known)
        if own and not any(folder in file.parents for folder in found):
            found.append(file.parent)
    return found


def drop_snapshots(s: Settings, wanted: Wanted) -> None:
    """Delete the trainings' snapshots that name an erased user: the versions that they were taken from are gone too."""
    for folder in _snapshots(s):
        if scan_folder(str(folder), wanted).finds:
            shutil.rmtree(folder)
            print(f"deleted the snapshot {folder}: it named an erased user; take a new one to train on")


def prove(s: Settings, wanted: Wanted) -> Scan:
    """Look through the warehouse, its pages, and what a local run keeps of trainings."""
    beside = [pages.local_folder(s.warehouse), *_snapshots(s), _home() / "mlflow"]
    inside = Path(s.warehouse.removeprefix("file://"))
    places = [s.warehouse, *(str(path) for path in beside if path.is_dir() and inside not in path.parents)]
    scans = {place: scan_folder(place, wanted) for place in places}
    finds = tuple(
        Find(find.whose, f"{place.rstrip('/')}/{find.file}", find.place)
        for place, scan in scans.items() for find in scan.finds
    )  # fmt: skip
    return Scan(sum(scan.files for scan in scans.values()), sum(scan.bytes for scan in scans.values()), finds)


def still_there(finds: tuple[Find, ...], wanted: Wanted, secret: bytes) -> str:
    """Each place where an id still is, and what to do; without an id."""
    shown = [
        f"{find.file}, {find.place} (subject {erasures.subject(wanted.ids[find.whose], secret)[:12]})"
        for find in finds[:_SHOWN]
    ]
    more = f"; and {len(finds) - _SHOWN} more" if len(finds) > _SHOWN else ""
    return (
        f"expected the ids nowhere, found them in {len(finds)} places: {'; '.join(shown)}{more}. Run erase again when "
        f"no night runs; what a killed write left goes {upkeep.UNKNOWN_HOURS} hours after it; delete other files by "
        "hand"
    )


def certificate(ids: list[str], deleted: dict[str, int], versions: dict[str, int], scan: Scan) -> str:
    """What was done, or was when they were erased, as a small table."""
    rows = [(name, f"{deleted.get(name, 0):,}", versions.get(name)) for name in sorted({*deleted, *versions})]
    lines = [f"{len(ids):,} users erased 已删除用户"]
    if rows:
        lines.append(sql.as_table(("table 表", "rows deleted 删除行数", "version 版本"), rows))
    lines.append(f"scanned 扫描: {scan.files:,} files, {scan.bytes:,} bytes; finds 残留: {len(scan.finds)}")
    if plain := sum(map(is_plain, ids)):
        lines.append(f"{plain:,} ids are ordinary numbers or words: looked for where a user's id can stand")
    lines.append("not touched: the landing folder, which is the shop's; backups 未处理：商家的落地文件与备份")
    return "\n".join(lines)
