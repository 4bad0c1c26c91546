"""What a segment model reads of a user: chosen numeric features, department shares, the Transformer's state.

Legend: U users, J inputs, K segments. A raw value may be nan (null in the table).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from jobs.tables import NUMERIC_FEATURES
from ml.cli import UsageError
from ml.config import read_yaml

DEPARTMENT, EMBEDDING = "dept:", "emb:"
NUMERIC = [column.name for column in NUMERIC_FEATURES]


def known(names: list[str]) -> list[str]:
    """The names, all of numeric features; ValueError says which are not."""
    if unknown := sorted(set(names) - set(NUMERIC)):
        raise ValueError(f"expected numeric features of gold.user_features, found {unknown}")
    return names


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Range(_Strict):
    min: int = Field(6, ge=2)
    max: int = Field(12, ge=2)


class Stability(_Strict):
    resamples: int = Field(5, ge=1)
    share: float = Field(0.8, gt=0, le=1)
    tie: float = Field(0.02, ge=0)
    switch: float = Field(0.05, ge=0)


class Departments(_Strict):
    min_share: float = Field(0.02, ge=0, le=1)
    most: int = Field(12, ge=0)


class Block(_Strict):
    """Inputs that share a weight; the blocks `departments` and `embedding` name no inputs."""

    weight: float = Field(1.0, ge=0)
    log: bool = False
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
    departments: Departments = Departments()
    blocks: dict[str, Block]
    rule: list[str] = Field(min_length=1)

    @field_validator("rule")
    @classmethod
    def _known(cls, rule: list[str]) -> list[str]:
        return known(rule)

    @classmethod
    def load(cls, conf: Path) -> SegmentConfig:
        path = conf / "segments.yaml"
        try:
            return cls.model_validate(read_yaml(path))
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise UsageError(f"{path}: {wrong}") from None


@dataclass(frozen=True)
class Users:
    """Users as of a day, sorted by id, with their rows of gold.user_features and states (float64, nan = none)."""

    user_ids: list[str]
    features: pa.Table
    embedding_UD: np.ndarray

    @classmethod
    def of(cls, features: pa.Table, sequence_ids: pa.Array, states_UD: np.ndarray) -> Users:
        """States are given in the order of sequence_ids; a user without a sequence gets nan."""
        features = features.sort_by("user_id").combine_chunks()
        place = pc.fill_null(pc.index_in(features["user_id"].combine_chunks(), value_set=sequence_ids), -1).to_numpy()
        embedding = np.vstack([states_UD, np.full((1, states_UD.shape[1]), np.nan)])[place].astype(np.float64)
        return cls(features["user_id"].to_pylist(), features, embedding)

    def shares(self) -> dict[str, np.ndarray]:
        """Share of each user's money (U) by department; 0 where the map has no entry."""
        column = self.features["department_shares_365d"].combine_chunks()
        owner = np.repeat(np.arange(len(column)), np.diff(column.offsets.to_numpy()))
        names, values = column.keys.dictionary_encode(), column.items.to_numpy(zero_copy_only=False)
        code = names.indices.to_numpy()
        found = {}
        for index, name in enumerate(names.dictionary.to_pylist()):
            found[name] = np.zeros(len(column))
            found[name][owner[code == index]] = values[code == index]
        return found

    def raw(self, inputs: list[str]) -> np.ndarray:
        """Raw values (U, J) of inputs, in the names of gold.segment_models. A department nobody knows is 0."""
        shares, nobody = self.shares(), np.zeros(len(self.user_ids))
        columns = []
        for name in inputs:
            if name.startswith(DEPARTMENT):
                columns.append(shares.get(name.removeprefix(DEPARTMENT), nobody))
            elif name.startswith(EMBEDDING):
                columns.append(self.embedding_UD[:, int(name.removeprefix(EMBEDDING))])
            else:
                columns.append(pc.cast(self.features[name], pa.float64()).to_numpy().astype(np.float64))
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Scaler:
    """How raw inputs become standardised ones; the columns of gold.segment_models of the same names (all J long)."""

    inputs: list[str]
    fill: np.ndarray
    log_scaled: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    def __call__(self, raw_UJ: np.ndarray) -> np.ndarray:
        return (self.filled(raw_UJ) - self.mean) / self.scale

    def filled(self, raw_UJ: np.ndarray) -> np.ndarray:
        values = np.where(np.isnan(raw_UJ), self.fill, raw_UJ)
        return np.where(self.log_scaled, np.log1p(np.maximum(values, 0)), values)


def fit_scaler(users: Users, config: SegmentConfig) -> Scaler:
    """Mean 0 and variance 1 for each input, times its block's weight / sqrt(inputs of the block)."""
    mean_share = {name: share.mean() for name, share in users.shares().items()}
    ranked = sorted(mean_share, key=lambda name: (-mean_share[name], name))[: config.departments.most]
    departments = [DEPARTMENT + name for name in ranked if mean_share[name] >= config.departments.min_share]
    given = {"departments": departments, "embedding": [f"{EMBEDDING}{k}" for k in range(users.embedding_UD.shape[1])]}
    blocks = [(block, given.get(name, block.inputs)) for name, block in config.blocks.items()]
    blocks = [(block, inputs) for block, inputs in blocks if block.weight and inputs]
    inputs = [name for _, names in blocks for name in names]
    raw = users.raw(inputs)
    how = {name: rule for block, _ in blocks for name, rule in block.fill.items()}
    fill = np.array([_fill(column, name, how.get(name, "median")) for name, column in zip(inputs, raw.T, strict=True)])
    log_scaled = np.array([block.log for block, names in blocks for _ in names])
    plain = Scaler(inputs, fill, log_scaled, np.zeros(len(inputs)), np.ones(len(inputs)))
    values = plain.filled(raw)
    deviation = values.std(axis=0)
    weight = np.array([block.weight / np.sqrt(len(names)) for block, names in blocks for _ in names])
    scale = np.where(deviation > 1e-9, deviation / weight, 1.0)
    return replace(plain, mean=values.mean(axis=0), scale=scale)


def _fill(column: np.ndarray, name: str, how: str) -> float:
    known = column[~np.isnan(column)]
    if name.startswith(DEPARTMENT) or not len(known):
        return 0.0
    return float(known.max() if how == "max" else np.median(known))
