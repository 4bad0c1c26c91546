"""Globs of delivered files, and the day that a path says: `log/{ds}/*.csv`, `year={ds:yyyy}/month={ds:M}/*.parquet`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

_PLACE = re.compile(r"\{ds(?::([^{}]*))?\}|\*\*/|\*|\?")
_ANY = {"**/": r"(?:(?![._])[^/]+/)*", "*": "[^/]*", "?": "[^/]"}
_DAY = {"yyyy": ("year", r"\d{4}"), "MM": ("month", r"\d{2}"), "dd": ("day", r"\d{2}"),
        "M": ("month", r"\d{1,2}"), "d": ("day", r"\d{1,2}")}  # fmt: skip
_DIGITS = {"yyyy": r"20\d\d", "MM": r"(?:0[1-9]|1[0-2])", "dd": r"(?:0[1-9]|[12]\d|3[01])"}
_FORMS = {
    form: rf"(?<!\d){re.sub('yyyy|MM|dd', lambda piece: _DIGITS[piece.group()], re.escape(form))}(?!\d)"
    for form in ("yyyyMMdd", "yyyy/MM/dd", "yyyy_MM_dd", "dd-MM-yyyy", "dd.MM.yyyy")
}
_LETTERS = re.compile("yyyy|MM|dd|M|d")


def is_dated(glob: str) -> bool:
    return re.search(r"\{ds[:}]", glob) is not None


def compiled(glob: str) -> re.Pattern:
    """The paths that a glob means; `day_of` reads the day of a match. ValueError where it has only a piece of a day.

    A wildcard at the start of a name does not mean hidden ones, which begin with a dot or `_`: uploaders and clusters
    write those beside the data.
    """
    shape, at, groups = "", 0, set()
    for found in _PLACE.finditer(glob):
        shape += re.escape(glob[at : found.start()])
        at_start = found.start() == 0 or glob[found.start() - 1] == "/"
        if found.group() in _ANY:
            shape += ("(?![._])" if at_start and found.group() != "**/" else "") + _ANY[found.group()]
        else:
            shape += _of_day(found.group(1) or "yyyy-MM-dd", groups)
        at = found.end()
    if groups and (lacking := {"year", "month", "day"} - groups):
        raise ValueError(
            f"{glob}: expected a whole day, such as {{ds:yyyyMMdd}}; no {' and '.join(sorted(lacking))} in it"
        )
    if stray := re.search(r"\{[^{}]*\}?", _PLACE.sub("", glob)):
        raise ValueError(
            f"{glob}: {stray.group()} means nothing here; {{ds}} is the day, and a list names several globs"
        )
    return re.compile(shape + re.escape(glob[at:]))


def _of_day(pattern: str, groups: set[str]) -> str:
    """The expression of a pattern of letters; a piece of the day that stood before must say the same again."""
    shape, at = "", 0
    for found in _LETTERS.finditer(pattern):
        name, digits = _DAY[found.group()]
        shape += re.escape(pattern[at : found.start()])
        shape += f"(?P={name})" if name in groups else f"(?P<{name}>{digits})"
        groups.add(name)
        at = found.end()
    if re.search("[A-Za-z]", _LETTERS.sub("", pattern)):
        raise ValueError(f"{{ds:{pattern}}}: expected yyyy, MM, dd (M, d without a zero) and signs between them")
    return shape + re.escape(pattern[at:])


def day_of(match: re.Match) -> date | None:
    """The day that a path says; None where it is no day of the calendar."""
    try:
        return date(*(int(match[name]) for name in ("year", "month", "day")))
    except ValueError:
        return None


def folder_of(glob: str) -> str:
    """The folders before the first wildcard, with a slash behind; empty where there is none."""
    return re.match(r"(?:[^/*?{]+/)*", glob).group()


def hint(names: list[str], globs: Iterable[str]) -> str:
    """How a glob writes the day, where one of the names has it in another form."""
    for form, shape in _FORMS.items():
        found = next((day.group() for name in names if (day := re.search(shape, name))), None)
        if found and not any(form in glob for glob in globs):
            return f" (a day written as {found} is {{ds:{form}}} in files)"
    return ""
