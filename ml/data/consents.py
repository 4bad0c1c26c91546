"""Who refuses what, by silver.users: the flag of a purpose speaks, and where no record says it, that of marketing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import SILVER_USERS
from ml.common import lake

Purpose = Literal["marketing", "profiling", "training"]


def refusing(warehouse: str, purpose: Purpose, version: int | None = None) -> pa.Array:
    """The users who refuse; nobody where silver.users is not there."""
    if not lake.exists(SILVER_USERS, warehouse):
        return pa.array([], pa.string())
    users = lake.open_table(SILVER_USERS, warehouse, version).to_pyarrow_dataset()
    flags = [name for name in (f"{purpose}_consent", "marketing_consent") if name in users.schema.names]
    rows = users.to_table(columns=["user_id", *dict.fromkeys(flags)])
    refused = pc.equal(pc.coalesce(*[rows[name] for name in flags]), False)
    return rows["user_id"].filter(refused).combine_chunks()


def without(user_ids: pa.Array, some: pa.Array) -> pa.Array:
    """`user_ids` less `some`, in their order."""
    return user_ids.filter(pc.invert(pc.is_in(user_ids, value_set=some)))


def rows_without(batches: Iterable[pa.RecordBatch], some: pa.Array) -> Iterator[pa.RecordBatch]:
    """`batches`, which have user_id, less the rows of the users `some`."""
    for batch in batches:
        yield batch.filter(pc.invert(pc.is_in(batch["user_id"], value_set=some))) if len(some) else batch
