"""conf/parameters.yaml: values of a team by name, which rules use as `$name`: lists of products, days, thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from jobs.conf import CONF, nearest
from jobs.errors import UsageError

FILE = CONF / "parameters.yaml"


def load(path: Path) -> dict[str, Any]:
    """The parameters; none where there is no such file."""
    if not path.exists():
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not YAML: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path}: expected names and their values, found {type(found).__name__}")
    return found


def filled(document: Any) -> Any:
    """The document of an audience with the values in place of `$name` in its rule; UsageError names an unknown one."""
    if not isinstance(document, dict) or "rule" not in document:
        return document
    return document | {"rule": _filled(document["rule"], load(FILE))}


def _filled(part: Any, values: dict[str, Any]) -> Any:
    if isinstance(part, dict):
        return {key: _filled(value, values) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, values) for value in part]
    if isinstance(part, str) and part.startswith("$"):
        if part[1:] not in values:
            hint = nearest(part[1:], values, "it has")
            raise UsageError(f"rule: expected a parameter of {FILE}, found {part!r}{hint}")
        return values[part[1:]]
    return part
