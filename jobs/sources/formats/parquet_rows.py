"""Parquet: whole numbers and decimals as they are, all else as texts."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.sources.formats import texts
from jobs.sources.formats.parts import Part, locate, named


def schema(path: str) -> pa.Schema:
    """The columns of a Parquet file, each of the type as which `read` gives it: whole numbers and decimals stay, all
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


def split(path: str, most: int) -> list[Part]:
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


def read(part: Part, wanted: pa.Schema) -> Iterator[pa.RecordBatch]:
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
        return texts.decoded(values.cast(pa.binary()))
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
