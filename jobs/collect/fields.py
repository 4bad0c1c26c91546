"""The mapped fields of a record: the text of each of the source's columns, then that text under its field's type.

Pure DataFrame -> DataFrame. A frame of records has one row a record: `raw` the text as received (null where that is
`record` as JSON), `record` what it holds (see jobs/sources/layout.py; null where the text is no record), `source_file`,
`landed_ds` (null where the file is not of one day).
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.lake.engine import columns
from jobs.sources.layout import Layout
from jobs.sources.spec import EVENT_FIELDS, Feed, FieldSpec

_DECIMALS = {"money": "decimal(18,4)", "count": "decimal(20,4)"}
_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
# \z, for $ also holds before a line's end on one engine; [0-9], for \d has digits of all scripts on the other.
_HAS_ZONE = r"(Z|[+-][0-9]{2}:?[0-9]{2})\z"


def with_texts(records: DataFrame, feed: Feed) -> DataFrame:
    """`records` with `text.<column>` for each column of the source that the mapping names: trimmed, null where empty
    or where the source says by one of its words for it that nothing is known.

    A projection of its own: inlined into every rule, the look-ups grow past what the JVM compiles.
    """

    layout = Layout.of(records)

    def read(column: str) -> Column:
        if _stays_number(column, feed, layout):
            return layout.value(column)
        trimmed = F.nullif(F.trim(layout.text(column)), F.lit(""))
        trimmed = F.regexp_replace(trimmed, r"\.0+\z", "") if column in feed.whole else trimmed
        return F.when(~trimmed.isin(list(feed.null)), trimmed) if feed.null else trimmed

    return records.withColumns({f"text.{column}": read(column) for column in sorted(feed.mapped_columns)})


def _stays_number(column: str, feed: Feed, layout: Layout) -> bool:
    """Whether a column of `with_texts` is a number: read as one, it needs no way through text."""
    return layout.is_number(column) and not feed.null and column not in feed.whole


def with_typed(records: DataFrame, feed: Feed) -> DataFrame:
    """`with_texts`, and `typed.<field>.<column>` for each of our fields: the text under the field's type, null where it
    cannot be read so.
    """
    layout = Layout.of(records)
    return with_texts(records, feed).withColumns({
        f"typed.{name}.{column}": _read_as(column, EVENT_FIELDS[name], spec, _stays_number(column, feed, layout))
        for name, spec in feed.fields.items()
        for column in spec.columns
    })  # fmt: skip


def text_or_number(column: str) -> Column:
    """A column of `with_texts`: a text, or a number where the format has numbers."""
    return F.col(f"`text.{column}`")


def text(column: str) -> Column:
    """A column of `with_texts` as a text."""
    return text_or_number(column).cast("string")


def _time(value: Column, spec: FieldSpec) -> Column:
    if spec.format in _EPOCHS:
        return F.timestamp_micros(F.try_multiply(value.try_cast("bigint"), F.lit(_EPOCHS[spec.format])))
    value = value.cast("string")
    parsed = columns.time(value, spec.format)
    if spec.zone == "UTC":
        return parsed
    return F.when(value.rlike(_HAS_ZONE), parsed).otherwise(F.to_utc_timestamp(parsed, spec.zone))


def translated(value: Column, spec: FieldSpec) -> Column:
    """`value` under the mapping's `map` of codes; codes that it does not name stay."""
    if not spec.map:
        return value
    codes = F.create_map(*[F.lit(item) for pair in spec.map.items() for item in pair])
    return F.coalesce(codes[value], value)


def _read_as(column: str, kind: str, spec: FieldSpec, is_number: bool) -> Column:
    value = translated(text(column), spec) if spec.map else text_or_number(column)
    if kind == "time":
        return _time(value, spec)
    if decimal := _DECIMALS.get(kind):
        return value.try_cast(decimal) if is_number and not spec.map else columns.number(value, decimal)
    return value.cast("string")


def field(name: str, feed: Feed) -> Column:
    """One of our event columns from the typed columns of `with_typed`."""
    spec = feed.fields.get(name)
    if spec is None or spec.constant is not None:
        return F.lit(spec.constant if spec else None).cast("string")
    parts = [F.col(f"`typed.{name}.{column}`") for column in spec.columns]
    if spec.sum:
        return sum((F.coalesce(part, F.lit(0)) for part in parts[1:]), F.coalesce(parts[0], F.lit(0)))
    if EVENT_FIELDS[name] == "count":
        return F.when(parts[0] == F.floor(parts[0]), parts[0].cast("bigint"))
    return parts[0]


def identity(feed: Feed) -> Column:
    """The id columns joined by `-`; null where one is missing that may not be."""
    parts = [F.coalesce(text(c), F.lit("")) if c in feed.may_be_empty else text(c) for c in feed.id]
    return F.concat(*[piece for part in parts for piece in (F.lit("-"), part)][1:])
