"""A row of Parquet for each entry of a list, as json_lists.exploded makes records of JSON."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

_VIEWS = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}  # of which Arrow takes no rows


def exploded(rows: pa.RecordBatch, column: str) -> tuple[pa.RecordBatch, np.ndarray]:
    """A row for each entry of the list in `column`, and the place of the row that it was taken from. Rows whose list is
    empty or null stay; rows without such a column stay as they are.
    """
    steps = column.split(".")
    name = next((name for k in range(len(steps)) if (name := ".".join(steps[: k + 1])) in rows.schema.names), None)
    rest = column[len(name) + 1 :] if name else ""
    values = rows.column(name) if name else None
    if name and rest and pa.types.is_struct(values.type):
        return _of_struct(rows, name, rest)
    if name and (pa.types.is_list(values.type) or pa.types.is_large_list(values.type)):
        made, parents = _of_list(rows, name)
        if not rest:
            return made, parents
        made, inner = exploded(made, column)
        return made, parents[inner]
    return rows, np.arange(rows.num_rows)


def _of_struct(rows: pa.RecordBatch, name: str, rest: str) -> tuple[pa.RecordBatch, np.ndarray]:
    values = rows.column(name)
    inner = pa.RecordBatch.from_arrays(values.flatten(), names=[field.name for field in values.type])
    made, parents = exploded(inner, rest)
    if made is inner:
        return rows, parents
    own = [field for field in made.schema.names if field in inner.schema.names and field != rest]
    kept = pa.StructArray.from_arrays([made.column(field) for field in own], names=own)
    fields = {f"{name}.{field}": made.column(field) for field in made.schema.names if field not in own}
    return _beside(rows, name, parents, {name: kept} | fields), parents


def _of_list(rows: pa.RecordBatch, name: str) -> tuple[pa.RecordBatch, np.ndarray]:
    values = rows.column(name)
    offsets = values.offsets.to_numpy()
    lengths = np.where(values.is_null().to_numpy(zero_copy_only=False), 0, np.diff(offsets))
    counts = np.maximum(lengths, 1)
    parents = np.repeat(np.arange(len(lengths)), counts)
    position = np.arange(len(parents)) - np.repeat(np.cumsum(counts) - counts, counts)
    empty = lengths[parents] == 0
    entries = values.values.take(pa.array(offsets[parents] + position, mask=empty))
    fields = {name: entries}
    if pa.types.is_struct(entries.type):
        inner = zip([field.name for field in entries.type], entries.flatten(), strict=True)
        fields = {f"{name}.{field}": array for field, array in inner}
    fields[f"{name}.position"] = pa.array(position, pa.int64(), mask=empty)
    return _beside(rows, name, parents, fields), parents


def _beside(rows: pa.RecordBatch, name: str, parents: np.ndarray, fields: dict[str, pa.Array]) -> pa.RecordBatch:
    """The rows `parents` of a batch with `fields` in place of a column."""
    others = rows.drop_columns([name])
    plain = pa.schema([field.with_type(_VIEWS.get(field.type, field.type)) for field in others.schema])
    taken = others.cast(plain).take(pa.array(parents))
    others = {other: taken.column(other) for other in taken.schema.names if other not in fields}
    return pa.RecordBatch.from_pydict(others | fields)
