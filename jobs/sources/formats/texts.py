"""Bytes as texts: encodings, and blocks of whole lines."""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import IO

import charset_normalizer
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.sources.formats import opening
from jobs.sources.formats.parts import BLOCK, Part, UnreadableFileError, locate

# With which some programs begin a text; the longer ones first.
_MARKS = {
    codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
_UTF8 = ("utf-8", "utf-8-sig", "ascii")
# What programs write who say the one: the same and more characters, as browsers read it.
_LARGER = {
    "gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "shift_jis": "cp932", "euc_kr": "cp949",
}  # fmt: skip
_PAIRS = ("big5", "big5hkscs", "cp932", "cp949", "cp950", "euc_jp", "gb18030", "hz")  # bytes of a character, mostly
# Letters of UTF-8 that are none of another encoding: one is written in a way that a few may be by chance.
_SURE, _SURE_OF_PAIRS = 2, 8
# Encodings that charset-normalizer tells well, and of which language they are.
_OTHERS = {
    "cp1251": ("windows-1251", "Russian"), "koi8_r": ("KOI8-R", "Russian"), "mac_cyrillic": ("windows-1251", "Russian"),
    "cp1253": ("windows-1253", "Greek"), "cp1254": ("windows-1254", "Turkish"), "cp1255": ("windows-1255", "Hebrew"),
    "cp1256": ("windows-1256", "Arabic"), "cp932": ("Shift_JIS", "Japanese"), "euc_jp": ("EUC-JP", "Japanese"),
    "cp949": ("EUC-KR", "Korean"), "big5": ("Big5", "Chinese of Taiwan"), "big5hkscs": ("Big5-HKSCS", "Chinese"),
}  # fmt: skip
_TOLD = 1 << 14  # bytes by which it tells them
_LETTERS = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
APART = "[\u0300-\u036f\u1100-\u11ff\u3099\u309a]"  # accents, and pieces of Korean and Japanese letters
_SYLLABLES = 16  # different ones, by which Korean is told from Chinese
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
    name = _LARGER.get(name, name)
    decoder = codecs.getincrementaldecoder(name)(errors="surrogateescape")
    first, is_ascii = True, not mark
    while block:
        if is_ascii and not block.isascii():
            _refuse_utf8(part, block, name, encoding)
            is_ascii = False
        text = decoder.decode(block)
        yield (text.removeprefix("\ufeff") if first else text).encode("utf-8", "surrogateescape")
        block, first = stream.read(BLOCK), False
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")


def _refuse_wide(part: Part, block: bytes) -> None:
    if wide := _wide(block):
        raise UnreadableFileError.of(part.path, f"it seems to be written in {wide}; say encoding: {wide}")


def _wide(block: bytes) -> str:
    """The UTF-16 of a text without its mark, or nothing: a NUL stands beside each letter of ASCII in it, and beside
    each line break.
    """
    start = block[:4096]
    zeros, breaks = [start[0::2].count(0), start[1::2].count(0)], start.count(b"\n")
    for name, half, end in (("UTF-16LE", 1, b"\n\0"), ("UTF-16BE", 0, b"\0\n")):
        alone = zeros[half] > 3 and not zeros[1 - half]
        if alone and (zeros[half] > 0.35 * len(start) or (breaks and start.count(end) == breaks)):
            return name
    return ""


def _refuse_utf8(part: Part, block: bytes, name: str, said: str) -> None:
    """What can be read as UTF-8 throughout is hardly of another encoding, in which it says something else."""
    if name.startswith(("utf", "iso2022")):
        return
    whole = block[: block.rfind(b"\n") + 1] or block
    if len(_LETTERS.findall(whole)) >= (_SURE_OF_PAIRS if name in _PAIRS else _SURE) and is_utf8(whole):
        raise UnreadableFileError.of(part.path, f"it is written in UTF-8, and the mapping says encoding: {said}")


def likely(head: bytes) -> tuple[str, str]:
    """The encoding of a text by its first bytes; what makes it a guess, if it is one."""
    if not any(map(head.startswith, _MARKS)) and (wide := _wide(head)):
        return wide, "no mark says so"
    if any(map(head.startswith, _MARKS)) or _reads(head, "utf-8"):
        return "UTF-8", ""
    if _is_korean(head):
        return "EUC-KR", "no UTF-8; read as Korean"
    # Letters with accents stand alone among those of ASCII, Chinese characters are pairs.
    runs = Counter(len(run) % 2 for run in re.findall(rb"[\x80-\xff]+", head))
    is_chinese = runs[0] >= runs[1] and _reads(head, "gb18030")
    told = [found.encoding for found in charset_normalizer.from_bytes(head[: head.rfind(b"\n", 0, _TOLD) + 1])]
    # Among its guesses the languages of our shops count first, and the Latin ones as one.
    if told and told[0] in _OTHERS and not (is_chinese and "gb18030" in told):
        name, language = _OTHERS[told[0]]
        return name, f"no UTF-8; read as {language}"
    if is_chinese:
        return "GB18030", "no UTF-8; read as Chinese"
    return "windows-1252", "no UTF-8; read as a European language"


def _is_korean(head: bytes) -> bool:
    """Whether pairs of bytes are syllables of Korean, whose first byte is 0xB0 to 0xC8 in EUC-KR; in GB18030 a third of
    the usual characters begin with a later one.
    """
    runs = [run for run in re.findall(rb"[\x80-\xff]+", head) if len(run) % 2 == 0]
    pairs = {run[k : k + 2] for run in runs for k in range(0, len(run), 2)}
    letters = [pair for pair in pairs if pair[0] >= 0xB0]
    return (
        len(letters) >= _SYLLABLES
        and sum(pair[0] <= 0xC8 for pair in letters) > 0.95 * len(letters)
        and _reads(head, "cp949")
    )


def _reads(head: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return True


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


def composed(values: pa.Array) -> pa.Array:
    """Texts with each letter as one character where there is one (NFC): some systems write an accent behind its letter,
    and an id would be two.
    """
    if pc.all(pc.string_is_ascii(values)).as_py() is not False:
        return values
    apart = pc.fill_null(pc.match_substring_regex(values, APART), False)
    if not pc.any(apart).as_py():
        return values
    # Arrow's own utf8_normalize leaves them as they are.
    together = [unicodedata.normalize("NFC", text) for text in values.filter(apart).to_pylist()]
    return pc.replace_with_mask(values, apart, pa.array(together, values.type))


def shown(text: bytes) -> str:
    """A text; what stands for it where its bytes are none: how many they are, and the first of them. A NUL is no text
    either: disks that failed leave many.
    """
    if b"\0" not in text and is_utf8(text):
        return text.decode()
    return f"withheld, {len(text):,} bytes that are no text: {text[:_SHOWN].hex(' ')}{' ..' * (len(text) > _SHOWN)}"
