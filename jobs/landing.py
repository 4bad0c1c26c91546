"""Which files a shop has delivered: looked up without Spark, on any file system that Arrow reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from pyarrow import fs

from jobs.errors import UsageError
from jobs.sources import Feed

_GLOB_CHARACTERS = re.compile(r"([\\\[\]{}*?])")
# What java.net.URI escapes in a path.
_ESCAPED = re.compile(r"[\x00-\x20\"#%<>?\[\\\]^`{|}\x7f]")


@dataclass(frozen=True, slots=True)
class File:
    """A delivered file: where it is, its name under the landing folder, its day of delivery (None: any days)."""

    path: str
    name: str
    landed_ds: date | None

    @property
    def spark_path(self) -> str:
        """The file as Spark's readers take it: nothing in it is a glob."""
        return _GLOB_CHARACTERS.sub(r"\\\1", self.path)

    @property
    def spark_name(self) -> str:
        """The file as Spark names it in `_metadata.file_path`."""
        return _ESCAPED.sub(lambda found: f"%{ord(found.group()):02X}", self.path)


def list_files(landing: str, feed: Feed, since: date, ds: date) -> list[File]:
    """The feed's finished files, of the days since..ds where their names carry the day, sorted by name."""
    landing = landing.removeprefix("file://").rstrip("/")
    remote = "://" in landing
    try:  # Hadoop's s3a is everybody else's s3
        system, root = (
            fs.FileSystem.from_uri(re.sub("^s3a:", "s3:", landing)) if remote else (fs.LocalFileSystem(), landing)
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"expected the landing folder {landing} to be readable, found: {error}") from None
    if system.get_file_info(root).type != fs.FileType.Directory:
        raise UsageError(f"expected the landing folder {landing}, found nothing there; give --landing DIR")
    day = re.compile(re.escape(feed.files).replace(r"\{ds\}", r"(\d{4}-\d{2}-\d{2})").replace(r"\*", "[^/]*"))
    fixed = re.match(r"(?:[^/*{]+/)*", feed.files).group()  # the folders before the first wildcard
    below = fs.FileSelector(f"{root}/{fixed}".rstrip("/"), allow_not_found=True, recursive=True)
    files = []
    for found in system.get_file_info(below):
        name = found.path.removeprefix(root).lstrip("/")
        match = day.fullmatch(name)
        if found.type != fs.FileType.File or match is None or found.base_name.startswith((".", "_")):
            continue
        landed = date.fromisoformat(match.group(1)) if feed.dated else None
        if landed is None or since <= landed <= ds:
            files.append(File(f"{landing if remote else f'file:{landing}'}/{name}", name, landed))
    return sorted(files, key=lambda file: file.name)
