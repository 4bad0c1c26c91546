"""The bytes of a file as records: what a line says, where it stands, and what is none."""

from __future__ import annotations

import datetime
import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.sources.formats import csv_rows, json_lines, parquet_rows, texts
from jobs.sources.formats.parts import Part, UnreadableFileError, named, split_text


def of_json(path, explode=None, encoding="UTF-8", parts=None) -> list[dict]:
    batches = [b for part in parts or [Part(f"file:{path}")] for b in json_lines.read(part, encoding, explode)]
    rows = [row for batch in batches for row in batch.to_pylist()]
    return [row | {"record": None if row["record"] is None else dict(row["record"])} for row in rows]


def of_csv(path, wanted, columns=None, encoding="UTF-8", delimiter=",", parts=None) -> list[dict]:
    columns = columns or csv_rows.header(f"file:{path}", encoding, delimiter)
    for_file = parts or [Part(f"file:{path}", columns=tuple(columns))]
    batches = [b for part in for_file for b in csv_rows.read(part, encoding, delimiter, True, wanted)]
    return sorted((row for batch in batches for row in batch.to_pylist()), key=lambda row: row["line"])


def test_a_line_of_json_says_its_values_as_they_stand_there(tmp_path):
    (tmp_path / "a").write_bytes(
        b'\xef\xbb\xbf{"a":1.50,"b":"x\\u00e9\\n\\"","c":null,"d":{"e":1.50, "f":[1]},"g":1e7,'
        b'"h":12345678901234567890}\n\n   \n[1]\nbroken \xff\r\n{"a":true} x\n{"a":NaN}\n{"a":"","a":"last"}'
    )
    rows = of_json(tmp_path / "a")
    assert [row["line"] for row in rows] == [1, 4, 5, 6, 7, 8]
    assert rows[0]["record"] == {
        "a": "1.50", "b": 'xé\n"', "c": None, "d": '{"e":1.50, "f":[1]}', "g": "1e7", "h": "12345678901234567890",
    }  # fmt: skip
    assert [row["record"] for row in rows[1:]] == [None, None, None, None, {"a": "last"}]
    assert rows[2]["raw"] == "broken \ufffd"


def test_each_object_of_a_list_is_a_record(tmp_path):
    (tmp_path / "a").write_text('{"s":1,"e":[{"id":5,"t":1.0},{"id":6}]}\n{"s":2,"e":[]}\n{"s":3}\n{"s":4,"e":7}\nx\n')
    rows = of_json(tmp_path / "a", explode="e")
    assert [(row["line"], row["raw"], row["record"]) for row in rows] == [
        (1, None, {"s": "1", "e.id": "5", "e.t": "1.0", "e.position": "0"}),
        (1, None, {"s": "1", "e.id": "6", "e.position": "1"}),
        (2, '{"s":2,"e":[]}', {"s": "2", "e": "[]"}),
        (3, '{"s":3}', {"s": "3"}),
        (4, '{"s":4,"e":7}', {"s": "4", "e": "7"}),
        (5, "x", None),
    ]


@pytest.mark.parametrize("encoding", ["UTF-8", "GBK", "UTF-16"])
def test_an_encoding_that_is_said_is_read(tmp_path, encoding):
    (tmp_path / "a").write_bytes('{"a":"牛奶"}\n{"a":"茶"}\n'.encode(encoding))
    assert [row["record"]["a"] for row in of_json(tmp_path / "a", encoding=encoding)] == ["牛奶", "茶"]
    (tmp_path / "b").write_bytes("id,名\n1,牛奶\n2,茶\n".encode(encoding))
    assert [row["名"] for row in of_csv(tmp_path / "b", ["名"], encoding=encoding)] == ["牛奶", "茶"]


def test_a_csv_is_read_by_rfc_4180(tmp_path):
    (tmp_path / "a").write_bytes(
        b'\xef\xbb\xbfid,name,x\r\n1,"a ""q"", b",3\r\n2,short\r\n\r\n3,"two\nlines",\r\n4,,""\r\n5,a,b,c\r\n6,\xff,6'
    )
    rows = of_csv(tmp_path / "a", ["id", "name", "other", "x"])
    good = [(row["id"], row["name"], row["x"]) for row in rows if row["raw"] is None]
    assert good == [("1", 'a "q", b', "3"), ("3", "two\nlines", None), ("4", None, ""), ("6", "\ufffd", "6")]
    assert {row["other"] for row in rows} == {None}
    assert [(row["line"], row["raw"]) for row in rows if row["raw"]] == [(3, "2,short"), (6, "5,a,b,c")]
    assert [row["line"] for row in rows] == [2, 3, 4, 5, 6, 7]


def test_an_empty_csv_has_no_columns_and_a_header_alone_no_rows(tmp_path):
    (tmp_path / "a").write_text("")
    assert csv_rows.header(f"file:{tmp_path}/a", "UTF-8", ",") == []
    (tmp_path / "b").write_text("id;name\n")
    assert of_csv(tmp_path / "b", ["id"], delimiter=";") == []


def test_parts_of_a_large_file_hold_each_line_once_with_its_number(tmp_path, monkeypatch):
    monkeypatch.setattr("jobs.sources.formats.parts.BLOCK", 1 << 10)
    (tmp_path / "a").write_text("".join(f'{{"n":{n}}}\n' for n in range(3_000)))
    path, size = f"file:{tmp_path}/a", (tmp_path / "a").stat().st_size
    parts = split_text(path, size, 5_000)
    assert len(parts) > 3
    assert [(row["line"], row["record"]["n"]) for row in of_json("", parts=parts)] == [
        (n + 1, str(n)) for n in range(3_000)
    ]
    (tmp_path / "b").write_text("n,m\n" + "".join(f"{n},\n" if n % 7 else f"{n}\n" for n in range(3_000)))
    parts = csv_rows.split(f"file:{tmp_path}/b", (tmp_path / "b").stat().st_size, 5_000, ("n", "m"))
    assert len(parts) > 1
    rows = of_csv("", ["n", "m"], columns=("n", "m"), parts=parts)
    assert [(row["line"], row["n"] or row["raw"]) for row in rows] == [(n + 2, str(n)) for n in range(3_000)]


def test_what_may_not_be_cut_stays_whole(tmp_path):
    cut = {name: texts.may_be_cut(name) for name in ("UTF-8", "GBK", "ISO-8859-1", "UTF-16", "UTF-16LE")}
    assert cut == {"UTF-8": True, "GBK": True, "ISO-8859-1": True, "UTF-16": False, "UTF-16LE": False}
    (tmp_path / "a.csv").write_text('n\n"1"\n' + "2\n" * 9_000)
    size = (tmp_path / "a.csv").stat().st_size
    assert len(csv_rows.split(f"file:{tmp_path}/a.csv", size, 1_000, ("n",))) == 1
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"x\n" * 9_000))
    assert len(split_text(f"file:{tmp_path}/b.gz", 9_000, 10)) == 1


def test_parquet_keeps_whole_numbers_and_decimals_and_tells_the_rest_in_words(tmp_path):
    at = datetime.datetime(2017, 1, 2, 10, 0, 0, 500_000, tzinfo=datetime.UTC)
    table = pa.table({
        "whole": pa.array([1, None], pa.uint32()), "large": pa.array([2**64 - 1, None], pa.uint64()),
        "float": [17850.0, 0.1], "tiny": [1e-12, 12345678.9], "at": pa.array([at, None]),
        "day": pa.array([at.date(), None]), "list": [["好"], None], "bytes": pa.array([b"a\xff", None]),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1)
    path = f"file:{tmp_path}/a.parquet"
    schema, parts = parquet_rows.schema(path), parquet_rows.split(path, 1)
    assert [part.line for part in parts] == [1, 2]
    rows = [row for part in parts for batch in parquet_rows.read(part, schema) for row in batch.to_pylist()]
    assert (rows[0]["whole"], int(rows[0]["large"])) == (1, 2**64 - 1)
    assert [row["float"] for row in rows] == ["17850", "0.1"]
    assert [row["tiny"] for row in rows] == ["1e-12", "12345678.9"]
    texts = [rows[0][name] for name in ("at", "day", "list", "bytes")]
    assert texts == ["2017-01-02 10:00:00.5Z", "2017-01-02", '["好"]', "a\ufffd"]
    assert [row["line"] for row in rows] == [1, 2]


def test_a_broken_file_is_named_with_the_reason(tmp_path):
    packed = gzip.compress(np.random.default_rng(1).bytes(200_000))
    (tmp_path / "a.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UnreadableFileError, match=r"expected a readable file, found file:.*/a\.gz: "):  # noqa: SIM117
        with named(f"file:{tmp_path}/a.gz"):
            of_json(tmp_path / "a.gz")
    (tmp_path / "b.parquet").write_bytes(b"no parquet")
    with pytest.raises(UnreadableFileError, match=r"b\.parquet: "):
        parquet_rows.schema(f"file:{tmp_path}/b.parquet")
