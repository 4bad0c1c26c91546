"""conf/collection.yaml, typed and validated: which deliveries are refused as a whole."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from jobs.conf import CONF, Strict, read


class Refused(Strict):
    """The share of a load of at least so many records that may not be refused for one reason."""

    share: float = Field(gt=0, le=1)
    records: int = Field(ge=1)


class Rules(Strict):
    """conf/collection.yaml."""

    refused: Refused


def load_rules(path: Path = CONF / "collection.yaml") -> Rules:
    """The rules; UsageError says which key of the file is wrong and what was expected."""
    return read(path, Rules, "rule set")
