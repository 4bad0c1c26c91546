"""JSON lines: an object a line, as a map of texts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.sources.formats import texts
from jobs.sources.formats.parts import Part

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECTS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def read(part: Part, encoding: str, explode: str | None) -> Iterator[pa.RecordBatch]:
    """raw, line and record (map<string,string>, null where the line is no JSON object) of each line that is not blank.

    A text is what it says, null is nothing, all else is written as it stands in the line: 1.50 and 1e7 too. With
    `explode`, the name of a field that holds a list of objects, each of them is a record of its own: see `_exploded`.
    """
    number = part.line
    with part.open() as stream:
        for block in texts.blocks(texts.in_utf8(stream, encoding)):
            every = block.splitlines()
            there = [(at, line) for at, line in enumerate(every, number) if line.strip(b" ")]
            number += len(every)
            raw = texts.decoded(pa.array([line for _, line in there], pa.binary()))
            at, records = [at for at, _ in there], _objects(raw)
            if explode is not None:
                raw, at, records = _exploded(raw.to_pylist(), at, records, explode)
            yield pa.RecordBatch.from_arrays([raw, pa.array(at, pa.int64()), _maps(records)], ["raw", "line", "record"])


def objects(raw: pa.Array) -> pa.MapArray:
    """map<string,string> of each text that is a JSON object, null where one is none: as `read` does."""
    return _maps(_objects(raw))


def _objects(raw: pa.Array) -> list[dict[str, msgspec.Raw] | None]:
    """The objects that texts are; None where one is none."""
    found = []
    for text in raw.to_pylist():
        try:
            found.append(_OBJECT.decode(text))
        except (msgspec.DecodeError, RecursionError, TypeError):
            found.append(None)
    return found


def _exploded(raw: list[str], at: list[int], records: list, column: str) -> tuple[pa.Array, list[int], list]:
    """A record for each object of the list in `column`: its fields as `column.field`, its place in the list as
    `column.position`, the other fields beside it; raw is null, for the record says all. A record without such a list
    stays as it is.
    """
    rows = []
    for text, number, record in zip(raw, at, records, strict=True):
        try:
            items = _OBJECTS.decode(record[column])
        except (msgspec.DecodeError, RecursionError, KeyError, TypeError):
            items = []
        if not items:
            rows.append((text, number, record))
        beside = {name: value for name, value in record.items() if name != column} if items else {}
        for position, item in enumerate(items):
            fields = {f"{column}.{name}": value for name, value in item.items()}
            rows.append((None, number, beside | fields | {f"{column}.position": str(position).encode()}))
    raws, numbers, objects = (list(values) for values in zip(*rows, strict=True)) if rows else ([], [], [])
    return pa.array(raws, pa.string()), numbers, objects


def _maps(records: list[dict[str, msgspec.Raw] | None]) -> pa.MapArray:
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
    pieces = pa.array(map(bytes, chain.from_iterable(map(dict.values, there))), pa.binary()).cast(pa.string())
    return pa.MapArray.from_arrays(offsets, names, _said(pieces))


def _said(pieces: pa.Array) -> pa.Array:
    """What pieces of JSON say: a text without its quotes, nothing for null, else the piece."""
    is_text = pc.starts_with(pieces, '"')
    plain = pc.if_else(is_text, pc.utf8_slice_codeunits(pieces, 1, -1), pieces)
    escaped = pc.and_(is_text, pc.match_substring(pieces, "\\"))
    if pc.any(escaped).as_py():
        read = [msgspec.json.decode(piece) for piece in pieces.filter(escaped).to_pylist()]
        plain = pc.replace_with_mask(plain, escaped, pa.array(read, pa.string()))
    return pc.if_else(pc.equal(pieces, "null"), pa.scalar(None, pa.string()), plain)
