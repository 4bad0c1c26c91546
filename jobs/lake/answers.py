"""Answers of queries in full, as files or text: CSV, Parquet, Excel."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import duckdb
import msgspec
import pyarrow as pa

from jobs.errors import UsageError

_BATCH = 10_000
_SHEET_ROWS = 1_048_576
_CELL_LETTERS = 32_767
_EXACT_IN_EXCEL = 10**15
_FIRST_YEAR = 1900  # of Excel's calendar


def hold_name(out: Path) -> None:
    """UsageError where a file's ending is none that `write` knows, or its folder is not there."""
    if out.suffix.lower() not in _WRITERS:
        raise UsageError(f"expected a file that ends on {', '.join(_WRITERS)} for --out, found {out}")
    if not out.parent.is_dir():
        raise UsageError(f"expected a folder at {out.parent} for --out, found none")


def write(connection: duckdb.DuckDBPyConnection, query: str, out: Path) -> int:
    """Write all rows of the answer to `out`, whole or not at all; how many there are."""
    part = out.with_name(f".{out.name}.part")
    try:
        rows = _WRITERS[out.suffix.lower()](connection, query, part)
        part.replace(out)
    except OSError as error:
        raise UsageError(f"expected to write {out}, found: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
    return rows


def csv_text(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    text = io.StringIO()
    _write_csv(connection, query, text)
    return text.getvalue().rstrip("\n")


def json_text(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """The answer as JSON lines: decimals as numbers with all their digits, times as ISO 8601, NaN as null."""
    names = connection.sql(query).limit(0).to_arrow_table().column_names  # of which each stands once
    connection.execute(query)
    encoder, lines = msgspec.json.Encoder(decimal_format="number", enc_hook=str), []
    while batch := connection.fetchmany(_BATCH):
        lines += [encoder.encode(dict(zip(names, row, strict=True))).decode() for row in batch]
    return "\n".join(lines)


def _write_csv(connection: duckdb.DuckDBPyConnection, query: str, file: TextIO) -> int:
    connection.execute(query)
    lines, count = csv.writer(file, lineterminator="\n"), 0
    lines.writerow(column[0] for column in connection.description)
    while batch := connection.fetchmany(_BATCH):
        lines.writerows(map(_text, row) for row in batch)
        count += len(batch)
    return count


def _text(value: Any) -> Any:
    """A value as it stands in CSV: decimals with all their digits, lists, maps and structs as JSON."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value


def _csv(connection: duckdb.DuckDBPyConnection, query: str, part: Path) -> int:
    # Excel takes a file without the mark for one in the machine's own encoding, and shows no Chinese.
    with part.open("w", encoding="utf-8-sig", newline="") as file:
        return _write_csv(connection, query, file)


def _parquet(connection: duckdb.DuckDBPyConnection, query: str, part: Path) -> int:
    import pyarrow.parquet as pq

    batches, count = connection.sql(query).to_arrow_reader(_BATCH * 10), 0
    try:
        with pq.ParquetWriter(part, batches.schema, compression="zstd") as file:
            for batch in batches:
                file.write_batch(batch)
                count += batch.num_rows
    except pa.lib.ArrowNotImplementedError as error:
        raise UsageError(f"expected columns that Parquet has, found: {error}; cast them to VARCHAR") from None
    return count


def _xlsx(connection: duckdb.DuckDBPyConnection, query: str, part: Path) -> int:
    import xlsxwriter

    connection.execute(query)
    count = 0
    with xlsxwriter.Workbook(part, {"constant_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        sheet, moment = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        for place, column in enumerate(connection.description):
            sheet.write_string(0, place, column[0])
        while batch := connection.fetchmany(_BATCH):
            for row in batch:
                count += 1
                if count == _SHEET_ROWS:
                    raise UsageError(f"expected at most {_SHEET_ROWS - 1:,} rows for Excel; write .csv or .parquet")
                for place, value in enumerate(row):
                    _cell(sheet, count, place, value, moment)
    return count


def _cell(sheet: Any, row: int, place: int, value: Any, moment: Any) -> None:
    """A number, a day, a moment (UTC) or true and false as such; anything else is a text, never a formula."""
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, place, value)
    elif isinstance(value, date) and value.year < _FIRST_YEAR:
        sheet.write_string(row, place, str(value))
    elif isinstance(value, datetime):
        sheet.write_datetime(row, place, value.replace(tzinfo=None), moment)
    elif isinstance(value, date):
        sheet.write_datetime(row, place, value)
    elif isinstance(value, int | float | Decimal) and abs(value) < _EXACT_IN_EXCEL:
        sheet.write_number(row, place, value)
    elif len(text := str(_text(value))) > _CELL_LETTERS:
        raise UsageError(f"expected texts of at most {_CELL_LETTERS:,} letters for Excel; write .csv or .parquet")
    else:
        sheet.write_string(row, place, text)


_WRITERS = {".csv": _csv, ".parquet": _parquet, ".xlsx": _xlsx}
