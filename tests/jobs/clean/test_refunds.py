"""refunds: each bought piece is given back once, the newest first, within the days."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal

from jobs.clean import refunds
from jobs.tables import SILVER_REFUNDS
from tests.jobs.frames import at, silver


def event(kind, event_id, when, quantity=1, **more):
    return {"event_type": kind, "event_id": event_id, "event_time": when, "quantity": quantity} | more


def bought(event_id, when, quantity=1, **more):
    return event("purchase", event_id, at(when), quantity, **more)


def returned(event_id, when, quantity=1, **more):
    return event("refund", event_id, at(when), quantity, **more)


def matched(spark, *snippets, days=90):
    frame = silver(spark, *snippets)
    found = refunds.match(frame.where("event_type = 'refund'"), frame.where("event_type = 'purchase'"), days)
    assert set(found.columns) == set(SILVER_REFUNDS.column_names) - {"run_id"}
    return {row["event_id"]: row for row in found.collect()}


def test_the_newest_purchase_with_pieces_left(spark):
    rows = matched(
        spark,
        bought("p1", "2017-06-01 10:00"),
        bought("p2", "2017-06-03 10:00", 2),
        returned("r1", "2017-06-03 10:00", amount=Decimal("2.00")),  # at the very time
        returned("r2", "2017-06-05 10:00"),
        returned("r3", "2017-06-06 10:00"),  # p2 is used up
        returned("r4", "2017-06-07 10:00"),  # so is p1
        bought("p3", "2017-06-08 10:00"),
        returned("r5", "2017-06-09 10:00"),  # r4 is no debt
        returned("other product", "2017-06-09 10:00", product_id="p9"),
        returned("other user", "2017-06-09 10:00", user_id="u9"),
        returned("no product", "2017-06-09 10:00", product_id=None),
    )
    assert {key: row["purchase_event_id"] for key, row in rows.items()} == {
        "r1": "p2", "r2": "p2", "r3": "p1", "r4": None, "r5": "p3", "other product": None, "other user": None,
        "no product": None,
    }  # fmt: skip
    assert (str(rows["r3"]["purchase_ds"]), rows["r3"]["days_between"], rows["r3"]["matched_quantity"]) == (
        "2017-06-01", 5, 1,
    )  # fmt: skip
    assert (rows["r4"]["purchase_ds"], rows["r4"]["days_between"], rows["r4"]["matched_quantity"]) == (None, None, 0)
    assert rows["r1"]["amount"] == Decimal("2.00")


def test_days_and_pieces_over_several_purchases(spark):
    rows = matched(
        spark,
        bought("old", "2017-01-01 10:00", 5),
        bought("edge", "2017-03-01 23:00", 2),
        bought("new", "2017-05-01 10:00", 2),
        returned("r1", "2017-05-30 10:00", 3),  # new, and one of edge, 90 days before
        returned("r2", "2017-05-31 10:00", 1),  # the other one of edge is 91 days old
        bought("bulk", "2017-06-01 10:00", 1, quantity_raw=1000, product_id="p2"),
        returned("r3", "2017-06-02 10:00", 3, quantity_raw=900, product_id="p2"),
    )
    assert [(rows[r]["purchase_event_id"], rows[r]["matched_quantity"]) for r in ("r1", "r2", "r3")] == [
        ("new", 3), (None, 0), ("bulk", 900),
    ]  # fmt: skip
    assert rows["r3"]["quantity"] == 900


def by_hand(events: list[dict], days: int) -> dict[str, tuple[str | None, int]]:
    """The same by a stack of pieces, one event after the other."""
    stack: list[tuple[dict, int]] = []
    found = {}
    for now in sorted(events, key=lambda e: (e["event_time"], e["event_type"], e["event_id"])):
        if now["event_type"] == "purchase":
            stack += [now] * now["quantity"]
            continue
        taken = [stack.pop() for _ in range(min(now["quantity"], len(stack)))]
        fresh = [p for p in taken if (now["event_time"].date() - p["event_time"].date()).days <= days]
        found[now["event_id"]] = (fresh[0]["event_id"] if fresh else None, len(fresh))
    return found


def test_heights_do_what_a_stack_does_and_older_days_are_not_needed(spark):
    draw, start, hour = random.Random(1), at("2017-06-01 00:00"), timedelta(hours=1)
    users = {
        f"u{u}": [
            event(draw.choice(["purchase", "purchase", "refund"]), f"u{u}e{k}", start + draw.randrange(24 * 20) * hour,
                  draw.randint(1, 4), user_id=f"u{u}")
            for k in range(25)
        ]
        for u in range(40)
    }  # fmt: skip
    wanted = {key: value for events in users.values() for key, value in by_hand(events, 5).items()}
    everything = [e for events in users.values() for e in events]
    rows = matched(spark, *everything, days=5)
    assert {key: (row["purchase_event_id"], row["matched_quantity"]) for key, row in rows.items()} == wanted
    assert len({purchase for purchase, _ in wanted.values()}) > 100

    recent = [e for e in everything if e["event_time"] >= at("2017-06-10 00:00")]
    rows = matched(spark, *recent, days=5)
    last = [e["event_id"] for e in recent if e["event_type"] == "refund" and e["event_time"] >= at("2017-06-15 00:00")]
    assert {key: (rows[key]["purchase_event_id"], rows[key]["matched_quantity"]) for key in last} == {
        key: wanted[key] for key in last
    }
