"""`python -m bench.duck LANDING SINCE DS OUT`: the whole build as one DuckDB script, each of its sections timed."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import unicodedata
from datetime import date
from pathlib import Path

import duckdb

SCRIPT = Path(__file__).with_name("build.sql")


def sections() -> dict[str, str]:
    """The statements of each section of build.sql, in order."""
    parts = re.split(r"^-- section: (\w+)\n", SCRIPT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def widths() -> dict[str, str]:
    """Two texts of equal length: characters that NFKC folds to one other character each, and those others."""
    pairs = [(c, unicodedata.normalize("NFKC", c)) for c in map(chr, range(0x80, 0x20000))]
    pairs = [(c, to) for c, to in pairs if len(to) == 1 and to != c]
    return {"wide": "".join(c for c, _ in pairs), "narrow": "".join(to for _, to in pairs)}


def build(landing: str, since: date, ds: date, out: Path) -> dict[str, float]:
    """Write the tables of the range as Parquet files under `out`; seconds of each section."""
    out.mkdir(parents=True, exist_ok=True)
    spill = out / "spill"
    seconds = {}
    with duckdb.connect(config={"threads": os.cpu_count() or 2, "temp_directory": str(spill)}) as connection:
        connection.execute("SET preserve_insertion_order = false")
        variables = {"landing": landing, "since": since, "ds": ds, "out": str(out)} | widths()
        for name, value in variables.items():
            literal = f"DATE '{value}'" if isinstance(value, date) else "'" + value.replace("'", "''") + "'"
            connection.execute(f"SET VARIABLE {name} = {literal}")
        for section, statements in sections().items():
            started = time.perf_counter()
            connection.execute(statements)
            seconds[section] = time.perf_counter() - started
    return seconds


if __name__ == "__main__":
    landing, since, ds, out = sys.argv[1:]
    print(json.dumps(build(landing, date.fromisoformat(since), date.fromisoformat(ds), Path(out))))
