"""What silver.events holds, streamed: purchase lines of people, and whether there is anything on a side of a day.

Asked by SQL, as the table has deletion vectors, which an Arrow dataset of it would not know of. Rows come in no order.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import SILVER_EVENTS
from ml.common import lake
from ml.common.cli import DataError


def purchases(
    warehouse: str, first: datetime.date, last: datetime.date, columns: list[str]
) -> Iterator[pa.RecordBatch]:
    """`columns` of the purchase lines on the days first..last, both included; bots' are left out."""
    return _within(warehouse, first, last, "event_type = 'purchase'", columns)


def looks(warehouse: str, first: datetime.date, last: datetime.date, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The same of what speaks of interest short of a purchase: views, clicks, favourites, carts."""
    return _within(warehouse, first, last, "event_type NOT IN ('purchase', 'refund', 'uncart')", columns)


def _within(
    warehouse: str, first: datetime.date, last: datetime.date, kind: str, columns: list[str]
) -> Iterator[pa.RecordBatch]:
    inside = f"ds >= DATE'{first}' AND ds <= DATE'{last}' AND {kind} AND NOT is_bot"
    return lake.select(SILVER_EVENTS, warehouse, columns, inside)


def any_until(warehouse: str, day: datetime.date) -> bool:
    """Whether there is an event of that day or an earlier one."""
    return _any(warehouse, f"ds <= DATE'{day}'")


def require_until(warehouse: str, day: datetime.date) -> None:
    """Raises DataError where there is no event of that day or a later one: what came true until then is not known."""
    if not _any(warehouse, f"ds >= DATE'{day}'"):
        raise DataError(
            f"expected events up to {day} in {SILVER_EVENTS.full_name}, found none of that day or later; "
            "the days are not over yet: ask for an earlier day, or load them"
        )


def _any(warehouse: str, where: str) -> bool:
    return any(batch.num_rows for batch in lake.select(SILVER_EVENTS, warehouse, ["ds"], f"{where} LIMIT 1"))


def day_number(day: datetime.date) -> int:
    """Days since 1970."""
    return (day - datetime.date(1970, 1, 1)).days


def day_of(number: int) -> datetime.date:
    """The day so many days after the first of 1970."""
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=int(number))


def days_after(days: pa.Array, day: datetime.date) -> np.ndarray:
    """Days from `day` to each of `days` (date32)."""
    return pc.cast(days, pa.int32()).to_numpy() - day_number(day)
