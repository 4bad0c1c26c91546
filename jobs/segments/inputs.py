"""What a segment model reads of a user, and how each number is standardised: in Spark for a night, in pandas for the
map of users on the morning page.
"""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.tables import PREDICTIONS, USER_EMBEDDINGS, USER_FEATURES, Table

if TYPE_CHECKING:
    import pandas as pd


class Place(NamedTuple):
    """Where an input stands: a column of a table of gold, or the value at `key` of a map or an array in it."""

    table: Table
    column: str
    key: str | int | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """One input by its name in gold.segment_models: a feature, dept:NAME (a share), emb:K or exp:K (a number of an
    array). A null is replaced by `fill`; log_scaled: log(1 + max(value, 0)) is taken; then (value - mean) / scale.
    """

    name: str
    fill: float
    log_scaled: bool
    mean: float
    scale: float

    @property
    def place(self) -> Place:
        kind, _, key = self.name.partition(":")
        if kind == "dept":
            return Place(USER_FEATURES, "department_shares_365d", key)
        if kind == "emb":
            return Place(USER_EMBEDDINGS, "embedding", int(key))
        if kind == "exp":
            return Place(PREDICTIONS, "expected", int(key))
        return Place(USER_FEATURES, self.name)

    def in_spark(self) -> Column:
        """The standardised value of a row with the column of `place`."""
        _, column, key = self.place
        value = F.col(column)
        if key is not None:
            value = F.get(value, F.lit(key)) if isinstance(key, int) else value.getItem(key)
        value = F.coalesce(value.cast("double"), F.lit(float(self.fill)))
        if self.log_scaled:
            value = F.log1p(F.greatest(value, F.lit(0.0)))
        return (value - F.lit(float(self.mean))) / F.lit(float(self.scale))

    def in_pandas(self, rows: pd.DataFrame) -> np.ndarray:
        """The standardised value of each row; the same numbers as those of `in_spark`."""
        _, column, key = self.place
        if key is None:
            values = rows[column].astype("float64").to_numpy(copy=True)
        else:
            values = np.array([_value(cell, key) for cell in rows[column]], dtype=np.float64)
        values = np.where(np.isnan(values), self.fill, values)
        if self.log_scaled:
            values = np.log1p(np.maximum(values, 0))
        return (values - self.mean) / self.scale


def _value(cell: object, key: str | int) -> float:
    """The number at `key` of a list or a map, as DuckDB's frames hold them; NaN where either is null or lacks it."""
    if not isinstance(cell, Sized):  # None, NaN or NA, whichever of its nulls pandas took
        return np.nan
    return cell[key] if isinstance(key, int) else dict(cell).get(key, np.nan)
