"""From a source's record to our typed columns, with the reasons why a record cannot be loaded.

Pure DataFrame -> DataFrame. A frame of records has one row a record: `raw` the text as received (null where that is
`record` as JSON), `record` what it holds (see jobs/sources/layout.py; null where the text is no record), `source_file`,
`landed_ds` (null where the file is not of one day).
"""

from __future__ import annotations

import re
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs import clock
from jobs.sources.layout import Layout
from jobs.sources.spec import EVENT_FIELDS, Feed, FieldSpec, Source
from jobs.tables import BRONZE_EVENTS, EVENT_TYPES

_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
MASKED = 62  # columns that a bit mask of one bigint can name
_HAS_ZONE = r"(Z|[+-]\d{2}:?\d{2})$"


def _with_texts(records: DataFrame, feed: Feed, layout: Layout) -> DataFrame:
    """`records` with `text.<column>` for each column of the source that the mapping names: trimmed, null where empty
    or where the source says by one of its words for it that nothing is known.

    A projection of its own: inlined into every rule, the look-ups grow past what the JVM compiles.
    """

    def text(column: str) -> Column:
        if layout.is_number(column) and not feed.null and column not in feed.whole:
            return layout.value(column)  # read as a number, it needs no way through text
        found = F.nullif(F.trim(layout.text(column)), F.lit(""))
        found = F.regexp_replace(found, r"\.0+$", "") if column in feed.whole else found
        return F.when(~found.isin(list(feed.null)), found) if feed.null else found

    return records.withColumns({f"text.{column}": text(column) for column in sorted(feed.mapped_columns)})


def _known(column: str) -> Column:
    """What `_with_texts` found: a text, or a number where the format has numbers."""
    return F.col(f"`text.{column}`")


def _text(column: str) -> Column:
    return _known(column).cast("string")


def _time(value: Column, spec: FieldSpec) -> Column:
    if spec.format in _EPOCHS:
        return F.timestamp_micros(F.try_multiply(value.try_cast("bigint"), F.lit(_EPOCHS[spec.format])))
    value = value.cast("string")
    parsed = F.try_to_timestamp(value, F.lit(spec.format)) if spec.format else F.try_to_timestamp(value)
    if spec.zone == "UTC":
        return parsed
    return F.when(value.rlike(_HAS_ZONE), parsed).otherwise(F.to_utc_timestamp(parsed, spec.zone))


def _translated(value: Column, spec: FieldSpec) -> Column:
    if not spec.map:
        return value
    codes = F.create_map(*[F.lit(item) for pair in spec.map.items() for item in pair])
    return F.coalesce(codes[value], value)


def _read_as(column: str, kind: str, spec: FieldSpec) -> Column:
    value = _translated(_text(column), spec) if spec.map else _known(column)
    if kind == "time":
        return _time(value, spec)
    if kind == "money":
        return value.try_cast("decimal(18,4)")
    if kind == "count":
        return value.try_cast("decimal(20,4)")
    return value.cast("string")


def _typed(feed: Feed) -> dict[str, Column]:
    """`typed.<field>.<column>`: each text under its field's type, null where it cannot be read so."""
    return {
        f"typed.{name}.{column}": _read_as(column, EVENT_FIELDS[name], spec)
        for name, spec in feed.fields.items()
        for column in spec.columns
    }


def _field(name: str, feed: Feed) -> Column:
    """One of our event columns from its typed parts."""
    spec = feed.fields.get(name)
    if spec is None or spec.constant is not None:
        return F.lit(spec.constant if spec else None).cast("string")
    parts = [F.col(f"`typed.{name}.{column}`") for column in spec.columns]
    if spec.sum:
        return sum((F.coalesce(part, F.lit(0)) for part in parts[1:]), F.coalesce(parts[0], F.lit(0)))
    if EVENT_FIELDS[name] == "count":
        return F.when(parts[0] == F.floor(parts[0]), parts[0].cast("bigint"))
    return parts[0]


def _unreadable(name: str, feed: Feed) -> list[Column]:
    """Why a field of a record cannot be read, a column of the source each; null where it can."""
    kind = EVENT_FIELDS[name]
    reasons = []
    for column in feed.fields[name].columns if kind != "text" else ():
        typed = F.col(f"`typed.{name}.{column}`")
        wrong = typed.isNull() if kind != "count" else typed.isNull() | (typed != F.floor(typed))
        found = F.concat(F.lit(f"bad_{kind}: {name} from column {column} is "), F.substring(_text(column), 1, 80))
        reasons.append(F.when(_known(column).isNotNull() & wrong, found))
    return reasons


def _identity(feed: Feed) -> Column:
    """The id columns joined by `-`; null where one is missing that may not be."""
    parts = [F.coalesce(_text(c), F.lit("")) if c in feed.may_be_empty else _text(c) for c in feed.id]
    return F.concat(*[piece for part in parts for piece in (F.lit("-"), part)][1:])


def _reasons(source: Source, ds: date) -> list[Column]:
    """Why a record cannot be loaded, a rule each; null where the rule is kept."""
    feed, opened = source.events, source.shop_opened or "1990-01-01"
    required = [name for name in ("user_id", "event_time", "event_type") if feed.fields[name].column]
    code = F.col("event_type")
    time = F.col("event_time")
    return [
        F.when(F.col("event_id").isNull(), F.lit(f"missing_id: one of {', '.join(feed.id)} is empty")),
        *[F.when(_known(feed.fields[name].column).isNull(), F.lit(f"missing_{name}")) for name in required],
        *[reason for name in feed.fields for reason in _unreadable(name, feed)],
        F.when(~code.isin(*EVENT_TYPES), F.concat(F.lit("unknown_event_type: "), F.substring(code, 1, 80))),
        F.when(
            time < F.lit(opened).cast("timestamp"),
            F.concat(F.lit(f"impossible_time: before {opened}: "), time.cast("string")),
        ),
        # A file of one day was delivered on its day; of any days, when it was written, or tonight.
        F.when(
            time >= F.date_add(F.coalesce("landed_ds", F.greatest("written_ds", F.lit(ds))), 2).cast("timestamp"),
            F.concat(F.lit("impossible_time: after its delivery: "), time.cast("string")),
        ),
    ]


def _carried(feed: Feed, layout: Layout) -> list[Column]:
    """What goes along with a parsed record: where it is from, a tie-break, its text where it is refused; `seen`: bit k
    is set where the k-th mapped column stands in the record; `beside`: the same of the columns that the mapping does
    not name, where the layout knows them.
    """

    def bits(flags: list[Column]) -> Column:
        marks = [F.when(flag, F.lit(1 << k)).otherwise(F.lit(0)).cast("bigint") for k, flag in enumerate(flags)]
        return sum(marks[1:], marks[0]) if marks else F.lit(0).cast("bigint")

    others = layout.others(feed.mapped_columns) or []
    record = F.col("record") if layout.types else F.col("raw")
    return [
        F.col("source_file"),
        F.col("landed_ds"),
        F.col("key_hash"),
        F.xxhash64(record).alias("tie"),
        F.when(F.col("reason").isNotNull(), F.coalesce("raw", F.to_json("record"))).alias("raw"),
        F.coalesce(bits([layout.stands(c) for c in sorted(feed.mapped_columns)]), F.lit(0)).alias("seen"),
        bits([layout.value(c).isNotNull() for c in others[:MASKED]]).alias("beside"),
    ]


def beside(feed: Feed, layout: Layout) -> list[str] | None:
    """The columns behind the bits of `beside`; None where the records' attributes must be asked."""
    others = layout.others(feed.mapped_columns)
    return others if others is not None and len(others) <= MASKED else None


def parse_events(records: DataFrame, source: Source, start: date, since: date, ds: date) -> DataFrame:
    """One row a record: the columns of bronze.events, `raw`, `outside`, and `reason` (null where it can be loaded).

    A record of a file of any days counts as delivered on its own day, or on `since` where it is older; before `start`,
    the first day of the shop's history here, it is `outside`.
    """
    feed, layout = source.events, Layout.of(records)
    frame = _with_texts(records, feed, layout).withColumns(_typed(feed))
    frame = frame.withColumns({name: _field(name, feed) for name in EVENT_FIELDS} | {"event_id": _identity(feed)})
    broken = F.when(F.col("record").isNull(), F.lit(f"not_a_record: expected {feed.format}"))
    rules = F.nullif(F.concat_ws("; ", *_reasons(source, ds)), F.lit(""))
    frame = frame.withColumns({"reason": F.coalesce(broken, rules), "ds": clock.day(F.col("event_time"))})
    attributes = layout.attributes(feed.mapped_columns).alias("attributes")
    frame = frame.select(*EVENT_FIELDS, "event_id", attributes, "reason", "ds", *_carried(feed, layout))
    any_days, old = F.col("landed_ds").isNull(), F.col("ds") < F.lit(start)
    own = F.when(F.col("reason").isNull(), F.greatest("ds", F.lit(since))).otherwise(F.lit(ds))
    return frame.withColumn("outside", any_days & F.col("reason").isNull() & old).withColumn(
        "landed_ds", F.coalesce("landed_ds", own)
    )


def parse_dimension(records: DataFrame, feed: Feed, ds: date) -> DataFrame:
    """One row a user or product record: `id`, `attributes` (mapped fields under our names, a path as a JSON list,
    all other columns under theirs), and `reason` (null where it can be loaded).
    """
    layout, mapped = Layout.of(records), []
    for name, spec in feed.fields.items():
        if spec.constant is not None:
            value = F.lit(spec.constant)
        elif spec.path:
            value = F.to_json(F.filter(F.array(*[_text(c) for c in spec.path]), lambda part: part.isNotNull()))
        elif spec.split:
            value = F.to_json(F.split(_text(spec.column), re.escape(spec.split)))
        else:
            value = _translated(_text(spec.column), spec)
        mapped.append(F.struct(F.lit(name).alias("key"), value.alias("value")))
    ours = F.map_filter(F.map_from_entries(F.array(*mapped)), lambda _, value: value.isNotNull())
    broken = F.when(F.col("record").isNull(), F.lit(f"not_a_record: expected {feed.format}"))
    missing = F.when(F.col("id").isNull(), F.lit(f"missing_id: one of {', '.join(feed.id)} is empty"))
    others = F.map_filter(
        layout.attributes(feed.mapped_columns), lambda key, _: ~F.array_contains(F.map_keys("ours"), key)
    )
    return (
        _with_texts(records, feed, layout)
        .withColumns({"id": _identity(feed), "ours": ours, "landed_ds": F.coalesce("landed_ds", F.lit(ds))})
        .withColumns({"attributes": F.map_concat("ours", others), "reason": F.coalesce(broken, missing)})
        .select("id", "attributes", "reason", F.lit(False).alias("outside"), *_carried(feed, layout))
    )


def with_user(records: DataFrame, source: Source, kind: str) -> DataFrame:
    """`records` with `user`, the id that the user of a record has in our tables; null where it is of none, or does not
    say. A product's record is of the user in whose event it stands, where the products are read from the events.
    """
    layout = Layout.of(records)
    if kind == "users":
        return _with_texts(records, source.users, layout).select(
            *records.columns, _identity(source.users).alias("user")
        )
    if kind == "products" and not source.products_are_in_events:
        return records.withColumn("user", F.lit(None).cast("string"))
    frame = _with_texts(records, source.events, layout).withColumns(_typed(source.events))
    return frame.select(*records.columns, _field("user_id", source.events).alias("user"))


def _usable() -> Column:
    return F.col("reason").isNull() & ~F.col("outside")


def with_key(records: DataFrame, feed: Feed, kind: str) -> DataFrame:
    """`records` with `key_hash`: 64 bits in place of what identifies a record, enough to find the few candidates that
    are then held against each other whole. Computed before all else of a record is read.
    """
    frame = _with_texts(records, feed, Layout.of(records))
    if kind == "events":
        frame = frame.withColumns(_typed(feed)).withColumn("event_time", _field("event_time", feed))
    day = clock.day(F.col("event_time")) if kind == "events" else F.col("landed_ds")
    return frame.select(*records.columns, F.xxhash64(_identity(feed), day).alias("key_hash"))


def repeated_keys(keyed: DataFrame) -> DataFrame:
    """`key_hash` of the keys that several records of this load share: one row each. Nothing else is shuffled."""
    # Shuffled first: nearly every key is new, and to count them before is to keep them all in a table for nothing.
    keys = keyed.select("key_hash").repartition("key_hash")
    return keys.groupBy("key_hash").count().where("count > 1").select("key_hash")


def apart(keyed: DataFrame, repeated: DataFrame) -> tuple[DataFrame, DataFrame]:
    """(records whose key no other of this load has, the few others): what is to be found out about the few is not asked
    of all.
    """
    few = F.broadcast(repeated)
    return keyed.join(few, "key_hash", "left_anti"), keyed.join(few, "key_hash", "left_semi")


def first_of_each(parsed: DataFrame, keys: list[str]) -> DataFrame:
    """`parsed` with `duplicate`: true for all but the first delivery of a key; of records that came together, the one
    that says most counts.
    """
    says = F.desc(F.length(F.to_json("attributes")))
    first = Window.partitionBy(*keys, _usable()).orderBy("landed_ds", "source_file", says, "tie")
    return parsed.withColumn("duplicate", _usable() & (F.row_number().over(first) > 1))


def mark_loaded(frame: DataFrame, keys: list[str], loaded: DataFrame) -> DataFrame:
    """`frame` with `duplicate` true also for keys in `loaded`, which bronze holds from other deliveries."""
    known = loaded.select(*keys).distinct().withColumn("known", F.lit(True))
    again = F.col("duplicate") | (_usable() & F.coalesce("known", F.lit(False)))
    return frame.join(known, keys, "left").withColumn("duplicate", again).drop("known")


def count_by_file(classified: DataFrame, since: date, ds: date, masked: bool) -> DataFrame:
    """One row a file and day of delivery: rows_in, loaded, duplicates, quarantined, outside, late; `elsewhere`, events
    of days outside since..ds; `seen` and `beside` (see `_carried`) over all its records; and `columns`, the keys of
    their attributes (null where `masked`: `beside` says it cheaper).
    """
    refused, outside, duplicate = F.col("reason").isNotNull(), F.col("outside"), F.col("duplicate")
    loaded = ~refused & ~outside & ~duplicate
    counts = {"loaded": loaded, "duplicates": duplicate, "quarantined": refused, "outside": outside}
    dated = "ds" in classified.columns
    counts["late"] = loaded & (F.col("ds") < F.col("landed_ds")) if dated else F.lit(False)
    counts["elsewhere"] = ~F.col("ds").between(F.lit(since), F.lit(ds)) if dated else F.lit(False)
    keys = F.array_sort(F.array_distinct(F.flatten(F.collect_set(F.map_keys("attributes")))))
    return classified.groupBy("source_file", "landed_ds").agg(
        F.count("*").alias("rows_in"),
        *[F.count_if(condition).alias(name) for name, condition in counts.items()],
        F.bit_or("seen").alias("seen"),
        F.bit_or("beside").alias("beside"),
        (F.lit(None).cast("array<string>") if masked else keys).alias("columns"),
    )


def content_hash() -> Column:
    """64 bits of what an event says, as bronze types it, to tell a corrected record from one that merely came again."""
    types = {column.name: column.type for column in BRONZE_EVENTS.columns}
    return F.xxhash64(*[F.col(name).cast(types[name]) for name in EVENT_FIELDS], F.to_json("attributes"))


def keep_landing(parsed: DataFrame, before: DataFrame) -> DataFrame:
    """`parsed` where an event that stood in the file before, and says the same, keeps the day on which it came.

    `before` has event_id, ds, landed_ds and content of the bronze rows of the file. Without this a log that grows would
    deliver all its events anew every night.
    """
    known = before.select("event_id", "ds", F.col("landed_ds").alias("came"), "content")
    same = _usable() & (F.col("content") == content_hash())
    joined = parsed.join(known, ["event_id", "ds"], "left")
    return joined.withColumn("landed_ds", F.when(same, F.col("came")).otherwise(F.col("landed_ds"))).drop(
        "came", "content"
    )
