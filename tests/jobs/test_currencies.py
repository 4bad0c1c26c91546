"""A shop in another currency: what is learned and judged of its users and prices is the same."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from pyspark.sql import functions as F

from jobs.checks import judge
from jobs.checks import run as checks
from jobs.clean import run as clean
from jobs.collect import run as collect
from jobs.features import run as features
from jobs.features import sequences
from jobs.lake import delta
from jobs.segments import profiles, tags
from jobs.segments.rules import Rules
from jobs.settings import Settings
from jobs.sources import spec
from jobs.tables import (
    PREDICTIONS,
    QUALITY_RESULTS,
    QUARANTINE,
    SILVER_EVENTS,
    SILVER_PRODUCTS,
    SILVER_USERS,
    TAGS,
    USER_FEATURES,
    USER_PROFILES,
    USER_SEQUENCES,
)
from tests.jobs.frames import silver

FIRST, LAST = date(2024, 4, 1), date(2024, 6, 30)
SHOP = """
name: kiosk
title: t
origin: o
licence: l
events:
  files: log.csv
  format: csv
  id: [item, who, day, nth]
  fields:
    user_id: who
    event_time: day
    event_type: {constant: purchase}
    product_id: item
    quantity: pieces
    price: price
    discount: cut
products:
  files: log.csv
  format: csv
  id: [item]
  fields: {category_path: {path: [kind]}}
"""
TABLES = (SILVER_EVENTS, SILVER_PRODUCTS, USER_SEQUENCES, USER_FEATURES)


def deliver(landing: Path, times: int) -> None:
    """Purchases of 25 users, of three kinds of goods."""
    random, lines = Random(3), ["who,day,nth,item,kind,pieces,price,cut"]
    for user in range(25):
        for nth in range(random.randrange(2, 14)):
            day, item, pieces = FIRST + timedelta(random.randrange(91)), random.randrange(12), random.randrange(1, 6)
            price = (random.randrange(150, 220) * (item + 1) + 40 * user) * times / 100
            cut = price * random.choice((0, 0, 0.5))
            lines.append(f"u{user},{day},{nth},p{item},k{item % 3},{pieces},{price:.2f},{cut:.2f}")
    landing.mkdir()
    (landing / "log.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def profiled(spark, folder: Path, times: int) -> tuple[dict, dict, Settings]:
    """By user, what his profile says; by check, whether it holds."""
    deliver(folder / "in", times)
    s = Settings(LAST, FIRST, str(folder / "wh"), "kiosk", str(folder / "in"), "r")
    for verb in (collect, clean, sequences, features):
        verb.run(spark, s)
    checks.run(nullcontext(spark), s, [table.full_name for table in TABLES])
    known, users = (delta.read(spark, s.warehouse, table) for table in (USER_FEATURES, SILVER_USERS))
    known = known.where(F.col("ds") == F.lit(LAST)).drop("ds", "run_id")
    rules = Rules.load()
    rules = rules.model_copy(update={"tags": tags.with_big_basket(rules.tags, None, known)})
    one = {"segment_id": F.lit(1), "segment_name": F.lit("all"), "segment_name_zh": F.lit("全部"),
           "reasons": F.array().cast("array<string>"), "model_version": F.lit("1")}  # fmt: skip
    nobody = (spark.createDataFrame([], table.ddl) for table in (PREDICTIONS, USER_PROFILES))
    built = profiles.build(known, users, known.select("user_id").withColumns(one), *nobody, rules, None)
    said = built.select("user_id", "rfm_class", "price_tier", "lifecycle_stage", "tags").collect()
    judged = delta.rows(s.warehouse, QUALITY_RESULTS, "true", '"table", expectation, "column", threshold, success')
    held = {tuple(row.values())[:4]: row["success"] for row in judged}
    return {row["user_id"]: tuple(row)[1:] for row in said}, held, s


def test_prices_of_twenty_thousand_times_the_sum_change_no_class_and_no_check(
    spark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for times in (1, 20_000):
        (tmp_path / str(times)).mkdir()
    (tmp_path / "kiosk.yaml").write_text(SHOP, encoding="utf-8")
    monkeypatch.setattr(spec.load, "__defaults__", (tmp_path,))
    dollars, held, _ = profiled(spark, tmp_path / "1", 1)
    rupiah, held_too, s = profiled(spark, tmp_path / "20000", 20_000)
    assert rupiah == dollars
    assert held_too == held
    assert {tier for _, tier, _, _ in dollars.values()} == {"budget", "middle", "premium"}
    assert sum(tags.LARGE_BASKET in tagged for *_, tagged in dollars.values()) == 3
    assert delta.count(s.warehouse, QUARANTINE) == 0


def test_a_line_of_large_baskets_is_the_source_s_else_learned_of_buyers(spark) -> None:
    rules = Rules.load().tags
    spent = spark.createDataFrame([(float(n),) for n in range(11)] + [(None,)], "basket_value_365d double")
    assert tags.with_big_basket(rules, None, spent).big_basket == 9
    assert tags.with_big_basket(rules, 60, spent).big_basket == 60
    nobody = tags.with_big_basket(rules, None, spent.where("basket_value_365d IS NULL"))
    assert nobody.big_basket is None
    (row,) = (row for row in tags.coverage(spent.selectExpr("array('x') AS tags"), 1, {}, [], nobody)
              if row["tag"] == tags.LARGE_BASKET)  # fmt: skip
    assert {name: row[name] for name in ("users", "line")} == {"users": 0, "line": None}
    assert "line" in TAGS.column_names


def test_a_price_of_another_kind_than_the_shop_s_is_flagged_in_any_currency(spark, tmp_path: Path) -> None:
    suite = judge.load_suite(SILVER_EVENTS)
    (dear,) = (e for e in suite.expectations if "usual" in str((e.model_extra or {}).get("description")))
    suite = suite.model_copy(update={"expectations": (dear,)})
    for usual in (2, 40_000):
        rows = [{"event_id": str(n), "price": Decimal(usual)} for n in range(200)]
        for most, holds in ((900, True), (5_000_000, False)):
            frame = silver(spark, *rows, {"event_id": "x", "price": Decimal(usual * most)})
            (found,) = judge.validate({"silver.events": (frame, suite)}, tmp_path / "docs", "r")["silver.events"]
            assert found.success == holds
