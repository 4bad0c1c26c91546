"""JSON that is not an object a line: one list of objects, objects over several lines, objects behind one another."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator

import msgspec

from jobs.sources.formats import texts
from jobs.sources.formats.parts import BLOCK, Part, UnreadableFileError

_MOST = 8 * BLOCK  # bytes of one value
_AT_ONCE = 256 << 20  # bytes of a text that are counted at once
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_BETWEEN = re.compile(r"[\s,\[\]]*")
_DECODER = json.JSONDecoder()


def stands_in(part: Part, encoding: str) -> bool:
    """Whether a text begins with a list of objects, or with an object that does not end where its first line does."""
    text = next(texts.pieces(part, encoding), b"").lstrip()
    if text.startswith(b"["):
        return text[1:].lstrip()[:1] in (b"{", b"[", b"]")
    if not text.startswith(b"{"):
        return False
    try:
        msgspec.json.decode(text.partition(b"\n")[0])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    else:
        return False
    whole = text.decode(errors="replace")
    try:
        _, end = _DECODER.raw_decode(whole)
    except (ValueError, RecursionError):
        return False
    return "\n" in whole[:end] or whole[end : end + 80].lstrip(" \t,")[:1] == "{"


def read(part: Part, encoding: str) -> Iterator[list[bytes]]:
    """The values of a text, some at once; what stands between them (commas, brackets, line breaks) is left out."""
    text, count = "", 0
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    for piece in texts.pieces(part, encoding):
        found, end = _whole(text + decoder.decode(piece))
        yield [value.encode("utf-8", "surrogateescape") for value in found]
        text, count = end, count + len(found)
        if len(text) > _MOST:
            break
    if text:
        raise UnreadableFileError.of(part.path, f"no JSON behind value {count:,} of it; the file may be cut off")


def count(part: Part, encoding: str) -> int:
    """How many values `read` owes, by another parser where the text is one list of objects."""
    text = bytearray()
    for piece in texts.pieces(part, encoding):
        text += piece
        if len(text) > _AT_ONCE:
            break
    else:
        try:
            values = _LIST.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            values = []
        if values and not any(bytes(value).startswith(b"[") for value in values):
            return len(values)
    return sum(map(len, read(part, encoding)))


def _whole(text: str) -> tuple[list[str], str]:
    """The values that end in a text, and the start of the one that may not."""
    found, at = [], _BETWEEN.match(text).end()
    while at < len(text):
        try:
            _, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        found.append(text[at:end])
        at = _BETWEEN.match(text, end).end()
    return found, text[at:]
