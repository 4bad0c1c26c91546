"""What a file is, told by its first bytes: it is read, or one line says what it is and what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pyarrow as pa
import pytest

from jobs.sources.formats import opening
from jobs.sources.formats.parts import UnreadableFileError

TEXT = b'{"a":1}\n'


def zipped(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return packed.getvalue()


def zstd(text: bytes) -> bytes:
    return pa.compress(text, "zstd", asbytes=True)


def tarred() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"))
    return packed.getvalue()


@pytest.mark.parametrize(
    "packed",
    [TEXT, gzip.compress(TEXT[:4]) + gzip.compress(TEXT[4:]), zstd(TEXT), bz2.compress(TEXT), lzma.compress(TEXT),
     zipped({"a": TEXT}), zipped({"b/": b"", "b/a": TEXT, "__MACOSX/b/._a": b"x", "b/.DS_Store": b"x"})],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.jsonl", "a.gz", "part-0000", "a b%20:[1]{2}#?.zip"])
def test_a_packed_file_is_read_whatever_it_is_called(tmp_path, packed, name):
    (tmp_path / name).write_bytes(packed)
    assert opening.opened(f"file:{tmp_path}/{name}").read() == TEXT
    assert opening.is_packed(f"file:{tmp_path}/{name}") == (packed != TEXT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (zipped({"a": TEXT, "b": TEXT}), r"a zip archive of 2 files \(a, b\); unpack it"),
        (zipped({"a": TEXT})[:40], "a zip archive that is cut off or broken"),
        (zipped({"a/": b""}), "a zip archive of no file"),
        (zipped({"mimetype": b"", "content.xml": b""}), "an OpenDocument sheet; save it as CSV UTF-8"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS in place of the file; fetch it"),
        (bytes(600), "nothing but NUL at its start"),
        (b"-----BEGIN PGP MESSAGE-----\n", "encrypted; decrypt it"),
        (b"ARROW1\0\0", r"Arrow's own format \(Feather\); write it as Parquet"),
        (b"\x80\x04\x95", "a pickle of Python"),
        (zipped({"xl/workbook.xml": b"", "x": b""}), "an Excel workbook; save its sheet as CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "an Excel workbook"),
        (b"PAR1" + bytes(600), "Parquet; say format: parquet"),
        (b"<table border=1><tr>", "a web page or XML: a sheet that was saved so, or an error in place"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><html>", "a web page or XML"),
        (tarred(), "a tar archive; unpack it"),
        (gzip.compress(b"PAR1"), "Parquet"),
        (gzip.compress(gzip.compress(TEXT)), "packed twice; unpack it once"),
    ],
)
def test_what_is_no_text_is_said_in_one_line(tmp_path, text, said):
    (tmp_path / "a.csv").write_bytes(text)
    with pytest.raises(UnreadableFileError, match=rf"expected a readable file, found file:.*/a\.csv: it is {said}"):
        opening.opened(f"file:{tmp_path}/a.csv")
