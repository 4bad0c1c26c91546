"""Which files a glob means, and of which day they are."""

from __future__ import annotations

import os
from datetime import date

import pytest

from jobs.errors import DataError
from jobs.sources import globs, landing
from jobs.sources.spec import Feed

FIRST, LAST = date(2026, 6, 9), date(2026, 6, 10)


def land(folder, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


def found(folder, *files: str) -> dict[str, date | None]:
    feed = Feed(files=files, id=("id",), fields={})
    return {file.name: file.landed_ds for file in landing.list_files(str(folder), feed, FIRST, LAST)}


@pytest.mark.parametrize(
    ("glob", "name"),
    [
        ("log/{ds}/*.csv", "log/2026-06-10/a.csv"),
        ("events_{ds:yyyyMMdd}*", "events_20260610.jsonl"),
        ("{ds:yyyy/MM/dd}/a?.csv", "2026/06/10/a1.csv"),
        ("year={ds:yyyy}/month={ds:M}/day={ds:d}/*", "year=2026/month=6/day=10/part-0"),
        ("{ds:yyyy}/{ds:yyyyMMdd}.csv", "2026/20260610.csv"),
        ("**/{ds}/a (1)[2].csv", "x/y/2026-06-10/a (1)[2].csv"),
        ("_export/{ds}_*.csv", "_export/2026-06-10_11:00:00Z 50%.csv"),
    ],
)
def test_a_path_says_its_day(tmp_path, glob, name):
    land(tmp_path, name, "other/file", name.replace("06", "07").replace("=6", "=7"))
    assert found(tmp_path, glob) == {name: LAST}


def test_what_clusters_and_uploaders_leave_beside_the_data_is_none(tmp_path):
    names = ["_SUCCESS", ".a.csv.crc", "._a.csv", "b.csv.tmp", "_temporary/c.csv", ".trash/d.csv", "x/_e.csv"]
    land(tmp_path, "a.csv", "x/a.csv", *names)
    assert set(found(tmp_path, "*", "*/*")) == {"a.csv", "x/a.csv"}
    assert set(found(tmp_path, "**/*.csv")) == {"a.csv", "x/a.csv"}
    assert set(found(tmp_path, "_*", "x/_e.csv")) == {"_SUCCESS", "x/_e.csv"}


def test_a_number_that_is_no_day_and_a_day_that_says_two_are_none(tmp_path):
    land(tmp_path, "2026/20250610.csv", "2026/20261310.csv")
    assert found(tmp_path, "{ds:yyyy}/{ds:yyyyMMdd}.csv") == {}


def test_an_accent_of_a_name_is_one_with_its_letter(tmp_path):
    land(tmp_path, "2026-06-10/cafe\u0301.csv")
    assert len(found(tmp_path, "{ds}/caf\u00e9.csv")) == 1


def test_a_name_that_is_no_text_is_named(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.csv")).write_text("x")
    with pytest.raises(DataError, match=r"expected names of files in UTF-8, found .*caf\\xe9.csv; rename it"):
        found(tmp_path, "*")


def test_the_nearest_files_are_named(tmp_path):
    land(tmp_path, "app/dt=20260610/a.jsonl", "app/dt=20260609/a.jsonl", "app/dt=2026-06-10/_SUCCESS")
    land(tmp_path, "users.csv", "z/very/far/away.parquet")
    feed = Feed(files="app/dt={ds}/*.jsonl", id=("id",), fields={})
    there = landing.nearest(str(tmp_path), feed, LAST, 2)
    assert there == ["app/dt=20260610/a.jsonl", "app/dt=20260609/a.jsonl"]
    assert globs.hint(there, ["{ds}/*"]) == " (a day written as 20260610 is {ds:yyyyMMdd} in files)"
    assert globs.hint(["10.06.2026.csv"], ["{ds}.csv"]) == " (a day written as 10.06.2026 is {ds:dd.MM.yyyy} in files)"
    assert globs.hint(there, ["{ds:yyyyMMdd}/*"]) == globs.hint(["120260610", "a"], ["{ds}"]) == ""


@pytest.mark.parametrize(
    ("glob", "said"),
    [
        ("{date}/*", "{date} means nothing here; {ds} is the day"),
        ("{a,b}.csv", "a list names several globs"),
        ("{ds:yyyyMM}/*", "no day in it"),
        ("{ds:YYYY-MM-DD}/*", "expected yyyy, MM, dd"),
    ],
)
def test_a_glob_that_says_no_day_is_refused(glob, said):
    with pytest.raises(ValueError, match=said):
        globs.compiled(glob)


@pytest.mark.parametrize("log", ["_delta_log/0.json", ".hoodie/hoodie.properties", "metadata/v1.metadata.json"])
def test_the_files_of_a_table_are_no_delivery(tmp_path, log):
    land(tmp_path, f"table/{log}", "table/ds=2026-06-10/a.parquet", "2026-06-10/b.parquet")
    assert found(tmp_path, "{ds}/*.parquet") == {"2026-06-10/b.parquet": LAST}
    with pytest.raises(DataError, match=r"found table/ds=2026-06-10/a.parquet of a table of Delta, Iceberg or Hudi"):
        found(tmp_path, "table/ds={ds}/*.parquet")
