"""Additive models find curves, say what each input adds, and treat a missing value as a value of its own."""

from __future__ import annotations

import numpy as np
import pytest

from ml.heads import additive


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    random = np.random.default_rng(0)
    found = random.uniform(-2, 2, (4000, 3))
    found[::4, 1] = np.nan
    return found


def test_a_curve_is_found_and_parts_add_up(values: np.ndarray) -> None:
    y = np.abs(values[:, 0]) + np.where(np.isnan(values[:, 1]), 5.0, 0.0)
    knots = additive.Knots.fit(values, [9, 9, 9])
    model = additive.fit(knots, values, y, 1e-3, event=False)
    assert model.score(values) == pytest.approx(y, abs=0.06)
    parts = model.parts(values)
    assert parts.sum(axis=1) + model.intercept == pytest.approx(model.score(values))
    assert parts.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-9)
    assert model.intercept == pytest.approx(y.mean())
    assert np.abs(parts[:, 2]).max() < 0.02  # noise adds nothing
    missing = np.isnan(values[:, 1])
    assert parts[missing, 1].mean() - parts[~missing, 1].mean() == pytest.approx(5, abs=0.02)


def test_probabilities_of_an_event_are_calibrated(values: np.ndarray) -> None:
    truth = additive.sigmoid(2 * values[:, 0] - 1)
    event = np.random.default_rng(1).random(len(truth)) < truth
    model = additive.fit(additive.Knots.fit(values, [6, 3, 3]), values, event, 1.0, event=True)
    found = additive.sigmoid(model.score(values))
    assert np.abs(found - truth).mean() < 0.03
    assert found.mean() == pytest.approx(event.mean(), abs=1e-3)


def test_beyond_the_ends_a_curve_is_level_and_a_constant_says_nothing() -> None:
    values = np.stack([np.arange(100.0), np.full(100, 3.0), np.full(100, np.nan)], axis=1)
    model = additive.fit(additive.Knots.fit(values, [4, 4, 4]), values, values[:, 0] * 2, 1e-6, event=False)
    far = model.score(np.array([[1e9, 3, np.nan], [99, -7, np.nan], [-1e9, 3, np.nan], [0, 3, np.nan]]))
    assert far == pytest.approx([198, 198, 0, 0], abs=0.01)
