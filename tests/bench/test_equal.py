"""The DuckDB script that our times are put beside does the same work: its tables are ours, row by row."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from bench import duck
from jobs import tables
from jobs.clean import run as clean
from jobs.collect import run as collect
from jobs.features import run as features
from jobs.features import sequences
from jobs.lake import sql
from jobs.settings import Settings

# What a run stamps on a row, and what a source says besides (a map, which DuckDB's script leaves in columns).
STAMPS = {"run_id", "attributes"}
# What the script does not write; its head says so.
LEFT_OUT = {
    "products": {
        "brand_source",
        "title_tokens",
        "title_attributes",
        "record_landed_ds",
        "record_file",
        "record_version",
        "first_record_ds",
    },
    "users": {
        "occupation",
        "income_band",
        "profiling_consent",
        "training_consent",
        "record_landed_ds",
        "record_file",
        "record_version",
        "stated",
    },  # of which the made-up shop says nothing
}
SAME = [
    (tables.SILVER_EVENTS, "events"), (tables.SILVER_PRODUCTS, "products"), (tables.SILVER_USERS, "users"),
    (tables.USER_DAILY, "user_daily"), (tables.USER_FEATURES, "user_features"),
    (tables.USER_SEQUENCES, "user_sequences"),
]  # fmt: skip

AGENTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "CUBOT_NOTE Android 9 Mobile",
    "cubot", "ubot", "Bot", "bots", "curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64) Chrome/125.0",
    "Mozilla/5.0 (Linux; Android 14; Pixel Tablet) Safari/537.36", "Android Mobile Android", "Mobile Android",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) Mobile Safari/537.36", "Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) TV",
    "MicroMessenger/8.0", "Opera Mini/7", "Mozilla/5.0 (Windows NT 10.0; Win64)", "  ", "toaster",
)  # fmt: skip
QUERIES = (
    "ＩＰｈｏｎｅ　１５　", "  Red\tSHOES \n size 42 ", "①号ﾃﾚﾋﾞ", "充电\u200b宝\ufeff", "\u3000", "㎏ ﬁ ½", "ÄÖÜ",
    "it’s ＇x＇",
)  # fmt: skip


def add_oddities(landing: Path) -> None:
    """One more file of each of the last two deliveries, with what so small a shop has none of: prices and quantities
    that cannot be meant, among lines enough to tell; late lines; users faster than a hand; agents and queries of every
    kind.
    """
    with duckdb.connect() as connection:
        events, products = (f"'{landing}/simulate/{kind}/*/*.parquet'" for kind in ("events", "products"))
        connection.execute(f"""
            CREATE TABLE odd AS SELECT * EXCLUDE (ds) FROM read_parquet({events}) LIMIT 0;
            CREATE MACRO noon(day) AS epoch_ms(day::TIMESTAMP + INTERVAL 4 HOUR);  -- in China
            CREATE TABLE skus AS SELECT sku, row_number() OVER (ORDER BY sku) - 1 AS n
            FROM read_parquet({products}) WHERE category LIKE 'Groceries/Snacks/%';
            -- 40 lines of one product, 45 of others of its category; their prices spread, so that deviations count. And
            -- 45 lines of the one that come a day late: they must not move the medians.
            INSERT INTO odd BY NAME
            SELECT 'odd' || i AS user_id, noon(DATE '2026-06-29') + i * 1000 AS ts, 'purchase' AS action,
                   (SELECT sku FROM skus WHERE n = greatest(i - 39, 0) % 30) AS sku, 1 + i % 3 AS qty,
                   (10 * 1.5 ** (i % 5))::DECIMAL(12, 2) AS price, qty * price - i % 2 AS paid, i % 2 AS discount
            FROM range(85) AS r (i);
            INSERT INTO odd BY NAME
            SELECT 'late' || i AS user_id, noon(DATE '2026-06-29') + i * 1000 AS ts, 'purchase' AS action,
                   (SELECT sku FROM skus WHERE n = 0) AS sku, 1 AS qty, 500.90 AS price, 500.90 AS paid, 0 AS discount
            FROM range(45) AS r (i);
            INSERT INTO odd BY NAME
            SELECT 'wild' || i AS user_id, noon(day) + 7000 + i AS ts, action,
                   (SELECT sku FROM skus WHERE n = place) AS sku, qty, price, paid, discount
            FROM (VALUES
                (0, DATE '2026-06-29', 'purchase', 0, 1, 9000.90, 9000.90, 0),
                (1, '2026-06-29', 'purchase', 0, 2, 0.02, 0.04, 0),
                (2, '2026-06-29', 'purchase', 0, 7000, 22.90, 160300, 0),
                (3, '2026-06-29', 'purchase', 0, 7000, 0.02, 140, 0),
                (4, '2026-06-29', 'purchase', 5, 1, 90000.90, 80000.90, 10000),
                (5, '2026-06-29', 'purchase', 5, 1, 9000.90, 22, 0),
                (6, '2026-06-29', 'refund', 5, 900, 23.90, 21510, 0),
                (7, '2026-06-29', 'purchase', 5, 1, 0, 0, 0),
                (8, '2026-06-28', 'purchase', 0, 1, 22.90, 22.90, 0),
                (9, '2026-06-29', 'purchase', 0, 9999, 9999, 99980001, 0))
                AS v (i, day, action, place, qty, price, paid, discount);
            -- Within a minute, within ten, within the day; and just not.
            INSERT INTO odd BY NAME
            SELECT name AS user_id, noon(DATE '2026-06-29') - 36000000 + i * step AS ts, 'view' AS action,
                   (SELECT sku FROM skus WHERE n = i % 30) AS sku, 22.90 AS price
            FROM (VALUES ('minute', 121, 490), ('almost', 121, 501), ('ten', 501, 1195), ('calm', 501, 1205),
                         ('day', 2001, 30000), ('busy', 2000, 30000)) AS v (name, events, step), range(events) AS r (i);
        """)
        insert = "INSERT INTO odd BY NAME SELECT ? AS user_id, noon(DATE '2026-06-29') + ? AS ts, 'search' AS action, "
        for i, agent in enumerate(AGENTS):
            connection.execute(insert + "'shoes' AS query, ? AS user_agent", [f"agent{i}", i, agent])
        for i, query in enumerate(QUERIES):
            connection.execute(insert + "? AS query", [f"query{i}", i, query])
        connection.execute(f"""
            UPDATE odd SET event_id = 9000000000 + rowid;
            COPY (FROM odd WHERE user_id NOT LIKE 'late%') TO '{landing}/simulate/events/ds=2026-06-29/odd.parquet';
            COPY (FROM odd WHERE user_id LIKE 'late%') TO '{landing}/simulate/events/ds=2026-06-30/odd.parquet'""")


@pytest.fixture(scope="module")
def both(spark, made_up_shop, tmp_path_factory):
    """A connection with a view `ours_<table>` and one `theirs_<table>` of each."""
    plan, shop = made_up_shop
    landing, warehouse, out = (tmp_path_factory.mktemp(name) for name in ("odd", "warehouse", "out"))
    shutil.copytree(shop, landing, dirs_exist_ok=True)
    add_oddities(landing)
    settings = Settings(plan.ds, plan.first, str(warehouse), "simulate", str(landing), "test")
    for verb in (collect, clean, features, sequences):
        verb.run(spark, settings)
    duck.build(str(landing), plan.first, plan.ds, out)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table, name in [*SAME, (tables.QUARANTINE, "quarantine")]:
        connection.register(f"ours_{name}", sql.scannable(str(warehouse), table))
        connection.execute(f"CREATE VIEW theirs_{name} AS FROM read_parquet('{out}/{name}.parquet')")
    return connection


def column(name: str, kind: str) -> str:
    """What is compared: a double at 9 digits (logarithms and roots differ in the last bit), a time as UTC."""
    if kind == "double":
        return f"round({name}, 9)"
    if kind == "map<string,double>":
        return f"map_from_entries([{{k: e.key, v: round(e.value, 9)}} FOR e IN map_entries({name})])"
    return f"{name}::TIMESTAMP" if kind == "timestamp" else name


@pytest.mark.parametrize(("table", "name"), SAME, ids=lambda value: value if isinstance(value, str) else "")
def test_row_by_row(both, table, name):
    compared = [c for c in table.columns if c.name not in STAMPS | LEFT_OUT.get(name, set())]
    columns = ", ".join(column(c.name, c.type) for c in compared)
    ours, theirs = (f"SELECT {columns} FROM {side}_{name}" for side in ("ours", "theirs"))
    assert len(both.sql(ours).fetchall()) > 100
    assert both.sql(f"{ours} EXCEPT ALL {theirs}").fetchall()[:3] == []
    assert both.sql(f"{theirs} EXCEPT ALL {ours}").fetchall()[:3] == []


def test_the_oddities_are_what_they_were_made_for(both):
    """Else the rows would be equal only because no rule of cleaning ever spoke."""
    drawn = "count(price_raw), count(quantity_raw), count(amount_raw), count_if(landed_ds > ds)"
    assert min(both.sql(f"SELECT {drawn} FROM theirs_events").fetchall()[0]) > 2
    fast = "SELECT DISTINCT user_id FROM theirs_events WHERE is_bot AND device = 'unknown' ORDER BY user_id"
    assert both.sql(fast).fetchall() == [("day",), ("minute",), ("ten",)]
    devices = {row[0] for row in both.sql("SELECT DISTINCT device FROM theirs_events").fetchall()}
    assert devices == {"mobile", "tablet", "desktop", "app", "tv", "bot", "unknown"}
    queries = {row[0] for row in both.sql("SELECT query FROM theirs_events WHERE user_id LIKE 'query%'").fetchall()}
    assert {"iphone 15", "red shoes size 42", None} < queries


def test_the_same_records_are_refused(both):
    kinds = "SELECT split_part(reason, ':', 1), count(*) FROM {}_quarantine WHERE reason != '' GROUP BY 1 ORDER BY 1"
    ours, theirs = (both.sql(kinds.format(side)).fetchall() for side in ("ours", "theirs"))
    assert ours == theirs
    assert ours


def test_some_sequence_is_cut(both):
    assert both.sql("SELECT max(length), min(length) < 256 FROM theirs_user_sequences").fetchall() == [(256, True)]
