"""Which files a shop has delivered: looked up without Spark, on any file system that Arrow reads."""

from __future__ import annotations

import hashlib
import re
import sys
import time
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import SequenceMatcher
from urllib.parse import quote

from pyarrow import fs

from jobs.errors import DataError
from jobs.lake.folders import open_folder
from jobs.sources import globs
from jobs.sources.formats.parts import named
from jobs.sources.spec import Feed

# How uploaders call what is not whole yet.
_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".inprogress", "._COPYING_")
# What makes a folder a table of Delta, Hudi or Iceberg.
_OF_TABLE = re.compile(r"(.*/|)(?:_delta_log/[^/]+\.json|\.hoodie/.+|metadata/[^/]+\.metadata\.json)")
_SETTLED_SECONDS = 10  # a file that was written to since may still grow


@dataclass(frozen=True, slots=True)
class File:
    """A delivered file: where it is, its name under the landing folder, its day of delivery (None: any days), and how
    it looks from outside: bytes, and the time of its last change.
    """

    path: str
    name: str
    landed_ds: date | None
    size: int = 0
    modified_at: datetime | None = None
    system: fs.FileSystem | None = field(default=None, compare=False, repr=False)
    key: str = field(default="", compare=False, repr=False)  # its path in `system`

    def digest(self) -> str:
        """SHA-256 of its bytes as they lie there."""
        with named(self.path), self.system.open_input_stream(self.key, compression=None) as stream:
            whole = hashlib.sha256()
            while block := stream.read(1 << 20):
                whole.update(block)
        return whole.hexdigest()

    def has_changed(self) -> bool:
        """Whether it looks otherwise than when it was listed."""
        now = self.system.get_file_info(self.key)
        return (now.size, now.mtime) != (self.size, self.modified_at)


def list_files(landing: str, feed: Feed, since: date, ds: date) -> list[File]:
    """The feed's finished files, of the days since..ds where their names carry the day, sorted by name; DataError where
    one is a part of a table.
    """
    system, root = open_folder(landing)
    landing = landing.removeprefix("file://").rstrip("/")
    remote = "://" in landing
    wanted, tables = {}, set()
    for glob in feed.files:
        shape = globs.compiled(glob)
        for info in _below(system, root, glob):
            name = info.path.removeprefix(root).lstrip("/")
            if of_table := _OF_TABLE.fullmatch(name):
                tables.add(of_table[1])
            match = shape.fullmatch(unicodedata.normalize("NFC", name))  # which the mapping is in: jobs/conf.py
            if match is None:
                continue
            landed = globs.day_of(match) if feed.dated else None
            if feed.dated and landed is None:
                print(f"left out, its path says no day of the calendar: {name}", file=sys.stderr)
            if not feed.dated or (landed and since <= landed <= ds):
                path = f"{landing}/{quote(name)}" if remote else f"file:{landing}/{name}"
                called = f"{name} [{feed.name}]" if feed.name else name
                wanted[info.path] = (info, File(path, called, landed, info.size, info.mtime, system, info.path))
    if parts := sorted(file.name for _, file in wanted.values() if any(map(file.name.startswith, tables))):
        raise DataError(
            f"expected delivered files, found {parts[0]} of a table of Delta, Iceberg or Hudi, whose files also hold "
            "rows that were replaced; deliver what it holds now: COPY (FROM delta_scan('..')) TO 'a.parquet' in DuckDB"
        )
    whole = _whole(system, [info for info, _ in wanted.values()])
    return sorted((wanted[info.path][1] for info in whole), key=lambda file: file.name)


def _below(system: fs.FileSystem, root: str, glob: str) -> list[fs.FileInfo]:
    """The files in the folder before the first wildcard of a glob, and in those below it."""
    folder = fs.FileSelector(f"{root}/{globs.folder_of(glob)}".rstrip("/"), allow_not_found=True, recursive=True)
    try:
        return [info for info in system.get_file_info(folder) if info.type == fs.FileType.File and info.path]
    except UnicodeDecodeError as error:
        name = error.object.decode(errors="backslashreplace")
        raise DataError(f"expected names of files in UTF-8, found {name}; rename it") from None


def nearest(landing: str, feed: Feed, ds: date, most: int = 3) -> list[str]:
    """Names of files that are there, the nearest to those that were sought first."""
    system, root = open_folder(landing)
    there = [info.path.removeprefix(root).lstrip("/") for info in _below(system, root, "")]
    there = [name for name in there if not re.search(r"(^|/)[._]", name)]
    sought = [re.sub(r"\{ds.*?\}", str(ds), glob) for glob in feed.files]
    return sorted(there, key=lambda name: (-max(SequenceMatcher(None, name, one).ratio() for one in sought), name))[
        :most
    ]


def _whole(system: fs.FileSystem, found: list[fs.FileInfo]) -> list[fs.FileInfo]:
    """The files that are delivered: neither named as unfinished nor growing while we look; the rest is left for the
    next run, and said.
    """
    finished = [info for info in found if not info.base_name.endswith(_UNFINISHED)]
    fresh = {f.path: f.size for f in finished if f.mtime_ns and time.time() - f.mtime_ns / 1e9 < _SETTLED_SECONDS}
    if not fresh:
        return finished
    time.sleep(1)
    growing = {now.path for now in system.get_file_info(list(fresh)) if now.size != fresh[now.path]}
    for path in sorted(growing):
        print(f"left for the next run, it still grows: {path}", file=sys.stderr)
    return [info for info in finished if info.path not in growing]
