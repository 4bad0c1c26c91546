"""Patterns of times: what a letter may mean, found wrong when the YAML is read, not when the night runs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jobs.conf import nearest

# Names in place of a pattern. An epoch is an instant; the others are local times of the field's zone.
EPOCHS = ("epoch_s", "epoch_ms", "epoch_us", "epoch_ns")
NAMES = ("iso", *EPOCHS, "excel", "days")

# Letters that both engines read, and how often each may stand. No other letter may stand outside quotes.
_WIDTHS = {
    "y": (2, 4), "M": (1, 2, 3, 4), "d": (1, 2), "D": (1, 2, 3), "H": (1, 2), "h": (1, 2), "m": (1, 2), "s": (1, 2),
    "S": tuple(range(1, 10)), "a": (1,), "E": (1, 2, 3, 4), "X": (1, 2, 3), "x": (1, 2, 3), "Z": (1, 2, 3), "V": (2,),
}  # fmt: skip
_TOKEN = re.compile(r"'(?:[^']|'')*'|\[|\]|([A-Za-z])\1*|[^A-Za-z\[\]']+|'")
_OF_STRPTIME = {
    "Y": "yyyy", "y": "yy", "m": "MM", "d": "dd", "H": "HH", "I": "hh", "M": "mm", "S": "ss", "f": "SSSSSS", "p": "a",
    "b": "MMM", "B": "MMMM", "a": "EEE", "A": "EEEE", "j": "DDD", "z": "XX", "T": "HH:mm:ss", "F": "yyyy-MM-dd",
}  # fmt: skip
_SWAPPED = re.compile("[Hh]:?M|[dy][-/.]m|m[-/.][dy]")  # a month behind hours, minutes beside days
_ZONE = re.compile("[XxZV]")


def check(pattern: str, year: bool) -> str:
    """The pattern, or name of a format; ValueError says what no engine reads in it, and the nearest that one does.

    `year`: the year is given beside it.
    """
    if pattern in NAMES:
        return pattern
    if wrong := _wrong(pattern, year):
        better = _better(pattern)
        likely = better != pattern and not _wrong(better, year)
        names = nearest(pattern, NAMES, "names of formats are") if re.fullmatch(r"[a-z_\d]+", pattern) else ""
        hint = f"; did you mean {better!r}?" if likely else names
        raise ValueError(f"{pattern!r}: {wrong}{hint}")
    return pattern


def not_told_apart(formats: Sequence[str]) -> tuple[str, str] | None:
    """Two of some patterns that differ in the order of day and month alone."""
    shapes: dict[str, str] = {}
    for pattern in (one for one in formats if one not in NAMES):
        shape = re.sub("M{1,2}(?!M)|d{1,2}", "#", _unquoted(pattern)) if "MMM" not in pattern else pattern
        if shapes.setdefault(shape, pattern) != pattern and _order(shapes[shape]) != _order(pattern):
            return shapes[shape], pattern
    return None


def _order(pattern: str) -> str:
    return "".join(dict.fromkeys(letter for letter in _unquoted(pattern) if letter in "Md"))


def variants(pattern: str) -> list[tuple[str, bool]]:
    """(pattern, whether what it reads carries its zone) of a checked pattern; one with a zone in brackets is two."""
    optional = [part for part in re.findall(r"\[[^\]]*\]", pattern) if _ZONE.search(_unquoted(part))]
    if optional:
        without, within = pattern, pattern
        for part in optional:
            without, within = without.replace(part, ""), within.replace(part, part[1:-1])
        return [(within, True), (without, False)]
    # A quoted Z or UTC at the end says the zone too.
    return [(pattern, bool(_ZONE.search(_unquoted(pattern)) or re.search(r"'\s*(Z|UTC|GMT)'\Z", pattern)))]


def without_weekday(pattern: str) -> str | None:
    """What follows the day of the week, and its dot, with which a pattern begins; None where it begins with none."""
    found = re.match(r"E+\.?", pattern)
    return pattern[found.end() :] if found else None


def _unquoted(pattern: str) -> str:
    return re.sub("'[^']*'", "", pattern)


def _runs(pattern: str) -> list[str]:
    """The runs of one letter outside quotes."""
    return [token.group() for token in _TOKEN.finditer(pattern) if token.group(1)]


def _wrong(pattern: str, year: bool) -> str | None:
    """What is wrong with a pattern, None where nothing is."""
    tokens = [token.group() for token in _TOKEN.finditer(pattern)]
    if "'" in tokens:
        return "a quote is not closed"
    brackets = "".join(token for token in tokens if token in "[]")
    if brackets.replace("[]", ""):
        return "brackets must be closed, and none may stand in another"
    if "%" in pattern:
        return "this is a pattern of Python; the letters of Java's are expected, such as yyyy-MM-dd HH:mm:ss"
    runs = _runs(pattern)
    for run in runs:
        if run[0] in "zO":
            return "not every engine knows zones by z or O; XXX reads +08:00, VV Asia/Shanghai"
        if run[0] not in _WIDTHS:
            return f"no engine reads a time by {run!r}; letters that stand for themselves are quoted: 'T'"
        if len(run) not in _WIDTHS[run[0]]:
            return f"{run!r} has {len(run)} letters, expected {' or '.join(map(str, _WIDTHS[run[0]]))}"
    if _SWAPPED.search(pattern):
        return "MM is the month and mm the minute"
    letters = {run[0] for run in runs}
    if "E" in letters and not re.match("E+[^E]*$", pattern):
        return "the day of the week is read at the beginning alone"
    return _incomplete(letters, year)


def _incomplete(letters: set[str], year: bool) -> str | None:
    """Why letters do not make a time, None where they do."""
    if "D" in letters and letters & set("Md"):
        return "D is the day of the year, and stands beside neither month nor day"
    if "D" not in letters and not {"M", "d"} <= letters:
        return "it reads no month and day (MM, dd)"
    if "y" not in letters and not year:
        return "it reads no year; give one beside it (year: 2026)"
    if "y" in letters and year:
        return "it reads a year, and one is given beside it"
    if "h" in letters and "a" not in letters:
        return "hh are hours from 1 to 12 and need AM or PM (a)"
    if "a" in letters and "h" not in letters:
        return "a is AM or PM and needs hours from 1 to 12 (hh)"
    return None


def _better(pattern: str) -> str:
    """The pattern that was probably meant."""
    if "%" in pattern:
        return re.sub("%([A-Za-z])", lambda found: _OF_STRPTIME.get(found.group(1), found.group()), pattern)
    letters, swapped = {run[0] for run in _runs(pattern)}, bool(_SWAPPED.search(pattern))
    runs = []
    for token in _TOKEN.finditer(pattern):
        run, letter = token.group(), token.group(1)
        if letter in ("Y", "u"):
            run = "y" * (2 if len(run) == 2 else 4)
        elif letter == "D" and letters & set("Mm") and len(run) <= 2:
            run = "d" * len(run)
        elif letter == "h" and not letters & set("aA"):
            run = "H" * len(run)
        elif swapped and letter in ("m", "M"):
            run = run.swapcase()
        elif letter == "T":
            run = "'T'"
        elif letter == "A":
            run = "a"
        elif letter in ("z", "O"):
            run = "XXX" if letter == "O" else "VV"
        elif letter in ("f", "n"):
            run = "S" * len(run)
        runs.append(run)
    return "".join(runs)
