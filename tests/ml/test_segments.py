"""Segments: ids that survive, rules that say what they say, centres that come out alike."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest

from ml import segments
from ml.cli import UsageError
from ml.inputs import SegmentConfig, Users
from ml.matching import first_identities, identities
from ml.rules import rule
from ml.snapshot import Snapshot

CONF = Path(__file__).resolve().parents[2] / "conf"


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


def test_the_rule_says_exactly_what_its_fidelity_measures() -> None:
    random = np.random.default_rng(0)
    values = random.uniform(0, 100, (2000, 3))
    text, fidelity = rule(values, ["money", "age", "noise"], (values[:, 0] > 40.123456) & (values[:, 1] <= 7.5))
    found = dict(part.split(" ", 1) for part in text.split(" and "))
    assert found.keys() == {"money", "age"}
    chosen = (values[:, 0] > float(found["money"].removeprefix("> "))) & (values[:, 1] <= float(found["age"][3:]))
    member = (values[:, 0] > 40.123456) & (values[:, 1] <= 7.5)
    assert fidelity == pytest.approx(2 * (chosen & member).sum() / (chosen.sum() + member.sum()))
    assert fidelity > 0.95


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
    model, choices = segments.fit(users, config)
    again, _ = segments.fit(users, config)
    assert np.array_equal(model.centers_KJ, again.centers_KJ)
    assert [choice.k for choice in choices] == [2, 3, 4, 5]
    labels = model.assign(users)
    kinds = [int(name[1:]) % 3 for name in users.user_ids]
    assert len(set(zip(labels, kinds, strict=True))) == len(model.ids) == 3


def test_rows_give_the_assignment_back(users: Users, tmp_path: Path) -> None:
    from jobs.tables import SEGMENT_MODELS
    from ml import lake

    model, _ = segments.fit(users, small())
    named = segments.identify(model, users, None, 0, small())
    batch = segments.rows(model, users, named, small(), "7", datetime.date(2017, 12, 1))
    lake.write_partition(SEGMENT_MODELS, str(tmp_path), "7", [batch])
    read = segments.SegmentModel.read(str(tmp_path), "7")
    ids = np.array([identity.segment_id for identity in named])
    assert np.array_equal(read.ids[read.assign(users)], ids[model.assign(users)])
    assert segments.SegmentModel.read(str(tmp_path), "8") is None


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "segments.yaml").write_text("blocks: {value: {inputs: [moneyy]}}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"blocks\.value\.inputs.*moneyy"):
        SegmentConfig.load(tmp_path)
