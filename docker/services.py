"""Prints compose.yaml as JSON, variables filled in from the environment: what prove.sh and the tests read.

Knows the two forms of variable that the file uses, `${NAME:-default}` and `${NAME:?message}`, and refuses others.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

VARIABLE = re.compile(r"\$\{(\w+)(:-|:\?)([^}]*)\}")


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """The text with its variables filled in; KeyError with the file's own message where one is required."""

    def value(match: re.Match) -> str:
        name, operator, rest = match.groups()
        if found := environment.get(name):
            return found
        if operator == ":?":
            raise KeyError(f"{name}: {rest}")
        return rest

    filled = VARIABLE.sub(value, text)
    if "$" in filled:
        raise ValueError(f"expected ${{NAME:-default}} or ${{NAME:?message}}, found {filled!r}")
    return filled


def resolve(node, environment: Mapping[str, str]):
    """The same tree with every text interpolated."""
    if isinstance(node, dict):
        return {key: resolve(value, environment) for key, value in node.items()}
    if isinstance(node, list):
        return [resolve(value, environment) for value in node]
    return interpolate(node, environment) if isinstance(node, str) else node


def load(path: Path, environment: Mapping[str, str]) -> dict:
    """compose.yaml with anchors merged and variables filled in."""
    return resolve(yaml.safe_load(path.read_text()), environment)


if __name__ == "__main__":
    print(json.dumps(load(Path(sys.argv[1]), os.environ)))
