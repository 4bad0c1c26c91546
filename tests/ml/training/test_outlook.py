"""The outlook learns from what came after earlier days, and from nothing of the held-out week."""

from __future__ import annotations

import datetime
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from jobs.tables import SEQUENCE_LENGTH
from ml.data.events import day_number
from ml.data.sequences import CONTEXT, TYPES, Sequences
from ml.measures.metrics import auc
from ml.training import outlook
from ml.transformer import clock

CUTOFF = datetime.date(2017, 11, 25)
END = day_number(CUTOFF)
PURCHASE = 3


class Reader:
    """As much of an encoder as is asked: facts of at most 128 events."""

    vocabularies = SimpleNamespace(event_type=SimpleNamespace(encode=lambda names: np.array([PURCHASE - 1])))

    def facts(self, sequences: Sequences, end: int, lengths: np.ndarray | None = None) -> np.ndarray:
        lengths = np.diff(sequences.offsets) if lengths is None else lengths
        return clock.facts(sequences, lengths, end, PURCHASE, 128)


def shop(days_of_users: list[np.ndarray]) -> Sequences:
    """A purchase on each of a user's days."""
    days = np.concatenate(days_of_users).astype(np.int32)
    context = np.zeros((len(days), CONTEXT), np.uint8)
    context[:, 0], context[:, 1] = PURCHASE, 1 + TYPES + 5
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in days_of_users])])
    names = pa.array([f"u{index:04d}" for index in range(len(days_of_users))])
    return Sequences(names, offsets, days * 86_400, np.full(len(days), 2, np.int32), context, days)


def regulars_and_others(users: int) -> Sequences:
    """Some buy every week, others stop on a day of their own and never come again."""
    random, made = np.random.default_rng(5), []
    for user in range(users):
        last = END if user % 2 else END - random.integers(30, 150)
        made.append(np.arange(END - 200 + random.integers(7), last, 7))
    return shop(made)


def test_who_stopped_is_expected_to_stay_away() -> None:
    facts, happened, sums = outlook.rows(Reader(), regulars_and_others(160), CUTOFF)
    assert len(facts) == len(happened) == len(sums) > outlook.LEAST_ROWS
    learned = outlook.learned(facts, happened, sums, seed=1)
    held = regulars_and_others(60)
    said = learned(Reader().facts(held, END))
    stays = np.arange(60) % 2
    assert auc(stays, said[:, 2]) > 0.95
    assert auc(stays, said[:, 4]) > 0.95


def test_the_held_out_week_is_not_read() -> None:
    known = [np.array([END - 150, END - 40, END - 3]), np.array([END - 100])]
    later = [np.append(one, [END, END + 4]) for one in known]
    for ours, theirs in zip(*(outlook.rows(Reader(), shop(users), CUTOFF) for users in (known, later)), strict=True):
        assert (ours == theirs).all()


def test_a_day_that_a_full_sequence_does_not_reach_is_left_out() -> None:
    """A user of whom only the newest events are kept did something on that day, and nobody knows what."""
    quiet = np.array([END - 200, END - 20])
    busy = np.sort(END - 1 - np.arange(SEQUENCE_LENGTH) % 40)
    alone, both = (len(outlook.rows(Reader(), shop(users), CUTOFF)[0]) for users in ([quiet], [quiet, busy]))
    assert alone == outlook.AS_OF
    assert both == alone + 1  # as of the newest of the days there are enough of his events before it


@pytest.mark.parametrize("days", [[], [END - 3]], ids=["no event", "a shop of three days"])
def test_a_young_shop_has_nothing_to_learn_from(days: list[int]) -> None:
    facts, happened, sums = outlook.rows(Reader(), shop([np.array(days, int)]), CUTOFF)
    assert facts.shape == (0, clock.FACTS)
    assert len(happened) == len(sums) == 0
