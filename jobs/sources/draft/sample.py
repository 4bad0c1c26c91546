"""How a file is written, told by its first bytes; and its first records, a list of texts a column."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from jobs.errors import DataError
from jobs.sources import partitions
from jobs.sources.dialect import Dialect
from jobs.sources.draft import looks, words
from jobs.sources.formats import csv_rows, json_lines, opening, parquet_rows, texts
from jobs.sources.formats.parts import OWN, RAW, Part, locate, named

MOST = 20_000  # records
_HEAD = 1 << 18  # bytes by which a text is told
_ROWS = 200  # of a CSV by which its delimiter is told
_DELIMITERS = (",", ";", "\t", "|", "\x01", "::")
_MOST_KEYS = 200  # of objects whose keys are names
_DEEPEST = 3  # objects in objects

Columns = dict[str, list[str | None]]


@dataclass(frozen=True, slots=True)
class Sample:
    """The first records of a file: `columns` have one text a record, None where nothing stands. `said` is what a feed
    must say to read it (beside the format), `unsure` what of that is a guess, with its reason.
    """

    format: str
    rows: int
    columns: Columns
    said: dict[str, object] = field(default_factory=dict)
    unsure: dict[str, str] = field(default_factory=dict)
    is_whole: bool = True
    fault: str = ""  # of the first line that is no record, where none is one


def take(path: str) -> Sample:
    """The sample of the file at `file:/folder/name` or a URI; UnreadableFileError where it cannot be read, DataError
    where it has no records.
    """
    with named(path):
        system, key = locate(path)
        with system.open_input_file(key) as file:
            is_parquet = file.read(4) == b"PAR1"
        sample = _of_parquet(path) if is_parquet else _of_text(path)
    if not sample.rows:
        why = f" ({sample.fault})" if sample.fault else ""
        raise DataError(f"expected records in {path}, found none{why}; a draft is made from a file that has some")
    return sample


def with_folders(sample: Sample, name: str) -> Sample:
    """`sample` with the columns that the folders of its file say, by its name below the landing folder."""
    said = {key: value for key, value in partitions.values(name).items() if key not in sample.columns}
    return replace(sample, columns=sample.columns | {key: [value] * sample.rows for key, value in said.items()})


def _of_text(path: str) -> Sample:
    with opening.opened(path) as stream:
        head = stream.read(_HEAD)
    encoding, guess = texts.likely(head)
    said: dict[str, object] = {} if encoding == "UTF-8" else {"encoding": encoding}
    unsure = {"encoding": guess} if guess else {}
    text = codecs.getincrementaldecoder(_marked(head) or encoding)(errors="replace").decode(head).lstrip("\ufeff")
    if text.lstrip()[:1] in ("{", "["):
        return _of_json(path, encoding, said, unsure)
    return _of_csv(path, text, said, unsure)


def _marked(head: bytes) -> str | None:
    """The encoding that a mark at the start says; the reader knows it by itself."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return name
    return None


def _of_csv(path: str, text: str, said: dict[str, object], unsure: dict[str, str]) -> Sample:
    lines = text.splitlines(keepends=True)[: _ROWS + 1]
    lines = lines[:-1] if len(lines) > _ROWS else lines
    delimiter, rows = max(((sign, _cut(lines, sign)) for sign in _DELIMITERS), key=lambda found: _fit(found[1]))
    usual = _usual(rows)
    # A title above a table has its delimiters too, and next to nothing between them.
    first = next((k for k, row in enumerate(rows) if len(row) == usual and sum(map(bool, row)) > usual / 2), 0)
    if delimiter != ",":
        said["delimiter"] = delimiter
    cells = [cell for row in rows for cell in row if cell]
    if cells and sum(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in cells) > len(cells) / 2:
        said["quote"] = "'"
    if any(r"\N" in row for row in rows):
        said["escape"] = "\\"
        unsure["escape"] = r"\N stands in it, by which databases write that nothing is known"
    if first and not lines[0].lower().startswith(("sep=", '"sep=')):
        said["skip"] = first
        unsure["skip"] = f"so many lines before the first of {usual} fields"
    if first < len(rows) and any(looks.is_value(cell) for cell in rows[first]):
        said["columns"] = [f"c{k + 1}" for k in range(len(rows[first]))]
        unsure["columns"] = "the first line is a record; give the columns their names"
    dialect = Dialect.model_validate(said)
    names = csv_rows.header(path, dialect)
    batches = csv_rows.read(Part(path, columns=tuple(names)), dialect, names)
    rows_, columns, is_whole = _first(batches, names)
    columns = {name if name.strip() in columns else name.strip(): values for name, values in columns.items()}
    return Sample("csv", rows_, _with_objects(columns), said, unsure, is_whole)


def _cut(lines: list[str], delimiter: str) -> list[list[str]]:
    if len(delimiter) > 1:
        return [line.rstrip("\r\n").split(delimiter) for line in lines]
    try:
        rows = list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return []
    if rows and rows[0] and rows[0][-1] and all(row and not row[-1] for row in rows[1:]):
        return [rows[0], *[row[:-1] for row in rows[1:]]]  # a delimiter ends every line but the header
    return rows


def _fit(rows: list[list[str]]) -> int:
    """How well a delimiter cuts lines into rows of one length."""
    usual = _usual(rows)
    return sum(len(row) == usual for row in rows) * (usual - 1)


def _usual(rows: list[list[str]]) -> int:
    """The most frequent number of fields; of several, the larger."""
    lengths = Counter(len(row) for row in rows if row)
    return max(lengths, key=lambda length: (lengths[length], length)) if lengths else 1


def _first(batches: Iterator[pa.RecordBatch], names: list[str]) -> tuple[int, Columns, bool]:
    """Number and columns of the first MOST records that can be read, and whether these are all."""
    columns: Columns = {name: [] for name in names}
    rows = 0
    for batch in batches:
        good = batch.filter(pc.is_null(batch.column(RAW)))
        there = good.slice(0, MOST - rows)
        for k, name in enumerate(names):
            columns[name] += map(_text, there.column(OWN + k).to_pylist())
        rows += there.num_rows
        if there.num_rows < good.num_rows or rows == MOST:
            return rows, columns, False
    return rows, columns, True


def _text(value: object) -> str | None:
    return None if value is None or not (text := str(value).strip()) else text


def _of_json(path: str, encoding: str, said: dict[str, object], unsure: dict[str, str]) -> Sample:
    rows, columns, is_whole = _json_records(path, encoding, None)
    plain = _with_objects(columns)
    # An event of a product may carry a whole cart beside it.
    has_product = any(words.is_one(name, words.FIELDS["product_id"]) for name in plain)
    if not has_product and (explode := _list_of_objects(plain)):
        said["explode"] = explode
        unsure["explode"] = "each entry of this list becomes a record"
        rows, columns, is_whole = _json_records(path, encoding, explode)
    fault = "" if rows else _fault(path, encoding)
    return Sample("jsonl", rows, _with_objects(columns), said, unsure, is_whole, fault)


def _fault(path: str, encoding: str) -> str:
    faults = (fault for batch in json_lines.read(Part(path), encoding, None, []) for fault in batch.column("fault"))
    return next((fault.as_py() for fault in faults if fault.is_valid), "no line is a JSON object")


def _json_records(path: str, encoding: str, explode: str | None) -> tuple[int, Columns, bool]:
    records: list[dict[str, str | None]] = []
    for batch in json_lines.read(Part(path), encoding, explode, []):
        records += [dict(record) for record in batch.column("record").to_pylist() if record is not None]
        if len(records) >= MOST:
            break
    names = dict.fromkeys(name for record in records[:MOST] for name in record)
    columns: Columns = {name: [_text(record.get(name)) for record in records[:MOST]] for name in names}
    return len(records[:MOST]), columns, len(records) < MOST


def _of_parquet(path: str) -> Sample:
    rows, columns, is_whole = _parquet_records(path, None)
    said: dict[str, object] = {}
    unsure: dict[str, str] = {}
    if explode := _list_of_objects(columns):
        said["explode"], unsure["explode"] = explode, "each entry of this list becomes a record"
        rows, columns, is_whole = _parquet_records(path, explode)
    return Sample("parquet", rows, _with_objects(columns), said, unsure, is_whole)


def _parquet_records(path: str, explode: str | None) -> tuple[int, Columns, bool]:
    schema = parquet_rows.schema(path, explode)
    parts = parquet_rows.split(path, 1, tuple(schema.names))
    batches = (batch for part in parts for batch in parquet_rows.read(part, explode, schema))
    return _first(batches, schema.names)


def _list_of_objects(columns: Columns) -> str | None:
    """A column that holds lists of objects in most records; those of keys and values are no records."""
    found = {}
    for name, values in columns.items():
        there = [value for value in values if value]
        lists = [
            value for value in there if re.match(r"\[\s*\{", value) and not ('"key"' in value and '"value"' in value)
        ]
        if len(lists) > len(values) / 2:
            found[name] = sum(map(len, lists))
    return max(found, key=lambda name: found[name], default=None)  # beside the records a file may list its columns


def _with_objects(columns: Columns, depth: int = 1) -> Columns:
    """`columns` with `a.b` for the fields of objects in a column a, beside what else stands there."""
    found: Columns = {}
    for name, values in columns.items():
        objects = [_object(value) for value in values]
        inner = dict.fromkeys(key for value in objects if value for key in value)
        if not inner or len(inner) > _MOST_KEYS:
            found[name] = values
            continue
        if any(value and not value.startswith("{") for value in values):
            found[name] = [None if value and value.startswith("{") else value for value in values]
        fields = {f"{name}.{key}": [_inner((value or {}).get(key)) for value in objects] for key in inner}
        found |= _with_objects(fields, depth + 1) if depth < _DEEPEST else fields
    return found


def _object(value: str | None) -> dict | None:
    try:
        return json.loads(value) if value and value.startswith("{") else None
    except ValueError:
        return None


def _inner(value: object) -> str | None:
    return _text(json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list, bool)) else value)
