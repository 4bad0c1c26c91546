"""The proof of an erasure: every file of the warehouse is read, decoded, for the ids that must be nowhere.

Parquet is read by column (nested ones too), arrays of NumPy, zipped and compressed files as what is in them, all else
as text. An id counts as a word of its own: 12 is not found in 1234. One that is an ordinary number or word ("12",
"anna") stands in many a text without meaning a user; it is looked for where a user's id can stand: in columns that hold
one, and in text behind the name of such a column (`"user_id":"12"`).
"""

from __future__ import annotations

import bz2
import gzip
import html
import io as buffers
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from jobs.lake.folders import open_folder
from jobs.tables import BRONZE_USERS

_BLOCK = 1 << 23  # bytes of text that are looked at together
_OVERLAP = 1 << 12
_ROWS = 1 << 16
_AT_ONCE = 200  # ids in one regular expression
_TRUNCATED = 32  # characters of a text that Delta's statistics keep
_PLAIN = re.compile(r"\d{1,9}|[A-Za-z]+")
_BEFORE, _AFTER = "(?:^|[^A-Za-z0-9_])", "(?:$|[^A-Za-z0-9_])"
# Names under which our own tables and files hold users' ids.
NAMES = frozenset({"user_id", "user_ids"})


@dataclass(frozen=True, slots=True)
class Find:
    """An id that is still there: whose (index into the ids that were looked for), in which file, where in it."""

    whose: int
    file: str
    place: str


def _spellings(one: str) -> set[str]:
    """An id as it stands in a text, in JSON, in a page, in an address."""
    return {one, json.dumps(one)[1:-1], html.escape(one), quote(one, safe="")}


def _ends(one: str) -> str:
    """A regular expression of an id up to the end of its word, also as statistics cut it."""
    texts = _spellings(one) | ({one[:_TRUNCATED]} if len(one) > _TRUNCATED else set())
    return "|".join(re.escape(text) + _AFTER for text in sorted(texts))


def is_plain(one: str) -> bool:
    """Whether an id may as well be an ordinary number or word."""
    return _PLAIN.fullmatch(one) is not None


def as_word(one: str) -> str:
    """A regular expression (the same to RE2, Java and Python) of an id as a word of its own."""
    return f"{_BEFORE}(?:{_ends(one)})"


def pattern(one: str, names: Iterable[str]) -> str:
    """A regular expression of an id in a text: as a word; of a plain one, behind a name of a column of users' ids."""
    if not is_plain(one):
        return as_word(one)
    # At most a quote, a colon, a quote, their escapes and blanks between the two.
    return f"{_BEFORE}(?:{'|'.join(sorted(map(re.escape, names)))})[^A-Za-z0-9_]{{1,8}}(?:{_ends(one)})"


class Wanted:
    """The ids that are looked for. names: the sources' columns that hold users' ids, as texts and maps have them."""

    def __init__(self, ids: Iterable[str], names: Iterable[str] = ()) -> None:
        self.ids = tuple(ids)
        self.names = NAMES | set(names)
        self._exact = pa.array(self.ids, pa.string())
        self._patterns = [pattern(one, self.names) for one in self.ids]
        self._words = [as_word(one) for one in self.ids]

    def _matching(self, texts: pa.Array, patterns: list[str]) -> Iterator[tuple[int, str]]:
        for start in range(0, len(patterns), _AT_ONCE):
            few = patterns[start : start + _AT_ONCE]
            hit = texts.filter(pc.fill_null(pc.match_substring_regex(texts, "|".join(few)), False))
            for text in hit.to_pylist():
                yield from ((start + k, text) for k, one in enumerate(few) if re.search(one, text))

    def among(self, values: pa.Array, place: str) -> set[int]:
        """Whose ids are in an array of texts that stands at a place such as `attributes.household`."""
        values, (*inside, name) = values.cast(pa.string()).unique(), place.split(".")
        found = {k for k, _ in self._matching(values, self._patterns)}
        if name in (self.names if inside else NAMES):
            hit = pc.index_in(values, value_set=self._exact)
            found |= set(hit.drop_null().to_pylist())
        if place == "raw":  # a line that is no record: nobody knows what its words are
            broken = values.filter(pc.invert(pc.fill_null(pc.starts_with(values, "{"), True)))
            found |= {k for k, _ in self._matching(broken, self._words)}
        return found

    def in_lines(self, lines: pa.Array) -> Iterator[tuple[int, str]]:
        return self._matching(lines, self._patterns)


def _is_text(kind: pa.DataType) -> bool:
    return any(is_(kind) for is_ in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def leaves(values: pa.Array, place: str, wanted: Wanted) -> Iterator[tuple[str, pa.Array]]:
    """Every array of texts within an array, with its place; whole numbers too where a user's id stands. The values of a
    map have their keys as places, those whose keys hold no id have the map's.
    """
    kind = values.type
    if isinstance(kind, pa.DictionaryType):
        yield from leaves(values.dictionary, place, wanted)
    elif pa.types.is_struct(kind):
        for k, field in enumerate(kind):
            yield from leaves(values.field(k), f"{place}.{field.name}", wanted)
    elif pa.types.is_map(kind):
        # Of a sliced array, `keys` and `items` would be those of the whole.
        entries = pa.ListArray.from_arrays(
            values.offsets, pa.StructArray.from_arrays([values.keys, values.items], ["k", "v"])
        ).flatten()
        keys, items = entries.field("k"), entries.field("v")
        yield from leaves(keys, place, wanted)
        if not _is_text(items.type):
            yield from leaves(items, place, wanted)
            return
        own = pc.is_in(keys, value_set=pa.array(sorted(wanted.names), keys.type))
        yield place, items.filter(pc.invert(own))
        for key in keys.filter(own).unique().to_pylist():
            yield f"{place}.{key}", items.filter(pc.equal(keys, key))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from leaves(values.flatten(), place, wanted)
    elif _is_text(kind):
        yield place, values
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        texts = [None if one is None else one.decode("utf-8", "replace") for one in values.to_pylist()]
        yield place, pa.array(texts, pa.string())
    elif pa.types.is_integer(kind) and place.rsplit(".", 1)[-1] in wanted.names:
        yield place, values.cast(pa.string())


def _holds_text(kind: pa.DataType) -> bool:
    if kind.num_fields:
        return any(_holds_text(kind.field(k).type) for k in range(kind.num_fields))
    if isinstance(kind, pa.DictionaryType):
        return _holds_text(kind.value_type)
    return _is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def in_parquet(file: buffers.IOBase | pa.NativeFile, wanted: Wanted, is_bronze_users: bool = False) -> Iterator[tuple]:
    """(whose, place) of each find in a Parquet file; the `id` of a user's record in bronze is a user's id."""
    opened = pq.ParquetFile(file)
    names = [f.name for f in opened.schema_arrow if _holds_text(f.type) or f.name in wanted.names]
    for name in names:
        place = "user_id" if is_bronze_users and name == "id" else name
        for batch in opened.iter_batches(batch_size=_ROWS, columns=[name]):
            # `columns` takes a.b for a field of a: another column may come along.
            column = batch.column(batch.schema.get_field_index(name))
            for where, values in leaves(column, place, wanted):
                yield from ((whose, f"column {where}") for whose in wanted.among(values, where))


def in_arrays(file: zipfile.ZipFile, wanted: Wanted) -> Iterator[tuple]:
    """(whose, place) of each find in the arrays of a NumPy archive, whose texts are four bytes a character."""
    for name in file.namelist():
        array = np.lib.format.read_array(buffers.BytesIO(file.read(name)), allow_pickle=False)
        if array.dtype.kind in "US":
            texts = pa.array(array.ravel().astype(str).tolist(), pa.string())
            place = name.removesuffix(".npy")
            yield from ((whose, f"array {place}") for whose in wanted.among(texts, place))


def in_text(file: buffers.IOBase | pa.NativeFile, wanted: Wanted) -> Iterator[tuple]:
    """(whose, place) of each find in a file of text, or of bytes that are read as if they were."""
    line, rest = 1, b""
    while block := file.read(_BLOCK):
        whole = rest + block
        # Up to the last whole line; where there is none, all, and the next block begins a little before its end.
        end = whole.rfind(b"\n") + 1
        text, rest = (whole[:end], whole[end:]) if end else (whole, whole[-_OVERLAP:])
        yield from _in_lines(text, line, wanted)
        line += text.count(b"\n")
    yield from _in_lines(rest, line, wanted)


def _in_lines(text: bytes, first: int, wanted: Wanted) -> Iterator[tuple]:
    lines = text.decode("utf-8", "replace").split("\n")
    for whose, found in wanted.in_lines(pa.array(lines, pa.string())):
        yield whose, f"line {first + lines.index(found)}"


_PACKED = {".gz": gzip.open, ".bz2": bz2.open}


def _decoded(name: str, file: pa.NativeFile, wanted: Wanted, is_bronze_users: bool) -> Iterator[tuple]:
    suffix = name[name.rfind(".") :] if "." in name else ""
    if suffix in _PACKED:
        with _PACKED[suffix](file, "rb") as inner:
            yield from _decoded(name.removesuffix(suffix), inner, wanted, is_bronze_users)
    elif suffix in (".zst", ".lz4"):
        with pa.CompressedInputStream(file, suffix[1:].replace("zst", "zstd")) as inner:
            yield from _decoded(name.removesuffix(suffix), buffers.BytesIO(inner.read()), wanted, is_bronze_users)
    elif suffix == ".parquet":
        yield from in_parquet(file, wanted, is_bronze_users)
    elif suffix == ".npz":
        with zipfile.ZipFile(buffers.BytesIO(file.read())) as archive:
            yield from in_arrays(archive, wanted)
    elif suffix in (".zip", ".pt"):
        with zipfile.ZipFile(buffers.BytesIO(file.read())) as archive:
            for member in archive.namelist():
                with archive.open(member) as inner:
                    found = _decoded(member, buffers.BytesIO(inner.read()), wanted, is_bronze_users)
                    yield from ((whose, f"{member}, {place}") for whose, place in found)
    else:
        yield from in_text(file, wanted)


@dataclass(frozen=True, slots=True)
class Scan:
    """What was read, and what was found in it."""

    files: int
    bytes: int
    finds: tuple[Find, ...]


def scan(place: str, wanted: Wanted) -> Scan:
    """Read every file below a folder or URI; UsageError where it is not there. What cannot be decoded as its name says
    is read as bytes.
    """
    system, root = open_folder(place, "scanned", "--warehouse")
    files = [f for f in system.get_file_info(fs.FileSelector(root, recursive=True)) if f.type == fs.FileType.File]
    finds: dict[Find, None] = {}
    bronze_users = f"/{BRONZE_USERS.layer}/{BRONZE_USERS.name}/"
    for info in sorted(files, key=lambda f: f.path):
        name = info.path.removeprefix(root).lstrip("/")
        finds |= dict.fromkeys(Find(whose, name, "its name") for whose, _ in wanted.in_lines(pa.array([name])))
        log = "/_delta_log/" in info.path
        own = bronze_users in f"/{name}" and not log
        try:
            with system.open_input_file(info.path) as file:
                found = list(_decoded(info.base_name, file, wanted, own))
        except (pa.ArrowException, OSError, EOFError, ValueError, zipfile.BadZipFile):
            with system.open_input_file(info.path) as file:
                found = list(in_text(file, wanted))
        finds |= dict.fromkeys(Find(whose, name, at) for whose, at in found)
    return Scan(len(files), sum(info.size for info in files), tuple(finds))


def quarantined(ids: Iterable[str], names: Iterable[str]) -> list[tuple[str, str, str]]:
    """(id, pattern, word) of each id: a row of ops.quarantine whose text has the pattern is the user's, and so is one
    that is no record and has the word; see `Wanted.among`.
    """
    known = NAMES | set(names)
    return [(one, pattern(one, known), as_word(one)) for one in ids]


# In Spark, of rows t of ops.quarantine and s of `quarantined`.
QUARANTINED = "t.raw RLIKE s.pattern OR (NOT startswith(t.raw, '{') AND t.raw RLIKE s.word)"
