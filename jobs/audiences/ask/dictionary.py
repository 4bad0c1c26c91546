"""What a language model is told of a warehouse: names and descriptions; no id, no figure, no person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import yaml

from jobs.audiences.ask.vocabulary import Vocabulary
from jobs.audiences.rule.measures import USER_FIELDS
from jobs.conf import CONF
from jobs.tables import USER_FEATURES, USER_PROFILES

_NO_NAME = re.compile(
    r"""[\x00-\x1f"`<>{}\\;!?]|https?:|(?:\S+\s+){8}"""
)  # a name of such could be an order to the model
_LONGEST = 60
_MOST = 500  # names of a kind


def told(known: Vocabulary) -> dict[str, Any]:
    """The dictionary, as it is sent."""
    columns = {column.name: f"{column.meaning} · {column.zh}" for table in (USER_PROFILES, USER_FEATURES)
               for column in table.columns if column.name in USER_FIELDS}  # fmt: skip
    return {
        "night": str(known.ds), "types of events": sorted(known.types), "categories": _labelled(known.categories),
        "brands": _plain(known.brands), "columns": columns,
        "values": {column: _plain(values) for column, values in known.values.items()},
        "tags": _plain(known.tags), "segments": _labelled({name: (zh,) for name, zh in known.segments.items()}),
        "audiences": _labelled(known.audiences),
        "lists of categories": {f"${name}": _plain(values) for name, values in known.parameters.items()},
        "words": _words(),
    }  # fmt: skip


@cache
def _words() -> dict[str, Any]:
    """What words without a number stand for."""
    return yaml.safe_load((CONF / "ask.yaml").read_text(encoding="utf-8"))


def _plain(names: Iterable[str]) -> list[str]:
    return [name for name in names if len(name) <= _LONGEST and not _NO_NAME.search(name)][:_MOST]


def _labelled(names: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    return {name: _plain(names[name]) for name in _plain(names)}
