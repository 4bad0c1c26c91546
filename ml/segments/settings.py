"""Settings of the segments: conf/segments.yaml; the comments are there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ml.common.settings import Strict, read_settings
from ml.data.features import FeatureName

LEAST_USERS = 3  # a segment, on average
FEW_USERS = 25  # fewer are one segment: they cannot be told apart


class Range(Strict):
    min: int = Field(6, ge=2)
    max: int = Field(12, ge=2)
    step: int = Field(1, ge=1)

    def numbers(self, users: int) -> list[int]:
        """Numbers of segments that are tried, the largest one always; of few users one that leaves LEAST_USERS each, of
        fewer than FEW_USERS one.
        """
        if users < FEW_USERS:
            return [1]
        numbers = sorted({*range(self.min, self.max + 1, self.step), self.max})
        most = users // LEAST_USERS
        return [number for number in numbers if number <= most] or [most]


class Stability(Strict):
    resamples: int = Field(5, ge=1)
    share: float = Field(0.8, gt=0, le=1)
    least: float = Field(0.0, ge=0, le=1)
    tie: float = Field(0.02, ge=0)
    switch: float = Field(0.05, ge=0)


class Balance(Strict):
    least: float = Field(0.985, gt=0)
    shares: list[Annotated[float, Field(gt=0)]] = Field([0.6, 0.7, 0.8, 0.9, 1.0], min_length=2)
    switch: float = Field(0.01, ge=0)


class Levels(Strict):
    most: int = Field(3, ge=1)
    bits: float = Field(0.97, gt=0)
    switch: float = Field(0.01, ge=0)
    weight: float = Field(0.5, gt=0)


class Departments(Strict):
    min_share: float = Field(0.02, ge=0, le=1)
    most: int = Field(12, ge=0)


class Block(Strict):
    """Inputs that share a weight; `departments`, `embedding` and the blocks of expectations name no inputs.

    together: they keep their variances against each other. fallback: only where nothing is expected of the users.
    """

    weight: float = Field(1.0, ge=0)
    log: bool = False
    together: bool = False
    fallback: bool = False
    inputs: list[FeatureName] = Field([])
    fill: dict[str, Literal["median", "max"]] = Field({})


class SegmentConfig(Strict):
    """conf/segments.yaml; the comments are there."""

    k: Range = Range()
    min_share: float = Field(0.03, ge=0, lt=1)
    stability: Stability = Stability()
    balance: Balance = Balance()
    max_users: int = Field(200_000, ge=10)
    match: float = Field(0.3, gt=0, le=1)
    max_moved: float = Field(0.25, gt=0, le=1)
    seed: int = 7
    natural_kinds: bool = True
    levels: Levels = Levels()
    departments: Departments = Departments()
    blocks: dict[str, Block]
    rule: list[FeatureName] = Field(min_length=1)

    @classmethod
    def load(cls, conf: Path) -> SegmentConfig:
        return read_settings(cls, conf / "segments.yaml")
