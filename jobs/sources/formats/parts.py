"""What of a file is read at once, and what is said where it cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import fs

BLOCK = 8 << 20  # bytes of a text that are parsed at once
_PACKED = (".gz", ".zst", ".bz2", ".lz4", ".br", ".snappy")


class UnreadableFileError(Exception):
    """A file that is not what its format says, or is cut off; the text says which and why."""

    EXPECTED = "expected a readable file, found"


@contextmanager
def named(path: str) -> Iterator[None]:
    """Errors of reading say which file it was."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, UnicodeError) as error:
        reason = " ".join(str(error).split())
        raise UnreadableFileError(f"{UnreadableFileError.EXPECTED} {path}: {reason}") from None


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

    def open(self) -> pa.NativeFile:
        """The text of the part, unpacked where the name says gzip, zstd or the like."""
        system, key = locate(self.path)
        if self.stop == 0:
            return system.open_input_stream(key)
        with system.open_input_file(key) as whole:
            return pa.BufferReader(whole.read_at(self.stop - self.start, self.start))


def locate(path: str) -> tuple[fs.FileSystem, str]:
    """The file system of a path and the path there. Hadoop's s3a is everybody else's s3."""
    if path.startswith("file:"):
        return fs.LocalFileSystem(), "/" + path.removeprefix("file:").lstrip("/")
    return fs.FileSystem.from_uri(re.sub("^s3a:", "s3:", path))


def split_text(path: str, size: int, most: int, columns: tuple[str, ...] = (), never: str = "") -> list[Part]:
    """A text as parts of about `most` bytes that end where a line ends; whole where it is packed, or the byte `never`
    stands in it.
    """
    if size <= most or path.endswith(_PACKED):
        return [Part(path, columns=columns)]
    system, key = locate(path)
    parts, start, first, line = [], 0, 1, 1  # where the next part begins, by byte and by line; lines so far
    with system.open_input_file(key) as file:
        for at in range(0, size, BLOCK):
            block = file.read_at(min(BLOCK, size - at), at)
            if never and never.encode() in block:
                return [Part(path, columns=columns)]
            end = block.rfind(b"\n") + 1
            if end and at + end - start >= most:
                parts.append(Part(path, start, at + end, first, columns))
                start, first = at + end, line + block.count(b"\n")
            line += block.count(b"\n")
    return [*parts, Part(path, start, size, first, columns)] if start < size else parts
