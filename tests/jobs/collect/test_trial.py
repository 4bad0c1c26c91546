"""source try: records before and after, counts and reasons, by the parse of collect; nothing is written."""

from __future__ import annotations

import json
from datetime import date

import pytest
import yaml

from jobs.collect import trial
from jobs.errors import DataError
from jobs.sources import spec

FEED = {
    "files": "{ds}/*.jsonl",
    "id": ["id"],
    "pii": {"mail": "drop"},
    "fields": {"user_id": "uid", "event_time": "at", "event_type": "what", "amount": "paid"},
}


def line(k: int, day: str = "2026-01-31", **changed: object) -> str:
    good = {"id": k, "uid": f"u{k}", "at": f"{day}T10:00:00Z", "what": "purchase", "paid": 1.5, "mail": "a@b.example"}
    return json.dumps(good | {"color": "red"} | changed)


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Deliver lines of a day to the source `shop`, whose mapping is FEED."""

    def deliver(day: str, *lines: str, name: str = "a.jsonl") -> str:
        (tmp_path / "landing" / day).mkdir(parents=True, exist_ok=True)
        (tmp_path / "landing" / day / name).write_text("\n".join(lines))
        return str(tmp_path / "landing")

    said = {"name": "shop", "title": "t", "origin": "o", "licence": "l", "events": FEED}
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(said))
    monkeypatch.setattr(trial, "load", lambda name: spec.load(name, tmp_path))
    return deliver


def test_the_newest_day_is_shown_and_counted_and_nothing_written(spark, shop, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shop("2026-01-30", line(99, "2026-01-30"))
    refused = [line(20, paid="much"), line(21, uid=None), line(22, uid=None), "no record"]
    landing = shop("2026-01-31", *[line(k) for k in range(12)], line(3), *refused)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    assert trial.run(spark, "shop", landing, None) == (
        "events: rows_in 17, loaded 12, duplicates 1, quarantined 4, outside 0, late 0"
    )
    out = capsys.readouterr().out
    assert "of 2026-01-31" in out
    assert "u99" not in out
    assert out.count("│ loaded") == 7, "ten records: one of each of three reasons, and loaded ones"
    assert "refused: bad_money: amount from column paid is much" in out
    assert "│ 2       │ missing_user_id" in out
    assert "not_a_record: expected jsonl" in out
    assert "not mapped, kept in attributes: color" in out
    assert "a@b.example" not in out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before

    trial.run(spark, "shop", landing, date(2026, 1, 30))
    assert "u99" in capsys.readouterr().out
    with pytest.raises(DataError, match=r"expected files .* for 2026-01-29 under .*, found none"):
        trial.run(spark, "shop", landing, date(2026, 1, 29))


def test_what_stops_a_load_stops_a_try_once_it_is_shown(spark, shop, capsys):
    landing = shop("2026-01-31", *[line(k, paid="much") for k in range(30)])
    with pytest.raises(DataError, match=r"expected column 'paid' to hold amounts of money .* such as much;"):
        trial.run(spark, "shop", landing, None)
    assert "bad_money: amount from column paid" in capsys.readouterr().out


def test_a_wide_table_whose_columns_have_any_name(spark, tmp_path, monkeypatch, capsys):
    """Columns called as those of our own frames, by signs that SQL reads, by one name in two cases; ids that another
    program spoilt.
    """
    ours = ["raw", "line", "record", "source_file", "Name", "name"]
    names = ["user`id", "ts", "a.b", *ours, *[f"x{k}" for k in range(90)]]
    ids = ["12,345", "Ren\ufffd", "???", "u4"]
    rows = [[user, "2026-01-31 10:00:00", f"s{k}", *map(str, range(96))] for k, user in enumerate(ids)]
    (tmp_path / "a.csv").write_text("\n".join(",".join(f'"{cell}"' for cell in row) for row in [names, *rows]))
    fields = {"user_id": "user`id", "event_time": "ts", "event_type": {"constant": "view"}, "product_id": "a.b"}
    feed = {"files": "a.csv", "format": "csv", "id": ["user`id", "raw", "line", "Name"], "fields": fields}
    said = {"name": "wide", "title": "t", "origin": "o", "licence": "l", "events": feed}
    (tmp_path / "wide.yaml").write_text(yaml.safe_dump(said))
    monkeypatch.setattr(trial, "load", lambda name: spec.load(name, tmp_path))
    assert "rows_in 4, loaded 4, duplicates 0, quarantined 0" in trial.run(spark, "wide", str(tmp_path), None)
    out = capsys.readouterr().out
    assert "warning: 2 records: user_id has letters that another program lost" in out
    assert "warning: 1 records: user_id is a number with commas between its thousands" in out
    assert "name, record, source_file, x0," in out


def test_what_the_values_hint_at_is_said(spark, shop, capsys):
    landing = shop(
        "2026-01-31", *[line(k, paid=99 + 100 * (k % 9 + 3), uid="u0" if k % 2 else f"u{k}") for k in range(40)]
    )
    trial.run(spark, "shop", landing, None)
    out = capsys.readouterr().out
    assert "hint: paid is whole and ends as prices in cents do: then say scale: 0.01" in out
    assert 'hint: uid is u0 in 52% of records: does it say nothing? then null: {uid: ["u0"]}' in out
    assert out.count("hint:") == 2


def test_of_a_large_file_its_start_is_read(spark, shop, monkeypatch, capsys):
    monkeypatch.setattr(trial, "_RECORDS", 5)
    landing = shop("2026-01-31", "no record", *[line(k) for k in range(30)])
    assert "rows_in 5, loaded 4, duplicates 0, quarantined 1" in trial.run(spark, "shop", landing, None)
