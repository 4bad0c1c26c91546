"""Names that people give to things in files of conf/: `name` is English and `name_zh` Chinese, as the tables have them;
a further language of conf/languages adds `name_<language>`. What has none in it is called as in English.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.language.catalogue import TABLED, languages

Further = dict[str, dict[str, Any]]  # by language, by field


def further() -> list[str]:
    """The languages that no table has a column for."""
    return [code for code in languages() if code not in TABLED]


def gathered(document: Any, *fields: str) -> Any:
    """The document of a file, its `<field>_<language>` of further languages under `further`; to read it by."""
    if not isinstance(document, dict):
        return document
    keys = {code: {field: f"{field}_{code}" for field in fields} for code in further()}
    taken = {key for of in keys.values() for key in of.values()}
    found = {code: {field: document[key] for field, key in of.items() if key in document} for code, of in keys.items()}
    rest = {key: value for key, value in document.items() if key not in taken}
    return rest | ({"further": spoken} if (spoken := {code: of for code, of in found.items() if of}) else {})


def said(further: Mapping[str, Mapping[str, Any]], code: str, field: str) -> Any:
    """What a field says in a further language; None where it says nothing."""
    return further.get(code, {}).get(field)
