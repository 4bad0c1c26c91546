"""The verb: a sentence of a small shop, its definition, its members; exit 2 where it says no one thing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time

import pytest
import yaml

from jobs import tables
from jobs.__main__ import main
from jobs.audiences.ask import read, run, vocabulary
from jobs.audiences.ask.run import Wanted
from jobs.errors import EXIT_USAGE, UsageError
from jobs.lake import delta
from jobs.settings import Settings

DS = date(2017, 12, 1)


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory):
    """Three users: u0 bought milk in the last 30 days, u1 before them, u2 beer."""
    warehouse = str(tmp_path_factory.mktemp("ask"))
    bought = (("u0", "MILK", date(2017, 11, 20)), ("u1", "MILK", date(2017, 10, 1)), ("u2", "BEER", DS))
    rows = {
        tables.USER_PROFILES: [{"user_id": user, "ds": DS, "age_band": "25-34"} for user, *_ in bought],
        tables.SILVER_PRODUCTS: [
            {"product_id": one, "category": one, "category_path": [one]} for one in ("MILK", "BEER")
        ],
        tables.SILVER_EVENTS: [
            {"event_id": f"e:{user}", "user_id": user, "event_type": "purchase", "product_id": category,
             "is_bot": False, "category": category, "department": category, "ds": day, "landed_ds": day,
             "session_id": user, "event_time": datetime.combine(day, time(12), UTC)} for user, category, day in bought
        ],
    }  # fmt: skip
    for table, listed in rows.items():
        empty = dict.fromkeys(table.column_names)
        delta.replace_rows([empty | row for row in listed], warehouse, table, "true")
    return Settings(DS, DS, warehouse, "complete_journey", "", "test")


def test_a_sentence_becomes_a_definition_with_its_members(spark, shop, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "FOLDER", tmp_path)
    answer = read("bought milk in the last 30 days", vocabulary.load(shop.warehouse, DS))
    said = run.asked(spark, shop, "bought milk in the last 30 days", answer, Wanted(True, tmp_path / "ids.csv", True))
    found = json.loads(said)
    assert (found["size"], found["left_out"], found["readings"]) == (1, [], [])
    assert (tmp_path / "ids.csv").read_text(encoding="utf-8") == "u0\n"
    written = yaml.safe_load((tmp_path / "bought_milk_in_the_last_30_days.yaml").read_text(encoding="utf-8"))
    assert written["rule"] == {"did": "purchase", "where": {"category": "MILK"}, "in": {"last_days": 30}}
    assert written["examples"]["match"][0]["events"][0]["purchase"] == "MILK"
    with pytest.raises(UsageError, match="there already"):
        run.asked(spark, shop, "bought milk in the last 30 days", answer, Wanted(write=True))


@pytest.mark.parametrize("sentence", ["bought milk when it rained", "viewed milk"])
def test_without_one_rule_it_ends_with_exit_2_and_says_why(shop, sentence, capsys):
    asked = ["audience", "ask", sentence, "--ds", str(DS), "--warehouse", shop.warehouse, "--json"]
    assert main(asked) == EXIT_USAGE
    found = json.loads(capsys.readouterr().out)
    assert found["definition"] is None
    assert found["left_out"]


def test_a_night_without_profiles_is_named(shop):
    with pytest.raises(UsageError, match="found none; there are of 2017-12-01"):
        vocabulary.load(shop.warehouse, date(2017, 12, 2))
