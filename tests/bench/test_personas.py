"""What is said of segments against hidden personas: who was what when, how alike, how soon a drift is found."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from bench import hidden
from bench.hidden import Drift, Truth
from bench.personas import Course, Night, kinds_of_segments
from jobs.errors import UsageError
from ml.segments.inputs import Users
from simulate import plan

MAY = date(2026, 5, 1)


def day(n: int) -> date:
    return MAY + timedelta(days=n)


@pytest.fixture
def truth() -> Truth:
    """a drifts on the 5th, b comes on the 3rd, c is settled, d is a bot; rows in no order."""
    rows = [("a", day(4), "parent"), ("b", day(2), "reader"), ("a", day(0), "reader"), ("c", day(0), "parent"),
            ("d", day(0), "bot")]  # fmt: skip
    return Truth.of(pa.table(dict(zip(("user_id", "ds", "persona"), map(list, zip(*rows, strict=True)), strict=True))))


def test_who_was_what_on_a_day(truth: Truth) -> None:
    assert truth.on(["a", "b", "c", "d", "unknown"], day(1)).tolist() == ["reader", "", "parent", "", ""]
    assert truth.on(["a", "b"], day(3)).tolist() == ["reader", "reader"]
    assert truth.on(["a", "b"], day(4)).tolist() == ["parent", "reader"]
    assert truth.drifts() == {"a": Drift(day(4), "reader", "parent")}
    assert [truth.settled(user) for user in "abcd"] == [False, True, True, False]


def test_segments_that_are_the_personas_by_other_names_are_1_and_chance_is_0() -> None:
    persona = np.repeat(["parent", "reader"], 500)
    assert hidden.rand_index(np.repeat([7, 3], 500), persona) == 1
    assert abs(hidden.rand_index(np.arange(1000) % 2, persona)) < 0.01


def test_levels_of_a_kind_are_one_kind() -> None:
    """Segments 1 and 4 are levels of the second kind."""
    chance = np.array([[0.1, 0.9], [0.2, 0.8], [0.9, 0.1], [0.4, 0.6], [0.6, 0.4]])
    users = Users(list("abcde"), pa.table({}), np.zeros((5, 0)), np.column_stack([np.zeros((5, 2)), chance]), 2)
    night = Night(MAY, users, np.array([1, 4, 2, 4, 2]), np.zeros((5, 0)), pa.table({}), np.array(list("prprp")))
    assert kinds_of_segments(night).tolist() == ["1", "1", "0", "1", "0"]


def test_a_segment_is_of_the_persona_of_most_of_its_users() -> None:
    segment, persona = np.array([1, 1, 1, 2, 2, 3]), np.array(["p", "p", "r", "r", "r", "p"])
    assert hidden.majority(segment, persona) == {1: "p", 2: "r", 3: "p"}
    assert hidden.purity(segment, persona) == {"p": (3, 1.0), "r": (3, pytest.approx(2 / 3))}


def test_a_probe_tells_users_that_it_did_not_learn_from() -> None:
    random = np.random.default_rng(1)
    persona, fold = np.array(["p", "r"])[np.arange(200) % 2], np.arange(200) // 2 % 5
    clear = random.normal(size=(200, 3)) + 3 * (persona == "p")[:, None]
    assert hidden.accuracy(hidden.told(clear, persona, fold), persona)[0] > 0.95
    share, error = hidden.accuracy(hidden.told(random.normal(size=(200, 3)), persona, fold), persona)
    assert share == pytest.approx(0.5, abs=3 * error)


def test_nights_count_from_the_night_of_the_drift() -> None:
    drift = Drift(day(4), "reader", "parent")
    told = dict.fromkeys(map(day, range(3, 12)), "reader")
    assert hidden.nights_to_find(told, drift) is None
    assert hidden.nights_to_find(told | {day(4): "parent"}, drift) == 1
    assert hidden.nights_to_find(told | {day(9): "parent", day(11): "parent"}, drift) == 6
    assert hidden.nights_to_find(told | {day(3): "parent"}, drift) is None


def test_the_found_among_those_who_drifted_in_time() -> None:
    """a is found on the third night, b never, c was called so before, d drifted too late to be looked for."""
    phases = {user: [(day(0), "r"), (day(on), "p")] for user, on in {"a": 2, "b": 2, "c": 2, "d": 6}.items()}
    truth = Truth(phases | {"s": [(day(0), "r")], "t": [(day(0), "r")]})
    nights = [day(n) for n in range(10)]
    told = {ds: dict.fromkeys("abcdst", "r") | {"c": "p"} for ds in nights}
    for ds in nights[4:]:
        told[ds] |= {"a": "p"}
    for ds in nights[8:]:
        told[ds] |= {"t": "p"}
    found = hidden.drifted(told, truth)
    assert sorted(found.nights.tolist(), key=str) == [3.0, pytest.approx(float("nan"), nan_ok=True)]
    assert (found.already, found.within(7), found.within(2)) == (1, 0.5, 0.0)
    assert found.median == float("inf")
    # Nights 0, 1, 2 against 7, 8, 9 of the two settled users: t is told another on the 8th and the 9th.
    assert found.unsettled == pytest.approx(2 / 6)
    assert len(hidden.drifted(told, truth, among={"a"}).nights) == 1


def test_the_nights_end_on_the_last_day_of_drift_and_leave_days_to_learn_from() -> None:
    made = plan.made(10_000, 150, 200, ds=date(2026, 6, 30))
    course = Course.of(made, 14)
    assert len(course.nights) == 15
    assert (course.nights[-1] - made.first).days == 119  # drifts happen on the days 45 to 119 of 150
    assert (course.fitted - course.first).days >= 84
    with pytest.raises(UsageError, match=r"--days of 1\d\d or more for 14 nights, found 100"):
        Course.of(plan.made(10_000, 100, 200), 14)
