"""What a language model is told of a warehouse: names and descriptions; no id, no figure, no person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

import yaml

from jobs.audiences.ask.vocabulary import Vocabulary
from jobs.audiences.rule.measures import USER_FIELDS
from jobs.conf import CONF
from jobs.tables import USER_FEATURES, USER_PROFILES

# A name of such could be an order to the model, or a person's.
_NO_NAME = re.compile(r"""[\x00-\x1f"`<>{}\\;!?@]|https?:|(?:\S+\s+){8}""")
_ID = re.compile(r"[0-9]{4}")  # in a value of an attribute, of which nobody says what it holds
_LONGEST = 60
_MOST = 500  # names of a kind
_MOST_VALUES = 20  # of an attribute: what has more may be anything


def told(known: Vocabulary) -> dict[str, Any]:
    """The dictionary, as it is sent."""
    columns = {column.name: f"{column.meaning} · {column.zh}" for table in (USER_PROFILES, USER_FEATURES)
               for column in table.columns if column.name in USER_FIELDS}  # fmt: skip
    return {
        "night": str(known.ds), "types of events": sorted(known.types), "categories": _labelled(categories(known)),
        "brands": _plain(known.brands), "columns": columns, "values of users": _values(known.values),
        "values of events": _values(known.event_values), "tags": _plain(known.tags),
        "segments": _labelled({name: (zh,) for name, zh in known.segments.items()}),
        "audiences": _labelled(known.audiences),
        "lists of categories": {f"${name}": _plain(values) for name, values in known.parameters.items()},
        "words": _words(),
    }  # fmt: skip


@lru_cache(maxsize=4)
def categories(known: Vocabulary, levels: int | None = None) -> dict[str, tuple[str, ...]]:
    """The labels of each category, those near the root first; levels: of so many from the root alone."""
    deepest = max((len(path) for path in known.paths), default=0)
    names = [
        path[level] for level in range(min(levels or deepest, deepest)) for path in known.paths if len(path) > level
    ]
    return {name: tuple(known.labels.get(name, ())) for name in dict.fromkeys(names)}


@cache
def _words() -> dict[str, Any]:
    """What words without a number stand for."""
    return yaml.safe_load((CONF / "ask.yaml").read_text(encoding="utf-8"))


def _plain(names: Iterable[str]) -> list[str]:
    return [name for name in names if len(name) <= _LONGEST and not _NO_NAME.search(name)][:_MOST]


def _values(columns: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    return {column: _plain(values) for column, values in columns.items() if not _doubtful(column, values)}


def _doubtful(column: str, values: tuple[str, ...]) -> bool:
    """Whether an attribute may hold what names a person or a thing of his."""
    few = len(values) <= _MOST_VALUES and not any(_ID.search(value) for value in values)
    return column.startswith("attributes.") and not few


def _labelled(names: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    return {name: _plain(names[name]) for name in _plain(names)}
