"""CSV, by RFC 4180 or as a dialect says: a text for each column of a row."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from jobs.sources.dialect import Dialect
from jobs.sources.formats import csv_records, texts
from jobs.sources.formats.csv_records import Broken, Records
from jobs.sources.formats.parts import LINE, OWN, Part, UnreadableFileError, named, told_apart

_AS_TEXT = r'^="([^"]*)"$'  # by which a program for sheets is told to leave a number, such as an id, as it is
_SAMPLE = 20  # rows by which a column behind the last name is told


def split(path: str, size: int, most: int, dialect: Dialect, columns: tuple[str, ...]) -> list[Part]:
    """A file as parts of about `most` bytes; whole where a line break may stand within a record, and where not every
    line is a row.
    """
    if dialect.comment or dialect.skip or dialect.skip_last or dialect.escape:
        return [Part(path, columns=columns)]
    return texts.split(path, size, most, dialect.encoding, columns, never=dialect.quote if dialect.multiline else "")


def header(path: str, dialect: Dialect) -> list[str]:
    """The names of a file's columns, by the dialect or else its first record; none where the file is empty.

    A name that is empty is _c0, _c1 .. by its place, a second `note` is note_2. Where a delimiter ends every row but
    not the header, there is a column without a name behind the last one; where it ends the header alone, there is none.
    """
    with named(path):
        records = next(csv_records.read(Part(path), dialect), Records(b""))
        if records.broken and records.broken[0].place == 0 and not dialect.columns:
            raise UnreadableFileError.of(path, _no_header(path, records.broken[0]))
        sample = [_fields(text, dialect) for text in csv_records.first(records, dialect, _SAMPLE)]
    names, rows = (list(dialect.columns), sample) if dialect.columns else (sample[0] if sample else [], sample[1:])
    if not any(name.strip() for name in names):
        if dialect.skip and not sample and any(block.strip() for block in texts.blocks(Part(path), dialect.encoding)):
            raise UnreadableFileError.of(path, f"no header behind the {dialect.skip} lines that skip leaves out")
        return []
    if rows and all(len(row) == len(names) + 1 and not row[-1] for row in rows):
        names.append("")
    elif rows and names and not names[-1] and all(len(row) == len(names) - 1 for row in rows):
        names.pop()
    return told_apart(names)


def _no_header(path: str, found: Broken) -> str:
    """What stands in place of a header."""
    if found.raw.startswith(("{", "[")):
        return "JSON; say format: jsonl"
    hint = ""
    if found.fault.endswith(csv_records.NO_TEXT):
        with texts.opened(Part(path)) as stream:
            hint = f"; is its encoding {texts.likely(stream.read(1 << 16))[0]}?"
    return f"a header that is none: {found.fault}{hint}"


def _fields(record: bytes, dialect: Dialect) -> list[str]:
    record = record.rstrip(b"\r\n") + b"\n"
    most = record.count(csv_records.one_byte(dialect).encode()) + 1
    names = [f"f{k}" for k in range(most)]
    options = arrow_csv.ReadOptions(autogenerate_column_names=True, block_size=len(record) + 1, use_threads=False)
    types = arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    (row,) = arrow_csv.read_csv(pa.BufferReader(record), options, _parsed_as(dialect), types).to_pylist()
    return [csv_records.as_written(value.encode(), dialect).decode() for value in row.values()]


def read(part: Part, dialect: Dialect, wanted: list[str]) -> Iterator[pa.RecordBatch]:
    """raw, line (the record's number, the header's counted), fault, and a text for each of `wanted`, null where the
    file has no such column or nothing stands there (a quoted nothing is an empty text).

    A row that cannot be read has its text as raw and what is wrong with it as fault.
    """
    batches = _batches(part, dialect, wanted)
    return _without_last(batches, dialect.skip_last) if dialect.skip_last else batches


def count(path: str, dialect: Dialect, columns: tuple[str, ...]) -> int:
    """How many rows `read` owes for a file: counted by the ends of its records alone, not by the parse."""
    part, number, has_header = Part(path, columns=columns), 0, not dialect.columns
    for records in csv_records.read(part, dialect):
        if has_header:
            records, has_header = csv_records.without_header(records, dialect), False
        number += csv_records.count(records, dialect)
        if not dialect.columns and _may_repeat_header(records.text, columns, dialect):
            table, _ = _parsed(records, columns, dialect)
            rows = _batch(table, np.arange(table.num_rows), list(columns), [])
            number -= rows.num_rows - _without_headers(rows, records.text, part, dialect).num_rows
    return max(0, number - dialect.skip_last)


def _may_repeat_header(text: bytes, columns: tuple[str, ...], dialect: Dialect) -> bool:
    """Whether the names of all columns stand in a text, each alone in its field as far as that is quickly told."""
    delimiter = csv_records.one_byte(dialect).encode()
    end = re.escape(delimiter)
    other = rb"(?!%b)[!#-~]" % end

    def stands(name: bytes) -> bool:
        if dialect.escape or not re.fullmatch(rb"[A-Za-z]\w*", name):
            return name in text
        # What comes before is asked behind the name: a pattern that begins with a text is fast.
        return bool(re.search(rb"%b(?<!%b%b)[^!#-~]*(?:%b|[\r\n]|\Z)" % (name, other, name, end), text))

    return all(stands(name.encode()) for name in columns if not name.startswith("_c"))


def _batches(part: Part, dialect: Dialect, wanted: list[str]) -> Iterator[pa.RecordBatch]:
    number, has_header = part.line, part.start == 0 and not dialect.columns
    for records in csv_records.read(part, dialect):
        if has_header:
            records, number, has_header = csv_records.without_header(records, dialect), number + 1, False
        table, broken = _parsed(records, part.columns, dialect)
        count = table.num_rows + len(broken)
        places = np.arange(count) if records.places is None else np.array(records.places, np.int64)
        good = np.setdiff1d(np.arange(count), [at for at, _, _ in broken], assume_unique=True)
        faults = [(places[at], raw, fault) for at, raw, fault in broken]
        faults += [(other.place, other.raw, other.fault) for other in records.broken]
        batch = _batch(table, number + places[good], wanted, [(number + at, raw, fault) for at, raw, fault in faults])
        yield batch if dialect.columns else _without_headers(batch, records.text, part, dialect)
        number += count + len(records.broken)


def _parsed(records: Records, columns: tuple[str, ...], dialect: Dialect) -> tuple[pa.Table, list[tuple]]:
    """The rows that have as many fields as there are columns; place, text and fault of each other one."""
    broken = []

    def note(row: arrow_csv.InvalidRow) -> str:
        fault = f"expected {row.expected_columns} columns, found {row.actual_columns}"
        broken.append((row.number - 1, texts.shown(csv_records.as_written(row.text.encode(), dialect)), fault))
        return "skip"

    places = [str(k) for k in range(len(columns))]  # a name may be any text
    none = pa.table([pa.nulls(0, pa.string())] * len(places), names=[*columns])
    if not records.text.strip(b"\r\n"):
        return none, broken
    layout = arrow_csv.ReadOptions(column_names=places, block_size=len(records.text) + 1, use_threads=False)
    types = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(places, pa.string()), check_utf8=False, strings_can_be_null=True, null_values=[""],
        quoted_strings_can_be_null=False,
    )  # fmt: skip
    table = arrow_csv.read_csv(pa.BufferReader(records.text), layout, _parsed_as(dialect, note), types)
    if csv_records.is_replaced(dialect):
        table = pa.table([_as_written(column, dialect) for column in table.columns], names=places)
    if b'="' in records.text:
        table = pa.table([pc.replace_substring_regex(c, _AS_TEXT, r"\1") for c in table.columns], names=places)
    if not records.text.isascii():
        table = pa.table([texts.composed(column.combine_chunks()) for column in table.columns], names=places)
    return table.rename_columns([*columns]), broken


def _as_written(column: pa.ChunkedArray, dialect: Dialect) -> pa.ChunkedArray:
    return pc.replace_substring(column, csv_records.one_byte(dialect), dialect.delimiter)


def _parsed_as(dialect: Dialect, note=None) -> arrow_csv.ParseOptions:
    escape = dialect.escape if dialect.escape != dialect.quote else None
    return arrow_csv.ParseOptions(
        delimiter=csv_records.one_byte(dialect), quote_char=dialect.quote or False, escape_char=escape or False,
        newlines_in_values=True, invalid_row_handler=note,
    )  # fmt: skip


def _batch(table: pa.Table, lines: np.ndarray, wanted: list[str], broken: list[tuple]) -> pa.RecordBatch:
    """One batch of rows and of `broken` ones: number, text and fault each."""
    rows, more = table.num_rows, len(broken)
    values = [table.column(name).combine_chunks() if name in table.column_names else pa.nulls(rows, pa.string())
              for name in wanted]  # fmt: skip
    if more:
        values = [pa.concat_arrays([value, pa.nulls(more, pa.string())]) for value in values]
    raw = pa.array([None] * rows + [text for _, text, _ in broken], pa.string())
    fault = pa.array([None] * rows + [fault for _, _, fault in broken], pa.string())
    line = pa.array(np.concatenate([lines, np.array([at for at, _, _ in broken], np.int64)]), pa.int64())
    return pa.RecordBatch.from_arrays([raw, line, fault, *values], ["raw", "line", "fault", *wanted])


def _without_headers(batch: pa.RecordBatch, text: bytes, part: Part, dialect: Dialect) -> pa.RecordBatch:
    """The rows that do not repeat the header, as those of files that were put together do; UnreadableFileError where
    one has the header's names in another order, and so have the rows behind it.
    """
    if not part.columns or not _may_repeat_header(text, part.columns, dialect):
        return batch
    is_header = is_other = pa.array(np.ones(batch.num_rows, bool))
    names = pa.array([name.strip().lower() for name in part.columns])
    for name in part.columns:
        said = batch.column(OWN + batch.schema.names[OWN:].index(name))
        said, unnamed = pc.utf8_lower(pc.utf8_trim_whitespace(said)), name.startswith("_c")
        is_header = pc.and_(is_header, pc.fill_null(pc.equal(said, name.strip().lower()), unnamed))
        is_other = pc.and_(is_other, pc.or_(pc.is_in(said, names), pc.and_(pc.is_null(said), unnamed)))
    is_other = pc.and_not(is_other, is_header)
    if len(part.columns) > 1 and pc.any(is_other).as_py():
        line = batch.column(LINE).filter(is_other)[0]
        raise UnreadableFileError.of(
            part.path, f"a second header in record {line}, of the columns in another order; deliver two files"
        )
    return batch.filter(pc.invert(is_header)) if pc.any(is_header).as_py() else batch


def _without_last(batches: Iterator[pa.RecordBatch], number: int) -> Iterator[pa.RecordBatch]:
    """The batches without the last `number` rows of all."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        while sum(later.num_rows for later in held[1:]) >= number:
            yield held.pop(0)
    if held:
        rest = pa.Table.from_batches(held)
        rest = rest.take(pc.sort_indices(rest.column(LINE)))
        yield from rest.slice(0, max(0, rest.num_rows - number)).to_batches()
