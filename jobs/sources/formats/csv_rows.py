"""CSV by RFC 4180: a text for each column of a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from jobs.sources.formats import texts
from jobs.sources.formats.parts import BLOCK, Part, named, split_text


def header(path: str, encoding: str, delimiter: str) -> list[str]:
    """The names in the first row of a CSV; none where the file is empty."""
    with named(path), Part(path).open() as stream:
        start = next(texts.blocks(texts.in_utf8(stream, encoding)), b"").decode(errors="replace")
    return next(csv.reader(io.StringIO(start), delimiter=delimiter), [])


def split(path: str, size: int, most: int, columns: tuple[str, ...]) -> list[Part]:
    """A file as parts of about `most` bytes, where it has no quote: within quotes a line break ends no record."""
    return split_text(path, size, most, columns, never='"')


def read(part: Part, encoding: str, delimiter: str, has_header: bool, wanted: list[str]) -> Iterator[pa.RecordBatch]:
    """raw, line (the record's number, the header's counted) and a text for each of `wanted`, null where the file has
    no such column or nothing stands there (a quoted nothing is an empty text); by RFC 4180.

    A row with too many or too few fields has its text as raw.
    """
    broken: list[arrow_csv.InvalidRow] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        broken.append(row)
        return "skip"

    skip = int(has_header and part.start == 0)
    places = [str(k) for k in range(len(part.columns))]  # names of a file may repeat
    place = {name: k for k, name in reversed(list(enumerate(part.columns)))}
    layout = arrow_csv.ReadOptions(column_names=places, skip_rows=skip, block_size=BLOCK, use_threads=False)
    dialect = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note)
    types = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(places, pa.binary()), strings_can_be_null=True, null_values=[""],
        quoted_strings_can_be_null=False,
    )  # fmt: skip
    number = 1 + skip  # of the next row of this part, as Arrow counts them
    with part.open() as stream:
        for batch in _opened(texts.in_utf8(stream, encoding), layout, dialect, types):
            candidates = np.arange(number, number + batch.num_rows + len(broken))
            at = np.setdiff1d(candidates, [row.number for row in broken])[: batch.num_rows]
            number = int(at[-1]) + 1 if batch.num_rows else number
            none = pa.nulls(batch.num_rows, pa.string())
            columns = [texts.decoded(batch.column(place[name])) if name in place else none for name in wanted]
            yield pa.RecordBatch.from_arrays([none, pa.array(at + part.line - 1), *columns], ["raw", "line", *wanted])
    raw = pa.array([row.text for row in broken], pa.string())
    line = pa.array([row.number + part.line - 1 for row in broken], pa.int64())
    none = pa.nulls(len(broken), pa.string())
    yield pa.RecordBatch.from_arrays([raw, line, *[none] * len(wanted)], ["raw", "line", *wanted])


def _opened(stream, layout, dialect, types) -> Iterator[pa.RecordBatch]:
    try:
        opened = arrow_csv.open_csv(stream, layout, dialect, types)
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return
        raise
    yield from opened
