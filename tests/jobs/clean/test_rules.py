"""conf/cleaning.yaml is checked before anything runs; a column without a rule for missing values is named."""

from __future__ import annotations

import pytest
import yaml

from jobs.clean import missing
from jobs.clean import rules as cleaning
from jobs.clean.rules import CONF
from jobs.errors import UsageError
from jobs.lake import delta
from jobs.tables import MISSING_VALUES, SILVER_EVENTS
from tests.jobs.frames import DAY, at, silver


def edited(tmp_path, edit):
    document = yaml.safe_load((CONF / "cleaning.yaml").read_text(encoding="utf-8"))
    edit(document)
    path = tmp_path / "cleaning.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda d: d["missing"]["silver.events"].pop("brand"), "no rule for brand"),
        (lambda d: d["missing"]["silver.events"].update(prize="kept"), "no column 'prize'; did you mean 'price'"),
        (lambda d: d["missing"]["silver.events"].update(brand="guessed"), "missing.silver.events.brand.rule"),
        (lambda d: d["missing"].update({"silver.event": {}}), "did you mean 'silver.events'"),
        (lambda d: d.update(missing=[]), "expected a mapping of tables"),
        (lambda d: d["bots"].update(event_per_day=3), "bots.event_per_day"),
        (lambda d: d["outliers"]["product"].update(price_factor=0.5), "outliers.product.price_factor"),
        (lambda d: d["refunds"].update(days="soon"), "refunds.days"),
    ],
)
def test_a_wrong_rule_is_named(tmp_path, edit, said):
    with pytest.raises(UsageError, match=said):
        cleaning.load_rules(edited(tmp_path, edit))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"none\.yaml"):
        cleaning.load_rules(tmp_path / "none.yaml")


def test_missing_values_are_counted_among_the_events_that_should_have_one(spark, tmp_path):
    frame = silver(
        spark,
        {"brand": None, "device": "unknown"},
        {"event_id": "b", "device": "mobile"},
        {"event_id": "c", "event_type": "search", "product_id": None, "brand": None, "query": "milk", "amount": None},
        {"event_id": "d", "event_type": "search", "product_id": None, "brand": None, "query": None, "amount": None},
        {"event_id": "e", "event_time": at("2017-06-02 10:00")},
    )
    rules = cleaning.load_rules().missing[SILVER_EVENTS.full_name]
    delta.append(frame, str(tmp_path), SILVER_EVENTS)
    counts = missing.counts(SILVER_EVENTS, rules)
    counted = delta.grouped(spark, str(tmp_path), SILVER_EVENTS, "true", missing.BY, counts)
    found = missing.shares(counted, SILVER_EVENTS, rules)
    assert len(found) == 2 * len(SILVER_EVENTS.columns)
    assert set(found[0]) == set(MISSING_VALUES.column_names) - {"run_id"}
    day = {row["column"]: (row["rule"], row["rows"], row["missing"], row["share"]) for row in found if row["ds"] == DAY}
    assert day["brand"] == ("kept", 2, 1, 0.5)
    assert day["device"] == ("unknown", 4, 3, 0.75)
    assert day["query"] == ("kept", 2, 1, 0.5)
    assert day["amount"] == ("derived", 2, 0, 0.0)
    assert day["price_raw"][0] == "unchanged"
    later = {row["column"]: row for row in found if row["ds"] != DAY}
    assert (later["query"]["rows"], later["query"]["share"]) == (0, None)
