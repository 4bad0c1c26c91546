"""conf/cleaning.yaml, typed and validated: the rules of cleaning that a user may change."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from jobs import tables
from jobs.conf import CONF, Strict, nearest, read


class Rate(Strict):
    """More than `events` behaviour events within `minutes` are a bot's."""

    events: int = Field(ge=1)
    minutes: float = Field(gt=0)


class Bots(Strict):
    rates: tuple[Rate, ...]
    events_per_day: int = Field(ge=1)


class Level(Strict):
    """From how many lines of a day on medians are taken, and how far off (a ratio) a value may always be."""

    lines: int = Field(ge=1)
    price_factor: float = Field(gt=1)
    quantity_factor: float = Field(gt=1)


class Outliers(Strict):
    deviations: float = Field(gt=0)
    product: Level
    category: Level


class Refunds(Strict):
    days: int = Field(ge=0)


class Titles(Strict):
    brand_products: int = Field(ge=1)


class Missing(Strict):
    """What is done where a column has no value, and which events (none = all) should have one."""

    rule: Literal["refused", "derived", "unknown", "kept", "unchanged"]
    of: tuple[Literal[tables.EVENT_TYPES], ...] = ()


class Rules(Strict):
    """conf/cleaning.yaml."""

    bots: Bots
    outliers: Outliers
    refunds: Refunds
    titles: Titles
    missing: dict[str, dict[str, Missing]]

    @field_validator("missing", mode="before")
    @classmethod
    def _short_form(cls, missing: object) -> object:
        if not isinstance(missing, dict) or not all(isinstance(columns, dict) for columns in missing.values()):
            raise ValueError("expected a mapping of tables to a mapping of columns to rules")
        return {
            table: {name: {"rule": rule} if isinstance(rule, str) else rule for name, rule in columns.items()}
            for table, columns in missing.items()
        }

    @field_validator("missing")
    @classmethod
    def _every_column_once(cls, missing: dict[str, dict[str, Missing]]) -> dict[str, dict[str, Missing]]:
        for name, columns in missing.items():
            if name not in tables.BY_NAME:
                raise ValueError(f"no table {name!r}{nearest(name, tables.BY_NAME)}")
            contract = tables.BY_NAME[name].column_names
            if without := [column for column in contract if column not in columns]:
                raise ValueError(f"{name}: no rule for {', '.join(without)}; say what is done where it is missing")
            if stray := [column for column in columns if column not in contract]:
                raise ValueError(f"{name} has no column {stray[0]!r}{nearest(stray[0], contract)}")
        return missing


def load_rules(path: Path = CONF / "cleaning.yaml") -> Rules:
    """The rules; UsageError says which key of the file is wrong and what was expected."""
    return read(path, Rules, "rule set")
