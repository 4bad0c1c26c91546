"""What `python -m bench training` prints comes from counted work, and from a rank that reads made-up users."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import crowd, fed, training
from ml.common.model_settings import load
from ml.data import snapshot


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


def test_a_rank_reads_a_made_up_crowd_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fed, "STEPS", 2)
    monkeypatch.setattr(crowd, "PRODUCTS", 500)
    warehouse = str(tmp_path / "warehouse")
    crowd.write_sequences(warehouse, 300, seed=1, ds=fed.DS)
    taken = snapshot.take(warehouse, fed.DS, tmp_path / "snapshot", load(training.CONF, "debug"))
    fed.rank(taken.folder)
    told = json.loads((taken.folder / fed.TOLD).read_text())
    parts = [fed.Part(*row) for row in told["parts"]]
    users = taken.users()
    trained = sum(events > 0 for events in users["train_events"].to_pylist())
    assert told["events"] == sum(users["events"].to_pylist())
    assert [part.users for part in parts[:2]] == [300, trained]
    assert all(part.seconds > 0 and part.peak > 0 and part.users > 0 for part in parts)
