"""JSON lines: an object a line, as a map of texts."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.sources.formats import json_lists, json_values, texts
from jobs.sources.formats.json_lists import Record
from jobs.sources.formats.parts import Part

_OBJECT = msgspec.json.Decoder(Record)
# No JSON, but what some programs write for a number that is none; a text is found first, so that it stays.
_NO_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*+"|-?\b(?:NaN|Infinity)\b')
_NO_OBJECT = {
    rb"\{'.*": "expected JSON, found single quotes (Python's?)",
    rb"\[.*\]\s*": "expected an object with names, found a list of values; write it as CSV or as objects",
}
_MOST_DIGITS = 38  # of a number that may be an id


def split(path: str, size: int, most: int, encoding: str) -> list[Part]:
    """A file as parts of about `most` bytes; whole where it is not an object a line."""
    parts = texts.split(path, size, most, encoding)
    return [Part(path)] if len(parts) > 1 and json_values.stands_in(Part(path), encoding) else parts


def read(part: Part, encoding: str, explode: str | None, paths: list[str]) -> Iterator[pa.RecordBatch]:
    """raw, line, fault and record (map<string,string>, null where the line is no JSON object) of each line that is not
    blank, or of each value where a file has not one a line.

    A text is what it says, null is nothing, all else is written as it stands in the line: 1.50 too. `explode`,
    `paths`: see json_lists.
    """
    for lines, at in _lines(part, encoding):
        raw, faults, records = _objects(lines)
        if paths:
            records = [record and _with_paths(record, paths) for record in records]
        if explode is not None:
            raw, at, faults, records = _exploded(raw, at, faults, records, explode)
        raw, line, fault = pa.array(raw, pa.string()), pa.array(at, pa.int64()), pa.array(faults, pa.string())
        yield pa.RecordBatch.from_arrays([raw, line, fault, _maps(records)], ["raw", "line", "fault", "record"])


def count(path: str, encoding: str) -> int:
    """How many records a file has before a list is taken apart: lines that are not blank, or values."""
    part = Part(path)
    if json_values.stands_in(part, encoding):
        return json_values.count(part, encoding)
    blocks = texts.blocks(part, encoding)
    return sum(sum(map(bool, map(bytes.strip, block.splitlines()))) for block in blocks)


def objects(raw: pa.Array, paths: list[str]) -> pa.MapArray:
    """map<string,string> of each text that is a JSON object, null where one is none: as `read` does."""
    _, _, records = _objects([(text or "").encode() for text in raw.to_pylist()])
    return _maps([record and _with_paths(record, paths) for record in records])


def at_path(objects: pa.Array, path: str) -> pa.Array:
    """What texts that are JSON have at a path that leads through a list, as a text; null where there is nothing."""
    asked = pc.fill_null(pc.match_substring(objects, "[" if "[" in path else '"value"'), False)
    name, found = json_lists.head(path), pa.nulls(len(objects), pa.string())
    if not pc.any(asked).as_py():
        return found
    records = [{name: msgspec.Raw(text.encode())} for text in objects.filter(asked).to_pylist()]
    values = [json_lists.at_path(record, path) for record in records]
    pieces = pa.array([None if value is None else bytes(value) for value in values], pa.binary()).cast(pa.string())
    return pc.replace_with_mask(found, asked, _said(pieces))


def _lines(part: Part, encoding: str) -> Iterator[tuple[list[bytes], list[int]]]:
    """Lines that are not blank, or values, and the place of each."""
    number = part.line
    if part.stop == 0 and json_values.stands_in(part, encoding):
        for values in json_values.read(part, encoding):
            yield values, list(range(number, number + len(values)))
            number += len(values)
        return
    for block in texts.blocks(part, encoding):
        every = block.splitlines()
        there = [(at, line) for at, line in enumerate(every, number) if line.strip()]
        number += len(every)
        yield [line for _, line in there], [at for at, _ in there]


def _objects(lines: list[bytes]) -> tuple[list[str | None], list[str | None], list[Record | None]]:
    """raw, fault and object of each line; no object where it is none."""
    raws, faults, found = [], [], []
    for line in lines:
        raw = fault = record = None
        try:
            raw = line.decode()
            record = _OBJECT.decode(line)
        except UnicodeDecodeError:
            raw, fault = texts.shown(line), "expected UTF-8, found bytes that are none"
        except (msgspec.DecodeError, RecursionError):
            raw, record = texts.shown(line), _mended(line)
            if record is None:
                fault = next((fault for shape, fault in _NO_OBJECT.items() if re.fullmatch(shape, line)), None)
        raws.append(raw)
        faults.append(fault)
        found.append(record)
    return raws, faults, found


def _mended(line: bytes) -> Record | None:
    """The object of a line with null for NaN and Infinity, and without what lists of objects and files that were put
    together leave around it: a comma, a mark of UTF-8, a separator; or that a text in the line holds.
    """
    text = line.removeprefix(codecs.BOM_UTF8).strip(b" \t\r\x1e").removesuffix(b",")
    if b"NaN" in text or b"Infinity" in text:
        text = _NO_NUMBER.sub(lambda found: found[0] if found[0][:1] == b'"' else b"null", text)
    try:
        if text.startswith(b'"{'):
            text = msgspec.json.decode(text, type=str).encode()
        return _OBJECT.decode(text) if text != line else None
    except (msgspec.DecodeError, RecursionError):
        return None


def _with_paths(record: Record, paths: list[str]) -> Record:
    """The record with what stands at those of `paths` that lead through a list."""
    found = {path: value for path in paths if (value := json_lists.at_path(record, path)) is not None}
    return record | found if found else record


def _exploded(raw: list, at: list[int], faults: list, records: list, column: str) -> tuple[list, ...]:
    """The lists with a row for each entry of the list in `column`; raw is null then, for the record says all."""
    rows = []
    for text, number, fault, record in zip(raw, at, faults, records, strict=True):
        made = [None] if record is None else json_lists.exploded(record, column)
        said = text if made[0] is record else None
        rows += [(said, number, fault, row) for row in made]
    return tuple(list(values) for values in zip(*rows, strict=True)) if rows else ([], [], [], [])


def _maps(records: list[Record | None]) -> pa.MapArray:
    """map<string,string> of records whose values are pieces of JSON."""
    there = [record or {} for record in records]
    ends = np.cumsum([0, *map(len, there)])
    offsets = pa.array(ends, pa.int32(), mask=np.array([*(record is None for record in records), False]))
    shapes = set(map(tuple, there))
    if len(shapes) == 1:  # a log's lines mostly name the same fields
        shape = pa.array(next(iter(shapes)), pa.string())
        names = shape.take(pa.array(np.tile(np.arange(len(shape)), len(there))))
    else:
        names = pa.array(chain.from_iterable(there), pa.string())
    names = texts.composed(names)
    pieces = pa.array(map(bytes, chain.from_iterable(map(dict.values, there))), pa.binary()).cast(pa.string())
    return pa.MapArray.from_arrays(offsets, names, _said(pieces))


def _whole(pieces: pa.Array) -> pa.Array:
    """`pieces` with 7 for the numbers 7.0 and 7e0."""
    pieces = pc.if_else(pc.ends_with(pieces, ".0"), pc.utf8_slice_codeunits(pieces, 0, -2), pieces)
    is_number = pc.and_(pc.greater_equal(pieces, "-"), pc.less(pieces, ":"))
    numbers = pieces.filter(is_number)
    scientific = pc.or_(pc.match_substring(numbers, "e"), pc.match_substring(numbers, "E"))
    if not pc.any(scientific).as_py():
        return pieces
    written = pa.array(map(_plain, numbers.filter(scientific).to_pylist()), pa.string())
    return pc.replace_with_mask(pieces, is_number, pc.replace_with_mask(numbers, scientific, written))


def _plain(number: str) -> str:
    value = Decimal(number)
    is_whole = value.adjusted() < _MOST_DIGITS and value == value.to_integral_value()
    return str(int(value)) if is_whole else number


def _said(pieces: pa.Array) -> pa.Array:
    """What pieces of JSON say: a text without its quotes, nothing for null, else the piece; a number that is whole has
    no fraction and no exponent: an id that was an integer one day is often a float the next.
    """
    pieces = _whole(pieces)
    is_text = pc.starts_with(pieces, '"')
    plain = pc.if_else(is_text, pc.utf8_slice_codeunits(pieces, 1, -1), pieces)
    escaped = pc.and_(is_text, pc.match_substring(pieces, "\\"))
    if pc.any(escaped).as_py():
        read = [msgspec.json.decode(piece) for piece in pieces.filter(escaped).to_pylist()]
        plain = pc.replace_with_mask(plain, escaped, pa.array(read, pa.string()))
    return texts.composed(pc.if_else(pc.equal(pieces, "null"), pa.scalar(None, pa.string()), plain))
