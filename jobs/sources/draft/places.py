"""Where a landing folder begins in the path of a file, and the glob that means the files of other days too."""

from __future__ import annotations

import re
from dataclasses import dataclass

_YEAR, _MONTH, _DAY = "(?:19|20)[0-9]{2}", "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
# How a path writes a day, and what a glob says for it.
_FORMS = (
    (rf"{_YEAR}-{_MONTH}-{_DAY}", "{ds}"),
    (rf"{_YEAR}_{_MONTH}_{_DAY}", "{ds:yyyy_MM_dd}"),
    (rf"(?<![0-9]){_YEAR}{_MONTH}{_DAY}(?![0-9])", "{ds:yyyyMMdd}"),
    (rf"{_YEAR}/{_MONTH}/{_DAY}(?=/)", "{ds:yyyy/MM/dd}"),
    (rf"(?<=year=){_YEAR}/month={_MONTH}/day={_DAY}(?=/)", "{ds:yyyy}/month={ds:MM}/day={ds:dd}"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """The landing folder of a file, the glob below it, and what is not sure about it."""

    landing: str
    files: str
    doubt: str


def place(path: str) -> Place:
    """The place of the file at a path, whose last day counts."""
    found = [(match, said) for shape, said in _FORMS for match in re.finditer(shape, path)]
    if not found:
        landing, _, name = path.rpartition("/")
        return Place(
            landing or "/", _plain(name), "no day in its name: a file of any days; * stands for any part of a name"
        )
    match, said = max(found, key=lambda one: one[0].end())
    at = path.rfind("/", 0, match.start())
    head, tail = path[at + 1 : match.start()], path[match.end() :]
    if "/" in tail:  # the day is a folder's: other files in it have other names
        folder, _, name = tail.rpartition("/")
        tail = f"{folder}/*{''.join(re.findall(r'[.][A-Za-z][A-Za-z0-9]*', name)[-2:])}"
    head, tail = (re.sub(r"(^|/)([^/=]+)=[^/]*(?=/)", r"\1\2=*", part) for part in (head, tail))
    return Place(path[:at] or "/", f"{_plain(head)}{said}{_plain(tail)}", "the day in its path is the day of delivery")


def _plain(name: str) -> str:
    """A name as a glob, in which braces mean something else."""
    return re.sub(r"[{}]", "?", name)
