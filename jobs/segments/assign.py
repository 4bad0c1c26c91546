"""Which segment a user belongs to: the nearest centre of the model's segments, in standardised inputs.

Who has a segment stays in it until another centre is clearly nearer, so that nobody flaps at a border.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.lake import delta
from jobs.segments.inputs import Input
from jobs.settings import Settings
from jobs.tables import PREDICTIONS, SEGMENT_MODELS

_SCHEMA = "user_id string, segment_id int, confidence double"
_CHUNK = 4096  # users held against all centres at once: 4,096 x 12 x 100 doubles = 40 MB


def model_rows(s: Settings, version: str) -> list[dict]:
    """The rows of gold.segment_models of a model version, one a segment; none where the version is not there."""
    return delta.rows(s.warehouse, SEGMENT_MODELS, f"model_version = '{version}'")


@dataclass(frozen=True, slots=True)
class SegmentModel:
    """Segments of one model version: ids_K, centers_KD and what the D numbers are."""

    version: str
    ids: np.ndarray
    centers_KD: np.ndarray
    inputs: tuple[Input, ...]

    @classmethod
    def from_rows(cls, version: str, rows: list[dict]) -> SegmentModel:
        """Of rows of gold.segment_models of one version; at least one."""
        rows = sorted(rows, key=lambda row: row["segment_id"])
        centers = np.array([row["center"] for row in rows], dtype=np.float64)
        ids = np.array([row["segment_id"] for row in rows], dtype=np.int32)
        columns = [rows[0][name] for name in ("inputs", "fill", "log_scaled", "mean", "scale")]
        return cls(version, ids, centers, tuple(Input(*of_input) for of_input in zip(*columns, strict=True)))

    @property
    def reads_expectations(self) -> bool:
        """Whether users are placed by what is expected of them: gold.predictions.expected."""
        return any(number.place.table is PREDICTIONS for number in self.inputs)

    @property
    def departments(self) -> list[str]:
        """The departments whose shares of the money are among the inputs."""
        return [number.place.key for number in self.inputs if number.place.column == "department_shares_365d"]


def standardised(model: SegmentModel) -> Column:
    """The model's inputs of a row as one array<double>."""
    return F.array(*[number.in_spark() for number in model.inputs])


def nearest(inputs: DataFrame, model: SegmentModel, margin: float) -> DataFrame:
    """One row a user of `inputs` (user_id, x, previous): segment_id and confidence = 1 - its distance / the next one's,
    0 on the border and beyond.

    previous: the user's segment of the last published night, or null. He stays there while it is no farther than the
    nearest centre by `margin` of its own distance. Sums run along each user's own row, not through a matrix product, so
    that a result does not depend on which users share a batch.
    """
    ids, centers_KD = model.ids, model.centers_KD

    def assign(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for start in range(0, batch.num_rows, _CHUNK):
                part = batch.slice(start, _CHUNK)
                flat = part.column("x").flatten().to_numpy(zero_copy_only=False)
                x_BD = flat.reshape(part.num_rows, -1)
                d_BK = np.sqrt(((x_BD[:, None, :] - centers_KD[None, :, :]) ** 2).sum(axis=2))
                row_B, best_B = np.arange(part.num_rows), d_BK.argmin(axis=1)
                was_B = part.column("previous").fill_null(-1).to_numpy(zero_copy_only=False)
                place_B = np.minimum(np.searchsorted(ids, was_B), len(ids) - 1)
                stays_B = (ids[place_B] == was_B) & (d_BK[row_B, place_B] * (1 - margin) <= d_BK[row_B, best_B])
                mine_B = np.where(stays_B, place_B, best_B)
                own_B = d_BK[row_B, mine_B]
                d_BK[row_B, mine_B] = np.inf
                confidence = np.round(np.maximum(1.0 - own_B / np.maximum(d_BK.min(axis=1), 1e-12), 0.0), 6)
                yield pa.RecordBatch.from_arrays(
                    [part.column("user_id"), pa.array(ids[mine_B], pa.int32()), pa.array(confidence)],
                    names=["user_id", "segment_id", "confidence"],
                )

    return inputs.mapInArrow(assign, _SCHEMA)


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model with the margin that a night's rules give; see `nearest`."""

    model: SegmentModel
    margin: float

    def __call__(self, features: DataFrame, vectors: DataFrame, before: DataFrame) -> DataFrame:
        """One row a user of `features` (rows of user_features), by his vector (user_id, embedding) where he has one.

        before: user_id and previous.
        """
        rows = features.join(vectors, "user_id", "left").join(before, "user_id", "left")
        inputs = rows.select("user_id", standardised(self.model).alias("x"), "previous")
        return nearest(inputs, self.model, self.margin)
