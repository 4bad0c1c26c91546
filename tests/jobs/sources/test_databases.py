"""Users and products from a real PostgreSQL: every type as its text, personal data hashed, each failure in one line."""

from __future__ import annotations

from datetime import date

import pytest
import yaml
from pyspark.sql import functions as F

from jobs.collect import run as collect
from jobs.errors import DataError, UsageError
from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources import databases, spec
from jobs.sources.spec import Feed
from jobs.tables import BRONZE_PRODUCTS, BRONZE_USERS, LOADS
from tests.jobs import postgres

pytestmark = pytest.mark.engines
DS = date(2017, 1, 2)
LOGIN = {"user_env": "SHOP_DB_USER", "password_env": "SHOP_DB_PASSWORD"}


@pytest.fixture(scope="module")
def programs():
    if (folder := postgres.binaries()) is None:
        pytest.skip("no PostgreSQL here: expected pg_ctl on the path (Debian: apt install postgresql)")
    return folder


@pytest.fixture(scope="module")
def server(programs):
    with postgres.running(programs) as one:
        one.sql(
            "CREATE SCHEMA crm; CREATE TABLE crm.users (id bigint, mail text, gender text, consent boolean, seen int);"
            "INSERT INTO crm.users SELECT n, 'u' || n || '@shop.example', CASE WHEN n % 2 = 0 THEN 'f' END, n % 2 = 1,"
            " n FROM generate_series(1, 100) n;"
            "CREATE TABLE products (sku text, name text, path text, price numeric);"
            "INSERT INTO products VALUES ('p1', '茶', 'food/tea', 12.50), ('p2', NULL, 'food', NULL);"
            "CREATE TABLE nothing (id int)"
        )
        yield one


@pytest.fixture(autouse=True)
def login(monkeypatch):
    monkeypatch.setenv("SHOP_DB_USER", postgres.USER)
    monkeypatch.setenv("SHOP_DB_PASSWORD", postgres.PASSWORD)


def feed(server, **origin) -> Feed:
    return Feed(jdbc={"url": server.url} | LOGIN | origin, id=("id",), fields={})


def records(spark, server, **origin) -> list[dict[str, str]]:
    rows = databases.read_records(spark, feed(server, **origin), DS).collect()
    held = [{name: value for name, value in row["record"].asDict().items() if value is not None} for row in rows]
    assert [row["raw"] for row in rows] == [None] * len(rows), "the text of a record is its own, as JSON"
    return held


def test_each_type_is_the_text_that_a_person_would_write(spark, server):
    server.sql(
        "CREATE TYPE mood AS ENUM ('calm'); CREATE TABLE types (id bigint, whole numeric, exact numeric(10,2), big "
        "numeric, yes boolean, local timestamp, instant timestamptz, day date, list text[], counts int[], object jsonb,"
        ' name uuid, ratio float8, mood mood, "Odd name" text);'
        "INSERT INTO types VALUES (7, 7, 12.5, 12345678901234567890123456789012345678901.5, true, "
        "'2017-03-12 02:30:00.25', '2017-03-12 02:30:00+08', '2017-01-02', ARRAY['x','好'], ARRAY[1,2], "
        "'{\"a\": [1]}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1.5, 'calm', 'w'); INSERT INTO types (id) VALUES (8)"
    )
    full, empty = sorted(records(spark, server, table="public.types"), key=lambda record: record["id"])
    assert full == {
        "id": "7", "whole": "7", "exact": "12.50", "big": "12345678901234567890123456789012345678901.5", "yes": "true",
        "local": "2017-03-12 02:30:00.25", "instant": "2017-03-11 18:30:00Z", "day": "2017-01-02",
        "list": '["x","好"]', "counts": "[1,2]", "object": '{"a": [1]}', "mood": "calm", "Odd name": "w",
        "name": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "ratio": "1.5",
    }  # fmt: skip
    assert empty == {"id": "8"}


def test_a_query_knows_its_day_and_is_read_in_ranges(spark, server):
    query = "SELECT id, seen, DATE '{ds}' AS day FROM crm.users WHERE seen > 3 -- and a remark"
    asked = feed(server, query=query + ";", partition_column="id", partitions=3)
    frame = databases.read_records(spark, asked, DS)
    rows = frame.collect()
    assert sorted(int(row["record"]["id"]) for row in rows) == list(range(4, 101))
    assert {(row["record"]["day"], row["source_file"], row["landed_ds"]) for row in rows} == {
        ("2017-01-02", "jdbc:query", DS)
    }
    assert frame.select(F.spark_partition_id()).distinct().count() == 3
    assert records(spark, server, table="nothing", partition_column="id", partitions=3) == []


@pytest.fixture
def shop(server, tmp_path, monkeypatch):
    """Writes the mapping of a shop whose users are in the database, and no events today: origin -> its night."""
    (tmp_path / "landing").mkdir()
    monkeypatch.setenv("HUAXIANG_PII_KEY", "a key of the shop for tests")

    def declare(**origin) -> Settings:
        users = {"jdbc": {"url": server.url} | LOGIN | origin, "id": ["id"], "pii": {"mail": "hash", "seen": "drop"},
                 "fields": {"gender": "gender", "marketing_consent": "consent"}}  # fmt: skip
        products = {"jdbc": {"url": server.url, "table": "public.products"} | LOGIN, "id": ["sku"],
                    "fields": {"title": "name", "category_path": {"column": "path", "split": "/"}}}  # fmt: skip
        events = {"files": "e.jsonl", "optional": True, "id": ["id"],
                  "fields": {"user_id": "u", "event_time": "t", "event_type": "k"}}  # fmt: skip
        document = {"name": "shop", "title": "t", "origin": "o", "licence": "l", "events": events, "users": users,
                    "products": products}  # fmt: skip
        (tmp_path / "shop.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        source = spec.load("shop", tmp_path)
        monkeypatch.setattr(collect, "load", lambda name: source)
        return Settings(DS, DS, str(tmp_path / "wh"), "shop", str(tmp_path / "landing"), "test")

    return declare


def test_users_and_products_of_a_database_are_collected_without_personal_data(spark, shop, capfd):
    night = shop(table="crm.users", partition_column="id", partitions=2)
    said = collect.run(spark, night)
    assert "users: rows_in 100, loaded 100" in said
    assert "products: rows_in 2, loaded 2" in said
    users = {row["id"]: row for row in delta.read(spark, night.warehouse, BRONZE_USERS).collect()}
    assert set(users) == {str(n) for n in range(1, 101)}
    two = users["2"]["attributes"]
    assert len(two.pop("mail")) == 64
    assert two == {"gender": "f", "marketing_consent": "false"}
    assert "@" not in str(users)
    products = {row["id"]: row["attributes"] for row in delta.read(spark, night.warehouse, BRONZE_PRODUCTS).collect()}
    assert products["p1"] == {"title": "茶", "category_path": '["food","tea"]', "price": "12.50"}
    loads = delta.read(spark, night.warehouse, LOADS).where("kind != 'events'").collect()
    assert {(row["source_file"], row["landed_ds"], row["rows_in"]) for row in loads} == {
        ("jdbc:crm.users", DS, 100), ("jdbc:public.products", DS, 2),
    }  # fmt: skip
    out = capfd.readouterr()
    assert postgres.PASSWORD not in out.out + out.err


@pytest.mark.parametrize(
    ("origin", "kind", "said"),
    [
        ({"table": "crm.userz"}, UsageError, 'relation "crm.userz" does not exist'),
        ({"query": "SELECT sex FROM crm.users"}, UsageError, 'column "sex" does not exist'),
        ({"query": "SELECT mail::int AS id FROM crm.users"}, DataError, r"type integer: \.\.\.$"),
        ({"table": "crm.users", "password_env": "SHOP_DB_USER"}, UsageError,
         "refuses the login; expected a valid one in SHOP_DB_USER, SHOP_DB_USER$"),
        ({"table": "crm.users", "password_env": "NOWHERE_SET"}, UsageError, "password in the .* NOWHERE_SET"),
        ({"table": "crm.users", "url": "jdbc:postgresql://127.0.0.1:1/shop?ssl=false"}, ConnectionError,
         "crm.users at jdbc:postgresql://127.0.0.1:1/shop: expected the database to answer, found: .* refused"),
        ({"table": "crm.users", "url": "jdbc:derbynet://127.0.0.1/shop"}, UsageError, "expected a driver for"),
        ({"table": "crm.users", "partition_column": "ident", "partitions": 2}, UsageError, "'ident', found consent, "),
        ({"table": "crm.users", "partition_column": "mail", "partitions": 2}, UsageError, "days, found str"),
        ({"table": "nothing"}, DataError, "users: expected rows in jdbc:nothing at .*, found none"),
        ({"query": "SELECT id, gender AS g, consent FROM crm.users"}, DataError, "expected column 'gender'"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_line_without_login_or_value(spark, shop, origin, kind, said):
    night = shop(**origin)
    with pytest.raises(kind, match=said) as caught:
        collect.run(spark, night)
    text = str(caught.value)
    assert "\n" not in text
    assert not any(secret in text for secret in (postgres.USER, postgres.PASSWORD, "shop.example"))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert not delta.exists(night.warehouse, BRONZE_USERS)


def test_a_server_that_goes_away_between_plan_and_read_is_worth_a_retry(spark, programs):
    with postgres.running(programs) as one:
        one.sql("CREATE TABLE users (id int)")
        asked = feed(one, table="users")
        frame = databases.read_records(spark, asked, DS)
        one.stop()
        with pytest.raises(Exception, match="refused") as caught:
            frame.collect()
    assert isinstance(databases.explain(caught.value, asked.jdbc), ConnectionError)
    assert databases.explain(ValueError("of another kind"), asked.jdbc) is None
