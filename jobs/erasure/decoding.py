"""What stands in a file of any kind, searched for ids: Parquet by column (nested ones too), arrays of NumPy, zipped and
compressed files as what is in them, all else as text.
"""

from __future__ import annotations

import bz2
import gzip
import io as buffers
import zipfile
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.erasure.wanted import Wanted

_BLOCK = 1 << 23  # bytes of text that are looked at together
_OVERLAP = 1 << 12
_ROWS = 1 << 16


def _is_text(kind: pa.DataType) -> bool:
    return any(is_(kind) for is_ in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def leaves(values: pa.Array, place: str, wanted: Wanted) -> Iterator[tuple[str, pa.Array]]:
    """Every array of texts within an array, with its place; whole numbers too where a user's id stands. The values of a
    map have their keys as places, those whose keys hold no id have the map's.
    """
    kind = values.type
    if isinstance(kind, pa.DictionaryType):
        yield from leaves(values.dictionary, place, wanted)
    elif pa.types.is_struct(kind):
        for k, field in enumerate(kind):
            yield from leaves(values.field(k), f"{place}.{field.name}", wanted)
    elif pa.types.is_map(kind):
        # Of a sliced array, `keys` and `items` would be those of the whole.
        entries = pa.ListArray.from_arrays(
            values.offsets, pa.StructArray.from_arrays([values.keys, values.items], ["k", "v"])
        ).flatten()
        keys, items = entries.field("k"), entries.field("v")
        yield from leaves(keys, place, wanted)
        if not _is_text(items.type):
            yield from leaves(items, place, wanted)
            return
        own = pc.is_in(keys, value_set=pa.array(sorted(wanted.names), keys.type))
        yield place, items.filter(pc.invert(own))
        for key in keys.filter(own).unique().to_pylist():
            yield f"{place}.{key}", items.filter(pc.equal(keys, key))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from leaves(values.flatten(), place, wanted)
    elif _is_text(kind):
        yield place, values
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        texts = [None if raw is None else raw.decode("utf-8", "replace") for raw in values.to_pylist()]
        yield place, pa.array(texts, pa.string())
    elif pa.types.is_integer(kind) and place.rsplit(".", 1)[-1] in wanted.names:
        yield place, values.cast(pa.string())


def _holds_text(kind: pa.DataType) -> bool:
    if kind.num_fields:
        return any(_holds_text(kind.field(k).type) for k in range(kind.num_fields))
    if isinstance(kind, pa.DictionaryType):
        return _holds_text(kind.value_type)
    return _is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def in_parquet(file: buffers.IOBase | pa.NativeFile, wanted: Wanted, is_bronze_users: bool = False) -> Iterator[tuple]:
    """(whose, place) of each find in a Parquet file; the `id` of a user's record in bronze is a user's id."""
    opened = pq.ParquetFile(file)
    names = [f.name for f in opened.schema_arrow if _holds_text(f.type) or f.name in wanted.names]
    teller = next((name for name in wanted.told_by if name in opened.schema_arrow.names), None)
    for name in names:
        place = "user_id" if is_bronze_users and name == "id" else name
        for batch in opened.iter_batches(batch_size=_ROWS, columns=[name, *([teller] if teller else [])]):
            # `columns` takes a.b for a field of a: another column may come along.
            column = batch.column(batch.schema.get_field_index(name))
            told = batch.column(batch.schema.get_field_index(teller)) if teller else None
            for of_rows, rows in _rows_of(column, teller, told, wanted):
                for where, values in leaves(rows, place, of_rows):
                    yield from ((whose, f"column {where}") for whose in of_rows.among(values, where))


def _rows_of(
    column: pa.Array, teller: str | None, told: pa.Array | None, wanted: Wanted
) -> Iterator[tuple[Wanted, pa.Array]]:
    """What is looked for in which rows of a column; `told` says whose ids each row has."""
    if teller is None:
        yield wanted, column
        return
    for of_rows, mask in wanted.of_rows(teller, told):
        yield of_rows, column.filter(mask)


def in_arrays(file: zipfile.ZipFile, wanted: Wanted) -> Iterator[tuple]:
    """(whose, place) of each find in the arrays of a NumPy archive, whose texts are four bytes a character."""
    for name in file.namelist():
        array = np.lib.format.read_array(buffers.BytesIO(file.read(name)), allow_pickle=False)
        if array.dtype.kind in "US":
            texts = pa.array(array.ravel().astype(str).tolist(), pa.string())
            place = name.removesuffix(".npy")
            yield from ((whose, f"array {place}") for whose in wanted.among(texts, place))


def in_text(file: buffers.IOBase | pa.NativeFile, wanted: Wanted) -> Iterator[tuple]:
    """(whose, place) of each find in a file of text, or of bytes that are read as if they were."""
    line, rest = 1, b""
    while block := file.read(_BLOCK):
        whole = rest + block
        # Up to the last whole line; where there is none, all, and the next block begins a little before its end.
        end = whole.rfind(b"\n") + 1
        text, rest = (whole[:end], whole[end:]) if end else (whole, whole[-_OVERLAP:])
        yield from _in_lines(text, line, wanted)
        line += text.count(b"\n")
    yield from _in_lines(rest, line, wanted)


def _in_lines(text: bytes, first: int, wanted: Wanted) -> Iterator[tuple]:
    lines = text.decode("utf-8", "replace").split("\n")
    for whose, line in wanted.in_lines(pa.array(lines, pa.string())):
        yield whose, f"line {first + lines.index(line)}"


_PACKED = {".gz": gzip.open, ".bz2": bz2.open}


def decoded(name: str, file: pa.NativeFile, wanted: Wanted, is_bronze_users: bool) -> Iterator[tuple]:
    """(whose, place) of each find in a file that is what its name says; an error of the library that reads it where it
    is not.
    """
    suffix = name[name.rfind(".") :] if "." in name else ""
    if suffix in _PACKED:
        with _PACKED[suffix](file, "rb") as inner:
            yield from decoded(name.removesuffix(suffix), inner, wanted, is_bronze_users)
    elif suffix in (".zst", ".lz4"):
        with pa.CompressedInputStream(file, suffix[1:].replace("zst", "zstd")) as inner:
            yield from decoded(name.removesuffix(suffix), buffers.BytesIO(inner.read()), wanted, is_bronze_users)
    elif suffix == ".parquet":
        yield from in_parquet(file, wanted, is_bronze_users)
    elif suffix == ".npz":
        with zipfile.ZipFile(buffers.BytesIO(file.read())) as archive:
            yield from in_arrays(archive, wanted)
    elif suffix in (".zip", ".pt"):
        with zipfile.ZipFile(buffers.BytesIO(file.read())) as archive:
            for member in archive.namelist():
                with archive.open(member) as inner:
                    finds = decoded(member, buffers.BytesIO(inner.read()), wanted, is_bronze_users)
                    yield from ((whose, f"{member}, {place}") for whose, place in finds)
    else:
        yield from in_text(file, wanted)
