"""bots: a user's day is marked by its rate, its number of events, or its agent; a basket never is."""

from __future__ import annotations

from datetime import timedelta

from jobs.clean import bots
from jobs.clean.rules import Bots, load_rules
from tests.jobs.frames import at, silver

RULES = Bots.model_validate({"rates": [{"events": 3, "minutes": 1}], "events_per_day": 5})


def marked(spark, *snippets, rules=RULES):
    events = silver(spark, *snippets).drop("is_bot")
    acts = bots.acts(events.withColumnRenamed("device", "user_agent")).withColumnRenamed("user_agent", "device")
    rows = bots.mark(events, bots.bot_days(events, acts, rules)).collect()
    assert len(rows) == len(snippets)
    days: dict[str, set[bool]] = {}
    for row in rows:
        days.setdefault(f"{row['user_id']} {row['ds']:%d}", set()).add(row["is_bot"])
    assert all(len(values) == 1 for values in days.values()), "a user's day has one mark"
    return {day: values.pop() for day, values in days.items()}


def run_of(user, count, seconds, start="2017-06-01 10:00", kind="view", **more):
    first = at(start)
    return [
        {"user_id": user, "event_id": f"{user}{start}{kind}{k}", "event_type": kind,
         "event_time": first + timedelta(seconds=seconds * k)} | more
        for k in range(count)
    ]  # fmt: skip


def test_rates_days_and_agents(spark):
    assert marked(
        spark,
        *run_of("fast", 4, 20),  # the fourth comes 60 s after the first: more than 3 in a minute
        *run_of("fast", 1, 0, "2017-06-02 10:00"),
        *run_of("quick", 4, 20.1),
        *run_of("busy", 6, 3600),
        *run_of("patient", 5, 3600),
        *run_of("basket", 200, 0, kind="purchase"),
        *run_of("emptied", 20, 0, kind="uncart"),
        # Purchases between its views do not hide them, nor do they add to them.
        *run_of("mixed", 4, 20), *run_of("mixed", 9, 7, kind="purchase"),
        *run_of("shopper", 3, 20), *run_of("shopper", 9, 7, kind="purchase"),
        *run_of("crawler", 1, 0, device="bot"), *run_of("crawler", 1, 0, "2017-06-01 23:00", device="desktop"),
        *run_of("unseen", 1, 0, device=None),
    ) == {
        "fast 01": True, "fast 02": False, "quick 01": False, "busy 01": True, "patient 01": False,
        "basket 01": False, "emptied 01": False, "mixed 01": True, "shopper 01": False, "crawler 01": True,
        "unseen 01": False,
    }  # fmt: skip


def test_the_shipped_thresholds_spare_the_busiest_people_of_the_public_logs(spark):
    rules = load_rules().bots
    assert marked(
        spark,
        *run_of("minute", 39, 1.5),  # JD.com: 39 in a minute, 153 in ten, 443 a day
        *run_of("ten", 153, 3.9),
        *run_of("day", 443, 60),
        *run_of("scraper", 130, 0.4),
        *run_of("steady", 510, 1.1),
        rules=rules,
    ) == {"minute 01": False, "ten 01": False, "day 01": False, "scraper 01": True, "steady 01": True}
