"""What a delivery must be before any of it is written, and what is only said."""

from __future__ import annotations

import json
import re
from datetime import date

import pytest

from jobs.collect import counts, dedupe, doubts, drift, parse
from jobs.collect import run as collect
from jobs.errors import DataError
from jobs.settings import Settings
from jobs.sources import reading
from jobs.sources.keys import Keys
from jobs.sources.landing import list_files
from jobs.sources.layout import Layout
from jobs.sources.spec import Feed, Source

DS = date(2026, 6, 10)
FIELDS = {"user_id": "who", "event_time": "at", "event_type": "what", "product_id": "item.sku", "price": "paid"}
LINE = {"id": 1, "who": "u", "at": "2026-06-10T10:00:00Z", "what": "view", "item": {"sku": "s"}, "paid": 2.5}


def without(*names: str) -> dict:
    return {name: value for name, value in LINE.items() if name not in names}


def check(spark, folder, *lines: object, feed: dict | None = None, **fields) -> None:
    written = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / "a.jsonl").write_text("\n".join(written))
    events = {"files": "*.jsonl", "id": ["id"], "fields": FIELDS | fields} | (feed or {})
    source = Source(name="shop", title="t", origin="o", licence="l", events=events)
    records = reading.read_records(spark, list_files(str(folder), source.events, DS, DS), source.events)
    keyed = dedupe.with_key(collect.with_file_ds(records), source, "events", DS)
    frame = parse.parse(keyed, source, Keys(), "events", DS, DS, DS)
    frame = dedupe.one_of_each(frame, source.events, dedupe.keys("events", source.events))
    rows = counts.by_file(frame, DS, DS, parse.beside(source.events, Layout.of(records)))
    drift.check_records("events", rows, frame)
    drift.check_columns(source.events, "events", rows, records)
    for doubt in [*doubts.said(frame, source.events, rows), drift.of_versions(source.events, frame)]:
        print(doubt or "", end="")


def test_a_key_that_no_record_has_is_a_warning(spark, tmp_path, capsys):
    check(spark, tmp_path, LINE, without("paid") | {"id": 2})
    assert capsys.readouterr().out == ""
    check(spark, tmp_path, without("paid", "item"), without("paid") | {"item": {}})
    assert "warning: events: none of 2 records has item.sku, paid; say optional: true" in capsys.readouterr().out
    check(spark, tmp_path, without("paid"), price={"column": "paid", "optional": True})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("line", "feed", "said"),
    [
        (without("who") | {"whose": "u"}, {}, "expected column 'who' .nearest: 'whose'. as the mapping says, found"),
        (without("paid") | {"Paid": 2}, {}, "expected column 'paid' .nearest: 'Paid'. as the mapping says"),
        (without("item") | {"items": [{"sku": "s"}]}, {"explode": "item"}, "expected column 'item' .nearest: 'items'."),
    ],
)
def test_a_key_that_is_needed_or_nearly_there_stops_the_load(spark, tmp_path, line, feed, said):
    with pytest.raises(DataError, match=said):
        check(spark, tmp_path, line, feed=feed)


def test_duplicates_that_say_something_else_are_said(spark, tmp_path, capsys):
    check(spark, tmp_path, LINE, LINE | {"note": "sent again"})
    assert capsys.readouterr().out == ""
    check(spark, tmp_path, LINE, LINE, LINE | {"paid": 3}, LINE | {"id": 2})
    assert "2 of 2 duplicates say something else than the record that counts: does id name" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "feed", "said"),
    [
        ({}, {"where": {"what": "Views"}}, "all 1 records are left out by where and ignore"),
        ({"item": [{"sku": "s"}, {"sku": "t"}, {"sku": "u"}]}, {"explode": "item"},
         "2 entries of a list have the id of another one, and count as its duplicates; item.position in id"),
        ({"who": ["u"]}, {}, "1 records: user_id is .*, a list or an object"),
        ({"who": "{3F25-04E0}"}, {}, "^$"),
        ({"who": {}}, {}, r"user_id is \{\}, a word for nothing"),
        ({"who": "'007"}, {}, "user_id is '007, marked as a text for a program for sheets"),
        ({"who": "1e+05"}, {}, "user_id is 1e.05, a number that `whole` writes out"),
        ({"who": "17850.0"}, {}, "user_id is 17850.0, a number that `whole` writes out"),
        ({"new": "v10"}, {"version": "new"}, "1 of 1 records have in new what is neither .* such as 'v10'"),
        ({"new": 7}, {"version": "new"}, "^$"),
    ],
)  # fmt: skip
def test_what_was_hardly_meant_so_is_said(spark, tmp_path, capsys, line, feed, said):
    check(spark, tmp_path, LINE | line, feed=feed)
    assert re.search(said, capsys.readouterr().out)


def test_what_columns_beside_an_event_say_of_it_is_said(spark, tmp_path, capsys):
    lines = [
        LINE | {"id": 1, "Time Zone": "Asia/Tokyo", "is_deleted": True, "currency": "usd"},
        LINE | {"id": 2, "Time Zone": "Europe/Paris", "is_deleted": False, "currency": "EUR", "who": "138****1234"},
        LINE | {"id": 3, "deleted_at": "2026-06-11", "is_test": 0, "item": {"sku": "2-Sep"}},
        LINE | {"id": 4, "deleted_at": "", "item": {"sku": "A-1*2"}},
    ]
    check(spark, tmp_path, *lines)
    said = capsys.readouterr().out
    assert "1 records: user_id is masked by * or •, so that several people may be one" in said
    assert "1 records: product_id is 2-Sep, which a program for sheets may have made a date" in said
    assert "column 'currency' holds EUR, USD; say currency: {column: currency, rates: {EUR: 1, ..}}" in said
    assert "times that carry no zone are all of UTC: column 'Time Zone' holds Asia/Tokyo, Europe/Paris" in said
    assert """1 records that 'deleted_at' calls void are loaded; where: {deleted_at: [""]} leaves them out""" in said
    assert """1 records that 'is_deleted' calls void are loaded; ignore: {is_deleted: ["true", "1"]} leaves""" in said
    assert "is_test" not in said
    check(spark, tmp_path, *lines, feed={"where": {"deleted_at": [""]}, "ignore": {"is_deleted": ["true"]}})
    assert "void" not in capsys.readouterr().out


def test_a_value_to_ignore_is_known_in_any_case_and_one_that_is_nearly_it_is_said(spark, tmp_path, capsys):
    said = ["Cancelled ", "CANCELLED", "canceled", "paid"]
    lines = [LINE | {"id": k, "status": status} for k, status in enumerate(said)]
    check(
        spark,
        tmp_path,
        *lines,
        LINE | {"id": 9, "flag": 1.0},
        feed={"ignore": {"status": ["cancelled"], "flag": ["1"]}},
    )
    assert capsys.readouterr().out == "ignore lists cancelled, and records are loaded whose status is canceled"
    check(spark, tmp_path, *lines[:2], lines[3], feed={"where": {"status": ["cancelled", "Paid"]}})
    assert capsys.readouterr().out == ""


def test_a_file_of_which_most_is_no_record_stops_the_load_with_the_reason(spark, tmp_path):
    check(spark, tmp_path, *[LINE] * 10, *["x"] * 10)
    with pytest.raises(DataError, match=r"records in a.jsonl, found 15 of 20 to be none \(expected JSON, found single"):
        check(spark, tmp_path, *[LINE] * 5, *["{'a': 1}"] * 15)


def test_a_column_is_new_among_those_of_its_own_feed(tmp_path, monkeypatch):
    """A further feed maps other columns of the same file; what it maps is news to neither."""
    ledger = [
        {"source_file": "a.csv", "columns": ["note", "back"]},
        {"source_file": "a.csv [refunds]", "columns": ["note", "price"]},
    ]
    monkeypatch.setattr(drift.delta, "rows", lambda *_: ledger)
    monkeypatch.setattr(drift.delta, "replace_rows", lambda *_: None)
    night = Settings(DS, DS, str(tmp_path), "shop", str(tmp_path), "test")
    events = {"files": "*.csv", "id": ["id"], "fields": FIELDS}
    for name, columns, new in [("", ["back"], []), ("", ["price"], ["price"]), ("refunds", ["back"], ["back"])]:
        feed = Feed(**events, name=name)
        file = f"b.csv [{name}]" if name else "b.csv"
        assert drift.new_columns(night, "events", feed, [{"source_file": file, "columns": columns}]) == new
    # The one file that is there was changed: nothing to hold it against.
    assert drift.new_columns(night, "events", Feed(**events), [{"source_file": "a.csv", "columns": ["x"]}]) == []
