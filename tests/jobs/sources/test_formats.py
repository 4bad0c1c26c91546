"""The bytes of a file as records: what a line says, where it stands, and what is none."""

from __future__ import annotations

import datetime
import gzip
import json
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.sources.formats import json_lines, parquet_rows, texts
from jobs.sources.formats.parts import Part, UnreadableFileError, named


def of_json(path, explode=None, encoding="UTF-8", parts=None, paths=()) -> list[dict]:
    read = [json_lines.read(part, encoding, explode, [*paths]) for part in parts or [Part(f"file:{path}")]]
    rows = [row for batches in read for batch in batches for row in batch.to_pylist()]
    assert parts or json_lines.count(f"file:{path}", encoding) == len({row["line"] for row in rows})
    return [row | {"record": None if row["record"] is None else dict(row["record"])} for row in rows]


def of_parquet(path, explode=None) -> list[dict]:
    schema = parquet_rows.schema(f"file:{path}", explode)
    parts = parquet_rows.split(f"file:{path}", 1, tuple(schema.names))
    rows = [row for part in parts for batch in parquet_rows.read(part, explode, schema) for row in batch.to_pylist()]
    assert parquet_rows.count(f"file:{path}") == len({row["line"] for row in rows})
    return rows


def test_a_line_of_json_says_its_values_as_they_stand_there(tmp_path):
    (tmp_path / "a").write_bytes(
        b'\xef\xbb\xbf{"a":1.50,"b":"x\\u00e9\\n\\"","c":null,"d":{"e":1.50, "f":[1]},"g":1e7,'
        b'"h":12345678901234567890}\n\n \t \n[1]\n{"a":"broken \xff"}\r\n{"a":true} x\n{"a":NaN,"b":"NaN"}\n'
        b'{"a":"","a":"last"}\n{\'a\': None}\n{"a":"half a pair \\ud83d"}\n"{\\"a\\":\\"in a text\\"}"'
    )
    rows = of_json(tmp_path / "a")
    assert [row["line"] for row in rows] == [1, 4, 5, 6, 7, 8, 9, 10, 11]
    assert rows[0]["record"] == {
        "a": "1.50", "b": 'xé\n"', "c": None, "d": '{"e":1.50, "f":[1]}', "g": "10000000", "h": "12345678901234567890",
    }  # fmt: skip
    good = {"a": None, "b": "NaN"}, {"a": "last"}
    assert [row["record"] for row in rows[1:]] == [None, None, None, *good, None, None, {"a": "in a text"}]
    assert rows[2]["raw"] == "withheld, 16 bytes that are no text: 7b 22 61 22 3a 22 62 72 6f 6b 65 6e 20 ff 22 7d"
    assert [row["fault"] for row in rows if row["fault"]] == [
        "expected an object with names, found a list of values; write it as CSV or as objects",
        "expected UTF-8, found bytes that are none", "expected JSON, found single quotes (Python's?)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        '[{"a":1},{"a":"x, ]"},\n{"a":3}]\n', '[\n{"a":1},\n{"a":"x, ]"},\n{"a":3}\n]',
        '\n [ {\n"a": 1\n}, {"a":"x, ]"},{"a":3}]',
        '{\n "a": 1\n}\n{\n "a":"x, ]"}\n{"a":3}', '{"a":1}{"a":"x, ]"}{"a":3}', '[{"a":1}]\n[{"a":"x, ]"},{"a":3}]\n',
    ],
)  # fmt: skip
def test_objects_that_are_not_one_a_line_are_records_too(tmp_path, monkeypatch, text):
    monkeypatch.setattr("jobs.sources.formats.texts.BLOCK", 5)
    monkeypatch.setattr("jobs.sources.formats.json_values.stands_in", lambda *_: True)
    (tmp_path / "a").write_text(text)
    rows = of_json(tmp_path / "a")
    assert [(row["line"], row["record"]["a"]) for row in rows] == [(1, "1"), (2, "x, ]"), (3, "3")]
    monkeypatch.undo()
    assert of_json(tmp_path / "a") == rows


def test_a_list_that_is_cut_off_is_no_list(tmp_path):
    (tmp_path / "a").write_text('[{"a":1},{"a":')
    with pytest.raises(UnreadableFileError, match="no JSON behind value 1 of it; the file may be cut off"):
        of_json(tmp_path / "a")
    assert of_json(tmp_path / "a", parts=[Part(f"file:{tmp_path}/a", 0, 8)])[0]["fault"] is None  # a broken first line


def test_each_entry_of_a_list_is_a_record(tmp_path):
    (tmp_path / "a").write_text('{"s":1,"e":[{"id":5,"t":1.0},{"id":6}]}\n{"s":2,"e":[]}\n{"s":3}\n{"s":4,"e":7}\nx\n')
    rows = of_json(tmp_path / "a", explode="e")
    assert [(row["line"], row["raw"], row["record"]) for row in rows] == [
        (1, None, {"s": "1", "e.id": "5", "e.t": "1", "e.position": "0"}),
        (1, None, {"s": "1", "e.id": "6", "e.position": "1"}),
        (2, '{"s":2,"e":[]}', {"s": "2", "e": "[]"}),
        (3, '{"s":3}', {"s": "3"}),
        (4, '{"s":4,"e":7}', {"s": "4", "e": "7"}),
        (5, "x", None),
    ]


def test_a_list_may_stand_in_an_object_and_in_a_list(tmp_path):
    (tmp_path / "a").write_text(
        '{"s":1,"p":{"n":[{"id":5},"x"],"o":2}}\n{"p":{"o":3}}\n{"p":[{"n":[7,8],"k":1},{"k":2}]}'
    )
    assert [row["record"] for row in of_json(tmp_path / "a", explode="p.n")] == [
        {"s": "1", "p": '{"o":2}', "p.n.id": "5", "p.n.position": "0"},
        {"s": "1", "p": '{"o":2}', "p.n": "x", "p.n.position": "1"},
        {"p": '{"o":3}'},
        {"p.k": "1", "p.position": "0", "p.n": "7", "p.n.position": "0"},
        {"p.k": "1", "p.position": "0", "p.n": "8", "p.n.position": "1"},
        {"p.k": "2", "p.position": "1"},
    ]


def test_a_path_leads_into_a_list_by_its_keys_and_places(tmp_path):
    keyed = [{"key": "id", "value": {"string_value": None, "int_value": 77}}, {"name": "n", "value": "x"}]
    (tmp_path / "a").write_text(
        json.dumps({"e": keyed, "o": {"e": keyed, "i": [{"s": "S1"}]}, "e.k": 1, "p": {"q": 2}})
    )
    paths = ["e.id", "e.n", "e.id.int_value", "e.gone", "o.e.id", "o.i[0].s", "o.i[7].s", "e.k", "p.q"]
    (row,) = of_json(tmp_path / "a", paths=paths)
    found = {path: row["record"][path] for path in paths if path in row["record"]}
    assert found == {"e.id": "77", "e.n": "x", "e.id.int_value": "77", "o.e.id": "77", "o.i[0].s": "S1", "e.k": "1"}


def test_a_list_may_be_one_object_or_numbered_ones_or_a_text(tmp_path):
    text = r'"[{\"s\":1},{\"s\":2}]"'
    lists = ['{"s":1,"t":[2]}', '{"0":{"s":1},"2":{"s":2}}', text, "{}", '"[s]"']
    (tmp_path / "a").write_text("".join(f'{{"e":{value}}}\n' for value in lists))
    assert [row["record"] for row in of_json(tmp_path / "a", explode="e")] == [
        {"e.s": "1", "e.t": "[2]", "e.position": "0"},
        *[{"e.s": "1", "e.position": "0"}, {"e.s": "2", "e.position": "1"}] * 2,
        {"e": "{}"}, {"e": "[s]"},
    ]  # fmt: skip


def test_what_stands_around_the_object_of_a_line_is_left_out(tmp_path):
    (tmp_path / "a").write_text('{"a":1},\n\ufeff{"a":"e\\u0301"}\n\x1e{"a":NaN},\r\n{"a":1},,\n{"a":1} x\n')
    assert [row["record"] for row in of_json(tmp_path / "a")] == [{"a": "1"}, {"a": "\u00e9"}, {"a": None}, None, None]


@pytest.mark.parametrize("encoding", ["UTF-8", "GBK", "UTF-16", "UTF-16LE"])
def test_an_encoding_that_is_said_is_read(tmp_path, encoding):
    (tmp_path / "a").write_bytes('{"a":"牛奶"}\n{"a":"茶"}\n'.encode(encoding))
    assert [row["record"]["a"] for row in of_json(tmp_path / "a", encoding=encoding)] == ["牛奶", "茶"]


def test_a_mark_tells_the_encoding_and_bytes_that_are_no_text_are_seen_in_any(tmp_path):
    (tmp_path / "a").write_bytes('{"a":"茶"}\n'.encode("UTF-16"))
    assert of_json(tmp_path / "a")[0]["record"] == {"a": "茶"}
    (tmp_path / "b").write_bytes('{"a":"茶"}\n{"a":1}\n'.encode("GBK"))
    assert [row["record"] for row in of_json(tmp_path / "b")] == [None, {"a": "1"}]
    (tmp_path / "b").write_bytes('{"a":"茶"}\n{"a":"'.encode("GBK") + b'\xff"}\n')
    good, bad = of_json(tmp_path / "b", encoding="GBK")
    assert (good["record"], bad["record"], bad["raw"][:8]) == ({"a": "茶"}, None, "withheld")
    (tmp_path / "c").write_bytes('{"a":"a longer line of letters"}\n'.encode("UTF-16LE"))
    with pytest.raises(UnreadableFileError, match="seems to be written in UTF-16LE; say encoding: UTF-16LE"):
        of_json(tmp_path / "c")


def test_parts_of_a_large_file_hold_each_line_once_with_its_number(tmp_path, monkeypatch):
    monkeypatch.setattr("jobs.sources.formats.texts.BLOCK", 1 << 10)
    (tmp_path / "a").write_text("".join(f'{{"n":{n}}}\n' for n in range(3_000)))
    parts = json_lines.split(f"file:{tmp_path}/a", (tmp_path / "a").stat().st_size, 5_000, "UTF-8")
    assert len(parts) > 3
    rows = of_json("", parts=parts)
    assert [(row["line"], row["record"]["n"]) for row in rows] == [(n + 1, str(n)) for n in range(3_000)]


@pytest.mark.parametrize(
    ("encoding", "start", "cut"),
    [("UTF-8", b"", True), ("UTF-8", b"\xef\xbb\xbf", True), ("GBK", b"", True), ("ISO-8859-1", b"", True),
     ("GBK", b"\xef\xbb\xbf", False), ("UTF-8", b"\xff\xfe", False), ("UTF-16", b"", False),
     ("UTF-8", b"\x1f\x8b", False), ("UTF-8", b"[", False)],
)  # fmt: skip
def test_what_may_not_be_cut_stays_whole(tmp_path, monkeypatch, encoding, start, cut):
    monkeypatch.setattr("jobs.sources.formats.texts.BLOCK", 1 << 10)
    (tmp_path / "a").write_bytes(start + b'{"n":1}\n' * 9_000)
    assert (len(json_lines.split(f"file:{tmp_path}/a", 72_000, 10, encoding)) > 1) == cut


def test_parquet_keeps_whole_numbers_and_decimals_and_tells_the_rest_in_words(tmp_path):
    at = datetime.datetime(2017, 1, 2, 10, 0, 0, 500_000, tzinfo=datetime.UTC)
    table = pa.table({
        "whole": pa.array([1, None], pa.uint32()), "large": pa.array([2**64 - 1, None], pa.uint64()),
        "float": [17850.0, 0.1], "narrow": pa.array([0.1, np.nan], pa.float32()),
        "tiny": [1e-12, 12345678.9], "at": pa.array([at, None]),
        "nanos": pa.array([1483351200_000000001, None], pa.timestamp("ns")),
        "day": pa.array([at.date(), None]), "list": [["好"], None], "bytes": pa.array([b"a\xff", b"text"]),
        "uuid": pa.array([uuid.UUID(int=5).bytes, None], pa.uuid()), "fixed": pa.array([b"abcd", None], pa.binary(4)),
        "map": pa.array([[("k", float("nan"))], None], pa.map_(pa.string(), pa.float64())),
        "object": pa.array([{"b": b"\xff", "n": 1.5}, None]),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1)
    rows = of_parquet(tmp_path / "a.parquet")
    assert (rows[0]["whole"], int(rows[0]["large"])) == (1, 2**64 - 1)
    assert [row["float"] for row in rows] == ["17850", "0.1"]
    assert [row["narrow"] for row in rows] == ["0.1", None]
    assert [row["tiny"] for row in rows] == ["1e-12", "12345678.9"]
    assert [row["bytes"] for row in rows] == ["61ff", "text"]
    said = {name: rows[0][name] for name in ("at", "nanos", "day", "list", "uuid", "fixed", "map", "object")}
    assert said == {
        "at": "2017-01-02 10:00:00.5Z", "nanos": "2017-01-02 10:00:00", "day": "2017-01-02", "list": '["好"]',
        "uuid": "00000000-0000-0000-0000-000000000005", "fixed": "61626364", "map": '{"k":null}',
        "object": '{"b":"ff","n":1.5}',
    }  # fmt: skip
    assert [row["line"] for row in rows] == [1, 2]


def test_columns_of_parquet_of_one_name_are_told_apart_and_a_value_out_of_range_is_named(tmp_path):
    pq.write_table(pa.table([pa.array([1]), pa.array(["x"])], names=["a", "a"]), tmp_path / "a.parquet")
    assert [(row["a"], row["a_2"]) for row in of_parquet(tmp_path / "a.parquet")] == [(1, "x")]
    far = pa.array([[2**62]], pa.list_(pa.timestamp("us")))
    pq.write_table(pa.table({"when": far}), tmp_path / "b.parquet")
    with pytest.raises(pa.ArrowInvalid, match=r"column 'when' of the type list<.*timestamp\[us\]>: "):
        of_parquet(tmp_path / "b.parquet")


def test_old_times_of_parquet_may_be_of_a_far_year(tmp_path):
    table = pa.table({"at": pa.array([datetime.datetime(9999, 1, 1)], pa.timestamp("us"))})
    pq.write_table(table, tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
    assert of_parquet(tmp_path / "a.parquet")[0]["at"] == "9999-01-01 00:00:00Z"


def test_each_entry_of_a_list_of_parquet_is_a_row(tmp_path):
    rows = [{"s": 1, "e": [{"id": 5, "t": 1.5}, {"id": 6, "t": None}], "o": {"k": 1, "e": ["x", "y"]}},
            {"s": 2, "e": [], "o": {"k": 2, "e": None}}, {"s": 3, "e": None, "o": None}]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    names = ("line", "s", "e.id", "e.t", "e.position")
    assert [tuple(row[name] for name in names) for row in of_parquet(tmp_path / "a.parquet", "e")] == [
        (1, 1, 5, "1.5", 0), (1, 1, 6, None, 1), (2, 2, None, None, None), (3, 3, None, None, None),
    ]  # fmt: skip
    names = ("s", "o", "o.e", "o.e.position")
    assert [tuple(row[name] for name in names) for row in of_parquet(tmp_path / "a.parquet", "o.e")] == [
        (1, '{"k":1}', "x", 0), (1, '{"k":1}', "y", 1), (2, '{"k":2}', None, None), (3, '{"k":null}', None, None),
    ]  # fmt: skip


def test_a_broken_file_is_named_with_the_reason(tmp_path):
    packed = gzip.compress(np.random.default_rng(1).bytes(200_000))
    (tmp_path / "a.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UnreadableFileError, match=r"expected a readable file, found file:.*/a\.gz: "):  # noqa: SIM117
        with named(f"file:{tmp_path}/a.gz"):
            of_json(tmp_path / "a.gz")
    (tmp_path / "b.parquet").write_bytes(b"no parquet")
    with pytest.raises(UnreadableFileError, match=r"b\.parquet: it is no Parquet"):
        parquet_rows.schema(f"file:{tmp_path}/b.parquet")
    (tmp_path / "c.parquet").write_bytes(b"")
    assert parquet_rows.schema(f"file:{tmp_path}/c.parquet").names == of_parquet(tmp_path / "c.parquet") == []


def test_bytes_that_are_no_text_are_withheld_in_words():
    assert texts.shown("茶".encode()) == "茶"
    assert texts.shown(b"\xff" * 20) == f"withheld, 20 bytes that are no text: {'ff ' * 16}.."
    assert texts.shown(b"a\0") == "withheld, 2 bytes that are no text: 61 00"
