"""The bytes of one delivered file, or of a part of it -> Arrow batches of records: JSON lines, CSV, Parquet.

Plain Arrow, so that every engine reads the same rows. A batch has the columns raw (the text of the record, where that
is what a file holds or what is no record), line (its place in the file, from 1), and then a column for each that is
wanted.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
from pyarrow import fs

BLOCK = 8 << 20  # bytes that are parsed at once
_MARK = b"\xef\xbb\xbf"  # with which some programs begin a text in UTF-8
_PACKED = (".gz", ".zst", ".bz2", ".lz4", ".br", ".snappy")
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECTS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_UTF8 = ("UTF-8", "UTF8", "UTF-8-SIG")


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


# Text -----------------------------------------------------------------------------------------------------------------


def _in_utf8(stream: pa.NativeFile, encoding: str) -> pa.NativeFile:
    same = encoding.upper().replace("_", "-") in _UTF8
    return stream if same else pa.transcoding_input_stream(stream, encoding, "utf-8")


def _blocks(stream: pa.NativeFile) -> Iterator[bytes]:
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


def _texts(values: pa.Array) -> pa.Array:
    """Bytes as texts; where they are no UTF-8, the character U+FFFD stands."""
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([None if value is None else value.decode(errors="replace") for value in values.to_pylist()])


def lines(part: Part, encoding: str, explode: str | None) -> Iterator[pa.RecordBatch]:
    """raw, line and record (map<string,string>, null where the line is no JSON object) of each line that is not blank.

    A text is what it says, null is nothing, all else is written as it stands in the line: 1.50 and 1e7 too. With
    `explode`, the name of a field that holds a list of objects, each of them is a record of its own: see `_exploded`.
    """
    number = part.line
    with part.open() as stream:
        for block in _blocks(_in_utf8(stream, encoding)):
            every = block.splitlines()
            there = [(at, text) for at, text in enumerate(every, number) if text.strip(b" ")]
            number += len(every)
            raw = _texts(pa.array([text for _, text in there], pa.binary()))
            at, records = [at for at, _ in there], _objects(raw)
            if explode is not None:
                raw, at, records = _exploded(raw.to_pylist(), at, records, explode)
            yield pa.RecordBatch.from_arrays([raw, pa.array(at, pa.int64()), _maps(records)], ["raw", "line", "record"])


def objects(raw: pa.Array) -> pa.MapArray:
    """map<string,string> of each text that is a JSON object, null where one is none: as `lines` reads them."""
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
    texts, numbers, objects = (list(values) for values in zip(*rows, strict=True)) if rows else ([], [], [])
    return pa.array(texts, pa.string()), numbers, objects


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


def split_lines(path: str, size: int, most: int) -> list[Part]:
    """A text as parts of about `most` bytes that end where a line ends; whole where it is packed."""
    return _split(path, size, most, (), never="")


def _split(path: str, size: int, most: int, columns: tuple[str, ...], never: str) -> list[Part]:
    """As `split_lines`; whole also where the byte `never` stands in it."""
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


# CSV ------------------------------------------------------------------------------------------------------------------


def header(path: str, encoding: str, delimiter: str) -> list[str]:
    """The names in the first row of a CSV; none where the file is empty."""
    with named(path), Part(path).open() as stream:
        start = next(_blocks(_in_utf8(stream, encoding)), b"").decode(errors="replace")
    return next(csv.reader(io.StringIO(start), delimiter=delimiter), [])


def split_csv(path: str, size: int, most: int, columns: tuple[str, ...]) -> list[Part]:
    """As `split_lines`, where the file has no quote: within quotes a line break ends no record."""
    return _split(path, size, most, columns, never='"')


def rows(part: Part, encoding: str, delimiter: str, has_header: bool, wanted: list[str]) -> Iterator[pa.RecordBatch]:
    """raw, line (the record's number, the header's counted) and a text for each of `wanted`, null where the file has
    no such column or nothing stands there (a quoted nothing is an empty text); by RFC 4180.

    A row with too many or too few fields has its text as raw.
    """
    broken: list[arrow_csv.InvalidRow] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        broken.append(row)
        return "skip"

    skip = int(has_header and part.start == 0)
    places = [str(k) for k in range(len(part.columns))]  # names of a file may repeat
    place = {name: k for k, name in reversed(list(enumerate(part.columns)))}
    read = arrow_csv.ReadOptions(column_names=places, skip_rows=skip, block_size=BLOCK, use_threads=False)
    dialect = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note)
    texts = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(places, pa.binary()), strings_can_be_null=True, null_values=[""],
        quoted_strings_can_be_null=False,
    )  # fmt: skip
    number = 1 + skip  # of the next row of this part, as Arrow counts them
    with part.open() as stream:
        for batch in _opened(_in_utf8(stream, encoding), read, dialect, texts):
            candidates = np.arange(number, number + batch.num_rows + len(broken))
            at = np.setdiff1d(candidates, [row.number for row in broken])[: batch.num_rows]
            number = int(at[-1]) + 1 if batch.num_rows else number
            none = pa.nulls(batch.num_rows, pa.string())
            columns = [_texts(batch.column(place[name])) if name in place else none for name in wanted]
            yield pa.RecordBatch.from_arrays([none, pa.array(at + part.line - 1), *columns], ["raw", "line", *wanted])
    raw = pa.array([row.text for row in broken], pa.string())
    line = pa.array([row.number + part.line - 1 for row in broken], pa.int64())
    none = pa.nulls(len(broken), pa.string())
    yield pa.RecordBatch.from_arrays([raw, line, *[none] * len(wanted)], ["raw", "line", *wanted])


def _opened(stream, read, dialect, texts) -> Iterator[pa.RecordBatch]:
    try:
        opened = arrow_csv.open_csv(stream, read, dialect, texts)
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return
        raise
    yield from opened


# Parquet --------------------------------------------------------------------------------------------------------------


def schema(path: str) -> pa.Schema:
    """The columns of a Parquet file, each of the type as which `groups` gives it: whole numbers and decimals stay, all
    else is text.
    """
    system, key = locate(path)
    with named(path), system.open_input_file(key) as file:
        found = pq.read_schema(file)
    return pa.schema([(field.name, _read_as(field.type)) for field in found])


def _read_as(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(kind):
        return pa.decimal128(kind.precision, kind.scale) if kind.precision <= 38 else pa.string()
    if kind == pa.uint64():
        return pa.decimal128(20, 0)
    if pa.types.is_unsigned_integer(kind):
        return pa.int64()
    return kind if pa.types.is_signed_integer(kind) else pa.string()


def split_parquet(path: str, most: int) -> list[Part]:
    """A Parquet file as parts of about `most` rows, each of whole row groups."""
    system, key = locate(path)
    with named(path), system.open_input_file(key) as file:
        found = pq.read_metadata(file)
    parts, start, first, line = [], 0, 1, 1
    for group in range(found.num_row_groups):
        line += found.row_group(group).num_rows
        if line - first >= most or group + 1 == found.num_row_groups:
            parts.append(Part(path, start, group + 1, first))
            start, first = group + 1, line
    return parts


def groups(part: Part, wanted: pa.Schema) -> Iterator[pa.RecordBatch]:
    """raw (null), line (the row's number) and the columns of `wanted`, null where the file has none."""
    system, key = locate(part.path)
    with system.open_input_file(key) as stream:
        file = pq.ParquetFile(stream)
        leaves = [file.schema.column(k) for k in range(len(file.schema))]
        instants = {leaf.name for leaf in leaves if leaf.physical_type == "INT96"}
        number, picked = part.line, list(range(part.start, part.stop))
        for batch in file.iter_batches(row_groups=picked, batch_size=1 << 16):
            line = pa.array(np.arange(number, number + batch.num_rows))
            number += batch.num_rows
            columns = [_column(batch, field, field.name in instants) for field in wanted]
            raw = pa.nulls(batch.num_rows, pa.string())
            yield pa.RecordBatch.from_arrays([raw, line, *columns], ["raw", "line", *wanted.names])


def _column(batch: pa.RecordBatch, field: pa.Field, is_instant: bool) -> pa.Array:
    at = batch.schema.get_field_index(field.name)
    if at < 0:
        return pa.nulls(batch.num_rows, field.type)
    values = batch.column(at)
    return as_text(values, is_instant) if field.type == pa.string() else values.cast(field.type)


def as_text(values: pa.Array, is_instant: bool = False) -> pa.Array:
    """Values as texts: a list or an object as JSON; a time as ISO 8601 with a space, an instant with Z, in UTC; a
    number with a fraction in as few digits as tell it from its neighbours, a whole one without a fraction.
    """
    kind = values.type
    if pa.types.is_dictionary(kind):
        return as_text(values.dictionary_decode())
    if pa.types.is_nested(kind):
        return pa.array([None if value is None else _json(value) for value in values.to_pylist()], pa.string())
    if pa.types.is_timestamp(kind):
        return _times(values, "Z" if kind.tz or is_instant else "")
    if pa.types.is_floating(kind):
        return pa.array([None if value is None else _number(value) for value in values.to_pylist()], pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _texts(values.cast(pa.binary()))
    return values.cast(pa.string())


def _times(values: pa.Array, zone: str) -> pa.Array:
    # An instant's numbers are those of UTC, whatever zone stands beside them.
    plain = values.cast(pa.int64()).cast(pa.timestamp(values.type.unit)).cast(pa.timestamp("us"), safe=False)
    text = pc.replace_substring_regex(plain.cast(pa.string()), r"(\.\d*?)0+$", r"\1")
    return pc.binary_join_element_wise(pc.replace_substring_regex(text, r"\.$", ""), zone, "")


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < 2**63:
        return str(int(value))
    return np.format_float_positional(value, trim="-") if 1e-9 < abs(value) < 1e18 else repr(value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
