"""What the first bytes of a file say that it is, whatever its name says; and the text in it as a stream."""

from __future__ import annotations

import lzma
import re
import zipfile
from typing import IO

import pyarrow as pa

from jobs.sources.formats.parts import UnreadableFileError, locate

_HEAD = 512
_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\x04\x22\x4d\x18": "lz4"}
_XZ, _ZIP = b"\xfd7zXZ\x00", b"PK\x03\x04"
_ALL_PACKED = (*_PACKED, _XZ, _ZIP)
_NO_TEXT = {
    b"PAR1": "Parquet; say format: parquet",
    b"ORC": "ORC; write it as Parquet",
    b"Obj\x01": "Avro; write it as Parquet or JSON lines",
    b"\xd0\xcf\x11\xe0": "an Excel workbook; save its sheet as CSV UTF-8",
    b"%PDF": "a PDF",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"PK\x05\x06": "an empty zip archive",
    b"ARROW1": "Arrow's own format (Feather); write it as Parquet",
    b"\x89HDF": "HDF5; write it as Parquet",
    b"\x80\x03": "a pickle of Python; write it as Parquet",
    b"\x80\x04": "a pickle of Python; write it as Parquet",
    b"\x80\x05": "a pickle of Python; write it as Parquet",
    b"\x1f\x9d": "packed by compress; unpack it",
    b"\xff\x06\x00\x00sNaPpY": "packed by Snappy; unpack it",
    b"-----BEGIN PGP": "encrypted; decrypt it",
    b"version https://git-lfs": "a pointer of Git LFS in place of the file; fetch it (git lfs pull)",
    b"\0" * 16: "nothing but NUL at its start, as a copy leaves that broke off; deliver it again",
    b"SQLite format 3": "an SQLite database; export its table as CSV",
}
_PAGE = re.compile(rb"<(!doctype|\?xml|html|head|body|meta|style|table|script|div)\b", re.IGNORECASE)
_TAR = slice(257, 262), b"ustar"


def is_packed(path: str) -> bool:
    """Whether the text of a file is compressed, so that it is read from its start only."""
    return _first_bytes(path).startswith(_ALL_PACKED)


def opened(path: str) -> IO[bytes]:
    """The text of a file from its start, unpacked. UnreadableFileError where the file holds no text, or several."""
    head = _first_bytes(path)
    if not head.startswith(_ALL_PACKED):
        _refuse(path, head)
        system, key = locate(path)
        return system.open_input_file(key)
    with _unpacked(path, head) as packed:
        inside = packed.read(_HEAD)
    if inside.startswith(_ALL_PACKED):
        raise _no_text(path, "packed twice; unpack it once")
    _refuse(path, inside)
    return _unpacked(path, head)


def _first_bytes(path: str) -> bytes:
    system, key = locate(path)
    with system.open_input_file(key) as file:
        return file.read(_HEAD)


def _unpacked(path: str, head: bytes) -> IO[bytes]:
    """A stream of what is in a packed file."""
    system, key = locate(path)
    for mark, kind in _PACKED.items():
        if head.startswith(mark):
            return pa.CompressedInputStream(system.open_input_file(key), kind)
    if head.startswith(_XZ):
        return lzma.open(system.open_input_file(key))
    try:
        return _member(path, zipfile.ZipFile(system.open_input_file(key)))
    except zipfile.BadZipFile:
        raise _no_text(path, "a zip archive that is cut off or broken") from None


def _member(path: str, archive: zipfile.ZipFile) -> IO[bytes]:
    """The one file of a zip archive."""
    names = [name for name in archive.namelist() if not re.search(r"/\Z|(^|/)(__MACOSX/|\.)", name)]
    if any(name.startswith("xl/") for name in names):
        raise _no_text(path, "an Excel workbook; save its sheet as CSV UTF-8")
    if "mimetype" in names and "content.xml" in names:
        raise _no_text(path, "an OpenDocument sheet; save it as CSV UTF-8")
    if len(names) != 1:
        listed = (
            f"{len(names)} files ({', '.join(names[:3])}{', ..' if len(names) > 3 else ''})" if names else "no file"
        )
        raise _no_text(path, f"a zip archive of {listed}; unpack it, or deliver one file an archive")
    if archive.getinfo(names[0]).flag_bits & 1:
        raise _no_text(path, "an encrypted zip archive; unpack it")
    return archive.open(names[0])


def _refuse(path: str, head: bytes) -> None:
    for mark, what in _NO_TEXT.items():
        if head.startswith(mark):
            raise _no_text(path, what)
    if head[_TAR[0]] == _TAR[1]:
        raise _no_text(path, "a tar archive; unpack it")
    if _PAGE.match(head.lstrip(b"\xef\xbb\xbf \t\r\n")):
        raise _no_text(path, "a web page or XML: a sheet that was saved so, or an error in place of the file")


def _no_text(path: str, what: str) -> UnreadableFileError:
    return UnreadableFileError.of(path, f"it is {what}")
