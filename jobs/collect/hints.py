"""What the values of a sample hint at, though the mapping reads them: cents, thousands, an order's money in each of its
lines, values that say that nothing is known. For people, by `source try`.
"""

from __future__ import annotations

from pyspark.sql import DataFrame

from jobs.sources import cells
from jobs.sources.draft import hunches, looks
from jobs.sources.layout import Layout
from jobs.sources.mapping import EVENT_FIELDS
from jobs.sources.spec import Feed

_RECORDS = 4_000
_COLUMNS = 60


def said(records: DataFrame, feed: Feed) -> list[str]:
    """One line a hint, about the first records of events."""
    sample = _sample(records, feed)
    found = _of_money(sample, feed)
    signed = {column for name in ("quantity", "amount", "discount") for column in _columns(name, feed)}
    for column, values in sample.items():
        if value := hunches.filler(values, may_be_negative=column in signed):
            found.append(_nothing(column, value, values))
    for column in _columns("user_id", feed):
        if value := hunches.guest(sample.get(column, [])):
            found.append(_nothing(column, value, sample[column]))
    return found


def _sample(records: DataFrame, feed: Feed) -> dict[str, list[str | None]]:
    """Texts of the columns that the mapping names, and of the others where all records have the same."""
    layout = Layout.of(records)
    names = [*sorted(feed.mapped_columns), *(layout.others(feed.mapped_columns) or [])][:_COLUMNS]
    names = [name for name in names if name not in feed.pii]
    texts = [cells.said(layout, name, feed).alias(f"c{k}") for k, name in enumerate(names)]
    rows = records.where("record IS NOT NULL").limit(_RECORDS).select(*texts).collect()
    return {name: [row[k] for row in rows] for k, name in enumerate(names)}


def _columns(name: str, feed: Feed) -> tuple[str, ...]:
    return feed.fields[name].columns if name in feed.fields else ()


def _of_money(sample: dict[str, list[str | None]], feed: Feed) -> list[str]:
    found, order = [], _columns("session_id", feed)
    for name, spec in feed.fields.items():
        for column in spec.columns if EVENT_FIELDS[name] == "money" else ():
            values = sample.get(column, [])
            number = looks.look(column, values).number
            if spec.scale == 1 and hunches.in_cents(values):
                found.append(f"{column} is whole and ends as prices in cents do: then say scale: 0.01")
            if number and number.in_threes and not spec.thousands and spec.decimal == number.decimal:
                found.append(f"{column} has just three digits behind its sign: thousands says that 12.000 is no twelve")
            if name == "discount" and spec.scale == 1 and hunches.is_share(values):
                found.append(f"{column} lies between 0 and 1: a share is no money, and is better left in attributes")
            if name == "amount" and feed.explode and not column.startswith(f"{feed.explode}."):
                found.append(f"{column} stands beside the list {feed.explode}, and counts in each of its entries")
            if name == "amount" and len(order) == 1 and hunches.is_of_order(values, sample.get(order[0], [])):
                found.append(f"{column} is the same in all lines of an order ({order[0]}), and counts in each of them")
    both = [_columns(name, feed) for name in ("amount", "price", "quantity")]
    if all(len(columns) == 1 for columns in both):
        amount, price, pieces = (columns[0] for columns in both)
        if amount != price and hunches.is_one_of_two(*[sample.get(column, []) for column in (amount, price, pieces)]):
            found.append(f"{amount} equals {price}, whatever {pieces} says: is one of a line, the other of a piece?")
    return found


def _nothing(column: str, value: str, values: list[str | None]) -> str:
    share = values.count(value) / len(values)
    return f'{column} is {value} in {share:.0%} of records: does it say nothing? then null: {{{column}: ["{value}"]}}'
