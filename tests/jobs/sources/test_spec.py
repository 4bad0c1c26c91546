"""A source mapping is typed: what is wrong is said with its place and the nearest right word."""

from __future__ import annotations

import pytest
import yaml

from jobs.errors import UsageError
from jobs.sources import spec

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
    for path in (spec.CONF / "sources").glob("*.yaml"):
        assert spec.load(path.stem).name == path.stem


def test_a_short_field_is_a_column(tmp_path):
    write(tmp_path, GOOD)
    feed = spec.load("shop", tmp_path).events
    assert feed.fields["user_id"].column == "u"
    assert feed.dated
    assert feed.mapped_columns == {"id", "u", "t", "k"}


JDBC = {"url": "jdbc:postgresql://db/shop?ssl=true", "table": "crm.users"}


TOPIC = {name: EVENTS[name] for name in ("id", "fields")} | {"kafka": {"servers_env": "KAFKA", "topic": "clicks"}}


def test_a_feed_may_be_of_several_globs_and_say_its_delimiter_as_people_write_it(tmp_path):
    write(tmp_path, GOOD | {"events": EVENTS | {"files": ["a/{ds}/*", "b/{ds:yyyyMMdd}"], "delimiter": r"\t"}})
    feed = spec.load("shop", tmp_path).events
    assert (feed.files, feed.delimiter, feed.dated) == (("a/{ds}/*", "b/{ds:yyyyMMdd}"), "\t", True)


def users(**feed) -> dict:
    return {"users": {"id": ["id"], "fields": {}} | feed}


def test_categories_have_labels_in_languages_that_there_are(tmp_path):
    labels = {"labels": {"ALE": "beer", "TEA": "tea"}, "labels_zh": {"ALE": "啤酒"}, "labels_es": {"ALE": "cerveza"}}
    write(tmp_path, GOOD | labels)
    told = spec.load("shop", tmp_path).category_labels()
    assert [told.called("ALE", code) for code in ("en", "zh", "es")] == ["beer", "啤酒", "cerveza"]
    assert [told.called("TEA", code) for code in ("en", "zh", "es")] == ["tea", "tea", "tea"]
    write(tmp_path, GOOD | {"labels_tlh": {"ALE": "HIq"}})
    with pytest.raises(UsageError, match="labels_tlh"):
        spec.load("shop", tmp_path)


def test_users_of_a_database(tmp_path):
    jdbc = JDBC | {"user_env": "DB_USER", "password_env": "DB_PASSWORD", "partition_column": "id", "partitions": 4}
    write(tmp_path, GOOD | users(jdbc=jdbc))
    feed = spec.load("shop", tmp_path).users
    assert (feed.jdbc.name, feed.jdbc.address) == ("jdbc:crm.users", "jdbc:postgresql://db/shop")
    assert not feed.dated


def test_events_of_a_topic_are_files_of_the_landing(tmp_path):
    write(tmp_path, GOOD | {"events": TOPIC | {"explode": "lines"}})
    feed = spec.load("shop", tmp_path).events
    assert feed.files == ("kafka/clicks/*/ds={ds}/*.gz",)
    assert feed.dated


# What a field cannot mean, and what is said of it.
FORMS = [
    ("event_time", {"path": ["day", "time"]}, r"path is for a category path; .* takes a column, column: \[day, time\]"),
    ("event_time", {"column": "t", "decimal": ","}, "decimal is for a count or money"),
    ("event_time", {"constant": "2026-01-01"}, "constant is for"),
    ("event_time", {"column": "t", "format": "YYYY-MM-DD hh:mm"}, "by 'YYYY'.*did you mean 'yyyy-MM-dd HH:mm'"),
    ("event_time", {"column": "t", "format": "yyyy-mm-dd HH:MM"}, "mm the minute; did you mean 'yyyy-MM-dd HH:mm'"),
    ("event_time", {"column": "t", "format": "%d/%m/%Y"}, "did you mean 'dd/MM/yyyy'"),
    ("event_time", {"column": "t", "format": "yyyy-MM-ddTHH:mm"}, "quoted: 'T'"),
    ("event_time", {"column": "t", "format": "MMdd"}, "reads no year; give one beside it"),
    ("event_time", {"column": "t", "format": "epoch"}, "did you mean 'epoch_s'"),
    ("event_time", {"column": "t", "format": "dd MMM"}, "reads no year"),
    ("event_time", {"column": "t", "format": ["d/M/yyyy", "iso", "MM/dd/yyyy"]}, "read the same texts as other days"),
    ("event_time", {"column": "t", "format": "days"}, "format: days and from: 2026-01-01 go together"),
    ("user_id", {"path": ["store", "card"]}, "path is for a category path; the field is a text"),
    ("user_id", {"sum": ["store", "card"]}, "sum is for money"),
    ("product_id", {"column": "p", "split": "."}, "split is for a category path"),
    ("quantity", {"sum": ["a", "b"]}, "sum is for money; the field is a count"),
    ("quantity", {"constant": "one"}, "constant 'one' is no number"),
    ("price", {"column": ["a", "b"]}, "several columns are one for a text or a time alone"),
    ("discount", False, "expected a column's name, .*; YAML reads no text here without quotes"),
    ("price", ["a", "b"], r"expected a column's name, .* \(sum: \['a', 'b'\]\?\)"),
    ("price", {"colum": "a"}, "a field has no 'colum'; did you mean 'column'"),
    ("amount", {"column": "a", "decimal": ",", "thousands": ","}, "thousands and decimal are both ','"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "other"}, "expected name: shop, found other"),
        ({"shop_zone": "Amerika/New_York"}, "did you mean 'America/New_York'"),
        ({"surprise": 1}, "surprise: there is no such key"),
        ({"events": EVENTS | {"dilimiter": ";"}}, "events.dilimiter: there is no such key; did you mean 'delimiter'"),
        ({"events": EVENTS | {"format": "xml"}}, "format"),
        ({"events": EVENTS | {"fields": {"user_id": "u", "event_time": "t"}}}, "event_type"),
        ({"events": EVENTS | {"fields": FIELDS | {"quantty": "q"}}}, "did you mean 'quantity'"),
        ({"events": EVENTS | {"fields": FIELDS | {"event_type": {"constant": "buy"}}}}, "'buy'"),
        ({"events": EVENTS | {"fields": FIELDS | {"price": {"column": "a", "sum": ["b"]}}}},
         "exactly one"),
        ({"events": EVENTS | {"fields": FIELDS | {"event_time": {"column": "t", "format": "yyyy-MM-dd z"}}}},
         "'yyyy-MM-dd z': not every engine knows zones by z or O"),
        *[({"events": EVENTS | {"fields": FIELDS | {name: form}}}, rf"events.fields.*{name}: .*{said}")
          for name, form, said in FORMS],
        ({"events": EVENTS | {"encoding": "GBBK"}}, "no encoding 'GBBK'"),
        ({"events": EVENTS | {"encoding": "base64"}}, "no encoding 'base64'"),
        ({"events": EVENTS | {"format": "jsonl", "columns": ["a"], "quote": "'"}},
         "columns, quote say how a CSV is written; the format is jsonl"),
        ({"events": EVENTS | {"format": "parquet", "encoding": "GBK"}}, "how a text is written; the format is parquet"),
        ({"events": EVENTS | {"delimiter": ""}}, "events.delimiter: expected one or more characters"),
        ({"events": EVENTS | {"delimiter": "tab"}}, r"expected one or more characters .* such as ',' or '\\t'"),
        ({"events": EVENTS | {"files": []}}, "events.files"),
        ({"events": EVENTS | {"delimiter": '"'}}, "delimiter and quote are both '\"'; for a file without quotes"),
        ({"events": EVENTS | {"delimiter": "\n"}}, "characters of one line"),
        ({"events": EVENTS | {"quote": "''"}}, "events.quote: expected one character or none"),
        ({"events": EVENTS | {"escape": "§"}}, "events.escape: expected one character"),
        ({"events": EVENTS | {"skip": -1}}, "events.skip"),
        ({"events": EVENTS | {"columns": ["a", "b", "a"]}}, "columns names a twice"),
        ({"events": EVENTS | {"files": "log/{ds:YYYYMMDD}/*"}}, "expected yyyy, MM, dd"),
        ({"events": EVENTS | {"files": ["log/{ds}/*", "more/*"]}}, "{ds} in each of them or in none"),
        ({"events": EVENTS | {"explode": "lines"}}, "takes a list apart; the format is csv"),
        ({"events": EVENTS | {"pii": {"u": "drop"}}}, "which the mapping reads; hash it"),
        ({"events": EVENTS | {"id": ["u.id"], "pii": {"u": "hash"}}}, r"drops \['u.id'\], which the mapping reads"),
        ({"events": EVENTS | {"pii": {"u": "mask"}}}, "'hash' or 'drop'"),
        ({"events": EVENTS | {"pii": {"a.b.c": "hash"}}}, "one level into an object"),
        ({"events": EVENTS | {"may_be_empty": ["k"]}}, "columns of id, found"),
        ({"events": EVENTS | {"fields": FIELDS | {"query": {"constant": "q", "split": "."}}}},
         "expected column beside it"),
        (users(), "exactly one of files, jdbc, kafka; found none"),
        (users(files="u.csv", jdbc=JDBC), r"exactly one of files, jdbc, kafka; found \['files', 'jdbc'\]"),
        (users(jdbc=JDBC, format="csv", encoding="GBK"), "encoding, format say how files are read"),
        (users(jdbc=JDBC | {"query": "SELECT 1"}), "exactly one of table, query; found both"),
        (users(jdbc={"url": JDBC["url"]}), "exactly one of table, query; found none"),
        (users(jdbc=JDBC | {"partitions": 4}), "partition_column and partitions go together"),
        (users(jdbc=JDBC | {"password": "hunter2"}), "users.jdbc.password"),
        (users(jdbc=JDBC | {"password_env": "hunter2"}), "users.jdbc.password_env"),
        (users(jdbc=JDBC | {"url": "postgresql://db/shop"}), "users.jdbc.url"),
        (users(jdbc=JDBC | {"url": "jdbc:postgresql://db/shop?user=a&password=hunter2"}), "a login stands in it"),
        (users(jdbc=JDBC | {"url": "jdbc:postgresql://me:hunter2@db/shop"}), "a login stands in it"),
        ({"events": {k: v for k, v in EVENTS.items() if k not in ("files", "format")} | {"jdbc": JDBC}},
         "a database brings users and products"),
        (users(kafka={"servers": "b:9092", "topic": "t"}), "a topic brings events"),
        ({"events": TOPIC | {"kafka": {"topic": "t"}}}, "exactly one of servers, servers_env; found none"),
        ({"events": TOPIC | {"kafka": {"servers": "b:9092", "topic": "a/b"}}}, "events.kafka.topic"),
        ({"events": TOPIC | {"format": "csv"}}, "format say how files are read; the feed comes by kafka"),
        ({"events": TOPIC | {"files": "t/*"}}, r"found \['files', 'kafka'\]"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path, change, said):
    write(tmp_path, GOOD | change)
    with pytest.raises(UsageError, match=said) as caught:
        spec.load("shop", tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_source_that_is_not_there_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'complete_journey'"):
        spec.load("complete_jurney")
