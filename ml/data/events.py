"""What silver.events holds, streamed: purchase lines of people, and whether there is anything on a side of a day.

Asked by SQL, as the table has deletion vectors, which an Arrow dataset of it would not know of. Rows come in no order.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pyarrow as pa

from jobs.tables import SILVER_EVENTS
from ml.common import lake


def purchases(
    warehouse: str, first: datetime.date, last: datetime.date, columns: list[str]
) -> Iterator[pa.RecordBatch]:
    """`columns` of the purchase lines on the days first..last, both included; bots' are left out."""
    inside = f"ds >= DATE'{first}' AND ds <= DATE'{last}' AND event_type = 'purchase' AND NOT is_bot"
    return lake.select(SILVER_EVENTS, warehouse, columns, inside)


def any_until(warehouse: str, day: datetime.date) -> bool:
    """Whether there is an event of that day or an earlier one."""
    return _any(warehouse, f"ds <= DATE'{day}'")


def any_from(warehouse: str, day: datetime.date) -> bool:
    """Whether there is an event of that day or a later one."""
    return _any(warehouse, f"ds >= DATE'{day}'")


def _any(warehouse: str, where: str) -> bool:
    return any(batch.num_rows for batch in lake.select(SILVER_EVENTS, warehouse, ["ds"], f"{where} LIMIT 1"))
