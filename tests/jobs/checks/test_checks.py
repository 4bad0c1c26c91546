"""checks: every shipped suite can be built, can fail, and a critical failure stops the line with exit 3."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import date
from decimal import Decimal
from unittest.mock import MagicMock

import pytest

from jobs import tables
from jobs.checks import hops, judge, suites
from jobs.checks import run as checks
from jobs.errors import DataError, UsageError
from jobs.lake import delta
from jobs.settings import Settings
from tests.jobs.frames import DAY, silver

SUITES = sorted(path.stem for path in (judge.CONF / "checks").glob("*.yaml"))


@pytest.mark.parametrize("name", SUITES)
def test_a_shipped_suite_is_whole(name):
    table = tables.table(name)
    suite = judge.load_suite(table)
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
        judge.load_suite(tables.SILVER_EVENTS, tmp_path)


@pytest.fixture
def night(tmp_path):
    s = Settings(DAY, DAY, str(tmp_path / "wh"), "shop", "", "test")
    counted = {"ds": DAY, "night": DAY, "in_bronze": 2, "in_silver": 2, "refused": 0}
    delta.replace_rows([counted], s.warehouse, tables.CLEANED, "true")
    return s


def results_of(spark, s):
    rows = delta.read(spark, s.warehouse, tables.QUALITY_RESULTS).where("`table` = 'silver.events'").collect()
    return {(r["expectation"], r["column"]): r for r in rows}


def test_severities_decide_and_results_hold_counts_not_values(spark, night):
    table = tables.SILVER_EVENTS
    flagged = silver(spark, {}, {"event_id": "2", "user_id": "secret-user", "category": None})
    delta.replace_where(flagged, night.warehouse, table, f"ds = DATE'{DAY}'")
    said = checks.run(nullcontext(spark), night, ["silver.events"])
    assert "silver.events: 16 of 17 expectations met" in said
    stored = results_of(spark, night)
    category = next(r for (_, column), r in stored.items() if column == "category")
    assert (category["severity"], category["success"], category["unexpected_count"]) == ("warning", False, 1)

    broken = silver(spark, {}, {"user_id": "secret-user"}, {"event_id": "3", "user_id": None, "local_hour": 24})
    delta.replace_where(broken, night.warehouse, table, f"ds = DATE'{DAY}'")
    with pytest.raises(DataError, match=r"^3 critical: .*user_id.*the line stops here"):
        checks.run(nullcontext(spark), night, ["silver.events"])
    stored = results_of(spark, night)
    assert sum(not r["success"] for r in stored.values()) >= 3
    assert "secret-user" not in str(list(stored.values()))
    docs = judge.pages.local_folder(night.warehouse) / "quality"
    assert (docs / "index.html").is_file()
    assert list(docs.glob("validations/silver/events/**/*.html")), "Data Docs have a page"
    written = [path.read_bytes() for path in docs.rglob("*") if path.is_file()]
    assert not any(b"secret-user" in content for content in written)


@contextmanager
def no_session():
    """For what must not judge: it has no engine."""
    pytest.fail("expected the results that stand to be taken, found a session asked for")
    yield


def test_what_a_hop_judged_is_taken_as_it_stands(spark, night, monkeypatch):
    """The check of the same run reads it without an engine; a warning is told again, a critical failure stops again."""
    rows = silver(spark, {}, {"event_id": "2", "local_hour": 24, "category": None})
    delta.replace_where(rows, night.warehouse, tables.SILVER_EVENTS, f"ds = DATE'{DAY}'")
    monkeypatch.setitem(hops.JUDGED, "clean", (tables.SILVER_EVENTS,))
    judge.after_hop(spark, night, "clean")
    with pytest.raises(DataError, match=r"^1 critical: critical: silver\.events\.local_hour .*the line stops here"):
        checks.run(no_session(), night, ["silver.events"])
    assert len(results_of(spark, night)) >= 13
    assert {row["run_id"] for row in results_of(spark, night).values()} == {"test"}


@pytest.mark.parametrize("change", ["another run", "another day", "rows written since", "another suite"])
def test_results_of_something_else_are_not_taken(spark, night, change, monkeypatch, tmp_path):
    """Good rows were judged; what is asked now is another thing, and is judged anew: nothing passes by old results."""
    good = silver(spark, {}, {"event_id": "2"})
    delta.replace_where(good, night.warehouse, tables.SILVER_EVENTS, f"ds = DATE'{DAY}'")
    judge.judge(spark, night, [tables.SILVER_EVENTS])
    asked = night
    if change == "another run":
        asked = replace(night, run_id="other")
    elif change == "another day":
        asked = replace(night, since=date(2017, 5, 1))
    elif change == "rows written since":
        bad = silver(spark, {"local_hour": 24})
        delta.replace_where(bad, night.warehouse, tables.SILVER_EVENTS, f"ds = DATE'{DAY}'")
    else:
        text = "slice: days\nexpectations: [{type: ExpectTableRowCountToBeBetween, severity: critical, min_value: 3}]"
        (tmp_path / "silver.events.yaml").write_text(text)
        other = judge.load_suite(tables.SILVER_EVENTS, tmp_path)
        monkeypatch.setattr(suites, "read_suite", lambda table: other)
        monkeypatch.setattr(judge, "load_suite", lambda table: other)
    session = MagicMock(**{"__enter__.return_value": spark, "__exit__.return_value": None})
    if change in ("rows written since", "another suite"):
        with pytest.raises(DataError, match="1 critical"):
            checks.run(session, asked, ["silver.events"])
    else:
        assert "17 of 17" in checks.run(session, asked, ["silver.events"])
    session.__enter__.assert_called_once()


def test_no_table_passes_for_want_of_results(spark, night):
    """Nothing was written, nothing judged: one line, exit 3."""
    with pytest.raises(DataError, match=r"expected table silver\.events .* found none; run its hop first"):
        checks.run(nullcontext(spark), night, ["silver.events"])


def test_what_a_hop_cannot_judge_is_left_to_the_check(spark, night, monkeypatch, capsys):
    monkeypatch.setitem(hops.JUDGED, "clean", (tables.SILVER_EVENTS,))
    judge.after_hop(spark, night, "clean")  # no table
    assert "clean: not judged here (DataError: expected table silver.events" in capsys.readouterr().err


def test_what_hops_judge_has_suites():
    judged = {table.full_name for written in hops.JUDGED.values() for table in written}
    assert set(SUITES) - judged == {"gold.predictions", "staged.recommendations"}, "written by ml/, judged by the check"
    assert judged <= set(SUITES)


def test_pages_of_the_newest_results_are_listed_and_older_ones_go(spark, night, monkeypatch):
    monkeypatch.setattr(judge, "_PAGES_KEPT", 2)
    suite, docs = judge.load_suite(tables.SILVER_EVENTS), judge.pages.local_folder(night.warehouse)
    for run in ("one", "two", "three"):
        judge.validate({"silver.events": (silver(spark, {}), suite)}, docs, run)
    assert {page.parent.parent.name for page in docs.glob("validations/**/*.html")} == {"two", "three"}
    index = (docs / "index.html").read_text(encoding="utf-8")
    assert all(run in index for run in ("two", "three"))


def test_keys_of_several_columns_are_unique_by_what_they_say_and_not_by_their_hash(spark, tmp_path):
    key = {"type": "ExpectCompoundColumnsToBeUnique", "severity": "critical", "column_list": ["a", "b c"]}
    suite = suites.Suite(slice=None, expectations=(suites.Expectation(**key),))
    # A hash passes over nulls: the first two have the same.
    apart = [(None, "x"), ("x", None), ("x", "x"), (None, None)]
    found = []
    for rows in (apart, [*apart, ("x", None)]):
        frame = spark.createDataFrame(rows, "a string, `b c` string")
        (result,) = judge.validate({"rows": (frame, suite)}, tmp_path, "test")["rows"]
        found.append((result.success, result.unexpected_count))
    assert found == [(True, 0), (False, 2)]


def test_rows_that_a_query_refuses_are_counted_and_not_fetched(spark, tmp_path, monkeypatch):
    query = {"type": "UnexpectedRowsExpectation", "severity": "critical",
             "unexpected_rows_query": "SELECT * FROM {batch} WHERE n > 1"}  # fmt: skip
    suite = suites.Suite(slice=None, expectations=(suites.Expectation(**query),))
    frame = spark.createDataFrame([(1,), (2,), (3,)], "n int")
    monkeypatch.setattr(type(frame), "limit", None)  # by which Great Expectations fetches some
    (result,) = judge.validate({"rows": (frame, suite)}, tmp_path, "test")["rows"]
    assert (result.success, result.observed) == (False, "2")


def test_an_empty_day_is_critical(spark, night):
    delta.replace_where(silver(spark, {}), night.warehouse, tables.SILVER_EVENTS, f"ds = DATE'{DAY}'")
    later = Settings(date(2017, 6, 2), date(2017, 6, 2), night.warehouse, "shop", "", "test")
    with pytest.raises(DataError, match=r"silver\.events expect_table_row_count"):
        checks.run(nullcontext(spark), later, ["silver.events"])


def test_suggestions_that_nobody_can_buy_or_that_repeat_themselves_stop_the_line(spark, night):
    whole = dict.fromkeys(tables.RECOMMENDATIONS.column_names) | {
        "user_id": "u1", "ds": DAY, "price": Decimal(1), "last_sold_ds": DAY, "score": 0.5, "reason_kind": "popular",
        "reason": "Popular now", "reason_zh": "近期热门", "model_version": "1", "run_id": "r",
    }  # fmt: skip
    good = [whole | {"rank": rank, "product_id": f"p{rank}"} for rank in range(1, 11)]
    good[9] |= {"reason_kind": "untried", "last_sold_ds": None, "price": None, "score": None}
    broken = [row | {"user_id": "secret-user"} for row in good]
    broken[1] |= {"product_id": "p1"}
    broken[2] |= {"rank": 11}
    broken[3] |= {"reason_zh": None}
    broken[4] |= {"last_sold_ds": None}
    broken[5] |= {"score": 1.5}
    suite, docs = judge.load_suite(tables.RECOMMENDATIONS.staged()), judge.pages.local_folder(night.warehouse)
    found = []
    for rows in (good, good + broken):
        frame = spark.createDataFrame(
            [tuple(row[name] for name in tables.RECOMMENDATIONS.column_names) for row in rows],
            tables.RECOMMENDATIONS.ddl,
        )
        results = judge.validate({"suggestions": (frame, suite)}, docs, "test")["suggestions"]
        found.append([r.expectation for r in results if not r.success])
    assert found[0] == []
    assert len(found[1]) == 6, found[1]  # rank 11 is a gap, and one more than u1 has
    assert not any(b"secret-user" in path.read_bytes() for path in docs.rglob("*") if path.is_file())
