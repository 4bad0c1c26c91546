"""Settings of the predictions: conf/predictions.yaml; the comments are there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import Field

from ml.common.settings import Strict, read_settings
from ml.data.features import FeatureName, numbers


class Minimum(Strict):
    """Of a slice: users, and users with the rarer outcome, without which nothing is predicted for it."""

    users: int = Field(100, ge=1)
    outcomes: int = Field(20, ge=1)


class Slice(Strict):
    """A kind of user: `input` is missing, or below, or above a value; without `input`, anybody."""

    name: str
    input: FeatureName | None = None
    missing: bool = False
    below: float | None = None
    above: float | None = None

    def holds(self, features: pa.Table) -> np.ndarray:
        """Whether each user (U) is of it."""
        if self.input is None:
            return np.ones(features.num_rows, bool)
        value = numbers(features, self.input)
        if self.missing:
            return np.isnan(value)
        return value < self.below if self.below is not None else value > self.above


class KindConfig(Strict):
    """`kinds` of conf/predictions.yaml; the comments are there."""

    min: int = Field(4, ge=2)
    max: int = Field(12, ge=2)
    agreement: float = Field(0.9, gt=0)
    tie: float = Field(0.03, ge=0)
    change: float = Field(0.01, ge=0, lt=1)


class PredictionConfig(Strict):
    """conf/predictions.yaml; the comments are there."""

    cuts: int = Field(3, ge=1)
    max_users: int = Field(20_000, ge=10)
    minimum: Minimum = Minimum()
    slices: list[Slice] = Field([Slice(name="all")], min_length=1)
    knots: int = Field(8, ge=2)
    vector_knots: int = Field(2, ge=0)
    vector_ease: float = Field(0.2, gt=0)
    penalty: float = Field(1000.0, gt=0)
    second_steps: int = Field(450, ge=2)
    inputs: list[FeatureName] = Field(min_length=1)
    categories: int = Field(200, ge=2)
    pseudo_lines: float = Field(300, gt=0)
    factors: int = Field(12, ge=1)
    pairs: int = Field(300_000, ge=1000)
    kinds: KindConfig = KindConfig()
    seed: int = 7

    @classmethod
    def load(cls, conf: Path) -> PredictionConfig:
        return read_settings(cls, conf / "predictions.yaml")

    @property
    def columns(self) -> list[str]:
        """Columns of gold.user_features that heads read."""
        return sorted({"user_id", *self.inputs, *(s.input for s in self.slices if s.input)})

    def slice_of(self, features: pa.Table) -> np.ndarray:
        """Index (U) of the first slice that fits; -1 where none does."""
        index_U = np.full(features.num_rows, -1)
        for index, part in reversed(list(enumerate(self.slices))):
            index_U[part.holds(features)] = index
        return index_U
