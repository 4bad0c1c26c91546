"""Kinds that are there by themselves are found, no others are, and a user who becomes another is followed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import adjusted_rand_score

from ml import kinds
from ml.kinds import DAY_SECONDS, KindConfig, Kinds

USERS, CATEGORIES = 1200, 12
NAMES = [f"c{k}" for k in range(CATEGORIES)]
CONFIG = KindConfig(min=2, max=5)


def shoppers(seed: int, strength: float) -> tuple[csr_matrix, np.ndarray]:
    """Visits of users of three kinds, each fond of four categories of its own, who come often or seldom."""
    random = np.random.default_rng(seed)
    kind = random.choice(3, USERS, p=[0.5, 0.3, 0.2])
    rates = 1 + strength * (np.arange(CATEGORIES) // 4 == kind[:, None])
    often = random.lognormal(4, 0.7, USERS)
    return csr_matrix(random.poisson(often[:, None] * rates / rates.sum(axis=1, keepdims=True)).astype(float)), kind


@pytest.fixture(scope="module")
def found() -> Kinds:
    history, _ = shoppers(1, 8)
    fitted, said = kinds.fit(history, NAMES, CONFIG, seed=7)
    assert fitted is not None, said
    return fitted


def test_their_number_and_who_is_of_which(found: Kinds) -> None:
    visits, kind = shoppers(2, 8)
    assert len(found) == 3
    assert np.allclose(found.share_K, [0.5, 0.3, 0.2], atol=0.04)
    assert adjusted_rand_score(kind, found.of_visits(visits).argmax(axis=1)) > 0.95
    assert np.exp(found.log_rates_KC).sum(axis=1) == pytest.approx(1)


def test_where_users_differ_by_chance_alone_there_are_none() -> None:
    fitted, said = kinds.fit(shoppers(1, 0)[0], NAMES, CONFIG, seed=7)
    assert fitted is None
    assert said.startswith("no kinds: ")
    few, said = kinds.fit(shoppers(1, 8)[0][:90], NAMES, CONFIG, seed=7)
    assert few is None
    assert "too few" in said


def batch(rows: dict[str, list[tuple[int, int]]]) -> pa.RecordBatch:
    """Sequences of users: (day, category) of each event."""
    return pa.RecordBatch.from_pydict({
        "user_id": list(rows),
        "categories": [[f"c{category}" for _, category in events] for events in rows.values()],
        "event_times": [[day * DAY_SECONDS for day, _ in events] for events in rows.values()],
    }, pa.schema([("user_id", pa.string()), ("categories", pa.list_(pa.string())),
                  ("event_times", pa.list_(pa.int64()))]))  # fmt: skip


def favourites(found: Kinds) -> list[int]:
    """Of each kind, the first of its four categories."""
    return [4 * int(rates.argmax() // 4) for rates in found.log_rates_KC]


def test_who_becomes_another_is_known_soon_and_who_does_not_keeps_his_past(found: Kinds) -> None:
    first, second, _ = favourites(found)
    past = [(day, first + day % 4) for day in range(100)]
    turned = [(100 + n // 8, second + n % 4) for n in range(24)]  # three visits
    strayed = [(100, second + n % 4) for n in range(4)]
    rows = {"stays": past, "turned": past + turned, "strayed": past + strayed, "elsewhere": [(3, 99)], "unwanted": past}
    ids = pa.array(["stays", "turned", "strayed", "elsewhere", "no sequence"])
    kind = dict(zip(ids.to_pylist(), found.filtered([batch(rows)], ids, 103 * DAY_SECONDS), strict=True))
    assert kind["stays"].argmax() == kind["strayed"].argmax() == 0
    assert kind["turned"].argmax() == 1
    assert kind["turned"][1] > 0.6
    assert kind["elsewhere"] == pytest.approx(found.share_K)
    assert kind["no sequence"] == pytest.approx(found.share_K)
    # In any order the 100 visits of before outweigh the three of now.
    assert found.of_visits(kinds.visits([batch(rows)], pa.array(["turned"]), NAMES))[0].argmax() == 0


def test_a_visit_counts_once_however_long_it_is() -> None:
    """Three events at once, one days later; of another user two at that time, one of them of no known category."""
    rows = {"a": [(0, 1), (0, 1), (0, 2), (5, 3)], "b": [(5, 1), (5, 99)]}
    found = kinds.visits([batch(rows)], pa.array(["b", "a"]), NAMES).toarray()
    assert found[1, :4].tolist() == pytest.approx([0, 2 / 3, 1 / 3, 1])
    assert found[0, :4].tolist() == [0, 0.5, 0, 0]


def test_evidence_fades_with_the_days_that_pass(found: Kinds) -> None:
    rows = batch({"a": [(day, favourites(found)[2]) for day in range(30)]})
    near, far = (found.filtered([rows], pa.array(["a"]), day * DAY_SECONDS)[0] for day in (31, 3000))
    assert near[2] > 0.95
    assert far == pytest.approx(found.share_K, abs=0.01)


def test_batches_and_the_order_of_users_do_not_show(found: Kinds) -> None:
    random = np.random.default_rng(3)
    rows = {f"u{n}": sorted((int(d), int(c)) for d, c in random.integers(0, CATEGORIES, (n, 2))) for n in range(1, 30)}
    ids = pa.array(sorted(rows))
    whole = found.filtered([batch(rows)], ids, 99 * DAY_SECONDS)
    parts = [batch({user: rows[user]}) for user in reversed(rows)]
    assert (found.filtered(parts, ids, 99 * DAY_SECONDS) == whole).all()


def test_kinds_of_a_later_training_stand_where_the_champion_s_do(found: Kinds) -> None:
    order = [2, 0, 1]
    champion = replace(found, share_K=found.share_K[order], log_rates_KC=found.log_rates_KC[order][:, ::-1],
                       categories=NAMES[::-1])  # fmt: skip
    assert (kinds.in_order_of(found, champion).share_K == champion.share_K).all()
    fewer = replace(champion, share_K=champion.share_K[:2], log_rates_KC=champion.log_rates_KC[:2])
    assert kinds.in_order_of(found, fewer).share_K.tolist() == found.share_K[[2, 0, 1]].tolist()
