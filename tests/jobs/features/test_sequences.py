"""sequences: last N, equal lengths, a stable tie-break, and the same from yesterday's as from the history."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from jobs.features import sequences
from tests.jobs.frames import at, silver


def arrays(frame):
    return {row["user_id"]: row.asDict() for row in frame.collect()}


def test_order_ties_and_length(spark):
    events = silver(
        spark,
        {"event_id": "b", "product_id": None, "category": None, "price": None},
        {"event_id": "a", "product_id": "p9", "price": Decimal("0.0000")},
        {"event_id": "c", "event_time": at("2017-06-02 09:00"), "event_type": "view", "price": Decimal("1000000.0000")},
        {"event_id": "z", "event_time": at("2017-05-30 09:00")},
    )
    one = arrays(sequences.build(sequences.as_steps(events), length=3))["u1"]
    assert one["event_ids"] == ["a", "b", "c"]
    assert (one["product_ids"], one["categories"]) == (["p9", "", "p1"], ["BEEF", "", "BEEF"])
    assert one["price_buckets"] == [0, 0, 40]
    assert one["event_times"] == sorted(one["event_times"])
    assert (one["length"], one["last_event_ds"]) == (3, date(2017, 6, 2))


def test_yesterdays_sequences_and_new_events_give_what_the_history_gives(spark):
    history = [{"event_id": f"{n:02}", "event_time": at(f"2017-06-{1 + n // 3:02} 0{n % 3}:00")} for n in range(12)]
    history += [{"event_id": "n", "user_id": "new", "event_time": at("2017-06-04 00:00")}]
    history += [{"event_id": "q", "user_id": "quiet", "event_time": at("2017-06-01 00:00"), "product_id": None}]
    cut = date(2017, 6, 3)
    old = silver(spark, *[h for h in history if h["event_time"].date() <= cut])
    new = silver(spark, *[h for h in history if h["event_time"].date() > cut])
    whole = sequences.build(sequences.as_steps(silver(spark, *history)), length=5)
    stored = sequences.build(sequences.as_steps(old), length=5)
    assert arrays(sequences.merge(stored, new, length=5)) == arrays(whole)
    later = sequences.build(sequences.as_steps(new), length=5)
    assert arrays(sequences.extended(stored, later, length=5)) == arrays(whole)


def test_a_fresh_event_replaces_the_stored_one_and_other_users_stay(spark):
    stored = sequences.build(sequences.as_steps(silver(spark, {"event_id": "a"}, {"event_id": "b", "user_id": "u2"})))
    again = silver(spark, {"event_id": "a", "category": "PORK"})
    merged = arrays(sequences.merge(stored, again))
    assert (merged["u1"]["event_ids"], merged["u1"]["categories"]) == (["a"], ["PORK"])
    assert merged["u2"] == arrays(stored)["u2"]
