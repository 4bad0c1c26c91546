"""What the columns of a file are called, and which a mapping seeks in vain."""

from __future__ import annotations

import re
from difflib import get_close_matches

from jobs.errors import DataError
from jobs.sources import cells
from jobs.sources.formats import json_lists
from jobs.sources.spec import Feed

_MOST = 50  # names that are listed


def as_mapped(found: list[str], feed: Feed) -> list[str]:
    """The names of a file's columns as the mapping writes them, where one differs by case and blanks alone and no other
    could be meant; all else as it is seen: without what nobody sees around it, and an accent one with its letter.
    """
    asked = feed.asked_columns | set(feed.pii)
    wanted = asked | set(map(json_lists.head, asked))
    meant = {}
    for name in wanted - set(found):
        alike = [other for other in found if _plain(other) == _plain(name) and other not in wanted]
        if len(alike) == 1:
            meant[alike[0]] = name
    called: list[str] = []
    for name in found:
        new = name if name in wanted else meant.get(name, cells.seen(name))
        called.append(name if new in called or (new != name and new in found) else new)
    return called


def _plain(name: str) -> str:
    return " ".join(cells.seen(name).split()).casefold()


def check(file: str, names: list[str], feed: Feed) -> None:
    """DataError where a file has not a column that the mapping names and does not call optional."""
    if feed.explode and f"{feed.explode}.position" not in names:
        raise DataError(
            f"expected a list in column {in_words([feed.explode], names)} of {file}, which explode takes apart, found "
            "none (a text of JSON is no list in Parquet). Nothing of this load was written"
        )
    gone = [name for name in sorted(feed.asked_columns - feed.optional_columns) if not _has(names, name)]
    if not gone:
        return
    # What stands in place of a header may be a person's record.
    may_be_data = feed.pii and not any(_has(names, name) for name in feed.mapped_columns)
    shown = "names that are withheld" if may_be_data else ", ".join(names[:_MOST])
    raise DataError(
        f"expected column {in_words(gone, names)} in {file}, as the mapping says, found {shown}{_hint(names)}; "
        "the source changed or the mapping is wrong (optional: true at a field that a file may lack). Nothing of "
        "this load was written"
    )


def _hint(names: list[str]) -> str:
    """What names that are none look like."""
    if names[0].startswith(("{", "[{")):
        return " (is its format jsonl?)"
    if len(names) == 1 and (other := next((sign for sign in ";\t|," if sign in names[0]), None)):
        return f" (is its delimiter {other!r}?)"
    # A title above a table has its delimiters too, and next to nothing between them.
    if len(names) == 1 or sum(bool(re.fullmatch(r"_c\d+", name)) for name in names) >= len(names) / 2:
        return " (are there lines before its header? then skip says how many)"
    if any(re.fullmatch(r"[0-9.:-]+", name) for name in names):
        return " (has it no header? then columns names them)"
    return ""


def _has(names: list[str], column: str) -> bool:
    return column in names or json_lists.head(column) in names


def in_words(gone: list[str], names: list[str]) -> str:
    """Columns that are missing, each with the nearest name that is there."""
    nearest = {name: get_close_matches(name, names, n=1) for name in gone}
    return ", ".join(f"{name!r}" + (f" (nearest: {near[0]!r})" if near else "") for name, near in nearest.items())
