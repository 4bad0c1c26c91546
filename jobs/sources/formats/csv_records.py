"""The text of a CSV -> texts of whole records, and the records that are none.

Arrow reads a field whose quotes do not close, or are not doubled, as if nothing were wrong, and what follows is lost
in it. So the quotes of a block are looked at first, all at once; only a block where one is out of place, or where bytes
are no text, is taken apart record by record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from jobs.sources.dialect import Dialect
from jobs.sources.formats import texts
from jobs.sources.formats.parts import BLOCK, Part, UnreadableFileError

_ONE = "\x1f"  # stands for a delimiter of several characters, or of one that is not ASCII: Arrow takes one byte
_MOST_LINES = 100  # of a record whose quotes are wrong: beyond that, half of the file may have gone into it
NO_TEXT = ", found bytes that are none"
_WRONG_QUOTES = "expected quotes that close, and are doubled within quotes"
_EXCEL = re.compile(rb'"?sep=.{1,3}?"?\r?\n')  # what Excel writes before a table to say its delimiter


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that cannot be read: its place among the records of a block, what can be shown of it, and why."""

    place: int
    raw: str
    fault: str


@dataclass(frozen=True, slots=True)
class Records:
    """Records as one text, and the broken ones that stood between them. `places` are those of the records in `text`;
    None where nothing stood between them.
    """

    text: bytes
    places: list[int] | None = None
    broken: tuple[Broken, ...] = ()


def is_replaced(dialect: Dialect) -> bool:
    """Whether another character stands for the delimiter in the texts of `read`."""
    return len(dialect.delimiter) > 1 or not dialect.delimiter.isascii()


def one_byte(dialect: Dialect) -> str:
    """The delimiter in the texts of `read`."""
    return _ONE if is_replaced(dialect) else dialect.delimiter


def as_written(text: bytes, dialect: Dialect) -> bytes:
    """A piece of a text of `read` as it stands in the file."""
    return text.replace(_ONE.encode(), dialect.delimiter.encode()) if is_replaced(dialect) else text


def read(part: Part, dialect: Dialect) -> Iterator[Records]:
    """The records of a part, its header among them, in blocks."""
    shapes, line, rest = Shapes(dialect), part.line + (0 if part.start else dialect.skip), b""
    for block, is_last in _with_last(_blocks(part, dialect)):
        text = rest + block if rest else block
        found, end = _taken(text, shapes, is_last)
        if found is None or len(text) - end > 4 * BLOCK:
            at = line + text.count(b"\n", 0, end)
            raise UnreadableFileError.of(
                part.path,
                f"a quote in the record of line {at:,} that is not closed; the file may be cut off. Where a quote is a "
                "character like others, say quote: none; where no field holds a line break, say multiline: false",
            )
        yield found
        line += text.count(b"\n", 0, end)
        rest = text[end:]


def _with_last(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    before = next(blocks, b"")
    for block in blocks:
        yield before, False
        before = block
    yield before, True


def _blocks(part: Part, dialect: Dialect) -> Iterator[bytes]:
    """The text from the header on, in blocks of whole lines, with a delimiter of one byte."""
    one = one_byte(dialect).encode()
    for k, block in enumerate(texts.blocks(part, dialect.encoding)):
        text = _from_header(block, dialect.skip) if k == 0 and part.start == 0 else block
        if is_replaced(dialect):
            if one in text:
                raise UnreadableFileError.of(part.path, f"the character {_ONE!r}, which no field may hold here")
            text = text.replace(dialect.delimiter.encode(), one)
        yield text


def _from_header(block: bytes, skip: int) -> bytes:
    for _ in range(skip):
        block = block[block.find(b"\n") + 1 or len(block) :]
    said = _EXCEL.match(block)
    return block[said.end() :] if said else block


class Shapes:
    """How the records of a dialect look: by regular expressions, and by the neighbours of a quote."""

    def __init__(self, dialect: Dialect):
        self.dialect = dialect
        self.quote = dialect.quote.encode()
        self.escape = (dialect.escape or "").encode() if dialect.escape != dialect.quote else b""
        self.comment = (dialect.comment or "").encode()
        d, q, e = (re.escape(c) for c in (one_byte(dialect).encode(), self.quote, self.escape))
        escaped = rb"|%b[\s\S]" % e if e else b""
        inside = rb"[^%b%b]" % (q, e) if dialect.multiline else rb"[^%b%b\r\n]" % (q, e)
        quoted = rb"%b(?:%b|%b%b%b)*+%b" % (q, inside, q, q, escaped, q)
        plain = rb"(?:[^%b%b\r\n]%b)*+" % (d, e, escaped)
        plain = rb"(?!%b)%b" % (q, plain) if q else plain
        end = rb"(?:\r?\n|\r|\Z)"
        blanks = rb"[%b]*+" % b" \t".replace(one_byte(dialect).encode(), b"")
        whole = rb"%b%b(?=[%b\r\n]|\Z)" % (quoted, blanks, d)
        strict = rb"(?:%b%b|%b)" % (blanks, whole, plain) if q else plain
        loose = rb"(?:%b[^%b\r\n]*+|%b)" % (quoted, d, plain) if q else plain
        self.record = re.compile(rb"%b(?:%b%b)*+%b" % (strict, d, strict, end))
        self.loose = re.compile(rb"%b(?:%b%b)*+%b" % (loose, d, loose, end))
        self.field = re.compile(rb"(\A|%b)(?:%b(%b)|%b)" % (d, blanks, whole, plain)) if q else None
        self.line = re.compile(rb"[^\r\n]*+" + end)
        self.null = re.compile(rb"(?:(?<=[%b\n])|\A)\\N(?=[%b\r\n]|\Z)" % (d, d)) if self.escape == b"\\" else None
        self.beside = np.zeros(256, bool)
        self.beside[list(one_byte(dialect).encode() + b"\r\n")] = True

    def for_arrow(self, record: bytes) -> bytes:
        """A record as Arrow reads what is meant: without blanks before a quote, and without the sign for nothing."""
        if self.field and (b" " + self.quote in record or b"\t" + self.quote in record):
            record = self.field.sub(lambda found: found[1] + found[2] if found[2] else found[0], record)
        return self.null.sub(b"", record) if self.null else record

    def is_plain(self, text: bytes) -> bool:
        """Whether no comment and no escape may stand in a text."""
        if self.comment and (text.startswith(self.comment) or b"\n" + self.comment in text):
            return False
        return not (self.escape and self.escape in text)

    def in_place(self, letters: np.ndarray, quotes: np.ndarray) -> bool:
        """Whether quotes, an even number of them, open behind a delimiter and close before one, or are doubled."""
        opens, closes = quotes[0::2], quotes[1::2]
        doubled = opens[1:] - closes[:-1] == 1
        opened = self.beside[letters[opens[1:] - 1]] | doubled
        closed = self.beside[letters[closes[:-1] + 1]] | doubled
        first = opens[0] == 0 or self.beside[letters[opens[0] - 1]]
        last = closes[-1] + 1 == len(letters) or self.beside[letters[closes[-1] + 1]]
        return bool(first and last and opened.all() and closed.all())


def first(records: Records, dialect: Dialect, number: int) -> list[bytes]:
    """The first so many of the records, each as its text."""
    found, at, record = [], 0, Shapes(dialect).record
    while at < len(records.text) and len(found) < number:
        text = record.match(records.text, at).group()
        at += len(text)
        if text.strip(b"\r\n"):
            found.append(text)
    return found


def without_header(records: Records, dialect: Dialect) -> Records:
    """The records after the first one."""
    header = first(records, dialect, 1)
    if not header:
        return records
    start = records.text.index(header[0]) + len(header[0])
    if records.places is None:
        return Records(records.text[start:])
    broken = tuple(replace(other, place=other.place - 1) for other in records.broken)
    return Records(records.text[start:], [place - 1 for place in records.places[1:]], broken)


def count(records: Records, dialect: Dialect) -> int:
    """How many records there are, the broken ones among them; a line without a letter is none."""
    if records.places is not None:
        return len(records.places) + len(records.broken)
    lines, quote = records.text.splitlines(), dialect.quote.encode()
    if not quote or not any(line.count(quote) % 2 for line in lines):
        return sum(map(bool, lines))
    letters = np.frombuffer(records.text, np.uint8)
    quotes = np.flatnonzero(letters == quote[0])
    breaks = np.flatnonzero((letters == ord("\n")) | (letters == ord("\r")))
    ends = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
    return int(np.count_nonzero(np.diff(ends, prepend=-1, append=len(letters)) > 1))


def _taken(text: bytes, shapes: Shapes, is_last: bool) -> tuple[Records | None, int]:
    """The whole records of a text and where they end; None where a quote in the one that begins there never closes."""
    end = _regular_end(text, shapes)
    if end is None or (is_last and end < len(text)):
        return _one_by_one(text, shapes, is_last)
    return Records(text[:end] if end < len(text) else text), end


def _regular_end(text: bytes, shapes: Shapes) -> int | None:
    """Where the last whole record ends; None where one of them may not be left to Arrow."""
    if not shapes.is_plain(text) or not texts.is_utf8(text):
        return None
    if not shapes.quote or shapes.quote not in text:
        return len(text)
    letters, end = np.frombuffer(text, np.uint8), len(text)
    quotes = np.flatnonzero(letters == shapes.quote[0])
    if len(quotes) % 2 or not shapes.dialect.multiline:
        breaks = np.flatnonzero(letters == ord("\n"))
        inside = np.searchsorted(quotes, breaks) % 2 == 1
        if not shapes.dialect.multiline and (inside.any() or len(quotes) % 2):
            return None
        if len(quotes) % 2:
            end = int(breaks[~inside][-1]) + 1 if not inside.all() else 0
            quotes = quotes[: np.searchsorted(quotes, end)]
    return end if not len(quotes) or shapes.in_place(letters[:end], quotes) else None


def _one_by_one(text: bytes, shapes: Shapes, is_last: bool) -> tuple[Records | None, int]:
    good, places, broken = [], [], []
    at = place = 0
    while at < len(text):
        if shapes.comment and text.startswith(shapes.comment, at):
            at = text.find(b"\n", at) + 1 or len(text)
            continue
        whole = shapes.record.match(text, at)
        found = whole or shapes.loose.match(text, at)
        if found is None and not shapes.dialect.multiline:
            found = shapes.line.match(text, at)
        if found is None or (whole is None and found.group().count(b"\n") > _MOST_LINES):
            if is_last or found is not None:
                return None, at
            break
        record, at = found.group(), found.end()
        if not record.strip(b"\r\n"):
            continue
        is_text = texts.is_utf8(record)
        if not is_text or whole is None:
            fault = _WRONG_QUOTES if is_text else f"expected {shapes.dialect.encoding}{NO_TEXT}"
            if is_text and (lines := record.rstrip(b"\r\n").count(b"\n")):
                fault += f", found a record of {lines + 1} lines"
            if is_text and not shapes.escape and b"\\" + shapes.quote in record:
                fault += "; escape says which character stands before one"
            raw = texts.shown(as_written(record.rstrip(b"\r\n"), shapes.dialect))
            broken.append(Broken(place, raw, fault))
        else:
            good.append(shapes.for_arrow(record))
            places.append(place)
        place += 1
    return Records(b"".join(good), places, tuple(broken)), at
