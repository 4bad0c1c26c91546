"""Why a record cannot be loaded: a rule a reason, null where the record keeps the rule."""

from __future__ import annotations

from datetime import date
from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.collect import fields, numbers
from jobs.collect.counts import NO_RECORD
from jobs.sources.keys import Keys
from jobs.sources.spec import EVENT_FIELDS, Feed, Source
from jobs.tables import EVENT_TYPES

# How the reason of a column that cannot be read begins: what was expected, our field, the source's column.
UNREADABLE = r"bad_(\w+): (\w+) from column (.+?) is "


def of_event(source: Source, keys: Keys, ds: date) -> Column:
    """Every reason against a record of events, joined by `; `; null where it can be loaded. Reads the columns of
    `fields.with_typed`, our event columns, event_id, ds, landed_ds and written_ds.
    """
    rules = [
        _missing_id(source.events),
        *_missing_fields(source.events),
        *_foreign(("user_id", "product_id", "session_id"), keys),
        *[reason for name in source.events.fields for reason in _unreadable(name, source.events)],
        *_impossible_value(source.events),
        *_other_currency(source.events),
        _unknown_type(),
        *_impossible_times(source.shop_opened, ds),
    ]
    return F.coalesce(_no_record(source.events), F.nullif(F.concat_ws("; ", *rules), F.lit("")))


def of_dimension(feed: Feed, keys: Keys) -> Column:
    """The reason against a record of a user or product; null where it can be loaded. Reads record and id."""
    return F.coalesce(_no_record(feed), _missing_id(feed), *_foreign(("id",), keys))


def _no_record(feed: Feed) -> Column:
    fault = F.coalesce(F.col("fault"), F.lit(f"expected {feed.format}"))
    return F.when(F.col("record").isNull(), F.concat(F.lit(NO_RECORD), fault))


def _missing_id(feed: Feed) -> Column:
    empty = reduce(or_, [part.isNull() for part in fields.id_parts(feed)])
    return F.when(empty, F.lit(f"missing_id: one of {', '.join(feed.id)} is empty"))


def _foreign(names: tuple[str, ...], keys: Keys) -> list[Column]:
    begins = f"begins as the keys of another source do: {', '.join(keys.others)}"
    wrong = {name: keys.foreign(F.col(name)) for name in names}
    return [F.when(is_, F.lit(f"foreign_id: {name} {begins}")) for name, is_ in wrong.items() if is_ is not None]


def _missing_fields(feed: Feed) -> list[Column]:
    required = [name for name in ("user_id", "event_time", "event_type") if feed.fields[name].columns]
    return [
        F.when(fields.operands(name, feed)[0].value.isNull(), F.lit(f"missing_{name}")) for name in required
    ]  # fmt: skip


def _unreadable(name: str, feed: Feed) -> list[Column]:
    """Why a field of a record cannot be read, a column of the source each."""
    kind = EVENT_FIELDS[name]
    reasons = []
    for operand in fields.operands(name, feed) if kind != "text" else ():
        typed = fields.called(operand.typed)
        start = F.lit(f"bad_{kind}: {name} from column {operand.said} is ")
        reason = F.concat(start, F.substring(operand.value.cast("string"), 1, 80))
        reasons.append(F.when(operand.value.isNotNull() & typed.isNull(), reason))
    return reasons


def _other_currency(feed: Feed) -> list[Column]:
    """Money in a currency that the mapping does not name."""
    if feed.currency is None:
        return []
    told = [operand.value.isNotNull() for name, kind in EVENT_FIELDS.items() if kind == "money" and name in feed.fields
            for operand in fields.operands(name, feed)]  # fmt: skip
    code = F.coalesce(F.substring(fields.text(feed.currency.column), 1, 80), F.lit("nothing"))
    expected = F.lit(f", expected {', '.join(feed.currency.rates)}")
    reason = F.concat(F.lit("other_currency: "), code, expected)
    return [F.when(reduce(or_, told) & fields.rate(feed.currency).isNull(), reason)] if told else []


def _impossible_value(feed: Feed) -> list[Column]:
    """Where no amount is given, it is computed from price and quantity."""
    if not {"price", "quantity"} <= feed.fields.keys():
        return []
    value = F.col("price").cast("decimal(18,4)") * F.col("quantity").cast("bigint")
    reason = F.concat(F.lit("impossible_money: price * quantity is "), value.cast("string"))
    return [F.when(F.abs(value) >= numbers.MOST, reason)]


def _unknown_type() -> Column:
    code = F.col("event_type")
    return F.when(~code.isin(*EVENT_TYPES), F.concat(F.lit("unknown_event_type: "), F.substring(code, 1, 80)))


def _impossible_times(opened: date, ds: date) -> list[Column]:
    time, day = F.col("event_time"), F.col("ds")
    # A file of one day was delivered on its day; of any days, when it was written, or tonight.
    delivered = F.coalesce("landed_ds", F.greatest("written_ds", F.lit(ds)))
    before, after = f"impossible_time: before {opened}: ", "impossible_time: after its delivery: "
    return [
        F.when(day < F.lit(opened), F.concat(F.lit(before), time.cast("string"))),
        F.when(day > F.date_add(delivered, fields.MOST_AHEAD.days), F.concat(F.lit(after), time.cast("string"))),
    ]
