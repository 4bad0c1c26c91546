"""Settings of the suggestions: conf/recommendations.yaml; the comments are there."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from pydantic import Field

from ml.common.settings import Strict, read_settings, read_yaml
from ml.common.warehouse import namespaces


class Eligible(Strict):
    sold_within_days: int = Field(28, ge=1)
    unavailable: dict[str, list[str]] = Field({})
    exclude: list[str] = Field([])
    exclude_in: dict[str, list[str]] = Field({})  # by namespace: what the sources of the warehouse never suggest


class Candidates(Strict):
    model: int = Field(40, ge=0)
    together: int = Field(40, ge=0)
    popular: int = Field(20, ge=1)


class RecommendConfig(Strict):
    """conf/recommendations.yaml."""

    top: int = Field(10, ge=1, le=100)
    repeat: Literal["auto", "never"] = "auto"
    least_new: int = Field(0, ge=0)
    explore: float = Field(0, ge=0, le=0.5)
    new_within_days: int = Field(28, ge=1)
    new_sold: int = Field(10, ge=0)
    per_category: int = Field(0, ge=0)
    eligible: Eligible = Eligible()
    consent: Literal["popular", "none"] = "none"
    half_life_days: float = Field(14, gt=0)
    candidates: Candidates = Candidates()
    learn_users: int = Field(6000, ge=10)
    least_purchases: int = Field(500, ge=1)
    neighbour_users: int = Field(20_000, ge=10)
    neighbours: int = Field(50, ge=1)
    seed: int = 7

    @property
    def exploring(self) -> int:
        """Places of a user for products that are new in the shop."""
        return math.ceil(self.top * self.explore)

    @classmethod
    def load(cls, conf: Path, warehouse: str) -> RecommendConfig:
        """The file, with what the sources of the warehouse say of their products."""
        config, barred = read_settings(cls, conf / "recommendations.yaml"), dict[str, list[str]]()
        for source, space in sorted(namespaces(warehouse).items()):
            path = conf / "sources" / f"{source}.yaml"
            own = (read_yaml(path).get("thresholds") or {}) if path.is_file() else {}
            barred.setdefault(space, []).extend(own.get("never_suggested") or [])
        return config.model_copy(update={"eligible": config.eligible.model_copy(update={"exclude_in": barred})})
