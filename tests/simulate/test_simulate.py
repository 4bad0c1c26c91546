"""The made-up shop: the same seed gives the same rows, what is declared is in the files, and `collect` counts it so."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from jobs import __main__ as verbs
from jobs.collect import run as collect
from jobs.errors import UsageError
from jobs.lake import delta
from jobs.lake.engine import options
from jobs.settings import Settings
from jobs.tables import LOADS, QUARANTINE
from simulate import catalogue, plan
from simulate import run as simulate
from simulate.personas import PERSONAS


@pytest.fixture(scope="module")
def shop(made_up_shop):
    return made_up_shop[0]


@pytest.fixture(scope="module")
def landing(made_up_shop) -> Path:
    return made_up_shop[1]


@pytest.fixture(scope="module")
def sql(landing):
    """`sql("...")`: rows of a query over events, products, users, truth, counts."""
    home, connection = landing / "simulate", duckdb.connect()
    for name, files in {"events": "events/*", "products": "products/*", "users": "users/*",
                        "truth": "truth/personas", "counts": "truth/counts"}.items():  # fmt: skip
        connection.sql(f"CREATE VIEW {name} AS FROM read_parquet('{home}/{files}/*.parquet', hive_partitioning = true)")
    connection.sql("CREATE MACRO shop_time(ts) AS epoch_ms(ts) + INTERVAL 8 HOUR")
    # Good records once, each with the persona of its day.
    connection.sql("""
        CREATE TABLE good AS
        SELECT DISTINCT ON (event_id) events.*, persona, shop_time(ts)::DATE AS day, shop_time(ts) AS t
        FROM events ASOF JOIN truth ON events.user_id = truth.user_id AND shop_time(ts)::DATE >= truth.ds
        WHERE event_id IS NOT NULL AND action != 'exposure' AND shop_time(ts)::DATE BETWEEN '2020-01-01' AND events.ds
    """)
    return lambda query: connection.sql(query).fetchall()


def test_another_cut_into_partitions_gives_the_same_rows(spark, shop, sql):
    with options.changed(spark, simulate.AS_WRITTEN):
        rows = simulate.deliveries(spark, shop, 46, 47, files=3).drop(*simulate.FLAGS).collect()
    stored = sql("SELECT * FROM events WHERE ds BETWEEN '2026-06-17' AND '2026-06-18'")
    assert Counter(map(tuple, rows)) == Counter(stored)
    with options.changed(spark, simulate.AS_WRITTEN):
        other = simulate.deliveries(spark, replace(shop, seed=8), 46, 47, files=3).drop(*simulate.FLAGS).collect()
    assert Counter(map(tuple, other)) != Counter(stored)


def test_spark_is_left_as_it_was(spark, landing):
    assert spark.conf.get("spark.sql.codegen.wholeStage") == "true"
    assert not spark.conf.get("spark.sql.optimizer.excludedRules", None)


def test_as_many_as_asked_for(shop, sql):
    ((records, people),) = sql("SELECT count(*), count(DISTINCT user_id) FROM events")
    assert 0.8 * shop.events < records < 1.2 * shop.events
    assert 0.7 * shop.users < people <= shop.users
    assert sql("SELECT count(*) FROM products") == [(catalogue.size(shop.products),)]
    assert sql("SELECT count(*) FROM events WHERE sku NOT IN (SELECT sku FROM products)") == [(0,)]
    ((users,),) = sql("SELECT count(*) FROM users")
    assert 0.85 * shop.users < users < shop.users


def test_dirt_as_declared(sql):
    ((records, repeated, again, malformed, late, bots),) = sql("FROM counts")
    assert sql("SELECT count(*) FROM events") == [(records,)]
    extra = "SELECT sum(n - 1) FROM (SELECT count(*) AS n FROM events WHERE event_id IS NOT NULL GROUP BY event_id)"
    assert sql(extra) == [(repeated + again,)]
    assert 0.005 < (repeated + again) / records < 0.02
    bad = "event_id IS NULL OR user_id IS NULL OR action = 'exposure' OR ts = 0 OR shop_time(ts)::DATE > ds"
    assert sql(f"SELECT count(*) FROM events WHERE {bad}") == [(malformed,)]
    assert 0 < malformed < 0.002 * records
    assert sql("SELECT max(ds - shop_time(ts)::DATE) <= 41 FROM events WHERE ts > 0") == [(True,)]
    assert 0 < late < 0.02 * records
    assert sql("SELECT count(*) FROM events WHERE user_agent SIMILAR TO '.*(requests|Scrapy|spider|bot).*'") == [
        (bots,)
    ]
    assert bots > 0


def test_titles_in_two_languages_and_paths_of_three_levels(sql):
    ((products, chinese, deep),) = sql(r"""
        SELECT count(*), count(*) FILTER (regexp_matches(title, '\p{Han}{3}')),
               count(*) FILTER (len(string_split(category, '/')) = 3) FROM products""")
    assert 0.35 < chinese / products < 0.65
    assert deep == products
    assert sql("SELECT count(*) FROM products WHERE NOT contains(title, brand) OR price <= 0") == [(0,)]


def test_a_purchase_follows_a_view_and_a_cart_of_its_visit_and_a_refund_follows_by_days(sql):
    before = """
        SELECT count(*) FROM good AS b WHERE b.action = 'purchase' AND NOT EXISTS (
            FROM good AS a WHERE a.user_id = b.user_id AND a.sku = b.sku AND a.action = '{}' AND a.t <= b.t
            AND b.t - a.t < INTERVAL 2 HOUR)"""
    ((purchases,),) = sql("SELECT count(*) FROM good WHERE action = 'purchase'")
    assert purchases > 500
    # A view or cart may be garbage, or late and not yet delivered.
    assert sql(before.format("view"))[0][0] < 0.01 * purchases
    assert sql(before.format("cart"))[0][0] < 0.01 * purchases
    ((refunds, lost),) = sql("""
        SELECT count(*), count(*) FILTER (NOT EXISTS (FROM good AS p WHERE p.action = 'purchase' AND p.sku = r.sku
            AND p.user_id = r.user_id AND p.paid = r.paid AND r.t - p.t BETWEEN INTERVAL 2 DAY AND INTERVAL 14 DAY))
        FROM good AS r WHERE action = 'refund'""")
    assert refunds > 5
    assert lost <= 0.1 * refunds


def test_visits_have_short_gaps_inside_and_long_ones_between_and_some_cross_midnight(sql):
    ((visits, mean, inside, between, crossing),) = sql("""
        WITH gaps AS (SELECT *, t - lag(t) OVER w AS gap, lag(day) OVER w AS eve FROM good WHERE persona != 'bot'
                      WINDOW w AS (PARTITION BY user_id ORDER BY t, event_id)),
             cut AS (SELECT *, gap IS NULL OR gap > INTERVAL 30 MINUTE AS starts FROM gaps)
        SELECT count(*) FILTER (starts), count(*) / count(*) FILTER (starts), median(gap) FILTER (NOT starts),
               median(gap) FILTER (starts), count(*) FILTER (NOT starts AND eve < day) FROM cut""")
    assert 6 < mean < 14
    assert 3 < inside.total_seconds() < 60
    assert between.total_seconds() > 4 * 3600
    assert 0 < crossing < 0.1 * visits


def test_few_users_do_much(sql):
    ((tenth,),) = sql("""
        SELECT sum(n) FILTER (place <= 0.1) / sum(n)
        FROM (SELECT count(*) AS n, percent_rank() OVER (ORDER BY count(*) DESC) AS place FROM good
              WHERE persona != 'bot' GROUP BY user_id)""")
    assert tenth > 0.3


def test_personas_differ_in_what_they_buy_and_when(sql):
    shares = dict(
        sql("""
        SELECT persona, count(*) FILTER (split_part(category, '/', 1) = 'Electronics') / count(*)
        FROM good JOIN products USING (sku) WHERE action = 'view' GROUP BY persona""")
    )
    assert shares["tech_enthusiast"] > 0.35 > 0.15 > shares["grocery_regular"]
    prices = dict(
        sql("""
        SELECT persona, median(good.price / usual) FROM good JOIN (
            SELECT sku, avg(price) OVER (PARTITION BY category) AS usual FROM products) USING (sku) GROUP BY persona""")
    )
    assert prices["premium_shopper"] > 1.3 * prices["bargain_hunter"]
    night = dict(
        sql("""
        SELECT persona, count(*) FILTER (hour(t) IN (23, 0, 1, 2)) / count(*)
        FROM good GROUP BY persona""")
    )
    assert night["tech_enthusiast"] > 2 * night["grocery_regular"]
    buys = dict(
        sql("""
        SELECT persona, count(*) FILTER (action = 'purchase') / count(*) FILTER (action = 'view')
        FROM good GROUP BY persona""")
    )
    assert buys["grocery_regular"] > 5 * buys["window_shopper"]
    assert buys["bot"] == 0


def test_some_become_another_persona_on_a_known_day(shop, sql):
    ((people, phases, bots),) = sql("""
        SELECT count(DISTINCT user_id), count(*), count(*) FILTER (persona = 'bot') FROM truth""")
    assert people == shop.users
    assert bots == shop.bots
    assert 0.08 < phases / people - 1 < plan.DRIFT + 0.05
    names = {name for (name,) in sql("SELECT DISTINCT persona FROM truth")}
    assert names == {one.name for one in PERSONAS} | {"bot"}
    # Who becomes a grocery regular looks at groceries from that day on and not before.
    ((before, after),) = sql("""
        WITH turned AS (SELECT user_id, max(ds) AS turns FROM truth GROUP BY user_id HAVING count(*) > 1
                        AND arg_max(persona, ds) = 'grocery_regular')
        SELECT avg((category LIKE 'Groceries%')::INT) FILTER (day < turns),
               avg((category LIKE 'Groceries%')::INT) FILTER (day >= turns)
        FROM good JOIN turned USING (user_id) JOIN products USING (sku)""")
    assert after > before + 0.2


def test_collect_counts_what_was_declared(spark, shop, landing, sql, tmp_path):
    collect.run(spark, Settings(shop.ds, shop.first, str(tmp_path), "simulate", str(landing), "test"))
    ((records, repeated, again, malformed, late, _),) = sql("FROM counts")
    loads = delta.read(spark, str(tmp_path), LOADS).where("kind = 'events'")
    sums = loads.selectExpr("sum(rows_in)", "sum(duplicates)", "sum(quarantined)", "sum(loaded)").first()
    assert tuple(sums) == (records, repeated + again, malformed, records - repeated - again - malformed)
    # Files are cut at the midnight of the shop: what came late was meant to, but garbage and what came twice.
    found = loads.agg({"late": "sum"}).first()[0]
    assert late - malformed - repeated - again <= found <= late
    reasons = delta.read(spark, str(tmp_path), QUARANTINE).select("reason").collect()
    assert {row["reason"].split(":")[0] for row in reasons} <= {
        "missing_id", "missing_user_id", "unknown_event_type", "impossible_time"
    }  # fmt: skip


def test_the_command_line_reads_20e6_and_refuses_what_cannot_be():
    given = verbs.parser().parse_args(["simulate", "--events", "20e6", "--landing", "x"])
    made = plan.of(given)
    assert (made.events, made.days, made.users, made.products) == (20_000_000, 90, 200_000, 50_000)
    with pytest.raises(SystemExit):
        verbs.parser().parse_args(["simulate", "--events", "0.5"])
    crowded = verbs.parser().parse_args(["simulate", "--events", "1e6", "--users", "100"])
    with pytest.raises(UsageError, match=r"expected --users of [\d,]+ or more for 1,000,000 events"):
        plan.of(crowded)
    old = verbs.parser().parse_args(["simulate", "--events", "1e6", "--ds", "2020-02-01"])
    with pytest.raises(UsageError, match="when the shop opened"):
        plan.of(old)
