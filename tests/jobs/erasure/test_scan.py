"""The scan finds an id wherever a file can hold it, and nothing that is not the id: a proof that could fail."""

from __future__ import annotations

import bz2
import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.erasure import decoding, scan
from jobs.erasure.wanted import Wanted
from jobs.errors import UsageError

TELLING, PLAIN, LONG = "u-4711", "12", "f" * 30 + "0123456789" * 4


def places(folder, *ids, names=("household",)):
    found = scan.scan(str(folder), Wanted(ids, names))
    return {(find.file, find.place) for find in found.finds}


def put(path, content: bytes | str):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def parquet(path, schema=None, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns, schema=schema), path)


@pytest.mark.parametrize("one", [TELLING, PLAIN, LONG])
def test_each_kind_of_file_is_decoded(tmp_path, one):
    statistics = json.dumps({"numRecords": 12, "minValues": {"user_id": one[:32], "ds": "2017-01-02"}})
    put(tmp_path / "t/_delta_log/0.json", "{}\n" + json.dumps({"add": {"path": "p", "stats": statistics}}))
    line = json.dumps({"household": one, "pieces": 3}) + "\n"
    put(tmp_path / "l/log.jsonl.gz", gzip.compress(b"{}\n{}\n" + line.encode()))
    put(tmp_path / "l/log.bz2", bz2.compress(line.encode()))
    with pa.CompressedOutputStream(str(tmp_path / "l/log.zst"), "zstd") as packed:
        packed.write(line.encode())
    put(tmp_path / "page.html", f"<p>x</p>\n<p>user_id = {one}</p>")
    put(tmp_path / "picture.png", b"\x89PNG\xff\x00" + b"\xfe" * 99 + f' user_id="{one}" '.encode())
    put(tmp_path / f"x/user_id={one}/empty", "")
    np.savez(tmp_path / "trial.npz", user_ids=np.array(["a", one]), other=np.array([1.0]))
    parquet(tmp_path / "flat.parquet", user_id=["a", None, one])
    parquet(
        tmp_path / "log.parquet", pa.schema({"add": pa.struct({"stats": pa.string()})}), add=[{"stats": statistics}]
    )
    parquet(tmp_path / "map.parquet", pa.schema({"attributes": pa.map_(pa.string(), pa.string())}),
            attributes=[None, [("city", "x")], [("city", "y"), ("household", one)]])  # fmt: skip
    parquet(tmp_path / "deep.parquet", who=[[{"user_id": "b"}], [{"user_id": one}]])
    parquet(tmp_path / "raw.parquet", raw=['{"household": "77"}', '{"a": 1, "household":"' + one + '"}'])
    parquet(tmp_path / "bronze/users/p.parquet", id=["a", one])
    found = dict(places(tmp_path, one))
    assert found == {
        "t/_delta_log/0.json": "line 2", "l/log.jsonl.gz": "line 3", "l/log.bz2": "line 1", "l/log.zst": "line 1",
        "page.html": "line 2", "picture.png": "line 1", f"x/user_id={one}/empty": "its name",
        "trial.npz": "array user_ids", "flat.parquet": "column user_id", "log.parquet": "column add.stats",
        "map.parquet": "column attributes.household", "deep.parquet": "column who.user_id",
        "raw.parquet": "column raw", "bronze/users/p.parquet": "column user_id",
    }  # fmt: skip


def test_an_id_is_a_word_of_its_own(tmp_path):
    put(tmp_path / "a.json", json.dumps({"user_id": "u-47110", "other": "xu-4711", "more": "u-4711_b"}))
    parquet(tmp_path / "b.parquet", user_id=["u-47110", "U-4711"], query=["is u-47112 here?", None])
    put(tmp_path / "c.json", json.dumps({"user_id": "1234", "household": 121}))
    assert places(tmp_path, TELLING, PLAIN) == set()
    put(tmp_path / "d.json", json.dumps({"user_id": LONG + "0", "min": LONG[:40]}))
    assert places(tmp_path, LONG) == set()
    parquet(tmp_path / "b.parquet", user_id=["x"], query=["is u-4711 here?"])
    assert places(tmp_path, TELLING, PLAIN) == {("b.parquet", "column query")}


def test_an_ordinary_number_is_a_users_only_where_a_users_id_can_stand(tmp_path):
    put(tmp_path / "a.json", json.dumps({"quantity": 12, "numRecords": 12, "product_id": "12"}))
    put(tmp_path / "b.html", "<td>12</td> 12 users")
    parquet(tmp_path / "c.parquet", product_id=["12"], attributes=[{"store": "12"}])
    parquet(tmp_path / "bronze/products/p.parquet", id=["12"])
    assert places(tmp_path, PLAIN) == set()
    parquet(tmp_path / "d.parquet", raw=["2017-01-02;12;p1"])  # a line that is no record: it may be the user
    parquet(tmp_path / "e.parquet", pa.schema({"user_id": pa.int64()}), user_id=[12])
    assert places(tmp_path, PLAIN) == {("d.parquet", "column raw"), ("e.parquet", "column user_id")}


def test_other_spellings_of_an_id(tmp_path):
    put(tmp_path / "a.json", json.dumps({"x": "李&@shop"}))
    put(tmp_path / "b.html", "<p>李&amp;@shop</p>")
    put(tmp_path / "c.txt", "GET /u/%E6%9D%8E%26%40shop HTTP/1.1")
    assert {file for file, _ in places(tmp_path, "李&@shop")} == {"a.json", "b.html", "c.txt"}


def test_what_is_not_what_its_name_says_is_read_as_bytes(tmp_path):
    for name in ("a.parquet", "b.gz", "c.npz"):
        put(tmp_path / name, f"torn\n{TELLING}\n")
    assert places(tmp_path, TELLING) == {(name, "line 2") for name in ("a.parquet", "b.gz", "c.npz")}


def test_a_find_across_two_blocks_of_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "_BLOCK", 5000)
    put(tmp_path / "a.bin", b"." * 4997 + TELLING.encode() + b"." * 9000)
    assert {file for file, _ in places(tmp_path, TELLING)} == {"a.bin"}
    lines = [str(n) for n in range(4000)]
    lines[3500] = TELLING
    put(tmp_path / "a.bin", "\n".join(lines))
    assert places(tmp_path, TELLING) == {("a.bin", "line 3501")}


def test_many_ids_are_told_apart(tmp_path):
    ids = [f"user-{n}" for n in range(450)]
    put(tmp_path / "a.txt", "user-0 user-449\nuser-77")
    found = scan.scan(str(tmp_path), Wanted(ids))
    assert (found.files, found.bytes) == (1, 23)
    assert {(ids[find.whose], find.place) for find in found.finds} == {
        ("user-0", "line 1"), ("user-449", "line 1"), ("user-77", "line 2"),
    }  # fmt: skip


def test_many_ordinary_numbers_are_told_apart(tmp_path):
    """In several regular expressions: one of them all would outgrow the memory of RE2's automaton."""
    ids = [str(n) for n in range(10_000, 15_000)]
    lines = [json.dumps({"household": n, "pieces": n + 1}) for n in range(14_990, 15_010)]
    put(tmp_path / "a.jsonl", "\n".join(["12345 pieces", *lines]))
    found = scan.scan(str(tmp_path), Wanted(ids, ["household"]))
    assert {(ids[find.whose], find.place) for find in found.finds} == {
        (str(n), f"line {n - 14_988}") for n in range(14_990, 15_000)
    }


def test_nothing_to_scan_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match=r"expected the scanned folder .*--warehouse"):
        scan.scan(str(tmp_path / "nowhere"), Wanted(["a"]))
