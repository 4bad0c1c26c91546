"""What the folders of a file say: `dt=2026-06-10/type=view/part-0.parquet`, as clusters write the columns by which they
part a table, and leave them out of its files.
"""

from __future__ import annotations

from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_NOTHING = "__HIVE_DEFAULT_PARTITION__"


def values(name: str) -> dict[str, str | None]:
    """The columns that the path of a file says, each with its value; of two of one name the inner one counts."""
    steps = [step.partition("=") for step in name.split("/")[:-1] if "=" in step.lstrip("=")]
    return {unquote(key): None if value == _NOTHING else unquote(value) for key, _, value in steps}


def filled(batch: pa.RecordBatch, at: dict[str, int], said: dict[str, str | None]) -> pa.RecordBatch:
    """`batch` with the values of `said` in its columns of texts, whose places are `at`."""
    for name in at.keys() & said.keys():
        column = pa.repeat(pa.scalar(said[name], pa.string()), batch.num_rows)
        batch = batch.set_column(at[name], batch.schema.field(at[name]), column)
    return batch


def with_keys(records: pa.MapArray, said: dict[str, str | None]) -> pa.MapArray:
    """Maps from names to texts with what `said` has besides; a record's own keys count, and null stays null."""
    for name, value in said.items():
        offsets = np.asarray(records.offsets)
        keys, items = (part.slice(offsets[0], offsets[-1] - offsets[0]) for part in (records.keys, records.items))
        offsets = offsets - offsets[0]
        owner = np.repeat(np.arange(len(records)), np.diff(offsets))
        has = np.zeros(len(records), bool)
        has[owner[pc.equal(keys, name).to_numpy(zero_copy_only=False)]] = True
        new = records.is_valid().to_numpy(zero_copy_only=False) & ~has
        taken = pa.array(np.insert(np.arange(len(keys)), offsets[1:][new], len(keys)))
        ends = np.concatenate(([0], offsets[1:] + np.cumsum(new))).astype(np.int32)
        keys = pa.concat_arrays([keys, pa.array([name], keys.type)]).take(taken)
        items = pa.concat_arrays([items, pa.array([value], items.type)]).take(taken)
        records = pa.MapArray.from_arrays(pa.array(ends), keys, items, mask=records.is_null())
    return records
