"""Bytes as texts: encodings, and blocks of whole lines."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from jobs.sources.formats.parts import BLOCK

_MARK = b"\xef\xbb\xbf"  # with which some programs begin a text in UTF-8
_UTF8 = ("UTF-8", "UTF8", "UTF-8-SIG")


def in_utf8(stream: pa.NativeFile, encoding: str) -> pa.NativeFile:
    """A stream of any encoding that Python knows, in UTF-8."""
    same = encoding.upper().replace("_", "-") in _UTF8
    return stream if same else pa.transcoding_input_stream(stream, encoding, "utf-8")


def may_be_cut(encoding: str) -> bool:
    """Whether the byte of a line break is one wherever it stands; in UTF-16 it is half of other characters too."""
    return "\n".encode(encoding) == b"\n"


def blocks(stream: pa.NativeFile) -> Iterator[bytes]:
    """A stream of UTF-8 without its mark, in blocks that end where a line ends."""
    rest = stream.read(len(_MARK)).removeprefix(_MARK)
    while block := stream.read(BLOCK):
        block = rest + block
        end = block.rfind(b"\n") + 1
        if end:
            yield block[:end]
        rest = block[end:]
    if rest:
        yield rest


def decoded(values: pa.Array) -> pa.Array:
    """Bytes as texts; where they are no UTF-8, the character U+FFFD stands."""
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([None if value is None else value.decode(errors="replace") for value in values.to_pylist()])
