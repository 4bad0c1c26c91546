"""Settings of the segments: conf/segments.yaml; the comments are there."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ml.common.settings import read_settings
from ml.data.features import known


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Range(_Strict):
    min: int = Field(6, ge=2)
    max: int = Field(12, ge=2)
    step: int = Field(1, ge=1)

    def numbers(self) -> list[int]:
        """Numbers of segments that are tried; the largest one always."""
        return sorted({*range(self.min, self.max + 1, self.step), self.max})


class Stability(_Strict):
    resamples: int = Field(5, ge=1)
    share: float = Field(0.8, gt=0, le=1)
    least: float = Field(0.0, ge=0, le=1)
    tie: float = Field(0.02, ge=0)
    switch: float = Field(0.05, ge=0)


class Departments(_Strict):
    min_share: float = Field(0.02, ge=0, le=1)
    most: int = Field(12, ge=0)


class Block(_Strict):
    """Inputs that share a weight; `departments`, `embedding` and the blocks of expectations name no inputs.

    together: they keep their variances against each other. fallback: only where nothing is expected of the users.
    """

    weight: float = Field(1.0, ge=0)
    log: bool = False
    together: bool = False
    fallback: bool = False
    inputs: list[str] = []
    fill: dict[str, Literal["median", "max"]] = {}

    @field_validator("inputs")
    @classmethod
    def _known(cls, inputs: list[str]) -> list[str]:
        return known(inputs)


class SegmentConfig(_Strict):
    """conf/segments.yaml; the comments are there."""

    k: Range = Range()
    min_share: float = Field(0.03, ge=0, lt=1)
    stability: Stability = Stability()
    max_users: int = Field(200_000, ge=10)
    match: float = Field(0.3, gt=0, le=1)
    max_moved: float = Field(0.25, gt=0, le=1)
    seed: int = 7
    natural_kinds: bool = True
    departments: Departments = Departments()
    blocks: dict[str, Block]
    rule: list[str] = Field(min_length=1)

    @field_validator("rule")
    @classmethod
    def _known(cls, rule: list[str]) -> list[str]:
        return known(rule)

    @classmethod
    def load(cls, conf: Path) -> SegmentConfig:
        return read_settings(cls, conf / "segments.yaml")
