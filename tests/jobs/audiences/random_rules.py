"""Random rules and random shops, by hypothesis: small, so that what is rare in a shop is common here: equal times,
edges of windows, unknown values, refunds, bots, late records.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from jobs.audiences.rule.measures import EVENT_FIELDS

DS = date(2026, 3, 31)  # the end of a month, a Tuesday
TYPES = ("view", "cart", "purchase", "search")
PRODUCTS = {
    "p1": ("baby", "milk", "A"),
    "p2": ("baby", "nappies", "A"),
    "p3": ("home", "lamps", "B"),
    "p4": ("home", None, None),
}


def some(*values):
    return st.sampled_from(values)


# Events.


@st.composite
def events(draw):
    """One event less its user and id."""
    kind = draw(st.sampled_from(TYPES))
    product = draw(some(*PRODUCTS, *PRODUCTS, None)) if kind != "search" else None
    department, category, brand = PRODUCTS.get(product, (None, None, None))
    day = DS - timedelta(days=draw(some(0, 1, 2, 3, 5, 7, 8, 14, 29, 30, 31, 32, 59, 60, 61, 90, 120, -1)))
    hour = draw(some(0, 9, 9, 12, 23))
    bought = kind == "purchase"
    quantity = draw(some(1, 2, 3, None)) if bought else None
    amount = draw(some("0.00", "1.10", "2.20", "10.00", "33.33")) if bought else None
    back = draw(some(0, 0, 0, 1, quantity or 1)) if bought else 0
    return {
        "event_type": kind,
        "product_id": product,
        "department": department,
        "category": category,
        "brand": brand,
        "event_time": datetime.combine(day, time(hour, draw(some(0, 0, 30))), UTC),
        "ds": day,
        "local_hour": hour,
        "local_weekday": day.isoweekday(),
        "quantity": quantity,
        "amount": amount and Decimal(amount),
        "price": Decimal("1.5000") if bought else None,
        "discount": draw(some(None, Decimal("0.50"))) if bought else None,
        "session_id": draw(some("s1", "s2", "s3")),
        "query": draw(some("milk", "red lamp")) if kind == "search" else None,
        "device": draw(some("app", "desktop", "unknown")),
        "is_bot": draw(some(*[False] * 9, True)),
        "attributes": draw(some({}, {"channel": "app"}, {"channel": "web", "steps": "12"})),
        "landed_ds": draw(some(day, day, day, DS, DS + timedelta(days=1))),
        "returned_pieces": back,
        "returned_amount": (Decimal(amount) / 2).quantize(Decimal("0.01")) if back else Decimal(0),
    }


users = st.tuples(
    st.fixed_dictionaries(
        {
            "gender": some(None, "F", "M"),
            "recency_days": some(None, 0, 3, 30),
            "churn_28d": some(None, 0.25, 0.5),
            "tags": some([], ["deal seeker"], ["spend fading", "deal seeker"]),
            "attributes": some(None, {"size": "L"}, {"size": "M", "visits": "7"}),
        }
    ),
    st.one_of(st.lists(events(), max_size=2), *[st.lists(events(), min_size=5, max_size=14)] * 3),
)

# Rules.

counts = some(1, 1, 2, 3)
moneys = some("0.01", "1.1", "2.2", "3.3", "10", "20.5")


def comparisons(numbers):
    low_high = st.tuples(numbers, numbers).map(lambda pair: sorted(pair, key=Decimal))
    return st.one_of(
        *[
            st.fixed_dictionaries({key: numbers})
            for key in ("at_least", "at_most", "more_than", "less_than", "exactly")
        ],
        st.fixed_dictionaries({"between": low_high}),
        st.just({"none": True}),
    )


plain_windows = st.one_of(
    st.builds(lambda n, skip: {"last_days": n, "skip": skip}, some(1, 2, 7, 30, 31, 60), some(0, 0, 1, 30)),
    st.builds(lambda n, skip: {"last_weeks": n, "skip": skip}, some(1, 2, 4), some(0, 1)),
    st.builds(lambda n, skip: {"last_months": n, "skip": skip}, some(1, 2, 3), some(0, 1)),
    st.fixed_dictionaries({"current": some("week", "month", "year")}),
    st.just({"between": ["2026-02-01", "2026-03-01"]}),
    st.just({"after": "2026-03-01"}),
    st.just({"before": "2026-03-01"}),
    st.just({"after": "2026-01-30", "before": "2026-03-30"}),
    *[st.just({"ever": True})] * 2,
    *[st.just({"last_days": 120})] * 2,
)
counted_windows = st.one_of(
    plain_windows,
    st.builds(lambda n, unit: {unit: n, "each": True}, some(1, 2, 3), some("last_months", "last_weeks", "last_days")),
    st.builds(
        lambda n, unit: {unit: n, "at_least_in": max(1, n - 1)},
        some(2, 3, 4),
        some("last_months", "last_weeks", "last_days"),
    ),
)
TESTS = {
    "product": some("p1", ["p1", "p2"], {"not": "p1"}, {"known": True}, {"known": False}),
    "category": some("baby", "milk", ["milk", "lamps"], {"not": "baby"}, "tinned"),
    "department": some("home"),
    "brand": some("A", {"known": False}, {"not": ["A"]}),
    "title": some({"contains": "Nr 1"}),
    "price": some({"more_than": 1.5}, 1.5),
    "quantity": some({"at_least": 2}, 1),
    "amount": some({"between": [1, 10]}),
    "discount": some({"known": True}, {"more_than": 0}),
    "hour": some({"between": [9, 12]}, 23),
    "weekday": some([6, 7]),
    "query": some({"contains": ["LAMP"]}, {"starts_with": "mi"}),
    "device": some("app", {"not": ["app", "unknown"]}),
    "attributes.channel": some("app", {"not": "app"}),
    "attributes.steps": some({"at_least": 12}, {"less_than": 12}),
}
assert {name.split(".")[0] for name in TESTS} <= {*EVENT_FIELDS, "attributes"}
wheres = st.one_of(
    *[st.just({})] * 14,
    *[st.fixed_dictionaries({name: test}) for name, test in TESTS.items()],
    st.fixed_dictionaries({"category": TESTS["category"], "amount": TESTS["amount"]}),
)
types = some("purchase", "purchase", "view", "cart", "search", ["view", "cart"])
counted = st.fixed_dictionaries(
    {
        "did": types,
        "where": wheres,
        "count": some("events", "orders", "days", "products", "categories", "pieces"),
        "refunds": some("counted", "left_out", "net"),
    }
)
summed = st.builds(
    lambda how, what, where, refunds: {"did": "purchase", how: what, "where": where, "refunds": refunds},
    some("sum", "average", "smallest", "largest"),
    some("amount", "amount", "quantity", "discount"),
    wheres,
    some("counted", "left_out", "net"),
)


def joined(*parts):
    return st.tuples(*parts).map(lambda found: {key: value for part in found for key, value in part.items()})


def inside(windows):
    return st.fixed_dictionaries({"in": windows})


numbers = st.one_of(joined(counted, inside(plain_windows)), joined(summed, inside(plain_windows)))
did = st.one_of(
    joined(counted, inside(counted_windows), comparisons(counts)),
    joined(summed, inside(counted_windows), comparisons(moneys)),
)
edges = st.builds(
    lambda end, kind, where, was, window: {end: kind, "where": where, "was": was, "in": window},
    some("first", "last"),
    types,
    wheres,
    wheres,
    plain_windows.filter(lambda window: window != {"ever": True}),
)
habits = st.one_of(
    st.builds(
        lambda kind, where, after, window: {"again": kind, "where": where, "after_days": after, "in": window},
        types,
        wheres,
        some(1, 7, 30),
        plain_windows,
    ),
    st.builds(
        lambda kind, where, times, every, window: {
            "regularly": kind,
            "where": where,
            "times": times,
            "every": every,
            "in": window,
        },
        types,
        wheres,
        some(2, 3),
        some({}, {"at_most": 30}, {"between": [1, 7]}),
        plain_windows,
    ),
    st.builds(
        lambda kind, where, overdue, window: {
            "stopped": kind,
            "where": where,
            "times": 2,
            "overdue": overdue,
            "in": window,
        },
        types,
        wheres,
        some(0.5, 1, 2, 3.5),
        plain_windows,
    ),
)
spans = some({"days": 2}, {"days": 30}, {"days": 60}, {"hours": 3})


@st.composite
def thens(draw):
    """A sequence with a `not` in any of its places."""
    done = [{"did": draw(types), "where": draw(wheres)} for _ in range(draw(some(1, 2, 2, 2, 3)))]
    for step in done[1:]:
        step |= draw(st.one_of(st.just({}), st.fixed_dictionaries({"within": spans})))
    steps = [done[0]]
    for step in done[1:]:
        if draw(some(True, False, False)):
            steps.append({"not": draw(types), "where": draw(wheres)})
        steps.append(step)
    places = (
        [draw(some(None, None, "first", "last", "both"))] if len(steps) > 1 else [draw(some("first", "last", "both"))]
    )
    for place in places:
        unwanted = {"not": draw(types), "where": draw(wheres)} | draw(some({}, {"within": {"days": 2}}))
        steps = ([unwanted] if place in ("first", "both") else []) + steps
        steps = steps + (
            [{"not": draw(types)} | draw(some({}, {"within": {"hours": 20}}))] if place in ("last", "both") else []
        )
    same = draw(some([], "product", "category", ["session"], ["product", "day"]))
    over = draw(st.one_of(st.just({}), st.fixed_dictionaries({"within": spans})))
    return {"then": steps, "same": same, "in": draw(plain_windows)} | over


compared = st.builds(
    lambda number, where, window, against: {"compared": number, "to": {"where": where, "in": window}} | against,
    numbers,
    wheres,
    plain_windows,
    comparisons(some("0.5", "1", "2")),
)
shares = st.builds(
    lambda number, against: {"share": number} | against,
    st.one_of(
        joined(counted, inside(plain_windows)), joined(summed.filter(lambda m: "sum" in m), inside(plain_windows))
    ),
    comparisons(some("0.4", "0.5", "1")),
)
columns = st.one_of(
    *[
        st.fixed_dictionaries({"is": st.fixed_dictionaries({name: test})})
        for name, test in {
            "gender": some("F", {"not": "F"}, {"known": False}),
            "recency_days": some({"at_most": 3}, 30, {"not": 3}),
            "churn_28d": some({"at_least": 0.5}, 0.25),
            "tags": some("deal seeker", {"not": ["spend fading"]}),
            "attributes.size": some("L", {"known": False}),
            "attributes.visits": some({"more_than": 6}),
        }.items()
    ]
)
alone = st.one_of(did, did, did, edges, habits, thens(), thens(), compared, shares, columns)
tops = st.builds(
    lambda number, how, among: {"top": number} | how | among,
    numbers,
    some({"percent": 10}, {"percent": 50}, {"users": 3}),
    st.one_of(st.just({}), st.fixed_dictionaries({"among": alone})),
)
rules = st.recursive(
    st.one_of(alone, alone, alone, tops),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=4,
)
