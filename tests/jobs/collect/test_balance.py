"""A load is held against the files themselves and against bronze: whoever loses a record stops it."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from jobs.collect import run as collect
from jobs.errors import DataError
from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources import reading, spec
from jobs.sources.formats import csv_rows, json_lines, parquet_rows
from jobs.tables import BRONZE_EVENTS, LOADS

DS = date(2017, 1, 2)
MAPPING = """
name: shop
title: t
origin: o
licence: l
shop_zone: Asia/Shanghai
events:
  files: "{ds}/*.csv"
  format: csv
  id: [id]
  fields:
    user_id: user
    product_id: item
    event_type: {constant: view}
    event_time: {column: time, format: epoch_s}
    query: asked
"""
ROWS = [{"id": str(k), "user": f"u{k % 7}", "item": "7", "time": "1483351200", "asked": "a, b\nc"} for k in range(40)]


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """`shop(format)` is a night of a shop whose files have it; its mapping says otherwise what `others` do."""

    def declared(form: str = "csv", others: dict[str, str] | None = None) -> Settings:
        text = MAPPING.replace("csv", form)
        for old, new in (others or {}).items():
            text = text.replace(old, new)
        (tmp_path / "shop.yaml").write_text(text, encoding="utf-8")
        source = spec.load("shop", tmp_path)
        monkeypatch.setattr(collect, "load", lambda name: source)
        (tmp_path / "landing" / str(DS)).mkdir(parents=True, exist_ok=True)
        return Settings(DS, DS, str(tmp_path / "wh"), "shop", str(tmp_path / "landing"), "test")

    return declared


def put(s: Settings, name: str, rows: list[dict], end: str = "") -> Path:
    """A file of the night's day; a text ends on `end`."""
    path = Path(s.landing, str(DS), name)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=15)
        return path
    lines = [json.dumps(row) for row in rows]
    if path.suffix == ".csv":
        quoted = [[f'"{value}"' if "\n" in value else value for value in row.values()] for row in rows]
        lines = [",".join(row) for row in ([*rows[0]], *quoted)]
    path.write_text("\n".join(lines) + "\n" + end, encoding="utf-8")
    return path


READERS = [("csv", csv_rows), ("jsonl", json_lines), ("parquet", parquet_rows)]


@pytest.mark.parametrize(("form", "reader"), READERS, ids=["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("lost", [1, 40], ids=["one", "all"])
def test_a_reader_that_loses_records_stops_the_load(spark, shop, monkeypatch, form, reader, lost):
    s, read = shop(form), reader.read
    put(s, f"a.{form}", ROWS)
    put(s, f"b.{form}", ROWS[:1])

    def loses(part, *args, **given):
        for batch in read(part, *args, **given):
            yield batch.slice(lost) if part.path.endswith(f"/a.{form}") and part.line in (1, 2) else batch

    monkeypatch.setattr(reader, "read", loses)
    with pytest.raises(DataError, match=rf"expected 40 records of .*a\.{form}, as many as stand in the file, found"):
        collect.run(spark, s)
    assert not delta.exists(s.warehouse, BRONZE_EVENTS)
    assert not delta.exists(s.warehouse, LOADS)


def test_a_file_that_grows_meanwhile_is_loaded_again_by_the_next_run(spark, shop, monkeypatch, capsys):
    s, count = shop(), reading.count_records
    path = put(s, "a.csv", ROWS)

    def grows(*args):
        with path.open("a", encoding="utf-8") as file:
            file.write("x,u1,7,1483351200,\n")
        return count(*args)

    with monkeypatch.context() as growing:
        growing.setattr(reading, "count_records", grows)
        assert "rows_in 40, loaded 40" in collect.run(spark, s)
    assert f"warning: {DS}/a.csv changed while it was read; the next run loads it again" in capsys.readouterr().out
    assert "rows_in 41, loaded 41" in collect.run(spark, s)


def test_a_writer_that_loses_a_file_stops_the_load_and_the_next_run_loads_it_again(spark, shop, monkeypatch):
    s, write = shop(), delta.replace_where
    put(s, "a.csv", ROWS)

    def loses(frame, warehouse, table, predicate):
        write(frame, warehouse, table, predicate)
        if table is BRONZE_EVENTS:
            DeltaTable(table.path(warehouse)).delete("user_id = 'u1'")

    monkeypatch.setattr(delta, "replace_where", loses)
    with pytest.raises(
        DataError, match=r"expected 40 rows of .*a\.csv of 2017-01-02 in bronze\.events.* found 34 there"
    ):
        collect.run(spark, s)
    monkeypatch.setattr(delta, "replace_where", write)
    assert "rows_in 40, loaded 40" in collect.run(spark, s)
    (row,) = delta.rows(s.warehouse, LOADS, "true")
    assert (row["rows_in"], row["in_file"], row["loaded"], row["written"]) == (40, 40, 40, 40)


def test_both_counts_of_a_load_are_kept_where_records_are_refused_repeated_and_packed(spark, shop):
    s = shop()
    rows = [*ROWS, ROWS[0], ROWS[1] | {"id": "x", "time": "noon"}]
    path = put(s, "a.csv", rows, end="\n\nhalf,a line\nid,user,item,time,asked\n")
    path.with_name("b.csv").write_bytes(gzip.compress(path.read_bytes()))
    path.with_name("c.csv").touch()
    collect.run(spark, s)
    rows = {row["source_file"][-5:]: row for row in delta.rows(s.warehouse, LOADS, "true")}
    counted = {
        name: [row[column] for column in ("in_file", "rows_in", "quarantined", "duplicates", "loaded", "written")]
        for name, row in rows.items()
    }
    assert counted == {"a.csv": [43, 43, 2, 1, 40, 40], "b.csv": [43, 43, 2, 41, 0, 0], "c.csv": [0, 0, 0, 0, 0, 0]}


def test_a_file_whose_lists_are_taken_apart_is_counted_by_its_lines(spark, shop, monkeypatch):
    others = {"id: [id]": "explode: items\n  id: [id, items.sku]", "item\n": "items.sku\n"}
    s, read = shop("jsonl", others), json_lines.read
    put(s, "a.jsonl", [row | {"items": [{"sku": n} for n in range(3)]} for row in ROWS])
    assert "rows_in 120, loaded 120" in collect.run(spark, s)
    (row,) = delta.rows(s.warehouse, LOADS, "true")
    assert (row["in_file"], row["written"]) == (40, 120)

    monkeypatch.setattr(json_lines, "read", lambda *args, **given: (b.slice(3) for b in read(*args, **given)))
    put(s, "b.jsonl", [row | {"id": f"b{row['id']}", "items": [{"sku": n} for n in range(3)]} for row in ROWS])
    with pytest.raises(DataError, match=r"expected 40 records of .*b\.jsonl.* found 39 that were read"):
        collect.run(spark, s)
