"""checks: every shipped suite can be built, can fail, and a critical failure stops the line with exit 3."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from jobs import tables
from jobs.checks import run as checks
from jobs.errors import DataError, UsageError
from jobs.lake import delta
from jobs.settings import Settings
from tests.jobs.frames import DAY, silver

SUITES = sorted(path.stem for path in (checks.CONF / "checks").glob("*.yaml"))


@pytest.mark.parametrize("name", SUITES)
def test_a_shipped_suite_is_whole(name):
    table = tables.table(name)
    suite = checks.load_suite(table)
    assert any(e.severity == "critical" for e in suite.expectations)
    for expectation in suite.expectations:
        extra = expectation.model_extra or {}
        named = [v for k, v in extra.items() if k in ("column", "column_A", "column_B")] + extra.get("column_list", [])
        known = {*table.column_names, *({"balanced"} if suite.slice == "nights" else ())}
        assert set(named) <= known, f"{name}: {expectation.type} names a column that the table lacks"


def test_each_hop_has_its_suite():
    assert set(SUITES) == {
        "bronze.events", "bronze.users", "bronze.products",
        "silver.events", "silver.users", "silver.products", "silver.refunds",
        "gold.user_features", "gold.user_sequences", "gold.predictions",
        *(table.staged().full_name for table in tables.PUBLISHED),
    }  # fmt: skip


def test_a_wrong_suite_says_where(tmp_path):
    (tmp_path / "silver.events.yaml").write_text("slice: ds\nexpectations: [{type: ExpectNothing, severity: critical}]")
    with pytest.raises(UsageError, match="ExpectNothing"):
        checks.load_suite(tables.SILVER_EVENTS, tmp_path)


@pytest.fixture
def night(tmp_path):
    return Settings(DAY, DAY, str(tmp_path / "wh"), "shop", "", "test")


def results_of(spark, s):
    rows = delta.read(spark, s.warehouse, tables.QUALITY_RESULTS).where("`table` = 'silver.events'").collect()
    return {(r["expectation"], r["column"]): r for r in rows}


def test_severities_decide_and_results_hold_counts_not_values(spark, night):
    table = tables.SILVER_EVENTS
    flagged = silver(spark, {}, {"event_id": "2", "user_id": "secret-user", "category": None})
    delta.replace_where(flagged, night.warehouse, table, f"ds = DATE'{DAY}'")
    said = checks.run(spark, night, ["silver.events"])
    assert "silver.events: 14 of 15 expectations met" in said
    stored = results_of(spark, night)
    category = next(r for (_, column), r in stored.items() if column == "category")
    assert (category["severity"], category["success"], category["unexpected_count"]) == ("warning", False, 1)

    broken = silver(spark, {}, {"user_id": "secret-user"}, {"event_id": "3", "user_id": None, "local_hour": 24})
    delta.replace_where(broken, night.warehouse, table, f"ds = DATE'{DAY}'")
    with pytest.raises(DataError, match=r"^3 critical: .*user_id.*the line stops here"):
        checks.run(spark, night, ["silver.events"])
    stored = results_of(spark, night)
    assert sum(not r["success"] for r in stored.values()) >= 3
    assert "secret-user" not in str(list(stored.values()))
    pages = list((checks.pages.local_folder(night.warehouse) / "quality").rglob("*.html"))
    assert pages, "Data Docs have a page"
    assert not any("secret-user" in page.read_text(encoding="utf-8") for page in pages)


def test_an_empty_day_is_critical(spark, night):
    delta.replace_where(silver(spark, {}), night.warehouse, tables.SILVER_EVENTS, f"ds = DATE'{DAY}'")
    later = Settings(date(2017, 6, 2), date(2017, 6, 2), night.warehouse, "shop", "", "test")
    with pytest.raises(DataError, match=r"silver\.events expect_table_row_count"):
        checks.run(spark, later, ["silver.events"])


def test_suggestions_that_nobody_can_buy_or_that_repeat_themselves_stop_the_line(spark, night):
    whole = dict.fromkeys(tables.RECOMMENDATIONS.column_names) | {
        "user_id": "u1", "ds": DAY, "price": Decimal(1), "last_sold_ds": DAY, "score": 0.5, "reason_kind": "popular",
        "reason": "Popular now", "reason_zh": "近期热销", "model_version": "1", "run_id": "r",
    }  # fmt: skip
    good = [whole | {"rank": rank, "product_id": f"p{rank}"} for rank in range(1, 11)]
    broken = [row | {"user_id": "u2"} for row in good]
    broken[1] |= {"product_id": "p1"}
    broken[2] |= {"rank": 11}
    broken[3] |= {"reason_zh": None}
    broken[4] |= {"last_sold_ds": None}
    broken[5] |= {"score": 1.5}
    suite, docs = checks.load_suite(tables.RECOMMENDATIONS.staged()), checks.pages.local_folder(night.warehouse)
    found = []
    for rows in (good, good + broken):
        frame = spark.createDataFrame(
            [tuple(row[name] for name in tables.RECOMMENDATIONS.column_names) for row in rows],
            tables.RECOMMENDATIONS.ddl,
        )
        found.append([r.expectation for r in checks.validate(frame, "suggestions", suite, docs) if not r.success])
    assert found[0] == []
    assert len(found[1]) == 6, found[1]  # rank 11 is a gap, and one more than u1 has
