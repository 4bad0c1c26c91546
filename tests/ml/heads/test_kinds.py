"""Kinds that are there by themselves are found, no others are, and a user who becomes another is followed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import adjusted_rand_score

from ml.data.sequences import DAY_SECONDS
from ml.heads import kinds
from ml.heads.kinds import Kinds
from ml.heads.settings import KindConfig
from ml.heads.visits import Events, Reading, joined, likeness, read

USERS, CATEGORIES = 1200, 12
NAMES = [f"c{k}" for k in range(CATEGORIES)]
CONFIG = KindConfig(min=2, max=5)


def shoppers(seed: int, strength: float, dear: bool = False) -> tuple[Events, np.ndarray]:
    """Events of users of three kinds, each fond of four categories of its own, a visit each; who come often or seldom.

    dear: all are fond of the same categories, and each kind of prices of its own.
    """
    random = np.random.default_rng(seed)
    kind = random.choice(3, USERS, p=[0.5, 0.3, 0.2])
    often = random.poisson(random.lognormal(4, 0.7, USERS)) + 1
    of = np.repeat(kind, often)
    rates = 1 + strength * (np.arange(CATEGORIES) // 4 == np.arange(3)[:, None])
    rates = np.cumsum(rates / rates.sum(axis=1, keepdims=True), axis=1)
    drawn = random.random(len(of))[:, None]
    category = (drawn > (rates[0] if dear else rates[of])).sum(axis=1)
    bucket = 5 + np.where(dear, 4 * of, 0) + random.integers(0, 4, len(of))
    time = np.concatenate([DAY_SECONDS * np.arange(n) for n in often])
    return Events(np.arange(USERS), often, category, bucket, time), kind


def first(events: Events, users: int) -> Events:
    """The events of the first users."""
    count = int(events.length_N[:users].sum())
    users_only, events_only = (slice(0, users), slice(0, count))
    return Events(
        events.user_N[users_only], events.length_N[users_only],
        *(getattr(events, name)[events_only] for name in ("category_E", "bucket_E", "time_E")),
    )  # fmt: skip


@pytest.fixture(scope="module")
def found() -> Kinds:
    fitted, said = kinds.fit(shoppers(1, 8)[0], NAMES, CONFIG, seed=7)
    assert fitted is not None, said
    return fitted


def test_their_number_and_who_is_of_which(found: Kinds) -> None:
    events, kind = shoppers(2, 8)
    assert len(found) == 3
    assert np.allclose(found.share_K, [0.5, 0.3, 0.2], atol=0.04)
    assert adjusted_rand_score(kind, found.of_sums(found.reading.sums(events, USERS)).argmax(axis=1)) > 0.95
    for block in found.reading.blocks():
        assert np.exp(found.log_rates_KJ[:, block]).sum(axis=1) == pytest.approx(1)


def test_prices_tell_kinds_too() -> None:
    events, kind = shoppers(1, 2, dear=True)
    fitted, said = kinds.fit(events, NAMES, CONFIG, seed=7)
    assert fitted is not None, said
    assert len(fitted) == 3
    assert adjusted_rand_score(kind, fitted.of_sums(fitted.reading.sums(events, USERS)).argmax(axis=1)) > 0.9


def test_where_users_differ_by_chance_alone_there_are_none() -> None:
    fitted, said = kinds.fit(shoppers(1, 0)[0], NAMES, CONFIG, seed=7)
    assert fitted is None
    assert said.startswith("no kinds: ")
    few, said = kinds.fit(first(shoppers(1, 8)[0], 90), NAMES, CONFIG, seed=7)
    assert few is None
    assert "too few" in said


def batch(rows: dict[str, list[tuple[int, int]]]) -> pa.RecordBatch:
    """Sequences of users: (day, category) of each event."""
    return pa.RecordBatch.from_pydict({
        "user_id": list(rows),
        "categories": [[f"c{category}" for _, category in events] for events in rows.values()],
        "price_buckets": [[0] * len(events) for events in rows.values()],
        "event_times": [[day * DAY_SECONDS for day, _ in events] for events in rows.values()],
    }, pa.schema([("user_id", pa.string()), ("categories", pa.list_(pa.string())),
                  ("price_buckets", pa.list_(pa.int32())), ("event_times", pa.list_(pa.int64()))]))  # fmt: skip


def favourites(found: Kinds) -> list[int]:
    """Of each kind, the first of its four categories."""
    return [4 * int(rates[:CATEGORIES].argmax() // 4) for rates in found.log_rates_KJ]


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
    events = joined(read([batch(rows)], pa.array(["turned"]), NAMES))
    assert found.of_sums(found.reading.sums(events, 1))[0].argmax() == 0


@pytest.mark.parametrize(("alike", "a", "b"), [
    (1.0, [0, 2 / 3, 1 / 3, 1], [0, 0.5, 0, 0]),  # a visit counts once, however long it is
    (0.0, [0, 2, 1, 1], [0, 1, 0, 0]),  # an event counts once
    (0.5, [0, 1, 0.5, 1], [0, 2 / 3, 0, 0]),
])  # fmt: skip
def test_events_of_a_visit_say_less_the_more_they_are_alike(alike: float, a: list, b: list) -> None:
    """Three events at once, one days later; of another user two at that time, one of them of no known category."""
    rows = {"a": [(0, 1), (0, 1), (0, 2), (5, 3)], "b": [(5, 1), (5, 99)]}
    events = joined(read([batch(rows)], pa.array(["b", "a"]), NAMES))
    reading = Reading(NAMES, np.zeros((CATEGORIES + 1, 3)), (alike, 1.0))
    assert reading.sums(events, 2).toarray()[:, :4].tolist() == [pytest.approx(b), pytest.approx(a)]


def test_how_alike_the_events_of_a_visit_are_is_measured() -> None:
    """Users with habits of their own; in a visit of six events the label is drawn once in so many visits."""
    random = np.random.default_rng(4)
    for share in (0.0, 0.4, 1.0):
        visits, users = 20, 300
        habit = np.repeat(random.integers(0, 5, users), visits)
        chosen = np.where(
            random.random((users * visits, 6)) < 0.5, habit[:, None], random.integers(0, 5, (users * visits, 6))
        )
        whole = random.random(users * visits) < share
        label = np.where(whole[:, None], chosen[:, :1], chosen).ravel()
        time = np.tile(np.repeat(DAY_SECONDS * np.arange(visits), 6), users)
        events = Events(np.arange(users), np.full(users, 6 * visits), label, label, time)
        assert likeness(events, label) == pytest.approx(share, abs=0.03)
    assert likeness(first(events, 0), label[:0]) == 1.0


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
    turned = np.r_[np.arange(CATEGORIES)[::-1], CATEGORIES : found.log_rates_KJ.shape[1]]
    champion = replace(found, share_K=found.share_K[order], log_rates_KJ=found.log_rates_KJ[order][:, turned],
                       reading=replace(found.reading, categories=NAMES[::-1]))  # fmt: skip
    assert (kinds.in_order_of(found, champion).share_K == champion.share_K).all()
    fewer = replace(champion, share_K=champion.share_K[:2], log_rates_KJ=champion.log_rates_KJ[:2])
    assert kinds.in_order_of(found, fewer).share_K.tolist() == found.share_K[[2, 0, 1]].tolist()
