"""The shares that `python -m bench training` prints come from counted work."""

from __future__ import annotations

import pytest

from bench import training
from ml.common.model_settings import load


def test_the_counted_work_is_that_of_the_matmuls(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"USERS": 300, "ITEMS": 400, "STEPS": 1, "ENCODED": 3, "LENGTH": 32, "SQUARE": 64}.items():
        monkeypatch.setattr(training, name, value)
    model = load(training.CONF, "benchmark").model
    done = training.step(seed=1)
    # Linear layers of the body and the softmax, forward and backward: three matmuls of each.
    body = model.layers * (4 * model.d_model**2 + 2 * model.d_model * model.hidden)
    least = 3 * 2 * done.count * (body + 400 * model.d_model) / 1e9
    assert least < done.gigaflop < 1.5 * least
    assert done.bound > 0
    encoded = training.encoding(seed=1)
    nightly = load(training.CONF, "nightly").model
    body = nightly.layers * (4 * nightly.d_model**2 + 2 * nightly.d_model * nightly.hidden)
    assert encoded.gigaflop > 2 * 3 * 33 * body / 1e9
    assert encoded.count == 3
