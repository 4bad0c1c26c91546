"""The three measures, by cases that can be worked out by hand."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from scipy.sparse import csr_matrix

from jobs.tables import SILVER_EVENTS
from ml.common.cli import DataError
from ml.common.lake import arrow_schema
from ml.data import outcomes
from ml.measures import metrics, segment_value

DS = datetime.date(2017, 9, 30)
USERS = 1000
FOLD = np.arange(USERS) % metrics.FOLDS


def test_two_halves_with_a_category_each_carry_one_bit() -> None:
    """Who buys in which of two equally large categories is settled by the segment: log2(1 / 0.5) = 1 bit a line."""
    half = (np.arange(USERS) // 5) % 2
    lines = csr_matrix(np.where(half[:, None] == [0, 1], 100.0, 0.0))
    found, pseudo = segment_value.bits(half, lines, FOLD)
    # 400 users of a half in four folds, with weight 10 each, shrunk to one half by 100 pseudo-lines.
    rate = (400 * 10 + 50) / (400 * 10 + 100)
    assert pseudo == 100
    assert found == pytest.approx(np.log2(rate / 0.5), abs=1e-6)


def test_a_segment_that_says_nothing_carries_nothing() -> None:
    random = np.random.default_rng(0)
    lines = csr_matrix(random.poisson(2.0, (USERS, 4)).astype(float))
    found, _ = segment_value.bits(random.integers(0, 20, USERS), lines, FOLD)
    assert abs(found) < 1e-3
    assert segment_value.bits(np.zeros(USERS, int), csr_matrix((USERS, 4)), FOLD)[0] == 0.0


def test_users_count_by_the_root_of_their_lines() -> None:
    """100 lines weigh 10, 1 line weighs 1: the mean is drawn to the user whom the segment describes."""
    label = np.repeat([0, 1], USERS // 2)
    lines = np.zeros((USERS, 2))
    lines[:500, 0], lines[500:, 1] = 100, 1
    found, _ = segment_value.bits(label, csr_matrix(lines), FOLD)
    base = np.array([4000, 400]) / 4400
    first = (4000 + 100 * base[0]) / (4000 + 100) / base[0]
    second = (400 + 100 * base[1]) / (400 + 100) / base[1]
    assert found == pytest.approx((10 * np.log2(first) + np.log2(second)) / 11, abs=1e-4)


def test_eta2_is_the_share_between_the_means() -> None:
    label, within = np.arange(USERS) // 500, np.where(np.arange(USERS) // 5 % 2, 1.0, -1.0)
    y = 3.0 * label + within  # between: 1.5^2 = 2.25, within: 1
    assert segment_value.eta2(label, y, FOLD) == pytest.approx(2.25 / 3.25, abs=1e-3)
    assert segment_value.eta2(np.arange(USERS), y, FOLD) == pytest.approx(
        0, abs=0.01
    )  # a user a segment teaches nothing
    assert segment_value.eta2(label, np.ones(USERS), FOLD) == 0.0


def test_auc_ranks_by_the_rate_of_the_other_folds() -> None:
    """Rates 1/5 and 4/5 in halves: P(event user ranked above) = .8 * .8 + half of the ties (.8 * .2 * 2) / 2."""
    label = np.arange(USERS) // 500
    turn = np.arange(USERS) // 5 % 5
    event = np.where(label == 1, turn < 4, turn < 1)
    assert segment_value.auc_of_segments(label, event, FOLD) == pytest.approx(0.64 + 0.16)
    assert np.isnan(segment_value.auc_of_segments(label, np.zeros(USERS, bool), FOLD))


def test_labels_may_be_anything_and_folds_are_stable() -> None:
    ids = pa.array([f"u{k}" for k in range(USERS)])
    assert np.array_equal(metrics.folds(ids), metrics.folds(ids))
    assert np.bincount(metrics.folds(ids)).min() > 150
    label = np.arange(USERS) % 7
    truth = outcomes.Outcomes(
        label.astype(float), label.copy(), np.full(USERS, np.nan), csr_matrix(np.eye(7)[label] * label[:, None]),
        list("abcdefg"),
    )  # fmt: skip
    assert segment_value.value(label, truth, FOLD) == segment_value.value(np.array(list("zyxwvut"))[label], truth, FOLD)
    assert segment_value.value(label, truth, FOLD).segments == 7
    assert segment_value.value(label, truth, FOLD).auc == 1.0


def _event(user: str, day: int, **changes: object) -> dict:
    row = {field.name: None for field in arrow_schema(SILVER_EVENTS)} | {
        "event_id": f"{user}{day}{changes}", "user_id": user, "event_type": "purchase", "category": "milk",
        "amount": Decimal("2.50"), "is_bot": False, "ds": DS + datetime.timedelta(days=day),
    }  # fmt: skip
    return row | changes


def test_outcomes_are_purchases_strictly_after_the_day(tmp_path: Path) -> None:
    rows = [
        _event("a", 0), _event("a", 1), _event("a", 28, category=None), _event("a", 29),
        _event("b", 5, event_type="view"), _event("c", 9, is_bot=True), _event("d", 9, category="bread"),
        _event("stranger", 3),
    ]  # fmt: skip
    write_deltalake(SILVER_EVENTS.path(str(tmp_path)), pa.Table.from_pylist(rows, arrow_schema(SILVER_EVENTS)))
    found = outcomes.read(str(tmp_path), DS, pa.array(["a", "b", "c", "d"]))
    assert found.spend.tolist() == [5.0, 0, 0, 2.5]
    assert found.lines.tolist() == [2, 0, 0, 1]
    assert found.silent.tolist() == [False, True, True, False]
    assert found.first_day[[0, 3]].tolist() == [1, 9]
    assert np.isnan(found.first_day[[1, 2]]).all()
    assert found.categories == ["bread", "milk"]
    assert found.lines_UC.toarray().tolist() == [[0, 1], [0, 0], [0, 0], [1, 0]]
    assert found.largest(1).categories == ["bread"]  # of equal ones the first by name
    with pytest.raises(DataError, match="not over yet"):
        outcomes.read(str(tmp_path), DS + datetime.timedelta(days=2), pa.array(["a"]))
