"""Bytes as texts: encodings, and blocks of whole lines."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import IO

import numpy as np
import pyarrow as pa

from jobs.sources.formats import opening
from jobs.sources.formats.parts import BLOCK, Part, UnreadableFileError, locate

# With which some programs begin a text; the longer ones first.
_MARKS = {
    codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
_UTF8 = ("utf-8", "utf-8-sig", "ascii")
_SHOWN = 16  # bytes of what is no text


def opened(part: Part) -> IO[bytes]:
    """The bytes of a part, unpacked."""
    if part.stop == 0:
        return opening.opened(part.path)
    system, key = locate(part.path)
    with system.open_input_file(key) as whole:
        return io.BytesIO(whole.read_at(part.stop - part.start, part.start))


def blocks(part: Part, encoding: str) -> Iterator[bytes]:
    """`pieces` that end where a line ends."""
    rest = b""
    for piece in pieces(part, encoding):
        end = (piece.rfind(b"\n") if b"\n" in piece else piece.rfind(b"\r")) + 1
        if end:
            yield rest + piece[:end]
            rest = piece[end:]
        else:
            rest += piece
    if rest:
        yield rest


def pieces(part: Part, encoding: str) -> Iterator[bytes]:
    """The text of a part in UTF-8 and without a mark. Bytes that are no text in the encoding are no UTF-8 there
    either.
    """
    with opened(part) as stream:
        yield from _in_utf8(part, stream, encoding)


def _in_utf8(part: Part, stream: IO[bytes], encoding: str) -> Iterator[bytes]:
    block = stream.read(BLOCK)
    mark = next((mark for mark in _MARKS if block.startswith(mark)), b"") if part.start == 0 else b""
    name = codecs.lookup(_MARKS.get(mark, encoding)).name
    if name in _UTF8:
        _refuse_wide(part, block)
        block = block.removeprefix(codecs.BOM_UTF8)
        while block:
            yield block
            block = stream.read(BLOCK)
        return
    decoder = codecs.getincrementaldecoder(name)(errors="surrogateescape")
    first = True
    while block:
        text = decoder.decode(block)
        yield (text.removeprefix("\ufeff") if first else text).encode("utf-8", "surrogateescape")
        block, first = stream.read(BLOCK), False
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")


def _refuse_wide(part: Part, block: bytes) -> None:
    """UTF-16 without its mark has a NUL beside every letter of ASCII."""
    start = block[:256]
    for name, zeros in (("UTF-16LE", start[1::2]), ("UTF-16BE", start[0::2])):
        if len(zeros) > 8 and zeros.count(0) > 0.7 * len(zeros):
            raise UnreadableFileError.of(part.path, f"it seems to be written in {name}; say encoding: {name}")


def may_be_cut(part: Part, encoding: str) -> bool:
    """Whether lines may be told by their bytes alone. In UTF-16 the byte of a line break is half of other characters
    too; a packed file is read from its start, and so is one whose mark says another encoding than the mapping.
    """
    if opening.is_packed(part.path) or "\n".encode(encoding) != b"\n":
        return False
    system, key = locate(part.path)
    with system.open_input_file(key) as file:
        head = file.read(4)
    marks = [name for mark, name in _MARKS.items() if head.startswith(mark)]
    return not marks or (marks[0] == "utf-8" and codecs.lookup(encoding).name in _UTF8)


def split(path: str, size: int, most: int, encoding: str, columns: tuple[str, ...] = (), never: str = "") -> list[Part]:
    """A text as parts of about `most` bytes that end where a line ends; whole where lines cannot be told, or the byte
    `never` stands in it.
    """
    whole = Part(path, columns=columns)
    if size <= most or not may_be_cut(whole, encoding):
        return [whole]
    system, key = locate(path)
    parts, start, first, line = [], 0, 1, 1  # where the next part begins, by byte and by line; lines so far
    with system.open_input_file(key) as file:
        for at in range(0, size, BLOCK):
            block = file.read_at(min(BLOCK, size - at), at)
            if never and never.encode() in block:
                return [whole]
            end = block.rfind(b"\n") + 1
            if end and at + end - start >= most:
                parts.append(Part(path, start, at + end, first, columns))
                start, first = at + end, line + block.count(b"\n")
            line += block.count(b"\n")
    parts += [Part(path, start, size, first, columns)] if start < size else []
    return parts if len(parts) > 1 else [whole]


def is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    offsets = pa.py_buffer(np.array([0, len(text)], np.int32))
    try:
        pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(text)]).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def shown(text: bytes) -> str:
    """A text; what stands for it where its bytes are none: how many they are, and the first of them. A NUL is no text
    either: disks that failed leave many.
    """
    if b"\0" not in text and is_utf8(text):
        return text.decode()
    return f"withheld, {len(text):,} bytes that are no text: {text[:_SHOWN].hex(' ')}{' ..' * (len(text) > _SHOWN)}"
