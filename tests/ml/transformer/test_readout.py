"""Published vectors: what times of events say as of a day, and the blocks that they are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ml.data.sequences import CONTEXT, TYPES, Sequences
from ml.transformer import clock
from ml.transformer.clock import HALF_LIVES, RECENT, facts
from ml.transformer.readout import Outlook, Readout

PURCHASE, VIEW = 3, 4
RHYTHM = 3 * len(HALF_LIVES) + len(RECENT) + 3  # facts of all events; as many of purchases follow


def sequences(*users: list[tuple[int, int, int]]) -> Sequences:
    """Events of users as (day, type, price level)."""
    lengths = [len(events) for events in users]
    day, kind, level = np.array([event for events in users for event in events], int).reshape(-1, 3).T
    context = np.zeros((len(day), CONTEXT), np.uint8)
    context[:, 0], context[:, 1] = kind, 1 + TYPES + level
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    names = pa.array([f"u{index}" for index in range(len(users))])
    return Sequences(names, offsets, day * 86_400, np.full(len(day), 2, np.int32), context, day.astype(np.int32))


def told(one: Sequences, end: int, most: int = 100) -> np.ndarray:
    return facts(one, np.diff(one.offsets), end, PURCHASE, most)


def test_what_the_times_of_a_user_say() -> None:
    """Two purchases on one day and a view a week later, asked three days after it."""
    (row,) = told(sequences([(10, PURCHASE, 4), (10, PURCHASE, 0), (17, VIEW, 4)]), end=20)
    half = HALF_LIVES.index(7.0)
    weights = 0.5 ** (np.array([9.5, 2.5]) / 7)
    worth = 2**1.75 - 1
    events, days, money = np.expm1(row[3 * half : 3 * half + 3])
    assert events == pytest.approx(2 * weights[0] + weights[1])
    assert days == pytest.approx(weights.sum())
    assert money == pytest.approx(worth * weights.sum())
    ages = np.expm1(row[3 * len(HALF_LIVES) : 3 * len(HALF_LIVES) + len(RECENT)])
    assert ages[:3] == pytest.approx([2.5, 9.5, clock.LONG_AGO])
    assert np.exp(row[RHYTHM - 3]) == pytest.approx((7 + clock.USUAL_GAP) / 2)
    assert np.expm1(row[RHYTHM + 3 * half]) == pytest.approx(2 * weights[0])  # of purchases alone
    assert np.expm1(row[RHYTHM + 3 * len(HALF_LIVES)]) == pytest.approx(9.5)
    assert np.expm1(row[-2:]) == pytest.approx([3, 9.5])
    assert len(row) == clock.FACTS


def test_a_row_is_of_the_users_newest_events_alone() -> None:
    ahead, own = [(3, VIEW, 9)] * 5, [(1, VIEW, 1), (8, PURCHASE, 2), (9, PURCHASE, 2)]
    together = told(sequences(ahead, [], own), end=12, most=2)
    assert (together[2] == told(sequences(own), end=12, most=2)[0]).all()
    assert (together[2] == told(sequences(own[1:]), end=12)[0]).all()
    assert np.isfinite(together).all()
    assert (told(sequences(own[1:]), end=13)[0, : 3 * len(HALF_LIVES)] < together[2, : 3 * len(HALF_LIVES)]).all()


def test_blocks_have_the_variance_of_the_state_and_survive_a_file(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    state, means, expected = (
        5 * random.normal(size=(300, 4)),
        random.normal(size=(300, 8)),
        random.normal(size=(300, 6)),
    )
    outlook = Outlook(
        np.zeros(6), np.ones(6), np.eye(6), np.full(6, 30.0), np.eye(6), np.zeros(6), np.eye(6), np.full(6, -30.0)
    )  # where nothing is bent, what comes in comes out
    readout = Readout.of(state, means, expected, outlook)
    readout.save(tmp_path)
    loaded = Readout.load(tmp_path)
    vector = np.hstack([loaded.lasting(state, means), loaded.expected(expected)])
    total = [vector[:, part].var(axis=0).sum() for part in (slice(0, 4), slice(4, 8), slice(8, 12), slice(12, 18))]
    assert total == pytest.approx([total[0]] * 4, rel=1e-3)
    assert vector[:, :4] == pytest.approx(state, rel=1e-6)
    assert vector.shape[1] == loaded.width(4)
    assert Readout.load(tmp_path / "none") is None


def test_without_an_outlook_a_vector_is_shorter(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    Readout.of(random.normal(size=(9, 4)), np.zeros((9, 8)), np.zeros((9, 0)), None).save(tmp_path)
    readout = Readout.load(tmp_path)
    assert readout.outlook is None
    assert readout.width(4) == 12
    assert np.isfinite(readout.lasting(np.ones((2, 4)), np.zeros((2, 8)))).all()  # means that are the same for all
