"""Settings of the predictions: conf/predictions.yaml; the comments are there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ml.common.settings import read_settings
from ml.data.features import known

_EVERYBODY = "all"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Minimum(_Strict):
    users: int = Field(100, ge=1)
    outcomes: int = Field(20, ge=1)


class Slice(_Strict):
    """A kind of user: `input` is missing, or below, or above a value; without `input`, anybody."""

    name: str
    input: str | None = None
    missing: bool = False
    below: float | None = None
    above: float | None = None

    @field_validator("input")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        return name and known([name])[0]

    def holds(self, features: pa.Table) -> np.ndarray:
        if self.input is None:
            return np.ones(features.num_rows, bool)
        value = pc.cast(features[self.input], pa.float64()).to_numpy()
        if self.missing:
            return np.isnan(value)
        return value < self.below if self.below is not None else value > self.above


class KindConfig(BaseModel):
    """`kinds` of conf/predictions.yaml; the comments are there."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    min: int = Field(4, ge=2)
    max: int = Field(12, ge=2)
    agreement: float = Field(0.9, gt=0)
    tie: float = Field(0.03, ge=0)
    change: float = Field(0.01, ge=0, lt=1)


class PredictionConfig(_Strict):
    """conf/predictions.yaml; the comments are there."""

    cuts: int = Field(3, ge=1)
    max_users: int = Field(20_000, ge=10)
    minimum: Minimum = Minimum()
    slices: list[Slice] = Field([Slice(name=_EVERYBODY)], min_length=1)
    knots: int = Field(8, ge=2)
    vector_knots: int = Field(2, ge=0)
    vector_ease: float = Field(0.2, gt=0)
    penalty: float = Field(1000.0, gt=0)
    inputs: list[str] = Field(min_length=1)
    categories: int = Field(200, ge=2)
    pseudo_lines: float = Field(300, gt=0)
    factors: int = Field(12, ge=1)
    pairs: int = Field(300_000, ge=1000)
    kinds: KindConfig = KindConfig()
    seed: int = 7

    @field_validator("inputs")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        return known(names)

    @classmethod
    def load(cls, conf: Path) -> PredictionConfig:
        return read_settings(cls, conf / "predictions.yaml")

    @property
    def columns(self) -> list[str]:
        """Columns of gold.user_features that heads read."""
        return sorted({"user_id", *self.inputs, *(s.input for s in self.slices if s.input)})

    def slice_of(self, features: pa.Table) -> np.ndarray:
        """Index (U) of the first slice that fits; -1 where none does."""
        found = np.full(features.num_rows, -1)
        for index, one in reversed(list(enumerate(self.slices))):
            found[one.holds(features)] = index
        return found
