"""What of a file is read at once, and what is said where it cannot be."""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import fs

from jobs.errors import DataError

RAW, LINE, FAULT, OWN = 0, 1, 2, 3  # places in a batch: our columns, and the first of the file's own
BLOCK = 8 << 20  # bytes of a text that are parsed at once
_OF_FILES = (
    pa.ArrowException, OSError, EOFError, UnicodeError, lzma.LZMAError, zlib.error, zipfile.BadZipFile,
    NotImplementedError,  # a way to pack a zip that Python does not know
)  # fmt: skip


class UnreadableFileError(DataError):
    """A file that is not what its format says, or is cut off; the text says which and why."""

    EXPECTED = "expected a readable file, found"

    @classmethod
    def of(cls, path: str, reason: str) -> UnreadableFileError:
        return cls(f"{cls.EXPECTED} {path}: {' '.join(reason.split())}")


class DatabaseError(Exception):
    """What a database said: `kind` is login, question, value, driver or away. Its text tells both, so that it can be
    read from an engine's error.
    """

    SAID = re.compile(r"the database, of its (login|question|value|driver|away): ([^\n]*)")

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(f"the database, of its {kind}: {said}")


@contextmanager
def named(path: str) -> Iterator[None]:
    """Errors of reading say which file it was."""
    try:
        yield
    except _OF_FILES as error:
        raise UnreadableFileError.of(path, str(error)) from None


@dataclass(frozen=True, slots=True)
class Part:
    """What is read at once: the bytes start..stop-1 of a text, or the row groups start..stop-1 of Parquet; the whole
    file where `stop` is 0. `line` is the number of the first record, `columns` are those of the file where it is a CSV.
    """

    path: str  # file:/folder/name or a URI
    start: int = 0
    stop: int = 0
    line: int = 1
    columns: tuple[str, ...] = ()


def locate(path: str) -> tuple[fs.FileSystem, str]:
    """The file system of a path and the path there. Hadoop's s3a is everybody else's s3."""
    if path.startswith("file:"):
        return fs.LocalFileSystem(), "/" + path.removeprefix("file:").lstrip("/")
    return fs.FileSystem.from_uri(re.sub("^s3a:", "s3:", path))


def told_apart(names: list[str]) -> list[str]:
    """Names of columns, each once: an empty one is _c0, _c1 .. by its place, a second `note` is note_2."""
    told: list[str] = []
    for k, name in enumerate(names):
        own = unique = name if name.strip() else f"_c{k}"
        number = 1
        while unique in told or (number > 1 and unique in names):
            number += 1
            unique = f"{own}_{number}"
        told.append(unique)
    return told
