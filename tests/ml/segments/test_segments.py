"""Segments: ids that survive, rules that say what they say, centres that come out alike."""

from __future__ import annotations

import datetime
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.common.cli import UsageError
from ml.data.snapshot import Snapshot
from ml.heads.taste import Taste
from ml.segments import continuity, kmeans, rows
from ml.segments.continuity import carried, endings, first_identities, identities, nearness, procrustes
from ml.segments.inputs import Users, fit_scaler
from ml.segments.model import SegmentModel
from ml.segments.rules import Term, rule
from ml.segments.settings import SegmentConfig
from ml.segments.terms import terms

CONF = Path(__file__).resolve().parents[3] / "conf"


def test_first_ids_go_by_size() -> None:
    named = first_identities(np.array([0, 1, 1, 1, 2, 2]), 3)
    assert [n.segment_id for n in named] == [3, 1, 2]
    assert {n.status for n in named} == {"born"}


def test_ids_are_kept_split_merged_and_born() -> None:
    """Old 4 stays; old 7 falls into two; old 8 and 9 become one; a group from everywhere is new."""
    previous = np.repeat([4, 7, 8, 9], [100, 100, 100, 40])
    labels = np.repeat([0, 4, 1, 2, 3, 4, 3, 4], [90, 10, 60, 40, 90, 10, 30, 10])
    kept, larger, smaller, merged, born = identities(labels, previous, 5, highest=11, threshold=0.3)
    assert (kept.segment_id, kept.parents, kept.status) == (4, [4], "kept")
    assert (larger.segment_id, larger.parents, larger.status) == (7, [7], "kept")
    assert (smaller.segment_id, smaller.parents, smaller.status) == (12, [7], "split")
    assert (merged.segment_id, merged.parents, merged.status) == (8, [8, 9], "merged")
    assert (born.segment_id, born.status) == (13, "born")
    assert sorted(born.parents) == [4, 8, 9]


def test_of_two_alike_by_members_the_nearer_centre_keeps_the_id() -> None:
    """Old 4 is cut into halves; the members cannot tell which half it is now, the centres can."""
    previous, labels = np.repeat([4, 5], [100, 80]), np.repeat([0, 1, 2], [50, 50, 80])
    new, old = np.array([[2.0, 0], [0.1, 0], [9, 0]]), np.array([[0.0, 0], [9, 0]])
    near = nearness(new, old)
    assert near[1, 0] > near[0, 0]
    by_id = {4: near[:, 0], 5: near[:, 1]}
    assert [n.segment_id for n in identities(labels, previous, 3, 5, 0.3, by_id)] == [6, 4, 5]


def test_what_ended_is_told_with_where_it_went() -> None:
    previous, now = np.repeat([3, 7, 8], [10, 20, 4]), np.repeat([3, 9, 3, 9, 3], [10, 12, 5, 3, 4])
    assert endings(now, previous, {3, 9}) == {7: [9, 3], 8: [3]}


def test_a_turned_encoder_is_turned_back(users: Users) -> None:
    """Vectors that are the old ones, turned, stretched and moved: every centre lies where its users' mean lies."""
    config = small()
    random = np.random.default_rng(5)
    turn, _ = np.linalg.qr(random.normal(size=(4, 4)))
    moved = Users(users.user_ids, users.features, users.embedding_UD @ turn * 3 + random.normal(size=4))
    found = procrustes(users.embedding_UD, moved.embedding_UD)
    assert found.fit == pytest.approx(1)
    assert found.scale == pytest.approx(3)
    old, new = fit_scaler(users, config), fit_scaler(moved, config)
    values = users.raw(old.inputs)
    centers = np.stack([old(values)[k::3].mean(axis=0) for k in range(3)])
    raw = centers * old.scale + old.mean
    state = [j for j, name in enumerate(old.inputs) if name.startswith("emb:")]
    found_again = carried(centers, old, new, found) * new.scale + new.mean
    expected = raw.copy()
    expected[:, state] = found(raw[:, state])
    assert np.allclose(found_again, expected, atol=1e-9)
    assert np.allclose(found_again[:, state], np.stack([moved.embedding_UD[k::3].mean(axis=0) for k in range(3)]))


def test_vectors_of_another_width_are_turned_into_the_plane_that_they_share() -> None:
    random = np.random.default_rng(6)
    old = random.normal(size=(50, 3))
    turn, _ = np.linalg.qr(random.normal(size=(5, 5)))
    new = old @ turn[:3] * 2 + 1  # three of five directions
    wider, narrower = procrustes(old, new), procrustes(new, old)
    assert wider.rotation_DD.shape == (3, 5)
    assert (wider.fit, wider.scale) == (pytest.approx(1), pytest.approx(2))
    assert np.allclose(wider(old), new)
    assert narrower.rotation_DD.shape == (5, 3)
    assert np.allclose(narrower(new), old)


def test_the_number_of_segments_stays_unless_another_is_clearly_better() -> None:
    def tried(k: int, stability: float, smallest: float = 0.1) -> kmeans.Choice:
        return kmeans.Choice(k, stability, smallest, np.zeros((k, 1)))

    config = small()
    choices = [tried(6, 0.90), tried(7, 0.86), tried(8, 0.80), tried(9, 0.99, smallest=0.001)]
    assert kmeans.choose(choices, config).k == 6
    assert kmeans.choose(choices, config, current=7).k == 7
    assert kmeans.choose(choices, config, current=8).k == 6
    assert kmeans.choose(choices, config, current=9).k == 6


def test_the_rule_says_exactly_what_its_fidelity_measures() -> None:
    random = np.random.default_rng(0)
    values = random.uniform(0, 100, (2000, 3))
    values[:, 1] /= 100
    member = (values[:, 0] > 40.123456) & (values[:, 1] <= 0.35)
    names = [Term("money", "金额", key="m"), Term("share", "占比", "%", 100.0, key="s"), Term("noise", "噪声")]
    found = rule(values, names, member)
    said = dict(part.split(" ", 1) for part in found.text.split(", "))
    assert said.keys() == {"money", "share"}
    money, share = (
        float(said["money"].removeprefix("above ")),
        float(said["share"].removeprefix("at most ").rstrip("%")),
    )
    chosen = (values[:, 0] > money) & (values[:, 1] <= share / 100)
    assert found.fidelity == pytest.approx(2 * (chosen & member).sum() / (chosen.sum() + member.sum()))
    assert found.fidelity > 0.95
    assert sorted(part[:2] for part in found.text_zh.split("，")) == ["占比", "金额"]
    ends = {condition["term"]: (condition["low"], condition["high"]) for condition in found.conditions}
    assert ends == {"m": (money, None), "s": (None, share / 100)}
    between = rule(values, names, (values[:, 0] > 20) & (values[:, 0] <= 60))
    low, high = map(float, re.fullmatch(r"money above ([\d.]+) and at most ([\d.]+)", between.text).groups())
    assert (low, high) == (pytest.approx(20, abs=3), pytest.approx(60, abs=3))
    assert between.text_zh == f"金额高于{low:g}且不超过{high:g}"
    nothing = rule(values, names, np.zeros(2000, bool))
    assert nothing.fidelity == 0


def test_rules_speak_of_what_is_expected_in_words(users: Users) -> None:
    """log(1 + spend), arcsine of the root of the probability of silence, and a factor that is one category's."""
    count = len(users.user_ids)
    expected = np.tile([np.log1p(50), np.arcsin(np.sqrt(0.2)), 0.3], (count, 1))
    tastes = Taste(["MILK", "WINE"], np.array([0.75, 0.25]), 30.0, np.zeros(2), np.eye(2), np.array([[0.0], [1.0]]))
    told, values = terms(replace(users, expected_UE=expected), ["dept:GROCERY"], np.zeros((count, 1)), tastes)
    assert [term.name for term in told] == [
        "share of money in GROCERY", "expected spend in 28 days", "probability of no purchase in 28 days",
        "expected share of MILK", "expected share of WINE",
    ]  # fmt: skip
    assert values[0] == pytest.approx([0, 50, 0.2, 1.0, 1 + 0.3 / 0.5])
    of_kinds = replace(users, expected_UE=np.hstack([expected, np.tile([0.9, 0.1], (count, 1))]), kinds=2)
    assert np.array_equal(terms(of_kinds, ["dept:GROCERY"], np.zeros((count, 1)), tastes)[1], values)
    assert told[2].phrase(0.2, None) == (
        "probability of no purchase in 28 days above 20%", "28天内不购买的概率高于20%",
    )  # fmt: skip


def test_a_share_near_the_usual_is_told_of_nobody() -> None:
    """Members have slightly more of the one category, and clearly more of the other."""
    values = np.column_stack([np.linspace(0.9, 1.15, 500), np.linspace(0.5, 3, 500)])
    terms = [Term(name, name, " times the usual", key=name, apart=1.2) for name in ("near", "far")]
    told = rule(values, terms, np.arange(500) >= 400)
    assert [condition["term"] for condition in told.conditions] == ["far"]
    assert told.text.startswith("far above 2.")


@pytest.fixture
def users(frozen: Snapshot) -> Users:
    features = frozen.features()
    ids = features["user_id"].combine_chunks()
    kind = np.array([int(name[1:]) % 3 for name in ids.to_pylist()])
    states = np.eye(4, dtype=np.float32)[kind] + np.random.default_rng(1).normal(0, 0.05, (len(kind), 4)).astype(
        np.float32
    )
    return Users.of(features, ids, states)


def small(**changes: object) -> SegmentConfig:
    return SegmentConfig.load(CONF).model_copy(update=changes)


def test_fit_finds_the_three_kinds_and_is_deterministic(users: Users) -> None:
    config = SegmentConfig.model_validate(small().model_dump() | {"k": {"min": 2, "max": 5}})
    model, choices = kmeans.fit(users, config)
    again, _ = kmeans.fit(users, config)
    assert np.array_equal(model.centers_KJ, again.centers_KJ)
    assert [choice.k for choice in choices] == [2, 3, 4, 5]
    labels = model.assign(users)
    kinds = [int(name[1:]) % 3 for name in users.user_ids]
    assert len(set(zip(labels, kinds, strict=True))) == len(model.ids) == 3


def test_a_fit_that_follows_another_keeps_ids_by_the_former_centres(users: Users) -> None:
    config = SegmentConfig.model_validate(small().model_dump() | {"k": {"min": 3, "max": 4}})
    model, _ = kmeans.fit(users, config)
    first = replace(model, ids=np.array([11, 5, 7]))
    turned = Users(users.user_ids, users.features, users.embedding_UD[:, ::-1].copy())
    scaler = fit_scaler(turned, config)
    before = continuity.Before.of(first, users, scaler, procrustes(users.embedding_UD, turned.embedding_UD))
    again, _ = kmeans.fit(turned, config, scaler, before)
    named = continuity.identify(again, turned, before, highest=30, config=config)
    ids = np.array([n.segment_id for n in named])
    assert {n.status for n in named} == {"kept"}
    assert np.array_equal(ids[again.assign(turned)], first.ids[first.assign(users)])


def test_rows_give_the_assignment_back(users: Users, tmp_path: Path) -> None:
    from jobs.tables import SEGMENT_MODELS
    from ml.common import lake

    model, _ = kmeans.fit(users, small())
    named = continuity.identify(model, users, None, 0, small())
    batch = rows.rows(model, users, named, small(), "7", datetime.date(2017, 12, 1))
    lake.write_partition(SEGMENT_MODELS, str(tmp_path), "7", [batch])
    read = SegmentModel.read(str(tmp_path), "7")
    ids = np.array([identity.segment_id for identity in named])
    assert np.array_equal(read.ids[read.assign(users)], ids[model.assign(users)])
    assert SegmentModel.read(str(tmp_path), "8") is None


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "segments.yaml").write_text("blocks: {value: {inputs: [moneyy]}}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"blocks\.value\.inputs.*moneyy"):
        SegmentConfig.load(tmp_path)
