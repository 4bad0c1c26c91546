"""A record -> a row of bronze with typed columns, and the reason where it cannot be loaded. Frames: see `fields`."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.collect import categories, doubts, fields, reasons, selection
from jobs.lake.engine import columns
from jobs.sources.keys import Keys
from jobs.sources.layout import Layout
from jobs.sources.spec import EVENT_FIELDS, Feed, Source

MASKED = 62  # columns that a bit mask of one bigint can name


def parse(keyed: DataFrame, source: Source, keys: Keys, kind: str, start: date, since: date, ds: date) -> DataFrame:
    """Records of one kind with `key_hash` (see `dedupe.with_key`) -> `parse_events` or `parse_dimension`."""
    if kind == "events":
        return parse_events(keyed, source, keys, start, since, ds)
    return parse_dimension(keyed, source.feeds()[kind], keys, kind, ds)


def parse_events(records: DataFrame, source: Source, keys: Keys, start: date, since: date, ds: date) -> DataFrame:
    """One row a record: the columns of bronze.events, `raw`, `outside`, and `reason` (null where it can be loaded).

    A record of a file of any days counts as delivered on its own day, or on `since` where it is older; before `start`,
    the first day of the shop's history here, it is `outside`.
    """
    feed, layout = source.events, Layout.of(records)
    frame = fields.with_typed(records, feed)
    frame = frame.withColumns(fields.event_columns(feed, layout) | {"event_id": fields.identity(feed)})
    ignored = selection.is_ignored(feed)
    frame = frame.withColumn("ds", fields.shop_day(source, ds))
    frame = frame.withColumn("reason", reasons.of_event(source, keys, ds))
    frame = frame.withColumns({"ignored": ignored, "reason": F.when(~ignored, F.col("reason"))})
    frame = frame.withColumn("doubt", F.when(~ignored, doubts.of_event(feed)))
    frame = frame.withColumns(
        {
            "user_id": keys.user(F.col("user_id")),
            "product_id": keys.product(F.col("product_id")),
            "session_id": keys.session(F.col("session_id")),
        }
    )
    attributes = _with_weight(feed, layout).alias("attributes")
    line = _line(feed, records)
    frame = frame.select(
        *EVENT_FIELDS, "event_id", attributes, "reason", "doubt", "ignored", "ds", *line, *_carried(feed, layout),
        (F.col("file_ds") if feed.version else F.lit(None).cast("date")).alias("file_ds"),
    )  # fmt: skip
    good = F.col("reason").isNull() & ~F.col("ignored")
    any_days, old = F.col("landed_ds").isNull(), F.col("ds") < F.lit(start)
    own = F.when(good, F.greatest("ds", F.lit(since))).otherwise(F.lit(ds))
    frame = frame.withColumns({"outside": any_days & good & old, "landed_ds": F.coalesce("landed_ds", own)})
    return frame.withColumn("version", _version()).drop("file_ds")


def _version() -> Column:
    """The `version` of `_carried` and behind it the day of the file, if it has one, which decides among equal ones."""
    return F.concat("version", F.lit(" "), F.coalesce(F.col("file_ds").cast("string"), F.lit("")))


def _line(feed: Feed, records: DataFrame) -> list[str]:
    """The number of a record in its file, where the feed asks for their order, or makes several of one, and the reader
    knows it.
    """
    asked = feed.number_equal or feed.version or feed.explode
    return ["line"] if asked and "line" in records.columns else []


def _with_weight(feed: Feed, layout: Layout) -> Column:
    """`attributes` of an event, with the quantity and the price that have no column of ours where it was weighed."""
    attributes, weighed = layout.attributes(feed.mapped_columns), fields.is_weighed(feed, layout)
    if weighed is None:
        return attributes
    names = [name for name in ("quantity", "price") if name in feed.fields]
    told = [fields.operands(name, feed)[0] for name in names if fields.operands(name, feed)]
    pairs = F.create_map(*[part for operand in told for part in (F.lit(operand.said), operand.value.cast("string"))])
    known = F.map_filter(pairs, lambda _, value: value.isNotNull())
    return F.when(weighed, F.map_concat(attributes, known)).otherwise(attributes)


def parse_dimension(records: DataFrame, feed: Feed, keys: Keys, kind: str, ds: date) -> DataFrame:
    """One row a user or product record: `id`, `attributes` (mapped fields under our names, a path as a JSON list,
    all other columns under theirs), and `reason` (null where it can be loaded).
    """
    layout, mapped = Layout.of(records), []
    for name, spec in feed.fields.items():
        value = categories.path(spec) if name == "category_path" else fields.plain(spec)
        mapped.append(F.struct(F.lit(name).alias("key"), value.alias("value")))
    ours = F.map_filter(F.map_from_entries(F.array(*mapped)), lambda _, value: value.isNotNull())
    others = F.map_filter(
        layout.attributes(feed.mapped_columns), lambda key, _: ~F.array_contains(F.map_keys("ours"), key)
    )
    return (
        fields.with_texts(records, feed)
        .withColumns({"id": fields.identity(feed), "ours": ours, "landed_ds": F.coalesce("landed_ds", F.lit(ds))})
        .withColumn("file_ds", F.coalesce("file_ds", "landed_ds"))
        .withColumns({"attributes": F.map_concat("ours", others), "reason": reasons.of_dimension(feed, keys)})
        .withColumns({"ignored": selection.is_ignored(feed)})
        .withColumn("reason", F.when(~F.col("ignored"), F.col("reason")))
        .withColumn("id", (keys.user if kind == "users" else keys.product)(F.col("id")))
        .withColumns({"outside": F.lit(False), "doubt": F.when(~F.col("ignored"), doubts.of_dimension(feed, kind))})
        .select("id", "attributes", "reason", "doubt", "ignored", "outside", "file_ds", *_line(feed, records),
                *_carried(feed, layout))
        .withColumn("version", _version())
    )  # fmt: skip


def with_user(records: DataFrame, source: Source, keys: Keys, kind: str) -> DataFrame:
    """`records` with `user`, the key that the user of a record has in our tables; null where it is of none, or does not
    say. A product's record is of the user in whose event it stands, where the products are read from the events.
    """
    if kind == "users":
        frame, user = fields.with_texts(records, source.users), fields.identity(source.users)
    elif kind == "events" or source.products_are_in_events:
        frame, user = fields.with_typed(records, source.events), fields.field("user_id", source.events)
    else:
        frame, user = records, F.lit(None).cast("string")
    return frame.select(*records.columns, keys.user(user).alias("user"))


def tie(layout: Layout) -> Column:
    """64 bits of all that a record says."""
    return columns.hashed(F.col("record"), layout.types) if layout.types else F.xxhash64("raw")


def _carried(feed: Feed, layout: Layout) -> list[Column]:
    """What goes along with a parsed record: where it is from, a tie-break, its text where it is refused; `seen`: bit k
    is set where the k-th mapped column stands in the record; `beside`: the same of the columns that the mapping does
    not name, where the layout knows them.
    """

    def bits(flags: list[Column]) -> Column:
        marks = [F.when(flag, F.lit(1 << k)).otherwise(F.lit(0)).cast("bigint") for k, flag in enumerate(flags)]
        return columns.summed(marks) if marks else F.lit(0).cast("bigint")

    others = layout.others(feed.mapped_columns) or []
    record = F.col("record")
    written = columns.as_json(record, layout.types) if layout.types else F.to_json(record)
    return [
        F.col("source_file"),
        F.col("landed_ds"),
        F.col("key_hash"),
        fields.version(feed).alias("version"),
        tie(layout).alias("tie"),
        F.when(F.col("reason").isNotNull(), F.coalesce("raw", written)).alias("raw"),
        F.coalesce(bits([layout.stands(c) for c in sorted(feed.mapped_columns)]), F.lit(0)).alias("seen"),
        bits([layout.value(c).isNotNull() for c in others[:MASKED]]).alias("beside"),
    ]


def beside(feed: Feed, layout: Layout) -> list[str] | None:
    """The columns behind the bits of `beside`; None where the records' attributes must be asked."""
    others = layout.others(feed.mapped_columns)
    return others if others is not None and len(others) <= MASKED else None
