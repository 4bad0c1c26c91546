"""Which files a shop has delivered: looked up without Spark, on any file system that Arrow reads."""

from __future__ import annotations

import hashlib
import re
import sys
import time
from dataclasses import dataclass, field
from datetime import date, datetime

import pyarrow as pa
from pyarrow import fs

from jobs.lake.folders import open_folder
from jobs.sources.spec import Feed

# How uploaders call what is not whole yet.
_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".inprogress", "._COPYING_")
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

    def open(self, unpack: bool = False) -> pa.NativeFile:
        """Its bytes; `unpack`: as a stream of what is in it, where its name says gzip, zstd or the like."""
        return self.system.open_input_stream(self.key) if unpack else self.system.open_input_file(self.key)

    def digest(self) -> str:
        """SHA-256 of its bytes as they lie there."""
        with self.system.open_input_stream(self.key, compression=None) as stream:
            whole = hashlib.sha256()
            while block := stream.read(1 << 20):
                whole.update(block)
        return whole.hexdigest()


def list_files(landing: str, feed: Feed, since: date, ds: date) -> list[File]:
    """The feed's finished files, of the days since..ds where their names carry the day, sorted by name."""
    system, root = open_folder(landing)
    landing = landing.removeprefix("file://").rstrip("/")
    remote = "://" in landing
    day = re.compile(re.escape(feed.files).replace(r"\{ds\}", r"(\d{4}-\d{2}-\d{2})").replace(r"\*", "[^/]*"))
    fixed = re.match(r"(?:[^/*{]+/)*", feed.files).group()  # the folders before the first wildcard
    below = fs.FileSelector(f"{root}/{fixed}".rstrip("/"), allow_not_found=True, recursive=True)
    wanted = {}
    for info in system.get_file_info(below):
        name = info.path.removeprefix(root).lstrip("/")
        match = day.fullmatch(name)
        if info.type != fs.FileType.File or match is None:
            continue
        landed = date.fromisoformat(match.group(1)) if feed.dated else None
        if landed is None or since <= landed <= ds:
            path = f"{landing if remote else f'file:{landing}'}/{name}"
            wanted[info.path] = (info, File(path, name, landed, info.size, info.mtime, system, info.path))
    whole = _whole(system, [info for info, _ in wanted.values()])
    return sorted((wanted[info.path][1] for info in whole), key=lambda file: file.name)


def _whole(system: fs.FileSystem, found: list[fs.FileInfo]) -> list[fs.FileInfo]:
    """The files that are delivered: neither named as unfinished nor growing while we look; the rest is left for the
    next run, and said.
    """
    named = [f for f in found if not f.base_name.startswith((".", "_")) and not f.base_name.endswith(_UNFINISHED)]
    fresh = {f.path: f.size for f in named if f.mtime_ns and time.time() - f.mtime_ns / 1e9 < _SETTLED_SECONDS}
    if not fresh:
        return named
    time.sleep(1)
    growing = {now.path for now in system.get_file_info(list(fresh)) if now.size != fresh[now.path]}
    for path in sorted(growing):
        print(f"left for the next run, it still grows: {path}", file=sys.stderr)
    return [f for f in named if f.path not in growing]
