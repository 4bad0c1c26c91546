"""Segments of what is expected of users, and the choice of their number by what came true in the trial."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from ml.data.outcomes import Outcomes
from ml.data.snapshot import Snapshot
from ml.heads.trial import Trial
from ml.segments import balance, kmeans, levels, usefulness
from ml.segments.continuity import Before, Identity, identify, procrustes
from ml.segments.inputs import FAINT, Users, fit_scaler, weight_in
from ml.segments.kmeans import Choice
from ml.segments.model import SegmentModel
from ml.segments.settings import Balance, Levels, Range, SegmentConfig, Stability

CONF = Path(__file__).resolve().parents[3] / "conf"


@pytest.fixture
def users(frozen: Snapshot) -> Users:
    features = frozen.features()
    ids = features["user_id"].combine_chunks()
    return Users.of(features, ids, np.zeros((len(ids), 4), np.float32))


def small(**changes: object) -> SegmentConfig:
    return SegmentConfig.load(CONF).model_copy(update=changes)


def expecting(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Expectations of users of four kinds (spend little or much, one or the other taste), and their kinds."""
    random = np.random.default_rng(seed)
    kind = np.arange(count) % 4
    spend, taste = np.where(kind < 2, 1.0, 5.0), np.where(kind % 2, 0.3, -0.3)
    found = np.stack([spend, 1.2 - 0.2 * spend, taste, 0.01 * random.normal(size=count)], axis=1)
    return found + random.normal(0, 0.02, found.shape), kind


def test_expectations_take_the_place_of_the_past(users: Users) -> None:
    expected, kind = expecting(len(users.user_ids), 0)
    model, _ = kmeans.fit(replace(users, expected_UE=expected), small(k=Range(min=4, max=4)))
    scaler = model.scaler
    assert scaler.inputs == ["exp:0", "exp:1", "exp:2", "exp:3", "dept:GROCERY", "dept:GOODS"]
    labels = model.assign(replace(users, expected_UE=expected))
    assert len(set(zip(labels, kind, strict=True))) == 4
    variance = scaler(replace(users, expected_UE=expected).raw(scaler.inputs)).var(axis=0)
    assert variance[:2] == pytest.approx([1.0, 0.4**2])
    assert variance[2:4].sum() == pytest.approx(0.9**2)
    assert variance[3] < variance[2] / 50  # together: a factor that says little stays little
    assert variance[4:].sum() == pytest.approx(FAINT**2)


def test_where_users_are_of_kinds_by_themselves_the_kinds_are_the_segments(users: Users) -> None:
    """Three kinds across four groups of expectations: who buys much and who buys little share a kind."""
    expected, _ = expecting(len(users.user_ids), 0)
    kind = np.arange(len(expected)) % 3
    unsure = np.random.default_rng(4).dirichlet([1, 1, 1], len(expected)) * 0.3
    of_kinds = replace(users, expected_UE=np.column_stack([expected, 0.7 * np.eye(3)[kind] + unsure]), kinds=3)
    model, choices = kmeans.fit(of_kinds, small(levels=Levels(most=1)))
    assert [choice.k for choice in choices] == [3]
    assert model.scaler.inputs == ["exp:4", "exp:5", "exp:6", "dept:GROCERY", "dept:GOODS"]
    assert len(set(zip(model.assign(of_kinds), kind, strict=True))) == 3
    without, _ = kmeans.fit(of_kinds, small(k=Range(min=4, max=4), natural_kinds=False))
    assert without.scaler.inputs == ["exp:0", "exp:1", "exp:2", "exp:3", "dept:GROCERY", "dept:GOODS"]


def tried(expected: np.ndarray, kind: np.ndarray) -> Trial:
    """What came true of the users of `expecting`: kinds 0 and 1 are often silent and spend little, the others spend
    much; odd ones buy the one category, even ones the other. Windows of value tell the spending of all.
    """
    count, random = len(kind), np.random.default_rng(2)
    silent = random.random(count) < np.where(kind < 2, 0.6, 0.05)
    lines = np.where(np.arange(2) == (kind % 2)[:, None], 9, 1) * ~silent[:, None]
    truth = Outcomes(
        np.where(silent, 0, np.where(kind < 2, 5.0, 200.0)), lines.sum(axis=1), np.where(silent, np.nan, 3.0),
        csr_matrix(lines.astype(float)), ["a", "b"],
    )  # fmt: skip
    windows = (kind >= 2)[:, None] + random.normal(0, 0.02, (count, 3))
    return Trial(pa.array([f"u{k:03d}" for k in range(count)]), expected, windows, truth)


def test_kinds_have_the_levels_of_money_that_the_trial_speaks_for(users: Users) -> None:
    """Two kinds by taste, in each of which one half spends little and is often silent."""
    expected, kind = expecting(400, 1)
    trial = tried(np.column_stack([expected, np.eye(2)[kind % 2]]), kind)
    trial, of_two = replace(trial, kinds=2), replace(users, kinds=2)

    def chosen(champions: int | None = None, of: Trial | None = trial, **changes: float) -> int:
        config = small(levels=Levels(most=2, bits=0.8).model_copy(update=changes))
        return levels.levelled(config, of, of_two, champions)[0].levels.most

    assert chosen() == 2
    assert chosen(bits=0.97) == 1  # more than they keep: so few lines tell less by fours
    assert chosen(4, bits=0.97, switch=0.1) == 2  # the champion's stay
    assert chosen(of=replace(trial, expected_UE=trial.expected_UE[:, [2, 1, 0, 3, 4, 5]])) == 1  # nothing is gained
    assert chosen(of=replace(trial, kinds=0)) == chosen(of=None) == 1  # of before kinds had levels


def test_ids_of_kinds_and_of_their_levels_survive_a_training(users: Users) -> None:
    expected, spends = expecting(len(users.user_ids), 0)
    taste = np.eye(2)[spends % 2]

    def trained(most: int, seed: int) -> tuple[SegmentModel, Users]:
        drawn = np.random.default_rng(seed).normal(0, 0.05, (len(taste), 3))
        chance = np.clip(0.9 * taste + 0.05 + drawn[:, 1:], 0, 1)
        of_two = replace(users, expected_UE=np.column_stack([expected, chance]), kinds=2)
        of_two.expected_UE[:, 0] += drawn[:, 0]
        return kmeans.fit(of_two, small(levels=Levels(most=most)))[0], of_two

    def named(model: SegmentModel, users: Users, champion: SegmentModel, theirs: Users) -> list[Identity]:
        turn = procrustes(theirs.embedding_UD, users.embedding_UD)
        before = Before.of(champion, theirs, model.scaler, turn)
        return identify(model, users, before, 9, small())

    plain, former = trained(1, 1)
    champion, theirs = trained(2, 1)
    assert champion.scaler.inputs[:3] == ["exp:4", "exp:5", "exp:0"]
    assert len(set(zip(champion.assign(theirs), spends, strict=True))) == 4
    champion, plain = replace(champion, ids=np.array([7, 3, 9, 5])), replace(plain, ids=np.array([1, 2]))
    assert [(one.segment_id, one.status) for one in named(*trained(2, 2), champion, theirs)] == [
        (7, "kept"), (3, "kept"), (9, "kept"), (5, "kept")]  # fmt: skip
    first = named(champion, theirs, plain, former)  # one level of each kind keeps its id, and all know their kind
    assert sorted(one.segment_id for one in first)[:2] == [1, 2]
    assert [one.parents for one in first] == [[1], [1], [2], [2]]


def test_the_number_of_segments_is_the_most_useful_one_in_the_trial(users: Users) -> None:
    """Four kinds differ in what comes true; two groups would miss one half of it."""
    trial = tried(*expecting(400, 1))
    config = small(k=Range(min=2, max=6, step=2))
    found = usefulness.usefulness(trial, config)
    assert list(found) == [2, 4, 6]
    assert found[2] < 0.8 < found[4]
    many = replace(users, expected_UE=expecting(len(users.user_ids), 0)[0])
    model, choices = kmeans.fit(many, config, trial=trial)
    assert [choice.useful for choice in choices] == list(found.values())
    assert len(model.ids) >= 4


def test_categories_weigh_as_much_as_money_and_silence_bear(users: Users) -> None:
    """With two segments either the taste is told or the money."""
    expected, kind = expecting(400, 1)
    trial, config = tried(expected, kind), small(k=Range(min=2, max=2))
    many = replace(users, expected_UE=expecting(len(users.user_ids), 0)[0])
    weight = {least: balance.balanced(config.model_copy(update={"balance": Balance(least=least, shares=[0.5, 2])}),
                                      trial, many)[0].blocks["expected_categories"].weight
              for least in (0.01, 0.5, 1.1)}  # fmt: skip
    assert weight[0.01] > weight[0.5] > weight[1.1] == 0.5 * 0.9
    for unknown in (None, replace(trial, windows_UV=np.zeros((400, 3)))):
        _, said = balance.balanced(config, unknown, many)
        assert ("as in the settings" in said) == (unknown is None)


def test_a_champions_weight_stays_as_long_as_it_keeps_as_much(users: Users) -> None:
    config = small(balance=Balance(least=0.96, switch=0.01))
    weights, kept = np.array([0.5, 1.0, 1.5]), np.array([1.0, 0.96, 0.92])
    assert balance.chosen(weights, kept, config, None) == pytest.approx(1.0)
    assert balance.chosen(weights, kept, config, 1.1) == 1.1
    assert balance.chosen(weights, kept, config, 1.3) == pytest.approx(1.0)
    assert balance.chosen(weights, np.array([0.9, 0.9, 0.95]), config, None) == 1.5  # categories cost nothing
    many = replace(users, expected_UE=expecting(len(users.user_ids), 0)[0])
    scaler, names = fit_scaler(many, config), ["exp:2", "exp:3"]
    assert weight_in(scaler, many, names) == pytest.approx(0.9)
    assert weight_in(scaler, many, ["exp:9"]) is None


def test_of_useful_numbers_only_stable_enough_ones_are_taken() -> None:
    config = small(stability=Stability(least=0.5, tie=0.02, switch=0.05), min_share=0.01)

    def choice(k: int, stability: float, useful: float, smallest: float = 0.02) -> Choice:
        return Choice(k, stability, smallest, np.zeros((k, 1)), useful)

    tried = [choice(4, 0.9, 0.9), choice(8, 0.6, 0.97), choice(9, 0.6, 0.96), choice(12, 0.4, 1.0)]
    assert kmeans.choose(tried, config).k == 9
    assert kmeans.choose(tried, config, current=8).k == 8
    assert kmeans.choose(tried, config, current=4).k == 9
    assert kmeans.choose([choice(4, 0.3, 0.9), choice(8, 0.2, 1.0)], config).k == 8  # none is stable enough
    assert kmeans.choose([choice(4, 0.9, 0.5), choice(8, 0.9, 1.0, smallest=0.001)], config).k == 4
