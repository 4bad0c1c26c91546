"""reading: a compressed file holds the same records, under its own name; a broken one is named."""

from __future__ import annotations

import gzip
import json
import random
from datetime import date
from hashlib import md5

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.collect import run as collect
from jobs.errors import DataError
from jobs.settings import Settings
from jobs.sources import spec
from jobs.sources.landing import list_files
from jobs.sources.layout import Layout
from jobs.sources.reading import read_records
from jobs.sources.spec import Feed

DS = date(2017, 1, 2)


def zstd(path, *texts: str) -> None:
    """A file of one zstd frame a text, as `zstd` and `cat` make it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for text in texts:
            sink = pa.BufferOutputStream()
            with pa.CompressedOutputStream(sink, "zstd") as stream:
                stream.write(text.encode())
            file.write(sink.getvalue())


FIELDS = {"user_id": "who", "price": {"column": "paid", "optional": True}, "query": "asked"}


def read(spark, landing, **given) -> DataFrame:
    feed = Feed(**{"id": ("id",), "fields": {}} | given)
    return read_records(spark, list_files(str(landing), feed, DS, DS), feed)


def test_json_lines_in_zstd_of_many_blocks_and_frames(spark, tmp_path):
    noise = random.Random(7)  # hardly compressible, so that the file is longer than what Spark reads in one piece
    lines = [f'{{"id": {n}, "text": "好{noise.randbytes(1000).hex()}"}}\n' for n in range(5500)]
    zstd(tmp_path / "log" / "2017-01-02" / "a.jsonl.zst", "".join(lines[:3000]), "".join(lines[3000:]))
    assert (tmp_path / "log" / "2017-01-02" / "a.jsonl.zst").stat().st_size > 5 << 20
    (tmp_path / "log" / "2017-01-02" / "b.jsonl.gz").write_bytes(gzip.compress(b'{"id": 5500, "text": "x"}\n'))
    frame = read(spark, tmp_path, files="log/{ds}/*.jsonl*")
    rows = frame.select(
        F.col("record")["id"].alias("id"), F.md5("raw").alias("raw"), "source_file", "landed_ds"
    ).collect()
    assert sorted(int(row["id"]) for row in rows) == list(range(5501))
    assert {row["raw"] for row in rows} > {md5(line.rstrip().encode()).hexdigest() for line in lines}
    assert {(row["source_file"], row["landed_ds"]) for row in rows} == {
        ("log/2017-01-02/a.jsonl.zst", DS), ("log/2017-01-02/b.jsonl.gz", DS),
    }  # fmt: skip


def test_csv_in_zstd_beside_gzip_and_plain(spark, tmp_path):
    zstd(tmp_path / "a.csv.zst", "id,name\n" + "".join(f"{n},茶 {n}\n" for n in range(20_000)))
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"id,name\n20000,\n"))
    (tmp_path / "c.csv").write_text("id,name\n20001,c\n")
    rows = read(spark, tmp_path, files="*.csv*", format="csv").collect()
    assert sorted(int(row["record"]["id"]) for row in rows) == list(range(20_002))
    assert {row["record"]["name"] for row in rows if row["source_file"] == "a.csv.zst"} == {
        f"茶 {n}" for n in range(20_000)
    }
    assert {row["source_file"] for row in rows} == {"a.csv.zst", "b.csv.gz", "c.csv"}


def test_the_first_records_of_each_file_broken_ones_among_them(spark, tmp_path):
    (tmp_path / "a.csv").write_text("id,name\n1,a\n2\n3,c\n4,d\n")
    (tmp_path / "b.csv").write_text("id,name\n5,e\n")
    feed = Feed(id=("id",), fields={}, files="*.csv", format="csv")
    rows = read_records(spark, list_files(str(tmp_path), feed, DS, DS), feed, first=2).collect()
    assert {(row["source_file"], row["record"] and row["record"]["id"], row["raw"]) for row in rows} == {
        ("a.csv", "1", None), ("a.csv", None, "2"), ("b.csv", "5", None),
    }  # fmt: skip


def test_a_broken_zstd_file_is_named(spark, tmp_path, monkeypatch):
    fields = {"user_id": "u", "event_time": "t", "event_type": {"constant": "view"}}
    events = {"files": "*.zst", "id": ["id"], "fields": fields}
    source = spec.Source(name="shop", title="t", origin="o", licence="l", events=events)
    monkeypatch.setattr(collect, "load", lambda name: source)
    landing = tmp_path / "landing"
    path = landing / "whole night.jsonl.zst"
    zstd(path, "".join(f'{{"id": {n}, "u": "1", "t": "2017-01-02T10:00:00Z"}}\n' for n in range(20_000)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"readable file, found file:.*/whole night\.jsonl\.zst: .+ Nothing of this"):
        collect.run(spark, Settings(DS, DS, str(tmp_path / "wh"), "shop", str(landing), "test"))


def test_a_parquet_column_of_any_type_is_its_text(spark, tmp_path):
    instant = pa.scalar(1483351200_000000, pa.timestamp("us", "UTC"))
    columns = {"id": [1], "tags": [["a", "好"]], "more": [{"deep": 2}], "at": pa.array([instant.as_py()], instant.type)}
    local = pa.array([1483351200_000000], pa.timestamp("us"))
    pq.write_table(pa.table(columns | {"local": local}), tmp_path / "a.parquet")
    (row,) = read(spark, tmp_path, files="a.parquet", format="parquet").collect()
    assert row["record"].asDict() == {"id": 1, "tags": '["a","好"]', "more": '{"deep":2}', "at": "2017-01-02 10:00:00Z",
                             "local": "2017-01-02 10:00:00"}  # fmt: skip


def test_columns_are_told_in_each_file_and_blanks_and_case_do_not_matter(spark, tmp_path):
    (tmp_path / "a.csv").write_text("id,who,paid,asked,more\n1,u,2.5,q,x\n")
    (tmp_path / "b.csv").write_text("ID, Who , more , Asked\n2,v,y,r\n")
    (tmp_path / "c.csv").write_text("")
    rows = read(spark, tmp_path, files="*.csv", format="csv", fields=FIELDS).collect()
    assert sorted([*row["record"].asDict().items()] for row in rows) == [
        [("asked", "q"), ("id", "1"), ("more", "x"), ("paid", "2.5"), ("who", "u")],
        [("asked", "r"), ("id", "2"), ("more", "y"), ("paid", None), ("who", "v")],
    ]  # fmt: skip
    (tmp_path / "c.csv").write_text("id,who,asked, a,a ,A\n3,w,s,1,2,3\n")
    (row,) = read(spark, tmp_path, files="c.csv", format="csv", fields=FIELDS).collect()
    assert row["record"].asDict() == {"id": "3", "who": "w", "asked": "s", "a": "1", "a ": "2", "A": "3"}
    (tmp_path / "d.csv").write_text("id,whom,ask,Ask\n2,v,y,r\n")
    with pytest.raises(
        DataError, match=r"expected column 'asked' \(nearest: 'ask'\), 'who' \(nearest: 'whom'\) in d.csv"
    ):
        read(spark, tmp_path, files="*.csv", format="csv", fields=FIELDS)
    (tmp_path / "d.csv").write_text("id;who;asked\n2;v;y\n")
    with pytest.raises(DataError, match=r"found id;who;asked \(is its delimiter ';'\?\)"):
        read(spark, tmp_path, files="*.csv", format="csv", fields=FIELDS)
    (tmp_path / "d.csv").write_text("Report,,\nid,who,asked\n")
    with pytest.raises(DataError, match=r"found Report, _c1, _c2 \(are there lines before its header\?"):
        read(spark, tmp_path, files="*.csv", format="csv", fields=FIELDS)
    (tmp_path / "d.csv").write_text("2,v,2026-01-01\n")
    with pytest.raises(DataError, match=r"found 2, v, 2026-01-01 \(has it no header"):
        read(spark, tmp_path, files="*.csv", format="csv", fields=FIELDS)
    with pytest.raises(DataError, match="found names that are withheld"):
        read(spark, tmp_path, files="*.csv", format="csv", fields=FIELDS, pii={"mail": "drop"})
    pq.write_table(pa.table({"id": [1]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"expected column 'asked', 'who' in a.parquet"):
        read(spark, tmp_path, files="*.parquet", format="parquet", fields=FIELDS)


def test_folders_say_columns_that_a_file_lacks(spark, tmp_path):
    """In every format; what the file has itself counts, and a personal column is not taken from a path."""
    own = tmp_path / "asked=tea"
    for folder in ("who=a/asked=S%C3%A3o%20Paulo", "who=b/asked=__HIVE_DEFAULT_PARTITION__", "who=c/asked=tea"):
        own = tmp_path / folder
        own.mkdir(parents=True)
        (own / "a.csv").write_text("id\n1\n2\n")
        pq.write_table(pa.table({"id": [1, 2]}), own / "a.parquet")
        (own / "a.jsonl").write_text('{"id": 1}\n{"id": 2}\n')
    (own / "b.csv").write_text("asked,id\nmine,3\n")
    pq.write_table(pa.table({"asked": ["mine"], "id": [3]}), own / "b.parquet")
    (own / "b.jsonl").write_text('{"id": 3, "asked": "mine"}\n{"id": 4\n')
    said = [("a", "São Paulo")] * 2 + [("b", None)] * 2 + [("c", "tea")] * 2 + [("c", "mine")]
    for form in ("parquet", "csv", "jsonl"):
        frame = read(spark, tmp_path, files=f"who=*/asked=*/*.{form}", format=form, fields=FIELDS)
        layout = Layout.of(frame)
        rows = frame.where("record IS NOT NULL").orderBy("source_file", "line")
        found = rows.select(layout.value("who").alias("who"), layout.value("asked").alias("asked")).collect()
        assert [tuple(row) for row in found] == said, form
    assert json.loads(rows.first()["raw"]) == {"id": "1", "who": "a", "asked": "São Paulo"}  # as `release` reads it
    with pytest.raises(DataError, match="expected column 'who'"):
        read(spark, tmp_path, files="who=*/asked=*/a.csv", format="csv", fields=FIELDS, pii={"who": "hash"})


def test_a_path_leads_into_a_list_in_every_format(spark, tmp_path):
    fields = {"user_id": "e.uid", "query": "e.gone", "session_id": "o.s", "product_id": "l[1].p"}
    keyed, lists = [{"key": "uid", "value": {"s_value": None, "i_value": 7}}], [{"p": "a"}, {"p": "b"}]
    table = {"id": [1], "e": [keyed], "o": [{"s": "x"}], "l": [lists]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    written = {name: json.dumps(column[0]).replace('"', '""') for name, column in table.items()}
    (tmp_path / "a.csv").write_text("id,e,o,l\n" + ",".join(f'"{text}"' for text in written.values()) + "\n")
    (tmp_path / "a.jsonl").write_text(json.dumps({name: column[0] for name, column in table.items()}))
    for form in ("parquet", "csv", "jsonl"):
        frame = read(spark, tmp_path, files=f"a.{form}", format=form, fields=fields)
        layout = Layout.of(frame)
        row = frame.select(*[layout.value(spec).alias(name) for name, spec in fields.items()]).first()
        assert row.asDict() == {"user_id": "7", "query": None, "session_id": "x", "product_id": "b"}, form


def test_each_entry_of_a_list_of_parquet_is_a_record(spark, tmp_path):
    rows = [{"id": 1, "e": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]}, {"id": 2, "e": None}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    fields = {"user_id": "ID", "product_id": "e.sku", "quantity": "e.n"}
    frame = read(spark, tmp_path, files="a.parquet", format="parquet", fields=fields, id=("ID",), explode="e")
    read_as = [tuple(row) for row in frame.select("record.ID", "record.`e.sku`", "record.`e.n`", "line").collect()]
    assert sorted(read_as, key=str) == [(1, "a", 1, 1), (1, "b", 2, 1), (2, None, None, 2)]


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_what_is_personal_is_in_no_column_of_any_format(spark, tmp_path, monkeypatch, form):
    monkeypatch.setenv("HUAXIANG_PII_KEY", "a key for these tests only")
    keyed = [{"key": "mail", "value": {"string_value": "SECRET"}}]
    row = {
        "id": 1,
        "e": keyed,
        "\u200b Mail ": "SECRET",
        "Te\u0301l": "SECRET",
        "l": [{"phone": "SECRET", "sku": "a"}],
        "user": {"mail": "SECRET", "Mail": "SECRET", "n": 1},
    }
    if form == "csv":
        texts = [json.dumps(value).replace('"', '""') for value in row.values()]
        (tmp_path / "a.csv").write_text(
            ",".join(row) + ",mail\n" + ",".join(f'"{text}"' for text in texts) + ",SECRET\n"
        )
    elif form == "jsonl":
        (tmp_path / "a.jsonl").write_text(json.dumps(row))
    else:
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    pii = {"e.mail": "hash", "mail": "drop", "T\u00e9l": "drop", "l.phone": "drop", "user.mail": "hash"}
    given = {} if form == "csv" else {"explode": "l"}
    feed = {"files": f"a.{form}", "format": form, "pii": pii | ({"l": "drop"} if form == "csv" else {})} | given
    frame = read(spark, tmp_path, **feed)
    layout = Layout.of(frame)
    found = frame.select("raw", F.to_json("record").alias("record"), layout.text("e.mail").alias("hashed")).first()
    assert "SECRET" not in f"{found['raw']} {found['record']}"
    assert len(found["hashed"]) == 64
    assert ('"l.sku":"a"' in found["record"]) == (form != "csv")
