"""Settings files: YAML read strictly into frozen classes; a mistake is named with its place."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ml.common.cli import UsageError


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def read_yaml(path: Path) -> dict:
    """A YAML mapping. Raises UsageError where the file is missing or no mapping."""
    if not path.is_file():
        raise UsageError(f"expected a settings file at {path}, found none; check --conf")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not valid YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected a mapping, found {type(values).__name__}")
    return values


Settings = TypeVar("Settings", bound=BaseModel)


def read_settings(kind: type[Settings], path: Path) -> Settings:
    """A settings file as a `kind`. Raises UsageError that names what is wrong in it."""
    try:
        return kind.model_validate(read_yaml(path))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise UsageError(f"{path}: {wrong}") from None
