"""The mapped fields of a record: the text of each of the source's columns, then that text under its field's type.

Pure DataFrame -> DataFrame. A frame of records has one row a record: `raw` the text as received (null where that is
`record` as JSON), `record` what it holds (see jobs/sources/layout.py; null where the text is no record), `source_file`,
`landed_ds` (null where the file is not of one day).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.clock import Clock
from jobs.collect import numbers, times
from jobs.lake.engine import columns
from jobs.sources import cells
from jobs.sources.layout import Layout
from jobs.sources.mapping import Currency
from jobs.sources.spec import EVENT_FIELDS, Feed, FieldSpec, Source
from jobs.tables import EVENT_TYPES

_MEANINGS = 32  # of codes that are asked as lists
AS_TEXT = "2"  # how a version begins that is neither a number nor a time
_TYPES = {"money": "decimal(18,4)", "count": "bigint"}
MOST_AHEAD = timedelta(days=1)  # of its delivery: a clock that is fast, a file that is cut a little late


class Operand(NamedTuple):
    """What one value of a field is read from: its columns, for people; its text, or its number; its typed column."""

    said: str
    value: Column
    typed: str


def with_texts(records: DataFrame, feed: Feed) -> DataFrame:
    """`records` with `text.<column>` for each column of the source that the mapping names: see `cells.said`.

    A projection of its own: inlined into every rule, the look-ups grow past what the JVM compiles.
    """
    layout = Layout.of(records)

    def read(column: str) -> Column:
        return layout.value(column) if _stays_number(column, feed, layout) else cells.said(layout, column, feed)

    return records.withColumns({f"text.{column}": read(column) for column in sorted(feed.asked_columns)})


def _stays_number(column: str, feed: Feed, layout: Layout) -> bool:
    """Whether a column of `with_texts` is a number: read as one, it needs no way through text."""
    return layout.is_number(column) and not feed.nulls(column) and column not in feed.whole


def with_typed(records: DataFrame, feed: Feed) -> DataFrame:
    """`with_texts`, and the typed column of each operand of our fields: null where its text cannot be read so."""
    layout = Layout.of(records)

    def read(name: str, operand: Operand) -> Column:
        is_number = operand.said in feed.mapped_columns and _stays_number(operand.said, feed, layout)
        return _read_as(name, operand.value, feed.fields[name], is_number)

    return with_texts(records, feed).withColumns({
        operand.typed: read(name, operand) for name in feed.fields for operand in operands(name, feed)
    })  # fmt: skip


def called(name: str) -> Column:
    """The column of a frame that has exactly this name."""
    quoted = name.replace("`", "``")
    return F.col(f"`{quoted}`")


def text_or_number(column: str) -> Column:
    """A column of `with_texts`: a text, or a number where the format has numbers."""
    return called(f"text.{column}")


def text(column: str) -> Column:
    """A column of `with_texts` as a text."""
    return text_or_number(column).cast("string")


def operands(name: str, feed: Feed) -> list[Operand]:
    """What a field of ours is read from: each column of a sum, else one value, else nothing (a constant)."""
    spec, kind = feed.fields[name], EVENT_FIELDS[name]
    if spec.sum:
        return [Operand(column, text_or_number(column), f"typed.{name}.{k}") for k, column in enumerate(spec.sum)]
    if not spec.columns:
        return []
    said, value = spec.columns[0], text_or_number(spec.columns[0])
    if spec.first:
        said, value = " or ".join(spec.columns), F.coalesce(*map(text, spec.columns))
    elif len(spec.columns) > 1:
        parts = [text(column) for column in spec.columns]
        said, value = ", ".join(spec.columns), F.concat_ws(" ", *parts) if kind == "time" else joined(parts)
        value = F.when(F.greatest(*[part.isNull() for part in parts]), None).otherwise(value)
    return [Operand(said, value, f"typed.{name}.0")]


def translated(value: Column, spec: FieldSpec) -> Column:
    """`value` under the mapping's `map` of codes; codes that it does not name stay."""
    return _by_codes(value, spec.map, value) if spec.map else value


def plain(spec: FieldSpec) -> Column:
    """The text of a field of users or products from the columns of `with_texts`."""
    if spec.constant is not None:
        return F.lit(spec.constant)
    parts = [text(column) for column in spec.columns]
    return translated(F.coalesce(*parts) if spec.first else joined(parts), spec)


def _by_codes(value: Column, pairs: dict[str, str], otherwise: Column) -> Column:
    """What `pairs` say of a value, else `otherwise`. A list a meaning is asked quicker than a map."""
    if len(meanings := sorted(set(pairs.values()))) > _MEANINGS:
        return F.coalesce(F.create_map(*[F.lit(item) for pair in pairs.items() for item in pair])[value], otherwise)
    found: Any = F
    for meaning in meanings:
        found = found.when(value.isin([code for code in pairs if pairs[code] == meaning]), F.lit(meaning))
    return found.otherwise(otherwise) if meanings else otherwise


def _event_type(value: Column, spec: FieldSpec) -> Column:
    """`translated`, and our own words and the map's codes in any case."""
    own, codes = dict(zip(EVENT_TYPES, EVENT_TYPES, strict=True)), spec.map or {}
    in_any_case = _by_codes(F.lower(value), own | {code.lower(): kind for code, kind in codes.items()}, value)
    return _by_codes(value, codes, F.when(value.isin(list(EVENT_TYPES)), value).otherwise(in_any_case))


def _read_as(name: str, value: Column, spec: FieldSpec, is_number: bool) -> Column:
    kind = EVENT_FIELDS[name]
    if name == "event_type":
        return _event_type(value.cast("string"), spec)
    if spec.map:
        value, is_number = translated(value.cast("string"), spec), False
    if kind == "time":
        return times.instant(value, spec)
    return numbers.number(value, spec, kind, is_number) if kind in numbers.DECIMALS else value.cast("string")


def field(name: str, feed: Feed) -> Column:
    """One of our event columns from the typed columns of `with_typed`."""
    spec, kind = feed.fields.get(name), EVENT_FIELDS[name]
    if spec is None or spec.constant is not None:
        return F.lit(spec.constant if spec else None).cast(_TYPES.get(kind, "string"))
    parts = [called(operand.typed) for operand in operands(name, feed)]
    if spec.sum:
        parts = [sum((F.coalesce(part, F.lit(0)) for part in parts[1:]), F.coalesce(parts[0], F.lit(0)))]
    if kind == "money" and feed.currency:
        return (parts[0] * rate(feed.currency)).cast("decimal(18,4)")
    return _pieces(parts[0]) if kind == "count" else parts[0]


def rate(currency: Currency) -> Column:
    """What one of a record's currency is in the shop's own; null where the mapping does not name it."""
    rates = [(F.lit(name.upper()), F.lit(value).cast("decimal(18,8)")) for name, value in currency.rates.items()]
    return F.create_map(*[part for pair in rates for part in pair])[F.upper(text(currency.column))]


def _pieces(quantity: Column) -> Column:
    """A quantity as pieces: what has a fraction was sold by weight or length, and is one piece."""
    one = F.when(quantity < 0, -1).otherwise(1).cast("bigint")
    return F.when(quantity == F.floor(quantity), quantity.cast("bigint")).when(quantity.isNotNull(), one)


def event_columns(feed: Feed, layout: Layout) -> dict[str, Column]:
    """Our event columns, by name. The money of what was sold by weight is for the one piece."""
    ours = {name: field(name, feed) for name in EVENT_FIELDS}
    weighed = is_weighed(feed, layout)
    if weighed is None or "price" not in feed.fields:
        return ours
    weight = F.abs(called(operands("quantity", feed)[0].typed))
    paid = F.greatest(ours["price"] * weight - F.abs(F.coalesce(ours["discount"], F.lit(0))), F.lit(0))
    amount = F.coalesce(ours["amount"].cast("decimal(18,4)"), F.when(weighed, paid.cast("decimal(18,4)")))
    return ours | {"price": F.when(~weighed, ours["price"]), "amount": amount}


def is_weighed(feed: Feed, layout: Layout) -> Column | None:
    """True where a quantity has a fraction; None where none can: the mapping reads none, or whole numbers alone."""
    spec = feed.fields.get("quantity")
    if spec is None or not (found := operands("quantity", feed)):
        return None
    if spec.scale == 1 and not spec.map and all(map(layout.is_whole, spec.columns)):
        return None
    quantity = called(found[0].typed)
    return F.coalesce(quantity != F.floor(quantity), F.lit(False))


def joined(parts: Sequence[Column], followed: bool = False) -> Column:
    """Texts as one, with `-` between: no two lists of texts give the same. A `-` or `\\` in any but the last gets a
    `\\` before it, so that most ids look as they always did; in the last too where one more may be `followed`. Null
    where one is null.
    """
    pieces = [*map(_escaped, parts[:-1]), _escaped(parts[-1]) if followed else parts[-1]]
    return F.concat(*[piece for part in pieces for piece in (F.lit("-"), part)][1:])


def _escaped(part: Column) -> Column:
    escaped = F.replace(F.replace(part, F.lit("\\"), F.lit("\\\\")), F.lit("-"), F.lit("\\-"))
    return F.when(part.contains("-") | part.contains("\\"), escaped).otherwise(part)


def id_parts(feed: Feed) -> list[Column]:
    """The id columns; none is null in a record that can be loaded."""
    return [F.coalesce(text(c), F.lit("")) if c in feed.may_be_empty else text(c) for c in feed.id]


def shop_day(source: Source, ds: date) -> Column:
    """The shop's day of an event of `with_typed`; ds is the last night that it can be of."""
    shop = Clock(source.shop_zone, source.shop_opened, ds + MOST_AHEAD)
    return shop.day(field("event_time", source.events))


def version(feed: Feed) -> Column:
    """Which state of its record one is, as a text that sorts: numbers as numbers, times (by ISO 8601 or the mapping's
    formats) as times, anything else as text, behind AS_TEXT. Null where the record does not say; the same for all where
    the order of delivery decides.
    """
    if feed.version is None or feed.version.column is None:
        return F.lit("" if feed.version else None).cast("string")
    column, formats, zone = feed.version.column, feed.version.format, feed.version.zone
    said = text(column)
    # Moved above zero, so that all have as many digits and negative ones sort too.
    number = columns.number(said, "decimal(29,9)") + F.lit("1" + "0" * 20).cast("decimal(30,9)")
    time = F.unix_micros(times.instant(said, FieldSpec(column=column, format=formats, zone=zone))) + F.lit(10**17)
    forms = {"1": F.lpad(time.cast("string"), 18, "0"), AS_TEXT: said}
    forms = forms if formats else {"0": F.lpad(number.cast("string"), 31, "0")} | forms
    return F.coalesce(*[F.concat(F.lit(form), key) for form, key in forms.items()])


def identity(feed: Feed) -> Column:
    """The id columns, `joined`; null where one is missing that may not be."""
    whole = joined(id_parts(feed), followed=feed.number_equal)
    return F.concat(F.lit(f"{feed.name}:"), whole) if feed.name else whole
