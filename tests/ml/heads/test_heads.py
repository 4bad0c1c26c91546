"""Heads on made-up shoppers whose future is known: calibrated, refused where thin, saved and read back alike."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from jobs.tables import PREDICTIONS
from ml.common import lake
from ml.common.cli import UsageError
from ml.data.outcomes import Outcomes
from ml.heads import fit, heads, rows, second_opinion, taste
from ml.heads.additive import Knots
from ml.heads.facts import UserFacts, events_by_category
from ml.heads.heads import Heads
from ml.heads.kinds import Kinds
from ml.heads.settings import PredictionConfig
from ml.heads.visits import Reading
from ml.measures import predictions

USERS, CATEGORIES = 1500, 8
CONFIG = PredictionConfig(
    inputs=["recency_days", "monetary_28d", "frequency_28d"], categories=CATEGORIES, factors=3, pairs=6000, penalty=10,
    pseudo_lines=20, second_steps=40, slices=[{"name": "new", "input": "tenure_days", "below": 28}, {"name": "known"}],
)  # fmt: skip
DAY = datetime.date(2017, 9, 30)
IDS = pa.array([f"u{k:04d}" for k in range(USERS)])


def world(seed: int) -> tuple[UserFacts, Outcomes]:
    """Users who buy with a probability that falls with recency; two tastes, half of the categories each."""
    random = np.random.default_rng(seed)
    recency = random.integers(0, 60, USERS).astype(float)
    money = random.gamma(2, 20, USERS)
    chance = 1 / (1 + np.exp(0.08 * (recency - 25)))
    first = np.where(random.random(USERS) < chance, random.integers(1, 29, USERS).astype(float), np.nan)
    kind = np.arange(USERS) % 2
    rates = np.where(np.arange(CATEGORIES) // 4 == kind[:, None], 0.23, 0.02)
    history = csr_matrix(random.poisson(rates * 40).astype(float))
    lines = random.poisson(rates * 15) * ~np.isnan(first)[:, None]
    lines[~np.isnan(first), 0] += 1
    recency[::10] = np.nan
    features = pa.table({
        "user_id": IDS, "recency_days": pa.array(recency, from_pandas=True), "monetary_28d": money,
        "frequency_28d": random.integers(0, 9, USERS), "tenure_days": np.where(np.arange(USERS) < 40, 5, 300),
    })  # fmt: skip
    known = UserFacts(features, random.normal(0, 1, (USERS, 4)), history)
    spend = lines.sum(axis=1) * money / 10
    names = [f"c{k}" for k in range(CATEGORIES)]
    return known, Outcomes(spend, lines.sum(axis=1), first, csr_matrix(lines.astype(float)), names)


@pytest.fixture(scope="module")
def fitted() -> Heads:
    return fit.fit(*world(1), IDS, CONFIG)


@pytest.fixture(scope="module")
def table(fitted: Heads) -> pa.Table:
    known, _ = world(2)
    batches = rows.rows(IDS, known, fitted, {"ds": DAY, "model_version": "7", "run_id": "r"})
    return pa.Table.from_batches(list(batches))


def test_rows_are_the_contract(table: pa.Table) -> None:
    assert table.schema == lake.arrow_schema(PREDICTIONS)
    whole = table.to_pylist()[1000]
    assert whole["purchase_7d"] <= whole["purchase_14d"] <= whole["purchase_28d"]
    assert whole["churn_28d"] == pytest.approx(1 - whole["purchase_28d"], abs=1e-6)
    assert len(whole["next_categories"]) == len(whole["next_category_scores"]) == heads.TOP
    assert whole["next_category_scores"] == sorted(whole["next_category_scores"], reverse=True)
    assert len(whole["expected"]) == 2 + CONFIG.factors
    assert len(whole["reasons"]) == len(whole["reasons_zh"]) == rows.REASONS
    first = [row["reasons"][0].split()[0].rstrip(":") for row in table.to_pylist()]
    assert first.count("recency_days") > USERS / 2


def test_a_thin_slice_is_refused_with_the_reason(table: pa.Table, fitted: Heads) -> None:
    new, old = table.to_pylist()[3], table.to_pylist()[600]
    assert new["slice"] == "new"
    assert new["churn_28d"] is new["spend_28d"] is new["next_categories"] is None
    assert new["expected"] is not None  # segments still place the user
    assert any("40 users of slice 'new' to learn from, at least 100 needed" in why for why in new["refused"])
    assert old["refused"] == []
    assert old["churn_28d"] is not None
    assert set(fitted.refused) == {"new"}


def _no_category(known: UserFacts, truth: Outcomes) -> tuple[UserFacts, Outcomes]:
    return replace(known, history_UC=known.history_UC[:, []]), truth.of_categories([])


def _one_category(known: UserFacts, truth: Outcomes) -> tuple[UserFacts, Outcomes]:
    return replace(known, history_UC=known.history_UC[:, [0]]), truth.of_categories(["c0"])


def _everybody_buys(known: UserFacts, truth: Outcomes) -> tuple[UserFacts, Outcomes]:
    return known, replace(truth, first_day=np.full(USERS, 3.0))


def _no_money(known: UserFacts, truth: Outcomes) -> tuple[UserFacts, Outcomes]:
    return known, replace(truth, spend=np.zeros(USERS))


def _nobody_soon(known: UserFacts, truth: Outcomes) -> tuple[UserFacts, Outcomes]:
    return known, replace(truth, first_day=np.where(truth.first_day <= 7, 8, truth.first_day))


@pytest.mark.parametrize(
    ("shop", "refused", "why"),
    [
        (_no_category, {"next_categories"}, "0 of 1,500 users who bought in a known category, at least 20 needed"),
        (_one_category, {"next_categories"}, "1 categories bought in, at least 2 needed"),
        (_everybody_buys, set(heads.EVENTS), "0 of 1,500 users with the rarer outcome, at least 20 needed"),
        (_no_money, {"spend_28d"}, "0 of 1,500 users who spent money, at least 20 needed"),
        (_nobody_soon, {"purchase_7d"}, "0 of 1,500 users with the rarer outcome, at least 20 needed"),
    ],
)
def test_each_prediction_is_refused_on_its_own_grounds(shop, refused: set[str], why: str, tmp_path: Path) -> None:
    made = fit.fit(*shop(*world(1)), IDS, CONFIG)
    made.save(tmp_path)
    assert set(made.refused["known"]) == refused
    known, truth = shop(*world(2))
    batches = rows.rows(IDS, known, Heads.load(tmp_path), {"ds": DAY, "model_version": "7", "run_id": "r"})
    table = pa.Table.from_batches(list(batches))
    row = table.to_pylist()[1000]
    named = {*heads.EVENTS, "spend_28d", "next_categories"}
    assert {name for name in named if row[name] is None} == refused
    assert (row["churn_28d"] is None) == ("purchase_28d" in refused)
    assert why in " ".join(row["refused"])
    if refused == {"next_categories"}:
        assert len(row["expected"]) == 2
        found = predictions.scores(table, truth)
        assert next(one["auc"] for one in found if one["prediction"] == "churn_28d") > 0.7


def test_heads_of_before_refused_spend_and_categories_with_the_purchase(fitted: Heads, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    settings = json.loads((tmp_path / "heads.json").read_text(encoding="utf-8"))
    del settings["predicted"]
    settings["refused"] = {"new": {"purchase_28d": "few", "purchase_7d": "few"}, "known": {"purchase_7d": "few"}}
    (tmp_path / "heads.json").write_text(json.dumps(settings), encoding="utf-8")
    assert Heads.load(tmp_path).refused == {
        "new": dict.fromkeys(("purchase_28d", "purchase_7d", "spend_28d", "next_categories"), "few"),
        "known": {"purchase_7d": "few"},
    }


def test_what_is_predicted_comes_true_on_other_users(table: pa.Table) -> None:
    _, truth = world(2)
    found = {
        row["prediction"]: row for row in predictions.scores(table, truth) if row["slice"] == predictions.EVERYBODY
    }
    churn = found["churn_28d"]
    assert churn["users"] == USERS - 40
    assert churn["predicted"] == pytest.approx(churn["observed"], abs=0.04)
    assert churn["auc"] > 0.7
    assert churn["brier"] < 0.21
    assert np.abs(np.subtract(churn["curve_predicted"], churn["curve_observed"])).mean() < 0.06
    assert found["spend_28d"]["predicted"] == pytest.approx(found["spend_28d"]["observed"], rel=0.15)
    assert found["spend_28d"]["r2"] > 0.15
    assert found["days_to_next_order"]["observed"] == pytest.approx(0.5, abs=0.08)
    assert found["next_categories"]["precision"] > 0.75  # four of five are of the user's own kind


def test_saved_heads_say_the_same_and_hold_no_pickle(fitted: Heads, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    read = Heads.load(tmp_path)
    known, _ = world(3)
    ours, theirs = fitted.expect(known), read.expect(known)
    for name in vars(ours):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name), equal_nan=True), name
    assert read.refused == fitted.refused
    with np.load(tmp_path / "heads.npz", allow_pickle=False) as arrays:
        assert all(array.dtype != object for array in arrays.values())
    assert Heads.load(tmp_path / "nowhere") is None


def test_heads_of_before_speak_by_their_curves_alone(fitted: Heads, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    with np.load(tmp_path / "heads.npz") as file:
        np.savez(tmp_path / "heads.npz", **{name: file[name] for name in file if not name.startswith("outlook.")})
    known, _ = world(3)
    alone, curves = Heads.load(tmp_path).expect(known), replace(fitted, second=None).expect(known)
    assert np.array_equal(alone.purchase_U3, curves.purchase_U3)
    assert not np.allclose(alone.purchase_U3, fitted.expect(known).purchase_U3, atol=1e-3)


def test_the_network_reads_levels_within_those_that_it_learned_from() -> None:
    knots = Knots.fit(np.array([[0.0, 5.0, np.nan], [9.0, 5.0, np.nan]]), [2, 2, 2])
    found = second_opinion.inputs(knots, np.array([[99.0, np.nan, 7.0], [-3.0, 5.0, np.nan]]), 3)
    assert found == pytest.approx(np.array([[np.log(10), 0, 0, 0, 1, 0], [0, np.log(6), 0, 0, 0, 1]]))


def test_saved_heads_know_their_kinds(fitted: Heads, tmp_path: Path) -> None:
    rates = np.log(np.array([[0.2] * 4 + [0.05] * 4 + [0.25] * 4, [0.05] * 4 + [0.2] * 4 + [0.25] * 4]))
    reading = Reading(fitted.tastes.categories, np.arange(27.0).reshape(9, 3), (0.75, 0.5))
    kinds = Kinds(reading, np.array([0.6, 0.4]), rates, 0.01)
    replace(fitted, kinds=kinds).save(tmp_path)
    read = Heads.load(tmp_path).kinds
    assert (read.reading.categories, read.reading.alike, read.change) == (reading.categories, reading.alike, 0.01)
    assert np.array_equal(read.reading.edges_CE, reading.edges_CE)
    assert np.array_equal(read.share_K, kinds.share_K)
    assert np.array_equal(read.log_rates_KJ, rates)
    known, _ = world(3)
    of_kinds = replace(known, kind_UK=np.tile([0.25, 0.75], (USERS, 1)))
    plain, more = fitted.expect(known).expected_UE, fitted.expect(of_kinds.part(slice(5, 9))).expected_UE
    assert more[:, : plain.shape[1]] == pytest.approx(plain[5:9], abs=1e-9)
    assert more[:, plain.shape[1] :].tolist() == [[0.25, 0.75]] * 4


def test_the_median_day_lies_where_half_have_bought() -> None:
    chance = np.array([[0.5, 0.8, 0.9], [0.2, 0.4, 0.7], [0.1, 0.2, 0.3], [0.75, 0.8, 0.9]])
    found = heads.median_day(chance)
    assert found[0] == pytest.approx(7)
    assert 14 < found[1] < 28
    assert np.isnan(found[2])
    assert found[3] == pytest.approx(3.5)  # 1/4 are left after 7 days, so 1/2 after half of them


def test_taste_tells_the_two_kinds_apart() -> None:
    known, truth = world(4)
    fold = np.arange(USERS) % 5
    found = taste.fit(known.history_UC, truth.lines_UC, truth.categories, fold, 20, 2)
    factor = found.factors(known.history_UC)[:, 0]
    kind = np.arange(USERS) % 2
    assert np.abs(factor[kind == 0].mean() - factor[kind == 1].mean()) > 3 * factor[kind == 0].std()
    expected = found.expected(known.history_UC)
    assert (expected[kind == 0][:, 1:4].mean(), expected[kind == 1][:, 5:].mean()) > (0.1, 0.1)


def test_tastes_without_a_fold_do_not_know_its_users() -> None:
    """Futures that have nothing to do with histories: what is learned of a user himself looks as if it did."""
    random, fold = np.random.default_rng(3), np.arange(USERS) % 5
    history = csr_matrix(random.poisson(3.0, (USERS, CATEGORIES)).astype(float))[:40]
    lines = csr_matrix(random.poisson(3.0, (USERS, CATEGORIES)).astype(float))[:40]
    whole, held = taste.crossed(history, lines, [f"c{k}" for k in range(CATEGORIES)], fold[:40], 1, 2)
    truth = lines.toarray() / lines.sum(axis=1) - whole.base_C

    def agreement(expected: np.ndarray) -> float:
        return float((expected * np.asarray(truth)).sum())

    without = np.zeros(truth.shape)
    for number, part in enumerate(held):
        without[fold[:40] == number] = part.expected(history[fold[:40] == number])
    assert agreement(without) < agreement(whole.expected(history))


def test_histories_are_counted_by_category() -> None:
    batch = pa.record_batch({
        "user_id": ["b", "x", "a"],
        "categories": pa.array([["milk", "", "milk"], ["milk"], ["bread"]], pa.list_(pa.string())),
    })  # fmt: skip
    found = events_by_category([batch], pa.array(["a", "b", "c"]), ["bread", "milk"])
    assert found.toarray().tolist() == [[1, 0], [0, 2], [0, 0]]


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "predictions.yaml").write_text("inputs: [recency_dayz]\n", encoding="utf-8")
    with pytest.raises(UsageError, match="recency_dayz"):
        PredictionConfig.load(tmp_path)
    shipped = PredictionConfig.load(Path(__file__).resolve().parents[3] / "conf")
    assert {"user_id", "tenure_days", "recency_days"} <= set(shipped.columns)


def test_factors_of_another_fit_are_turned_to_mean_what_they_meant() -> None:
    known, truth = world(4)
    fold = np.arange(USERS) % 5
    old = taste.fit(known.history_UC, truth.lines_UC, truth.categories, fold, 20, 3)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    new = replace(old, factors_CF=old.factors_CF @ turn)
    assert not np.allclose(new.factors(known.history_UC), old.factors(known.history_UC), atol=1e-3)
    assert taste.turned(new, old).factors(known.history_UC) == pytest.approx(old.factors(known.history_UC), abs=1e-9)
    fewer = taste.fit(known.history_UC, truth.lines_UC, truth.categories, fold, 20, 2)
    assert taste.turned(fewer, old) is fewer
