"""Centres of segments, as gold.segment_models holds them.

Legend: U users, J inputs, K segments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from jobs.tables import SEGMENT_MODELS
from ml.common import lake
from ml.segments.inputs import Scaler, Users


@dataclass(frozen=True)
class SegmentModel:
    """Centres (K, J) in standardised inputs; `ids` names them once they are matched."""

    scaler: Scaler
    centers_KJ: np.ndarray
    ids: np.ndarray

    @classmethod
    def read(cls, warehouse: str, version: str) -> SegmentModel | None:
        """The rows of a model version, or None where there are none."""
        if not lake.exists(SEGMENT_MODELS, warehouse):
            return None
        columns = ("fill", "log_scaled", "mean", "scale")
        asked = ["model_version", "segment_id", "center", "inputs", *columns]
        table = lake.read(lake.open_table(SEGMENT_MODELS, warehouse), asked)
        rows = table.filter(pc.field("model_version") == version).sort_by("segment_id").to_pylist()
        if not rows:
            return None
        scaler = Scaler(rows[0]["inputs"], *(np.array(rows[0][name]) for name in columns))
        return cls(scaler, np.array([row["center"] for row in rows]), np.array([row["segment_id"] for row in rows]))

    def assign(self, users: Users) -> np.ndarray:
        """Index (U) of the nearest centre."""
        return nearest(self.scaler(users.raw(self.scaler.inputs)), self.centers_KJ)

    def sizes(self, users: Users) -> list[int]:
        """Users of each segment."""
        return np.bincount(self.assign(users), minlength=len(self.ids)).tolist()


def nearest(values_UJ: np.ndarray, centers_KJ: np.ndarray) -> np.ndarray:
    """Index (U) of the centre that each row lies nearest to."""
    squared_UK = (centers_KJ**2).sum(axis=1) - 2 * values_UJ @ centers_KJ.T
    return squared_UK.argmin(axis=1)
