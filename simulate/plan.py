"""What a simulation is asked for, and how often what happens in it. Plain Python: the command line reads it too."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from datetime import date, timedelta

from jobs.errors import UsageError
from simulate.personas import PERSONAS

OPENED, LAST_DAY = date(2020, 1, 1), date(2026, 6, 30)  # before the first, a time is impossible; a default, no clock
MOST_LOOKS, MOST_VISITS = 40, 4  # in a visit, on a day
BUSIEST = 1.5  # visits that a user of mean habits makes on a day at most, so that visits stay apart
BOT_LOOKS, BOT_DAYS = 300, 0.2  # in a bot's visit; share of the days on which it comes
SEEN_TWICE, REMOVED = 0.18, 0.25  # of looks: the page again; of what lies in a cart: taken out, where not bought

# Shares of users, and of users' days.
LATER, GONE, DRIFT = 0.2, 0.08, 0.15  # came during the history; left during it; became another persona
LATE, RESENT, RETURNED = 0.004, 0.001, 0.05  # delivered late; delivered again; some of it is given back
MOST_LATE_DAYS, REFUND_DAYS = 40, (2, 14)
OLDEST = MOST_LATE_DAYS + 2  # days between an event's user's day and the last delivery that may hold it

REPEATED, MALFORMED, OUTLIER = 0.0155, 0.0002, 0.0002  # of looks: sent twice; of events: garbage; of looks: wrong price
RETURNED_LINES = 0.7  # of the lines of such a day


@dataclass(frozen=True, slots=True)
class Plan:
    """About `events` events of `users` users on the `days` days that end with `ds`, of `products` products."""

    events: int
    days: int
    users: int
    products: int
    seed: int
    ds: date

    @property
    def first(self) -> date:
        return self.ds - timedelta(days=self.days - 1)

    @property
    def bots(self) -> int:
        return max(1, self.users // 10_000)

    @property
    def visits_a_day(self) -> float:
        """Visits that a user of mean habits makes on a day, so that all of them leave about `events` events."""
        present = (1 - LATER / 2) * (1 - GONE / 2)
        bots = self.bots * self.days * BOT_DAYS * BOT_LOOKS
        people = (self.users - self.bots) * self.days * present * _events_by_visit()
        return max(0.0, self.events - bots) / people


def _events_by_visit() -> float:
    """The mean over users of visits against the mean times events a visit: what `visits` of 1 a day leaves."""
    total = 0.0
    for one in PERSONAS:
        looks = sum(math.exp(-n / one.looks) for n in range(MOST_LOOKS))  # mean of 1 + floor(exponential), cut off
        searches = one.search + (looks - 1) * one.search / 4
        steps = 1 + SEEN_TWICE + one.favourite + one.cart * (1 + one.buy + (1 - one.buy) * REMOVED)
        week = (5 + 2 * one.weekend) / 7
        total += one.share / 100 * one.visits * week * (looks * steps * (1 + REPEATED / 1.5) + searches)
    return total


def count(text: str) -> int:
    """The number of an argument such as 20000 or 20e6."""
    number = float(text)
    if number < 1 or number != int(number):
        raise argparse.ArgumentTypeError(f"expected a whole number such as 20000 or 20e6, found {text!r}")
    return int(number)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    parser.add_argument("--events", type=count, required=True, help="about how many events, such as 20e6")
    parser.add_argument("--days", type=count, default=90, help="days of history (default: %(default)s)")
    parser.add_argument(
        "--users", type=count, help="how many users (default: one for 100 events, or more where the days are few)"
    )
    parser.add_argument("--products", type=count, help="about how many products (default: one for 400 events)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same rows (default: %(default)s)")
    parser.add_argument("--ds", type=date.fromisoformat, default=LAST_DAY, help="last day (default: %(default)s)")
    parser.add_argument("--landing", default="landing", help="folder or URI; all is written below DIR/simulate")


def made(
    events: int,
    days: int,
    users: int | None = None,
    products: int | None = None,
    seed: int = 1,
    ds: date = LAST_DAY,
) -> Plan:
    """What is asked for, made whole; UsageError where so many events do not fit on so few users, or days before
    the shop opened.
    """
    users = users or max(100, events // 100, events // days // 5)
    plan = Plan(events, days, users, products or max(480, events // 400), seed, ds)
    if plan.first < OPENED:
        raise UsageError(
            f"expected a first day from {OPENED} on, when the shop opened, found {plan.first}: fewer --days"
        )
    if plan.visits_a_day > BUSIEST:
        least = int(users * plan.visits_a_day / BUSIEST) + 1
        raise UsageError(
            f"expected --users of {least:,} or more for {events:,} events on {days} days, found {users:,}: "
            f"a user would come {plan.visits_a_day:.1f} times a day"
        )
    return plan


def of(given: argparse.Namespace) -> Plan:
    """The plan that the arguments ask for."""
    return made(given.events, given.days, given.users, given.products, given.seed, given.ds)
