"""conf/profiles.yaml, typed: where the lines of a profile are drawn."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

from pydantic import Field, ValidationError, model_validator

from jobs.conf import CONF, Strict, read


class Border(Strict):
    """Where a stage begins for who is not in it, and where it ends for who is."""

    enter: int
    leave: int


class Longest(Border):
    """Of days since the last purchase: the most that a stage allows."""

    @model_validator(mode="after")
    def _wider(self) -> Longest:
        if self.leave < self.enter:
            raise ValueError(f"expected leave of at least enter ({self.enter}) days, found {self.leave}")
        return self


class Least(Border):
    """Of orders: the fewest that a stage asks for."""

    @model_validator(mode="after")
    def _wider(self) -> Least:
        if self.leave > self.enter:
            raise ValueError(f"expected leave of at most enter ({self.enter}) orders, found {self.leave}")
        return self


class Lifecycle(Strict):
    new_days: int
    active_days: Longest
    loyal_orders_90d: Least
    slipping_days: Longest
    dormant_days: Longest

    @model_validator(mode="after")
    def _ascending(self) -> Lifecycle:
        borders = [self.active_days, self.slipping_days, self.dormant_days]
        if any(low.leave >= high.enter for low, high in pairwise(borders)):
            raise ValueError("expected leave of active_days < enter of slipping_days, and so on to dormant_days")
        return self


class Segments(Strict):
    margin: float = Field(ge=0, lt=0.5)


class Rfm(Strict):
    margin: float = Field(ge=0, lt=0.1)


class PriceTier(Strict):
    budget_below: float
    premium_above: float


class Tags(Strict):
    big_basket: float | None = None
    large_share: float = Field(0.1, gt=0, lt=1)
    deal_share: float
    growing: float
    fading: float


class Holdout(Strict):
    """Users whom no campaign addresses; another salt draws others."""

    share: float = Field(0.0, ge=0, le=0.5)
    salt: str = ""


class Rules(Strict):
    """The whole file."""

    segments: Segments
    lifecycle: Lifecycle
    rfm: Rfm
    price_tier: PriceTier
    tags: Tags
    holdout: Holdout = Holdout()

    @classmethod
    def load(cls, path: Path = CONF / "profiles.yaml") -> Rules:
        """Of the file; UsageError says which key is wrong."""
        return read(path, cls, "rule set")

    @classmethod
    def of_text(cls, text: str | None) -> Rules | None:
        """The rules that `text` gave; None where they cannot be read any more."""
        try:
            return cls.model_validate_json(text) if text is not None else None
        except ValidationError:
            return None

    def text(self) -> str:
        """The rules as ops.runs keeps them, so that a later night can apply those of this one."""
        return json.dumps(self.model_dump(), sort_keys=True)
