"""Settings: YAML read strictly into frozen classes; a mistake is named with its place."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ml.common.cli import UsageError


class Strict(BaseModel):
    """The base of all settings: frozen, and a field of another name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Settings = TypeVar("Settings", bound=Strict)


def validated(kind: type[Settings], values: dict, where: str) -> Settings:
    """The values as a `kind`. Raises UsageError that names each wrong field; `where`: where they stand."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        wrong = []
        for problem in error.errors():
            found = "" if problem["type"] == "missing" else f", found {problem['input']!r}"
            wrong.append(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}{found}")
        raise UsageError(f"{where}: {'; '.join(wrong)}") from None


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


def read_settings(kind: type[Settings], path: Path) -> Settings:
    """A settings file as a `kind`. Raises UsageError, see `read_yaml` and `validated`."""
    return validated(kind, read_yaml(path), str(path))
