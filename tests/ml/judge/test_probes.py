"""Probes find what a block knows and no more; the gate asks them."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import ndcg_score, roc_auc_score

from ml.data.snapshot import Snapshot
from ml.judge import gating, probing
from ml.judge.probing import Night, Probe, Row
from ml.judge.readings import beside, block
from ml.measures import metrics
from ml.measures.report import probes_table

USERS = 400
EVERYBODY = np.arange(USERS)


@pytest.fixture(scope="module")
def random() -> np.random.Generator:
    return np.random.default_rng(4)


def test_measures_are_the_usual_ones(random: np.random.Generator) -> None:
    y, predicted = random.integers(0, 2, USERS).astype(float), np.round(random.random(USERS), 2)  # with ties
    assert metrics.auc(y, predicted) == pytest.approx(roc_auc_score(y, predicted))
    relevant, scores = random.random((USERS, 30)) < 0.2, random.random((USERS, 30))
    kept = relevant.any(axis=1)
    found = metrics.ndcg_of_scores(relevant[kept], scores[kept], 10).mean()
    assert found == pytest.approx(ndcg_score(relevant[kept], scores[kept], k=10))
    y = random.normal(size=USERS)
    measure = Probe("spend", "r2", EVERYBODY, y).measure(np.full(USERS, y.mean()))
    assert measure(EVERYBODY) == pytest.approx(0)


def test_a_block_that_knows_more_gains_and_noise_does_not(random: np.random.Generator) -> None:
    """Two traits decide; counts show one of them, the vector the other, noise none."""
    seen, hidden = random.normal(size=(2, USERS))
    counts = block(np.stack([seen, random.normal(size=USERS)], axis=1))
    vector = block(np.stack([hidden, *random.normal(size=(7, USERS))], axis=1))
    noise = block(random.normal(size=(USERS, 8)))
    fold_U = EVERYBODY % 5
    chance = 1 / (1 + np.exp(-1.5 * (seen + hidden)))
    lines = random.poisson(np.exp(np.stack([seen, -seen, hidden, -hidden, *np.zeros((16, USERS))], axis=1) - 1))
    bought = np.flatnonzero(lines.any(axis=1))
    asked = [
        Probe("churn", "auc", EVERYBODY, (random.random(USERS) < chance).astype(float)),
        Probe("spend", "r2", EVERYBODY, seen + hidden + random.normal(size=USERS)),
        Probe("category", "ndcg", bought, lines[bought]),
    ]
    rows = [
        Row("counts", [counts]),
        Row("counts + noise", beside(counts, noise), "counts"),
        Row("counts + vector", beside(counts, vector), "counts"),
    ]
    ids = pa.array([f"u{user}" for user in EVERYBODY])
    night, against = Night.of(rows, asked, ids, fold_U, lambda line: None), {row.name: row.against for row in rows}
    found = {(one["row"], one["probe"]): one for one in probing.compared([night], against, 1)}
    for name in ("churn", "spend", "category"):
        assert found["counts + vector", name]["low"] > 0, name
        assert found["counts + noise", name]["low"] <= 0, name
        gain = found["counts + vector", name]
        assert gain["metric"] - found["counts", name]["metric"] == pytest.approx(gain["gain"])
    assert "**+" in probes_table(list(found.values()))


def test_a_user_is_drawn_with_all_of_his_nights() -> None:
    """The same night twice tells no more than once; of other users it does."""
    random = np.random.default_rng(5)
    gained = random.normal(0.1, 1, USERS)

    def apart(*nights: list[str]) -> float:
        who = probing.numbered([pa.array(ids) for ids in nights])
        measures = [lambda rows: float(gained[rows].mean())] * len(nights)
        found = metrics.gain(measures, [lambda rows: 0.0] * len(nights), who, 1)
        assert found["gain"] == pytest.approx(gained.mean())
        return found["high"] - found["low"]

    ids, others = [f"u{user}" for user in EVERYBODY], [f"v{user}" for user in EVERYBODY]
    assert apart(ids, ids) == pytest.approx(apart(ids))
    assert apart(ids, others) < 0.8 * apart(ids)


def test_a_users_own_answer_is_never_learned_from() -> None:
    """Inputs that name each user, labels at random: nothing can be known of users whom the probe did not see."""
    random = np.random.default_rng(8)
    probe = Probe("churn", "auc", EVERYBODY, random.integers(0, 2, USERS).astype(float))
    predicted = probe.out_of_fold([np.eye(USERS)], EVERYBODY % 5)
    for fold in range(5):
        assert len(set(np.round(predicted[fold == EVERYBODY % 5], 9))) == 1


def test_a_champion_that_trained_on_the_held_out_week_is_not_compared(frozen: Snapshot, tmp_path: Path) -> None:
    for day, fair in ((frozen.cutoff, True), (frozen.cutoff + datetime.timedelta(days=1), False)):
        (tmp_path / "model.json").write_text(json.dumps({"cutoff": str(day)}), encoding="utf-8")
        reason = gating.unfair(tmp_path, frozen)
        assert (reason is None) == fair
    assert "take a snapshot of a later day" in reason
    assert gating.probe_day(frozen) < frozen.cutoff


def of(probe: str, low: float, high: float) -> dict:
    return {"probe": probe, "metric": 0.7, "gain": (low + high) / 2, "low": low, "high": high}


@pytest.mark.parametrize(
    ("gain", "probed", "promote", "said"),
    [
        (0.2, [of("churn", -0.01, 0.02)], True, "better by more than noise; probes: churn +0.0050"),
        (0.0, [], False, "not better by more than noise; no probes: because"),
        (0.2, [of("churn", -0.03, -0.01), of("spend", 0.1, 0.2)], False, "worse by more than noise: churn"),
    ],
    ids=["better", "the same", "worse on a probe"],
)
def test_the_gate_lets_only_the_better_through(gain: float, probed: list, promote: bool, said: str) -> None:
    noise = np.random.default_rng(1).normal(scale=0.1, size=300)
    current = {f"u{user}": 0.3 for user in range(300)}
    challenger = {f"u{user}": 0.3 + gain + noise[user] - noise.mean() for user in range(300)}
    decision = gating.decide(challenger, current, 1, probed, "no probes: because")
    assert decision["promote"] == promote
    assert said in decision["reason"]
