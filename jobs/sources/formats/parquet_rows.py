"""Parquet: whole numbers and decimals as they are, all else as texts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.sources.formats import parquet_lists, texts
from jobs.sources.formats.parts import Part, UnreadableFileError, locate, named, told_apart

_MARK = b"PAR1"


def schema(path: str, explode: str | None = None) -> pa.Schema:
    """The columns of a Parquet file, each of the type as which `read` gives it: whole numbers and decimals stay, all
    else is text. None where the file has no bytes.
    """
    file = _opened(path)
    if file is None:
        return pa.schema([])
    with named(path), file:
        found = pa.RecordBatch.from_pylist([], file.schema_arrow)
        if explode is not None:
            found, _ = parquet_lists.exploded(found, explode)
    return pa.schema(list(zip(told_apart(found.schema.names), map(_read_as, found.schema.types), strict=True)))


def _opened(path: str) -> pq.ParquetFile | None:
    """A Parquet file; None for one without bytes. Its times of 96 bits, Spark's and Hive's, in microseconds: those of a
    far year do not fit into the nanoseconds that Arrow makes of them by itself.
    """
    system, key = locate(path)
    with named(path):
        file = system.open_input_file(key)
        if not file.size():
            return None
        if file.read_at(len(_MARK), 0) != _MARK:
            raise UnreadableFileError.of(path, "it is no Parquet; where it is a text, say format: csv or jsonl")
        return pq.ParquetFile(file, coerce_int96_timestamp_unit="us")


def _read_as(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(kind):
        return pa.decimal128(kind.precision, kind.scale) if kind.precision <= 38 else pa.string()
    if kind == pa.uint64():
        return pa.decimal128(20, 0)
    if pa.types.is_unsigned_integer(kind):
        return pa.int64()
    return kind if pa.types.is_signed_integer(kind) else pa.string()


def split(path: str, most: int, columns: tuple[str, ...]) -> list[Part]:
    """A Parquet file as parts of about `most` rows, each of whole row groups."""
    file = _opened(path)
    if file is None:
        return []
    with named(path), file:
        found = file.metadata
    parts, start, first, line = [], 0, 1, 1
    for group in range(found.num_row_groups):
        line += found.row_group(group).num_rows
        if line - first >= most or group + 1 == found.num_row_groups:
            parts.append(Part(path, start, group + 1, first, columns))
            start, first = group + 1, line
    return parts


def count(path: str) -> int:
    """How many rows a file has before a list is taken apart, as its footer says."""
    file = _opened(path)
    if file is None:
        return 0
    with named(path), file:
        return file.metadata.num_rows


def read(part: Part, explode: str | None, wanted: pa.Schema) -> Iterator[pa.RecordBatch]:
    """raw (null), line (the row's number), fault (null) and the columns of `wanted`, null where the file has none; the
    part says what its columns are called. `explode`: see parquet_lists.
    """
    with _opened(part.path) as file:
        leaves = [file.schema.column(k) for k in range(len(file.schema))]
        old_times = {leaf.name for leaf in leaves if leaf.physical_type == "INT96"}
        number, picked = part.line, list(range(part.start, part.stop))
        for rows in file.iter_batches(row_groups=picked, batch_size=1 << 16):
            lines = np.arange(number, number + rows.num_rows)
            number += rows.num_rows
            if explode is not None:
                rows, parents = parquet_lists.exploded(rows, explode)
                lines = lines[parents]
            instants = {
                called for name, called in zip(rows.schema.names, part.columns, strict=True) if name in old_times
            }
            rows = rows.rename_columns([*part.columns])
            columns = [_column(rows, field, field.name in instants) for field in wanted]
            none = pa.nulls(rows.num_rows, pa.string())
            yield pa.RecordBatch.from_arrays(
                [none, pa.array(lines), none, *columns], ["raw", "line", "fault", *wanted.names]
            )


def _column(batch: pa.RecordBatch, field: pa.Field, is_instant: bool) -> pa.Array:
    at = batch.schema.get_field_index(field.name)
    if at < 0:
        return pa.nulls(batch.num_rows, field.type)
    values = batch.column(at)
    try:
        return as_text(values, is_instant) if field.type == pa.string() else values.cast(field.type)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise pa.ArrowInvalid(f"column {field.name!r} of the type {values.type}: {error}") from None


def as_text(values: pa.Array, is_instant: bool = False) -> pa.Array:
    """Values as texts: a list or an object as JSON; a time as ISO 8601 with a space, an instant with Z, in UTC; a
    number with a fraction in as few digits as tell it from its neighbours, a whole one without a fraction, NaN as null;
    bytes that are no UTF-8, and those of a fixed length, in hexadecimal.
    """
    kind = values.type
    if pa.types.is_dictionary(kind):
        return as_text(values.dictionary_decode())
    if isinstance(kind, pa.UuidType):
        return pa.array([value and str(value) for value in values.to_pylist()], pa.string())
    if isinstance(kind, pa.BaseExtensionType):
        return as_text(values.storage)
    if pa.types.is_nested(kind):
        rows = values.to_pylist(maps_as_pydicts="lossy")
        return pa.array([None if value is None else _json(value) for value in rows], pa.string())
    if pa.types.is_timestamp(kind):
        return _times(values, "Z" if kind.tz or is_instant else "")
    if pa.types.is_floating(kind):
        if kind != pa.float64():  # as they are written: a double has more digits than they
            values = values.cast(pa.string()).cast(pa.float64())
        known = [None if value is None or math.isnan(value) else value for value in values.to_pylist()]
        return pa.array([None if value is None else _number(value) for value in known], pa.string())
    if pa.types.is_fixed_size_binary(kind):
        return pa.array([None if value is None else value.hex() for value in values.to_pylist()], pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return _bytes(values)
    return texts.composed(values.cast(pa.string()))


def _bytes(values: pa.Array) -> pa.Array:
    try:
        return texts.composed(values.cast(pa.string()))
    except pa.ArrowInvalid:
        return pa.array([None if value is None else _byte_text(value) for value in values.to_pylist()], pa.string())


def _byte_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


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
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_in_json, allow_nan=False)
    except ValueError:  # JSON knows no NaN
        return _json(_without_nan(value))


def _in_json(value: object) -> str:
    return _byte_text(value) if isinstance(value, bytes) else str(value)


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
