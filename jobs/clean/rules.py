"""conf/cleaning.yaml, typed and validated: the rules of cleaning that a user may change."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from jobs import tables
from jobs.errors import UsageError
from jobs.sources.spec import CONF


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rate(_Strict):
    """More than `events` behaviour events within `minutes` are a bot's."""

    events: int = Field(ge=1)
    minutes: float = Field(gt=0)


class Bots(_Strict):
    rates: tuple[Rate, ...]
    events_per_day: int = Field(ge=1)


class Level(_Strict):
    """From how many lines of a day on medians are taken, and how far off (a ratio) a value may always be."""

    lines: int = Field(ge=1)
    price_factor: float = Field(gt=1)
    quantity_factor: float = Field(gt=1)


class Outliers(_Strict):
    deviations: float = Field(gt=0)
    product: Level
    category: Level


class Refunds(_Strict):
    days: int = Field(ge=0)


class Titles(_Strict):
    brand_products: int = Field(ge=1)


class Missing(_Strict):
    """What is done where a column has no value, and which events (none = all) should have one."""

    rule: Literal["refused", "derived", "unknown", "kept", "unchanged"]
    of: tuple[Literal[tables.EVENT_TYPES], ...] = ()


class Rules(_Strict):
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
                raise ValueError(f"no table {name!r}{_nearest(name, list(tables.BY_NAME))}")
            contract = tables.BY_NAME[name].column_names
            if without := [column for column in contract if column not in columns]:
                raise ValueError(f"{name}: no rule for {', '.join(without)}; say what is done where it is missing")
            if stray := [column for column in columns if column not in contract]:
                raise ValueError(f"{name} has no column {stray[0]!r}{_nearest(stray[0], contract)}")
        return missing


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def load_rules(path: Path = CONF / "cleaning.yaml") -> Rules:
    """The rules; UsageError says which key of the file is wrong, what was expected and what was found."""
    try:
        return Rules.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc'])) or 'rules'}: {e['msg']}" for e in error.errors()]
        raise UsageError(f"{path} is not valid:\n" + "\n".join(lines)) from error
