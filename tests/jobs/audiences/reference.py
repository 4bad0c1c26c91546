"""What rules mean, a second time: in plain Python over one user's events, slow and by the letter of docs/rules.md.

A user is (profile, events); an event is a dict of the fields of silver.events, with `categories`, `attributes` and
what refunds gave back (`returned_pieces`, `returned_amount`). Only the parsed definition is shared with the engine's.
"""

from __future__ import annotations

import operator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from itertools import product as every_choice
from math import ceil

from jobs.audiences.rule import conditions as c

SIGNS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq}
FIELDS = {"product": "product_id", "category": "categories", "hour": "local_hour", "weekday": "local_weekday"}


def against(value, comparison) -> bool:
    return value is not None and all(SIGNS[sign](value, Fraction(number)) for sign, number in comparison.bounds)


def in_days(day: date | None, window, ds: date) -> bool:
    first, last = window.days(ds)
    return day is not None and (first is None or first <= day) and day <= last


def passes(test, value, ds: date) -> bool:
    known = value is not None and value != []
    if test.known is False:
        return not known and test.model_fields_set == {"known"}
    if not known:
        return False
    has = (lambda one: one in value) if isinstance(value, list) else (lambda one: one == value)
    number = Decimal(value) if isinstance(value, str) and test.bounds else value
    return (
        (not test.is_ or any(map(has, test.is_)))
        and (not test.not_ or not any(map(has, test.not_)))
        and (not test.contains or any(part.lower() in value.lower() for part in test.contains))
        and (not test.starts_with or any(value.startswith(part) for part in test.starts_with))
        and (not test.in_ or in_days(value, test.in_, ds))
        and (not test.bounds or against(number, test))
    )


def value_of(event: dict, name: str):
    column, _, key = name.partition(".")
    return event[column].get(key) if key else event[FIELDS.get(name, name)]


def chosen(events, types, ds, *wheres) -> list[dict]:
    """Events of the types that pass, as of ds."""
    return [
        e
        for e in events
        if e["event_type"] in types
        and e["ds"] <= ds
        and not e["is_bot"]
        and all(passes(test, value_of(e, name), ds) for where in wheres for name, test in where.items())
    ]


def measured(measure, events, ds, days):
    """The number as a Fraction; None where he has none."""
    first, last = days
    found = [
        e
        for e in chosen(events, measure.did, ds, measure.where)
        if (first is None or first <= e["ds"]) and e["ds"] <= last
    ]
    pieces = [1 if e["quantity"] is None else e["quantity"] for e in found]
    back = [e["returned_pieces"] for e in found]
    amounts = [e["amount"] for e in found]
    if measure.refunds == "left_out":
        keep = [b == 0 for b in back]
    elif measure.refunds == "net":
        keep = [b < p for b, p in zip(back, pieces, strict=True)]
        pieces = [p - b for p, b in zip(pieces, back, strict=True)]
        amounts = [
            None if a is None else max(a - e["returned_amount"], Decimal(0))
            for a, e in zip(amounts, found, strict=True)
        ]
    else:
        keep = [True] * len(found)
    rows = [(e, p, a) for e, p, a, k in zip(found, pieces, amounts, keep, strict=True) if k]
    how, what = measure.how
    if how == "count":
        fields = {"orders": "session_id", "days": "ds", "products": "product_id", "categories": "category"}
        if what == "pieces":
            return Fraction(sum(p for _, p, _ in rows))
        return Fraction(len(rows) if what == "events" else len({e[fields[what]] for e, _, _ in rows} - {None}))
    values = [
        a if what == "amount" else p if what == "quantity" and measure.refunds == "net" else e[what] for e, p, a in rows
    ]
    values = [Fraction(v) for v in values if v is not None]
    if how == "sum":
        return sum(values, Fraction(0))
    if not values:
        return None
    return {"average": sum(values) / len(values), "smallest": min(values), "largest": max(values)}[how]


def measure_of(measure, events, ds):
    return measured(measure, events, ds, measure.in_.days(ds))


def did(said, events, ds) -> bool:
    if said.in_.needed is None:
        return against(measure_of(said, events, ds), said.held)
    held = sum(against(measured(said, events, ds, period), said.held) for period in said.in_.periods(ds))
    return held >= said.in_.needed


def edge(said, events, ds, which) -> bool:
    found = chosen(events, getattr(said, which), ds, said.where)
    if not found:
        return False
    pick = min if which == "first" else max
    if not in_days(pick(e["ds"] for e in found), said.in_, ds):
        return False
    moment = pick(e["event_time"] for e in found)
    at_end = [e for e in found if e["event_time"] == moment]
    return not said.was or bool(chosen(at_end, getattr(said, which), ds, said.was))


def days_of(events, types, ds, where) -> list[date]:
    return sorted({e["ds"] for e in chosen(events, types, ds, where)})


def habit(types, said, events, ds):
    days = [day for day in days_of(events, types, ds, said.where) if in_days(day, said.in_, ds)]
    gaps = sorted((b - a).days for a, b in pairwise(days))
    middle = gaps[(len(gaps) - 1) // 2] if gaps else None
    regular = len(days) >= said.times and against(middle, said.every)
    return regular, middle, days[-1] if days else None


def again(said, events, ds) -> bool:
    days = days_of(events, said.again, ds, said.where)
    return any(in_days(b, said.in_, ds) and (b - a).days >= said.after_days for a, b in pairwise(days))


def stopped(said, events, ds) -> bool:
    regular, middle, last = habit(said.stopped, said, events, ds)
    return bool(regular and (ds - last).days > middle * said.overdue)


def hours(span) -> timedelta | None:
    return None if span is None else timedelta(hours=span.in_hours)


def then(said, events, ds) -> bool:
    keys = {"product": "product_id", "category": "category", "brand": "brand", "session": "session_id", "day": "ds"}
    groups: dict[tuple, list[dict]] = {}
    for e in events:
        key = tuple(e[keys[name]] for name in said.same)
        if None not in key:
            groups.setdefault(key, []).append(e)
    return any(_then(said, group, ds) for group in groups.values())


def _then(said, events, ds) -> bool:
    steps = [(step, chosen(events, step.types, ds, step.where)) for step in said.then]
    done = [number for number, (step, _) in enumerate(steps) if step.did]
    choices = [[e for e in steps[number][1] if in_days(e["ds"], said.in_, ds)] for number in done]
    return any(_holds(said, steps, done, chain, ds) for chain in every_choice(*choices))


def _holds(said, steps, done, chain, ds) -> bool:
    at = [e["event_time"] for e in chain]
    for k, (a, b) in enumerate(pairwise(at)):
        limit = hours(steps[done[k + 1]][0].within)
        if not a < b or (limit and b - a > limit):
            return False
        if done[k + 1] > done[k] + 1 and any(a < e["event_time"] < b for e in steps[done[k] + 1][1]):
            return False
    if said.within and at[-1] - at[0] > hours(said.within):
        return False
    if done[0] == 1:
        limit = hours(steps[0][0].within)
        if any(e["event_time"] < at[0] and (not limit or at[0] - e["event_time"] <= limit) for e in steps[0][1]):
            return False
    if done[-1] < len(steps) - 1:
        limit = hours(steps[-1][0].within)
        if any(at[-1] < e["event_time"] and (not limit or e["event_time"] - at[-1] <= limit) for e in steps[-1][1]):
            return False
        # The shop's clock of these tests is UTC's.
        return limit is None or (at[-1] + limit).date() <= ds
    return True


def times(a, b, said) -> bool:
    if a is None or b is None or b <= 0:
        return False
    return all(SIGNS[sign](a, b * Fraction(n)) for sign, n in said.bounds)


def column(profile: dict, name: str):
    column, _, key = name.partition(".")
    return (profile[column] or {}).get(key) if key else profile[column]


def holds(said, users: dict, ds: date) -> set[str]:
    """Of users by id (profile, events): for whom a condition holds."""
    if isinstance(said, c.AllOf):
        return set.intersection(*[holds(one, users, ds) for one in said.all])
    if isinstance(said, c.AnyOf):
        return set.union(*[holds(one, users, ds) for one in said.any])
    if isinstance(said, c.Not):
        return set(users) - holds(said.not_, users, ds)
    if isinstance(said, c.Top):
        ranked = users.keys() if said.among is None else holds(said.among, users, ds)
        values = {user: measure_of(said.top, users[user][1], ds) for user in ranked}
        count = said.users or ceil(Fraction(said.percent) * len(ranked) / 100)
        above = sorted((v for v in values.values() if v is not None and v > 0), reverse=True)[:count]
        return {user for user, v in values.items() if above and v is not None and v >= above[-1]}
    return {user for user, (profile, events) in users.items() if one(said, profile, events, ds)}


def one(said, profile, events, ds) -> bool:
    if isinstance(said, c.Did):
        return did(said, events, ds)
    if isinstance(said, c.First | c.Last):
        return edge(said, events, ds, "first" if isinstance(said, c.First) else "last")
    if isinstance(said, c.Again):
        return again(said, events, ds)
    if isinstance(said, c.Regularly):
        return bool(habit(said.regularly, said, events, ds)[0])
    if isinstance(said, c.Stopped):
        return stopped(said, events, ds)
    if isinstance(said, c.Then):
        return then(said, events, ds)
    if isinstance(said, c.Compared):
        return times(measure_of(said.compared, events, ds), measure_of(said.to, events, ds), said)
    if isinstance(said, c.Share):
        return times(measure_of(said.share, events, ds), measure_of(said.whole, events, ds), said)
    if isinstance(said, c.Is):
        return all(passes(test, column(profile, name), ds) for name, test in said.is_.items())
    raise AssertionError(f"no meaning of {type(said).__name__} here")
