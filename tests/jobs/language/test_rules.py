"""Rules in words: few digits, labels in place of codes, in either language."""

from __future__ import annotations

import pytest

from jobs.language import Labels, rule

LABELS = Labels({"DINNER MXS:DRY": "dry dinner mixes", "DELI": "deli"}, {"DINNER MXS:DRY": "干拌餐料"})


@pytest.mark.parametrize(
    ("term", "low", "high", "english", "chinese"),
    [("expected:spend", 1200.0, None, "expected spend in four weeks above 1,200", "预计四周消费高于1,200"),
     ("expected:silence", 0.091, 0.28, "probability of no purchase in four weeks between 9.1% and 28%",
      "四周内不购买的概率在9.1%到28%之间"),
     ("category:DINNER MXS:DRY", 1.3, None, "expected share of dry dinner mixes above 1.3 times the usual",
      "预计干拌餐料占比高于平均的1.3倍"),
     ("dept:DELI", None, 0.27, "share of money in deli at most 27%", "deli消费占比不超过27%"),
     ("monetary_90d", 270.0, None, "spend in 90 days above 270", "近90天消费金额高于270")],
)  # fmt: skip
def test_a_condition(term, low, high, english, chinese):
    told = [{"term": term, "low": low, "high": high}]
    assert rule(told, "en", lambda category: LABELS(category)[0]) == english
    if term != "dept:DELI":
        assert rule(told, "zh", lambda category: LABELS(category)[1]) == chinese


def test_all_conditions_hold_and_none_is_anybody():
    two = [{"term": "expected:spend", "low": 5.0, "high": None}, {"term": "recency_days", "low": None, "high": 9.0}]
    assert rule(two, "en", str) == "expected spend in four weeks above 5; days since the last purchase at most 9"
    assert rule([], "en", str) == "any customer"
