"""The ids that an erasure looks for, as they may stand in a text.

An id counts as a word of its own: 12 is not found in 1234. One that is an ordinary number or word ("12", "anna") stands
in many a text without meaning a user; it is looked for where a user's id can stand: in columns that hold one, and in
text behind the name of such a column (`"user_id":"12"`).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

_AT_ONCE = 200  # ids in one regular expression
_TRUNCATED = 32  # characters of a text that Delta's statistics keep
_PLAIN = re.compile(r"\d{1,9}|[A-Za-z]+")
_BEFORE, _AFTER = "(?:^|[^A-Za-z0-9_])", "(?:$|[^A-Za-z0-9_])"
# Names under which our own tables and files hold users' ids.
NAMES = frozenset({"user_id", "user_ids"})


def _spellings(user: str) -> set[str]:
    """An id as it stands in a text, in JSON, in a page, in an address."""
    return {user, json.dumps(user)[1:-1], html.escape(user), quote(user, safe="")}


def _ends(user: str) -> str:
    """A regular expression of an id up to the end of its word, also as statistics cut it."""
    texts = _spellings(user) | ({user[:_TRUNCATED]} if len(user) > _TRUNCATED else set())
    return "|".join(re.escape(text) + _AFTER for text in sorted(texts))


def is_plain(user: str) -> bool:
    """Whether an id may as well be an ordinary number or word."""
    return _PLAIN.fullmatch(user) is not None


def as_word(user: str) -> str:
    """A regular expression (the same to RE2, Java and Python) of an id as a word of its own."""
    return f"{_BEFORE}(?:{_ends(user)})"


def pattern(user: str, names: Iterable[str]) -> str:
    """A regular expression of an id in a text: as a word; of a plain one, behind a name of a column of users' ids."""
    if not is_plain(user):
        return as_word(user)
    # At most a quote, a colon, a quote, their escapes and blanks between the two.
    return f"{_BEFORE}(?:{'|'.join(sorted(map(re.escape, names)))})[^A-Za-z0-9_]{{1,8}}(?:{_ends(user)})"


class Wanted:
    """The ids that are looked for. names: the sources' columns that hold users' ids, as texts and maps have them."""

    def __init__(self, ids: Iterable[str], names: Iterable[str] = ()) -> None:
        self.ids = tuple(ids)
        self.names = NAMES | set(names)
        self._exact = pa.array(self.ids, pa.string())
        self._patterns = [pattern(user, self.names) for user in self.ids]
        self._words = [as_word(user) for user in self.ids]

    def _matching(self, texts: pa.Array, patterns: list[str]) -> Iterator[tuple[int, str]]:
        for start in range(0, len(patterns), _AT_ONCE):
            few = patterns[start : start + _AT_ONCE]
            hit = texts.filter(pc.fill_null(pc.match_substring_regex(texts, "|".join(few)), False))
            for text in hit.to_pylist():
                yield from ((start + k, text) for k, of_user in enumerate(few) if re.search(of_user, text))

    def among(self, values: pa.Array, place: str) -> set[int]:
        """Whose ids are in an array of texts that stands at a place such as `attributes.household`."""
        values, (*inside, name) = values.cast(pa.string()).unique(), place.split(".")
        whose = {k for k, _ in self._matching(values, self._patterns)}
        if name in (self.names if inside else NAMES):
            hit = pc.index_in(values, value_set=self._exact)
            whose |= set(hit.drop_null().to_pylist())
        if place == "raw":  # a line that is no record: nobody knows what its words are
            broken = values.filter(pc.invert(pc.fill_null(pc.starts_with(values, "{"), True)))
            whose |= {k for k, _ in self._matching(broken, self._words)}
        return whose

    def in_lines(self, lines: pa.Array) -> Iterator[tuple[int, str]]:
        return self._matching(lines, self._patterns)


def quarantined(ids: Iterable[str], names: Iterable[str]) -> list[tuple[str, str, str]]:
    """(id, pattern, word) of each id: a row of ops.quarantine whose text has the pattern is the user's, and so is one
    that is no record and has the word; see `Wanted.among`.
    """
    known = NAMES | set(names)
    return [(user, pattern(user, known), as_word(user)) for user in ids]


# In Spark, of rows t of ops.quarantine and s of `quarantined`.
QUARANTINED = "t.raw RLIKE s.pattern OR (NOT startswith(t.raw, '{') AND t.raw RLIKE s.word)"
