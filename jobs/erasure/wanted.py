"""The ids that an erasure looks for, as they may stand in a text.

An id counts as a word of its own: 12 is not found in 1234. One that is an ordinary number or word ("12", "anna") stands
in many a text without meaning a user; it is looked for where a user's id can stand: in columns that hold one, and in
text behind the name of such a column (`"user_id":"12"`).

An id is a key of our tables (jobs/sources/keys.py). Texts of a source have the source's own id in its place: in rows of
another source the same text is another user.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from jobs.sources.keys import Keys

# Characters of ids in one regular expression; from twice as many on, RE2's automaton outgrows its memory.
_LONGEST = 16_000
_TRUNCATED = 32  # characters of a text that Delta's statistics keep
_PLAIN = re.compile(r"\d{1,9}|[A-Za-z]+")
_BEFORE, _AFTER = "(?:^|[^A-Za-z0-9_])", "(?:$|[^A-Za-z0-9_])"
# Names under which our own tables and files hold users' ids.
NAMES = frozenset({"user_id", "user_ids"})


def _texts(user: str) -> list[str]:
    """An id as it stands in a text, in JSON, in a page, in an address, and as statistics cut it."""
    spellings = {user, json.dumps(user)[1:-1], html.escape(user), quote(user, safe="")}
    return sorted(spellings | ({user[:_TRUNCATED]} if len(user) > _TRUNCATED else set()))


def is_plain(user: str) -> bool:
    """Whether an id may as well be an ordinary number or word."""
    return _PLAIN.fullmatch(user) is not None


def _behind(names: Iterable[str]) -> str:
    """What stands before an id in a text that names a column of users' ids."""
    # At most a quote, a colon, a quote, their escapes and blanks between the two.
    return f"{_BEFORE}(?:{'|'.join(sorted(map(re.escape, names)))})[^A-Za-z0-9_]{{1,8}}"


def _expression(before: str, texts: Iterable[str]) -> str:
    """A regular expression, the same to RE2, Java and Python, of any of the texts. What they share stands in it once,
    which keeps RE2's automaton small.
    """
    return f"{before}(?:{'|'.join(map(re.escape, texts))}){_AFTER}"


def as_word(user: str) -> str:
    """A regular expression of an id as a word of its own."""
    return _expression(_BEFORE, _texts(user))


def pattern(user: str, names: Iterable[str]) -> str:
    """A regular expression of an id in a text: as a word; of a plain one, behind a name of a column of users' ids."""
    return _expression(_behind(names), _texts(user)) if is_plain(user) else as_word(user)


class _Patterns:
    """Some of the ids, by their numbers, each behind `before`: many in one regular expression, and each by itself."""

    def __init__(self, before: str, users: Iterable[tuple[int, str]]) -> None:
        self._texts = {(k, user): _texts(user) for k, user in users}
        self._each = {k: re.compile(_expression(before, texts)) for k, texts in self._texts.items()}
        self._many = [
            (_expression(before, [text for k in group for text in self._texts[k]]), group) for group in self._groups()
        ]

    def _groups(self) -> Iterator[list[tuple[int, str]]]:
        group: list[tuple[int, str]] = []
        length = 0
        for k, texts in self._texts.items():
            more = sum(len(re.escape(text)) + 1 for text in texts)
            if group and length + more > _LONGEST:
                yield group
                group, length = [], 0
            group.append(k)
            length += more
        if group:
            yield group

    def matching(self, texts: pa.Array) -> Iterator[tuple[int, str]]:
        """(whose, text) of each id in each text."""
        for expression, group in self._many:
            hit = texts.filter(pc.fill_null(pc.match_substring_regex(texts, expression), False))
            for text in hit.to_pylist():
                near = (k for k in group if any(own in text for own in self._texts[k]))
                yield from ((k[0], text) for k in near if self._each[k].search(text))


class Wanted:
    """The ids that are looked for. names: the sources' columns that hold users' ids, as texts and maps have them.
    known: the keys of each source, where the warehouse has sources of several namespaces.
    """

    def __init__(
        self, ids: Iterable[str], names: Iterable[str] = (), known: Mapping[str, Keys] | None = None,
        spellings: Iterable[tuple[int, str]] | None = None,
    ) -> None:  # fmt: skip
        self.ids = tuple(ids)
        self.names = NAMES | set(names)
        self._exact = pa.array(self.ids, pa.string())
        self._known = known or {}
        several = len({keys.namespace for keys in self._known.values()}) > 1
        self._of = {
            keys: Wanted(self.ids, names, spellings=spelled(self.ids, keys)) for keys in self._known.values() if several
        }
        spellings = list(enumerate(self.ids) if spellings is None else spellings)
        plain = [(k, user) for k, user in spellings if is_plain(user)]
        telling = [(k, user) for k, user in spellings if not is_plain(user)]
        self._patterns = [_Patterns(_BEFORE, telling), _Patterns(_behind(self.names), plain)]
        self._plain_words = _Patterns(_BEFORE, plain)

    @property
    def told_by(self) -> tuple[str, ...]:
        """The columns that tell the namespace of a row, the surest first; none where all are of one."""
        return ("source", "user_id", "product_id") if self._of else ()

    def of_rows(self, column: str, values: pa.Array) -> Iterator[tuple[Wanted, pa.Array]]:
        """What is looked for in which rows (a mask), by a column of `told_by`; one that does not tell may be of any."""
        left = pa.array([True] * len(values))
        for keys, wanted in self._of.items():
            names = [name for name, of_source in self._known.items() if of_source == keys]
            mine = pc.is_in(values, value_set=pa.array(names)) if column == "source" else keys.among(values)
            left = pc.and_(left, pc.invert(mine))
            yield wanted, mine
        yield self, left

    def among(self, values: pa.Array, place: str) -> set[int]:
        """Whose ids are in an array of texts that stands at a place such as `attributes.household`."""
        values, (*inside, name) = values.cast(pa.string()).unique(), place.split(".")
        whose = {k for k, _ in self.in_lines(values)}
        if name in (self.names if inside else NAMES):
            hit = pc.index_in(values, value_set=self._exact)
            whose |= set(hit.drop_null().to_pylist())
        if place == "raw":  # a line that is no record: nobody knows what its words are
            broken = values.filter(pc.invert(pc.fill_null(pc.starts_with(values, "{"), True)))
            whose |= {k for k, _ in self._plain_words.matching(broken)}
        return whose

    def in_lines(self, lines: pa.Array) -> Iterator[tuple[int, str]]:
        """(whose, line) of each id in each line."""
        for patterns in self._patterns:
            yield from patterns.matching(lines)


def spelled(ids: Iterable[str], keys: Keys) -> list[tuple[int, str]]:
    """(place in `ids`, text) of each way in which rows of the keys' sources spell an id: as the key that it is, and as
    the source has it; of the ids that are of the sources.
    """
    return [(k, text) for k, user in enumerate(ids) if keys.holds(user) for text in sorted({user, keys.own(user)})]


def quarantined(
    ids: Sequence[str], names: Iterable[str], known: Mapping[str, Keys]
) -> list[tuple[str, list[str], str, str]]:
    """(id, sources of others, pattern, word) of each spelling of each id: a row of ops.quarantine whose text has the
    pattern is the user's, and so is one that is no record and has the word; see `Wanted.among`.
    """
    columns, rows = NAMES | set(names), []
    for keys in set(known.values()) or {Keys()}:
        others = [name for name, of_source in known.items() if of_source != keys]
        rows += [(ids[k], others, pattern(text, columns), as_word(text)) for k, text in spelled(ids, keys)]
    return rows


# In Spark, of rows t of ops.quarantine and s of `quarantined`.
QUARANTINED = (
    "NOT array_contains(s.others, t.source) AND "
    "(t.raw RLIKE s.pattern OR (NOT startswith(t.raw, '{') AND t.raw RLIKE s.word))"
)
