"""Every file below a folder, read and decoded in search of ids that must be nowhere."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import fs

from jobs.erasure.decoding import decoded, in_text
from jobs.erasure.wanted import Wanted
from jobs.lake.folders import open_folder
from jobs.tables import BRONZE_USERS


@dataclass(frozen=True, slots=True)
class Find:
    """An id that is still there: whose (index into the ids that were looked for), in which file, where in it."""

    whose: int
    file: str
    place: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What was read, and what was found in it."""

    files: int
    bytes: int
    finds: tuple[Find, ...]


def scan(place: str, wanted: Wanted) -> Scan:
    """Read every file below a folder or URI; UsageError where it is not there. What cannot be decoded as its name says
    is read as bytes.
    """
    system, root = open_folder(place, "scanned", "--warehouse")
    files = [f for f in system.get_file_info(fs.FileSelector(root, recursive=True)) if f.type == fs.FileType.File]
    finds: dict[Find, None] = {}
    bronze_users = f"/{BRONZE_USERS.layer}/{BRONZE_USERS.name}/"
    for info in sorted(files, key=lambda f: f.path):
        name = info.path.removeprefix(root).lstrip("/")
        finds |= dict.fromkeys(Find(whose, name, "its name") for whose, _ in wanted.in_lines(pa.array([name])))
        log = "/_delta_log/" in info.path
        own = bronze_users in f"/{name}" and not log
        try:
            with system.open_input_file(info.path) as file:
                places = list(decoded(info.base_name, file, wanted, own))
        except (pa.ArrowException, OSError, EOFError, ValueError, zipfile.BadZipFile):
            with system.open_input_file(info.path) as file:
                places = list(in_text(file, wanted))
        finds |= dict.fromkeys(Find(whose, name, at) for whose, at in places)
    return Scan(len(files), sum(info.size for info in files), tuple(finds))
