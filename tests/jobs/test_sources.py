"""A source mapping is typed: what is wrong is said with its place and the nearest right word."""

from __future__ import annotations

import pytest
import yaml

from jobs import sources
from jobs.errors import UsageError

GOOD = {
    "name": "shop", "title": "t", "origin": "o", "licence": "l",
    "events": {
        "files": "log/{ds}/*.csv", "format": "csv", "id": ["id"],
        "fields": {"user_id": "u", "event_time": "t", "event_type": {"column": "k", "map": {"pv": "view"}}},
    },
}  # fmt: skip

EVENTS, FIELDS = GOOD["events"], GOOD["events"]["fields"]


def write(tmp_path, document) -> None:
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


def test_the_shipped_sources_load():
    for path in (sources.CONF / "sources").glob("*.yaml"):
        assert sources.load(path.stem).name == path.stem


def test_a_short_field_is_a_column(tmp_path):
    write(tmp_path, GOOD)
    feed = sources.load("shop", tmp_path).events
    assert feed.fields["user_id"].column == "u"
    assert feed.dated
    assert feed.mapped_columns == {"id", "u", "t", "k"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "other"}, "expected name: shop, found other"),
        ({"shop_zone": "Amerika/New_York"}, "did you mean 'America/New_York'"),
        ({"surprise": 1}, "surprise"),
        ({"events": EVENTS | {"format": "xml"}}, "format"),
        ({"events": EVENTS | {"fields": {"user_id": "u", "event_time": "t"}}}, "event_type"),
        ({"events": EVENTS | {"fields": FIELDS | {"quantty": "q"}}}, "did you mean 'quantity'"),
        ({"events": EVENTS | {"fields": FIELDS | {"event_type": {"constant": "buy"}}}}, "'buy'"),
        ({"events": EVENTS | {"fields": FIELDS | {"price": {"column": "a", "sum": ["b"]}}}},
         "exactly one"),
        ({"events": EVENTS | {"encoding": "GBBK"}}, "no encoding 'GBBK'"),
        ({"events": EVENTS | {"format": "jsonl", "columns": ["a"]}}, "without a header; the format is jsonl"),
        ({"events": EVENTS | {"explode": "lines"}}, "JSON list apart; the format is csv"),
        ({"events": EVENTS | {"pii": {"u": "drop"}}}, "which the mapping reads; hash it"),
        ({"events": EVENTS | {"pii": {"u": "mask"}}}, "'hash' or 'drop'"),
        ({"events": EVENTS | {"pii": {"a.b.c": "hash"}}}, "one level into an object"),
        ({"events": EVENTS | {"may_be_empty": ["k"]}}, "columns of id, found"),
        ({"events": EVENTS | {"fields": FIELDS | {"query": {"constant": "q", "split": "."}}}},
         "expected column beside it"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path, change, said):
    write(tmp_path, GOOD | change)
    with pytest.raises(UsageError, match=said):
        sources.load("shop", tmp_path)


def test_a_source_that_is_not_there_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'complete_journey'"):
        sources.load("complete_jurney")
